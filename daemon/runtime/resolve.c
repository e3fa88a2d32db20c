/*
 * Name lookups on threads of their own.
 *
 * getaddrinfo() cannot be interrupted and may take half a minute with a dead name server. On the
 * libuv pool it would hold a disk's thread that long and keep the worker's loop from closing. So
 * at most WORK_LOOKUPS detached threads per process take lookups from one queue and end when it
 * is empty; a fiber that gives up leaves its lookup behind:
 *
 *	fiber				thread
 *	enqueue ──────────────────────► take, getaddrinfo
 *	(deadline, cancel: mark		post the answer, unless abandoned
 *	 abandoned)			drop
 *	answered ◄──────────────────────
 *	drop
 *
 * Whether to post and whether it is abandoned are decided under one lock: a worker whose fiber
 * has not given up is alive.
 */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/work.h"
#include "daemon/runtime/worker.h"

enum { HOST_MAX = 253, LABEL_MAX = 63 }; /* RFC 1035 §2.3.4, as text */

struct lookup {
	struct link queued;
	atomic_int holders;
	struct worker *home;
	bool abandoned; /* under the lock */
	char host[HOST_MAX + 1];
	char port[8];
	int status, system_errno;
	struct addrinfo *found;
	struct signal done; /* at home only, as is: */
	bool has_answer;
};

/* The limit is one per process, so this state is too. */
static struct {
	pthread_mutex_t lock;
	struct link queue;
	int threads;
} lookups = {.lock = PTHREAD_MUTEX_INITIALIZER, .queue = {&lookups.queue, &lookups.queue}};

static void lookup_drop(struct lookup *k)
{
	if (atomic_fetch_sub(&k->holders, 1) != 1)
		return;
	if (k->found)
		freeaddrinfo(k->found);
	free(k);
}

/* ---- the threads' side --------------------------------------------------------------------- */

static int ask(const char *host, const char *port, int flags, struct addrinfo **found)
{
	struct addrinfo hints = {
	        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};

	return getaddrinfo(host, port, &hints, found);
}

static void hear_answer(void *arg)
{
	struct lookup *k = arg;

	k->has_answer = true;
	signal_raise(&k->done);
	lookup_drop(k);
}

static struct lookup *take_next(void)
{
	struct link *l;

	pthread_mutex_lock(&lookups.lock);
	l = list_take_first(&lookups.queue);
	if (!l)
		lookups.threads--;
	pthread_mutex_unlock(&lookups.lock);
	return l ? list_item(l, struct lookup, queued) : NULL;
}

static void hand_back(struct lookup *k)
{
	bool posted;

	pthread_mutex_lock(&lookups.lock);
	posted = !k->abandoned && worker_post(k->home, hear_answer, k);
	pthread_mutex_unlock(&lookups.lock);
	if (!posted)
		lookup_drop(k);
}

static void *lookup_thread(void *arg)
{
	struct lookup *k;

	(void)arg;
	while ((k = take_next()) != NULL) {
		k->status = ask(k->host, k->port, AI_NUMERICSERV, &k->found);
		k->system_errno = errno;
		hand_back(k);
	}
	return NULL;
}

static int start_thread(void)
{
	pthread_attr_t detached;
	sigset_t all, before;
	pthread_t thread;
	int r;

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &detached, lookup_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&detached);
	return r;
}

/* ---- the fiber's side ---------------------------------------------------------------------- */

/* 0, or the errno of a thread that could not be had while no other will take the lookup. */
static int enqueue(struct lookup *k)
{
	int r = 0;

	pthread_mutex_lock(&lookups.lock);
	list_append(&lookups.queue, &k->queued);
	if (lookups.threads < WORK_LOOKUPS) {
		r = start_thread();
		if (r == 0)
			lookups.threads++;
		else if (lookups.threads > 0)
			r = 0;
		else
			list_remove(&k->queued);
	}
	pthread_mutex_unlock(&lookups.lock);
	return r;
}

static void abandon(struct lookup *k)
{
	bool was_queued;

	pthread_mutex_lock(&lookups.lock);
	was_queued = list_is_linked(&k->queued);
	list_remove(&k->queued);
	k->abandoned = true;
	pthread_mutex_unlock(&lookups.lock);
	if (was_queued)
		lookup_drop(k); /* the thread's share */
}

static int lookup_error(const struct lookup *k, struct err *e)
{
	struct escaped host;
	const char *shown = escape_name(k->host, &host);

	switch (k->status) {
	case EAI_NONAME:
	case EAI_NODATA:
		return err_set(e, ERR_NETWORK, "DNS-NO-NAME", k->status,
		               "look up %s: no such host (check the spelling of host:, or ask the "
		               "partner for the current name)",
		               shown);
	case EAI_AGAIN:
		return err_set(e, ERR_NETWORK, "DNS-NO-ANSWER", k->status,
		               "look up %s: no name server answers (check /etc/resolv.conf and the "
		               "way to it)",
		               shown);
	case EAI_SYSTEM:
		errno = k->system_errno;
		return err_errno(e, ERR_NETWORK, "DNS-SYSTEM", "look up %s", shown);
	default:
		return err_set(e, ERR_NETWORK, "DNS-FAILED", k->status, "look up %s: %s", shown,
		               gai_strerror(k->status));
	}
}

static int await_answer(struct lookup *k, struct deadline d, struct err *e)
{
	struct escaped host;
	char label[96];

	(void)snprintf(label, sizeof(label), "the address of %.64s", escape_name(k->host, &host));
	while (!k->has_answer) {
		if (signal_wait(&k->done, label, d, e) == 0)
			continue;
		if (e->kind == ERR_NETWORK)
			e->code = "DNS-TIMEOUT";
		abandon(k);
		return e->kind;
	}
	return k->status == 0 ? 0 : lookup_error(k, e);
}

static int look_up(struct lookup *k, struct deadline d, struct addrinfo **out, struct err *e)
{
	int r = enqueue(k);

	if (r != 0) {
		lookup_drop(k); /* the thread's share */
		return err_set(e, ERR_LOCAL, "LOCAL-THREAD", r,
		               "no thread for a name lookup: error %d (raise TasksMax?)", r);
	}
	if (await_answer(k, d, e) < 0)
		return e->kind;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it cannot follow the count */
	*out = k->found;
	k->found = NULL;
	return 0;
}

/* ---- names that can be one ----------------------------------------------------------------- */

static bool is_host_byte(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || strchr("-_.:%", c));
}

static const char *why_not_a_host(const char *host)
{
	size_t label = 0;

	if (!*host)
		return "it is empty";
	if (strlen(host) > HOST_MAX)
		return "it is longer than 253 bytes";
	for (const char *p = host; *p; p++) {
		if (!is_host_byte((unsigned char)*p))
			return "only letters, digits and - _ . can be in it; write an "
			       "international name in its xn-- form";
		label = *p == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return "a part between two dots is longer than 63 bytes";
		if (label == 0 && (p == host || p[-1] == '.'))
			return "a part between two dots is empty";
	}
	return NULL;
}

static int check_place(const char *host, int port, struct err *e)
{
	const char *why = why_not_a_host(host);
	char shown[128];

	if (why)
		return err_set(e, ERR_CONFIG, "DNS-BAD-NAME", 0, "host \"%s\": %s",
		               escape(host, strlen(host), shown, sizeof(shown)), why);
	if (port < 1 || port > 65535)
		return err_set(e, ERR_CONFIG, "DNS-BAD-PORT", 0, "port %d: must be 1 to 65535",
		               port);
	return 0;
}

int work_resolve(const char *host, int port, struct deadline d, struct addrinfo **out,
                 struct err *e)
{
	struct lookup *k;
	int r;

	if (check_place(host, port, e) < 0)
		return e->kind;
	k = mem_new_of(struct lookup);
	list_init(&k->queued);
	signal_init(&k->done);
	atomic_init(&k->holders, 2); /* the fiber and the thread */
	k->home = fiber_worker();
	(void)snprintf(k->host, sizeof(k->host), "%s", host); /* checked to fit */
	(void)snprintf(k->port, sizeof(k->port), "%d", port);
	r = look_up(k, d, out, e);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it cannot follow the count */
	lookup_drop(k);
	return r;
}
