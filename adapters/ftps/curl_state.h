/*
 * What the fiber's half (curl_loop.c) and the thread's half (curl_thread.c, curl_sockets.c,
 * curl_bytes.c) of a connection share.
 *
 * `lock` guards the job that is handed over, the dialogue and the sockets; everything else that
 * both touch is atomic. libcurl's handles are the thread's alone.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "adapters/ftps/curl_loop.h"
#include "adapters/ftps/ring.h"
#include "daemon/runtime/fiber.h"

enum { SOCKETS_MOST = 6 };

/*
 * libcurl closes some sockets without telling (7.88.1: one whose connection attempt failed, one
 * that it accepted); their number may then be somebody else's. `id` tells whether `fd` is still
 * that socket, which only the thread itself can rely on. `ours` is a second descriptor of the same
 * socket, for whoever cuts the connection off. One that was accepted has none (-1): the server
 * would wait for the end of an upload, which comes when all descriptors are closed.
 */
struct curl_socket {
	int fd, ours;
	ino_t id;
	bool is_connected;
};

struct curl_loop {
	struct curl_loop_settings settings;
	struct worker *worker;
	struct signal changed; /* the fiber's */
	pthread_t thread;
	int bell; /* eventfd: wakes the thread */

	pthread_mutex_t lock;
	struct curl_job *job; /* handed over; NULL: none */
	struct dialogue dialogue;
	struct curl_socket sockets[SOCKETS_MOST];
	size_t socket_count;
	bool is_closing;

	atomic_bool is_posted;  /* a message to the worker is on its way */
	atomic_bool is_done;    /* the job has ended */
	atomic_bool is_dead;    /* nothing more can be asked of it */
	atomic_bool has_ended;  /* the thread's last word */
	atomic_bool is_waiting; /* the thread waits for the ring */
	atomic_bool source_has_ended;
	atomic_int cut; /* enum curl_cut */
	atomic_int step;
	atomic_llong limit_at_ms; /* the step must have been done by then; INT64_MAX: it is ours */
	atomic_llong step_since_ms;
	struct ring ring;

	/* ---- the thread's alone ---- */
	CURL *easy;
	CURLM *multi;
	unsigned long activity, seen_activity;
	int fruitless; /* polls in a row that woke for nothing */
	bool has_logged_in;
};

void *curl_thread_run(void *loop);
/* Shuts the sockets down and makes every callback fail; the first reason counts. Any thread. */
void curl_loop_cut(struct curl_loop *l, enum curl_cut why);
/* Wakes the fiber. The thread's. */
void curl_loop_notify(struct curl_loop *l);

/* Wakes libcurl where it waits for the server. Any thread. */
void curl_sockets_cut(struct curl_loop *l);

static inline bool curl_is_cut(struct curl_loop *l)
{
	return atomic_load(&l->cut) != CUT_NONE;
}

/* ---- the thread's -------------------------------------------------------------------------- */

void curl_drain_bell(struct curl_loop *l);
/* libcurl's write and read callbacks: between it and the ring (curl_bytes.c). */
size_t curl_on_data(char *data, size_t one, size_t count, void *loop);
size_t curl_on_room(char *data, size_t one, size_t count, void *loop);

/* False when there are too many, or no descriptor is left. */
bool curl_sockets_add(struct curl_loop *l, int fd, curlsocktype purpose);
/* It is about to be closed. */
void curl_sockets_remove(struct curl_loop *l, int fd);
/* Forgets those that libcurl has closed without telling. True: an accepted one was among them. */
bool curl_sockets_sweep(struct curl_loop *l);
/* Is there one that was accepted? */
bool curl_sockets_accepted(struct curl_loop *l);
void curl_sockets_shut_down(struct curl_loop *l, int how);

/* From now on the server owes `step`, within that step's time. */
void curl_expect(struct curl_loop *l, enum curl_step step);
