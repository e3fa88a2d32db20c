#include "daemon/base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>

#include "daemon/base/mem.h"

static int set_files(posix_spawn_file_actions_t *a, const int files[3])
{
	int r = 0;

	if (files[0] < 0)
		r = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);
	for (int i = 0; r == 0 && i < 3; i++)
		if (files[i] >= 0)
			r = posix_spawn_file_actions_adddup2(a, files[i], i);
	return r;
}

static int set_attributes(posix_spawnattr_t *a)
{
	const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawnattr_setpgroup(a, 0);
	r = r ? r : posix_spawnattr_setsigmask(a, &none);
	r = r ? r : posix_spawnattr_setsigdefault(a, &all);
	return r ? r : posix_spawnattr_setflags(a, flags);
}

static int spawn(const char *const *argv, const posix_spawn_file_actions_t *files,
                 const posix_spawnattr_t *attributes, pid_t *pid)
{
	char *home _cleanup_free_ = mem_printf("HOME=%s", getenv("HOME") ? getenv("HOME") : "/");
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
	char *const environment[] = {path, lang, home, NULL};

	return posix_spawn(pid, argv[0], files, attributes, (char *const *)(uintptr_t)argv,
	                   environment);
}

int program_start(const char *const *argv, const int files[3], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return ENOMEM;
	}
	r = set_files(&actions, files);
	r = r ? r : set_attributes(&attributes);
	r = r ? r : spawn(argv, &actions, &attributes, pid);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}
