#include "daemon/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "daemon/base/log.h"
#include "daemon/engine.h"
#include "daemon/runtime/io.h"

static sigset_t our_signals(void)
{
	static const int all[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		sigaddset(&set, all[i]);
	return set;
}

void signals_block(void)
{
	sigset_t set = our_signals();

	(void)signal(SIGPIPE, SIG_IGN);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void reload(void *arg)
{
	char *text;
	struct err e;

	(void)engine_reload(arg, &text, &e); /* logged there */
	free(text);
}

static void act(struct engine *g, int number)
{
	switch (number) {
	case SIGHUP:
		group_start(&g->fibers, "reload", reload, g);
		break;
	case SIGUSR1:
	case SIGUSR2:
		log_warn("this signal means nothing to ferryd, ignoring", "signal=SIG%s",
		         sigabbrev_np(number));
		break;
	default:
		engine_drain(g);
	}
}

void signals_fiber(void *engine)
{
	struct engine *g = engine;
	sigset_t set = our_signals();
	struct signalfd_siginfo info;
	struct io *io = NULL;
	struct err e;
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0 || io_adopt(fd, &io, &e) < 0) {
		log_error("signals cannot be read", NULL);
		engine_drain(g);
		return;
	}
	while (io_read(io, &info, sizeof(info), "signals", deadline_never(), &e) ==
	       (ssize_t)sizeof(info))
		act(g, (int)info.ssi_signo);
	io_close(io);
}
