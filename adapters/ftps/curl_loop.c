#include "adapters/ftps/curl_loop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/ftps/curl_state.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/worker.h"

enum { WATCH_MS = 1000, THREAD_STACK_BYTES = 1024 * 1024 };

/* ---- waking each other --------------------------------------------------------------------- */

static void on_post(void *arg)
{
	struct curl_loop *l = arg;

	atomic_store(&l->is_posted, false);
	signal_raise(&l->changed);
}

void curl_loop_notify(struct curl_loop *l)
{
	if (!atomic_exchange(&l->is_posted, true))
		(void)worker_post(l->worker, on_post, l); /* the worker lives while we do */
}

static void ring_bell(struct curl_loop *l)
{
	(void)eventfd_write(l->bell, 1); /* fails only when it is full of rings already */
}

/* After moving the ring: the thread may be waiting for just that. */
static void ring_moved(struct curl_loop *l)
{
	atomic_thread_fence(memory_order_seq_cst); /* the ring's move before the look at the flag */
	if (atomic_exchange(&l->is_waiting, false))
		ring_bell(l);
}

void curl_loop_cut(struct curl_loop *l, enum curl_cut why)
{
	int none = CUT_NONE;

	(void)atomic_compare_exchange_strong(&l->cut, &none, (int)why);
	curl_sockets_cut(l);
	ring_bell(l);
}

/* ---- the trace ----------------------------------------------------------------------------- */

static void trace_lines(struct curl_loop *l, char *text)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		TRACE(l->settings.trace, TRACE_SFTP, "%s", line);
}

/* A trace belongs to the worker: what the thread noted is written from here. */
static void flush_trace(struct curl_loop *l)
{
	_cleanup_free_ char *text = NULL;

	pthread_mutex_lock(&l->lock);
	if (trace_wants(l->settings.trace, TRACE_SFTP))
		text = mem_dup(buf_text(&l->dialogue.trace));
	buf_clear(&l->dialogue.trace);
	pthread_mutex_unlock(&l->lock);
	if (text)
		trace_lines(l, text);
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* 1 = some were moved, 0 = there were none, or sink's error. */
static int drain(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	unsigned char *data;
	size_t n = ring_held(&l->ring, &data);
	int r;

	if (n == 0)
		return 0;
	r = job->sink.write(job->sink.arg, data, n, e);
	if (r < 0)
		return r;
	job->bytes += n;
	ring_read(&l->ring, n);
	ring_moved(l);
	return 1;
}

static int wrong_source(const struct curl_job *job, const char *code, const char *what,
                        struct err *e)
{
	return err_set(e, ERR_INTEGRITY, code, 0,
	               "send: the source %s the %llu bytes that were announced", what,
	               (unsigned long long)job->source.size);
}

/* All announced bytes were read: there must not be one more. */
static int end_source(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	char extra;
	int64_t n = job->source.read(job->source.arg, &extra, 1, e);

	if (n < 0)
		return (int)n;
	if (n > 0)
		return wrong_source(job, "DATA-LONG", "holds more than", e);
	atomic_store(&l->source_has_ended, true);
	ring_moved(l);
	return 0;
}

static int fill(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	uint64_t left = job->source.size - job->bytes;
	unsigned char *room;
	size_t n;
	int64_t got;

	if (atomic_load(&l->source_has_ended))
		return 0;
	if (left == 0)
		return end_source(l, job, e);
	n = ring_room(&l->ring, &room);
	if (n == 0)
		return 0;
	got = job->source.read(job->source.arg, room, n < left ? n : (size_t)left, e);
	if (got < 0)
		return (int)got;
	if (got == 0)
		return wrong_source(job, "DATA-SHORT", "ends before", e);
	job->bytes += (uint64_t)got;
	ring_wrote(&l->ring, (size_t)got);
	ring_moved(l);
	return 1;
}

static int pump(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	switch (job->kind) {
	case CURL_RECEIVE:
		return drain(l, job, e);
	case CURL_SEND:
		return fill(l, job, e);
	default:
		return 0;
	}
}

/* ---- one job ------------------------------------------------------------------------------- */

static void note_timeout(struct curl_loop *l, struct curl_job *job)
{
	job->waited_ms = clock_mono_ms() - atomic_load(&l->step_since_ms);
	curl_loop_cut(l, CUT_TIMEOUT);
}

/* Until the thread has news, the server is too late, or we are cancelled. */
static int await_news(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	int64_t left = atomic_load(&l->limit_at_ms) - clock_mono_ms();
	struct err why;
	int r;

	if (left <= 0 && atomic_load(&l->cut) == CUT_NONE)
		note_timeout(l, job);
	/* the limit may move back as well, when the thread has waited for us */
	left = left < 1 || left > WATCH_MS ? WATCH_MS : left;
	r = signal_wait(&l->changed, job->label, deadline_in(left), &why);
	flush_trace(l);
	if (r == ERR_CANCELED) {
		*e = why;
		return r;
	}
	return 0;
}

/* The thread may also have ended before it saw the job: the server closed an idle connection. */
static bool has_finished(struct curl_loop *l)
{
	return atomic_load(&l->is_done) || atomic_load(&l->has_ended);
}

/* A cut job ends at once: its sockets are shut down. */
static void await_end(struct curl_loop *l, const char *label)
{
	struct err ignored;

	fiber_shield_begin();
	while (!has_finished(l))
		(void)signal_wait(&l->changed, label, deadline_in(WATCH_MS), &ignored);
	fiber_shield_end();
}

/* The ring is filled before the thread begins, so that a small file needs no further message. */
static int prefill(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	int r = 1;

	if (job->kind == CURL_COMMAND)
		return 0;
	ring_reset(&l->ring);
	while (job->kind == CURL_SEND && r == 1)
		r = fill(l, job, e);
	return r < 0 ? r : 0;
}

static void hand_over(struct curl_loop *l, struct curl_job *job)
{
	curl_expect(l, l->has_logged_in ? STEP_REPLY : STEP_CONNECT);
	pthread_mutex_lock(&l->lock);
	dialogue_begin(&l->dialogue);
	l->job = job;
	pthread_mutex_unlock(&l->lock);
	ring_bell(l);
}

static int carry(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	int r = 0;

	while (r >= 0 && !has_finished(l)) {
		r = pump(l, job, e);
		if (r == 0)
			r = await_news(l, job, e);
		else if (r > 0)
			r = fiber_breathe(e);
	}
	return r;
}

int curl_loop_run(struct curl_loop *l, struct curl_job *job, struct err *e)
{
	int r;

	job->rc = CURLE_GOT_NOTHING; /* unless the thread says something else */
	job->words[0] = '\0';
	job->bytes = 0;
	job->cut = CUT_NONE;
	atomic_store(&l->source_has_ended, false);
	r = prefill(l, job, e);
	if (r < 0)
		return r;
	if (!curl_loop_is_alive(l)) {
		pthread_mutex_lock(&l->lock);
		dialogue_begin(&l->dialogue); /* what was said before is not about this job */
		pthread_mutex_unlock(&l->lock);
		job->cut = (enum curl_cut)atomic_load(&l->cut);
		return 1;
	}
	atomic_store(&l->is_done, false);
	hand_over(l, job);
	r = carry(l, job, e);
	if (r < 0) {
		curl_loop_cut(l, r == ERR_CANCELED ? CUT_CANCELED : CUT_OURS);
		await_end(l, job->label);
	}
	flush_trace(l);
	while (r >= 0 && job->rc == CURLE_OK && job->kind == CURL_RECEIVE &&
	       (r = drain(l, job, e)) > 0)
		;
	if (r < 0)
		return r;
	job->cut = (enum curl_cut)atomic_load(&l->cut);
	return job->rc == CURLE_OK ? 0 : 1;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void init_library(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort(); /* as mem_new: it fails for want of memory only */
}

static int start_thread(struct curl_loop *l, struct err *e)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
	sigfillset(&all); /* SIGPIPE among them, which OpenSSL's writes raise */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&l->thread, &attr, curl_thread_run, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	if (r == 0)
		return 0;
	errno = r;
	return err_errno(e, ERR_LOCAL, "LOCAL-THREAD", "start a thread for an FTP connection");
}

static void release(struct curl_loop *l)
{
	dialogue_release(&l->dialogue);
	ring_release(&l->ring);
	pthread_mutex_destroy(&l->lock);
	(void)close(l->bell);
	free(l);
}

int curl_loop_new(const struct curl_loop_settings *settings, struct curl_loop **out, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct curl_loop *l;
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (bell < 0)
		return err_errno(e, ERR_LOCAL, "LOCAL-DESCRIPTOR", "eventfd of an FTP connection");
	(void)pthread_once(&once, init_library);
	l = mem_new_of(struct curl_loop);
	l->settings = *settings;
	l->worker = fiber_worker();
	l->bell = bell;
	signal_init(&l->changed);
	pthread_mutex_init(&l->lock, NULL);
	dialogue_init(&l->dialogue);
	ring_init(&l->ring);
	curl_expect(l, STEP_CONNECT);
	if (start_thread(l, e) < 0) {
		release(l);
		return e->kind;
	}
	*out = l;
	return 0;
}

void curl_loop_abort(struct curl_loop *l)
{
	atomic_store(&l->is_dead, true);
	curl_loop_cut(l, CUT_ABORTED);
}

void curl_loop_close(struct curl_loop *l)
{
	struct err ignored;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->is_closing = true;
	pthread_mutex_unlock(&l->lock);
	ring_bell(l);
	fiber_shield_begin();
	while (!atomic_load(&l->has_ended))
		(void)signal_wait(&l->changed, "the end of an FTP connection",
		                  deadline_in(WATCH_MS), &ignored);
	(void)pthread_join(l->thread, NULL); /* it has said its last word */
	while (atomic_load(&l->is_posted))
		(void)signal_wait(&l->changed, "the last word of an FTP connection",
		                  deadline_in(WATCH_MS), &ignored);
	flush_trace(l);
	fiber_shield_end();
	release(l);
}

bool curl_loop_is_alive(const struct curl_loop *l)
{
	return !atomic_load(&l->is_dead) && atomic_load(&l->cut) == CUT_NONE;
}

const struct dialogue *curl_loop_dialogue(const struct curl_loop *l)
{
	return &l->dialogue;
}

enum curl_step curl_loop_step(const struct curl_loop *l)
{
	return (enum curl_step)atomic_load(&l->step);
}
