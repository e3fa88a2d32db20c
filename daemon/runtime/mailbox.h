/*
 * A worker's letterbox: any thread puts messages in, the worker's loop takes them out in order.
 *
 *	mailbox_init(&m, loop, after, owner, &e);
 *	mailbox_post(&m, fn, arg);	// any thread: fn(arg) runs later on the loop
 *	mailbox_close(&m);		// loop: true when it was empty and now takes nothing more
 *
 * A locked list and a uv_async_t. uv_async_send() coalesces, so each ring empties the box; it must
 * not meet uv_close() on another thread, so both happen under the lock.
 */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <uv.h>

#include "daemon/base/err.h"

struct message;

struct mailbox {
	pthread_mutex_t lock;
	struct message *first, **last; /* under the lock */
	bool closed;                   /* under the lock */
	uv_async_t bell;
	void (*after)(void *owner); /* runs on the loop when a ring was answered */
	void *owner;
};

int mailbox_init(struct mailbox *m, uv_loop_t *loop, void (*after)(void *owner), void *owner,
                 struct err *e);
void mailbox_release(struct mailbox *m); /* when the loop has closed */

/* false: the box is closed, fn will never run and arg stays the caller's. */
bool mailbox_post(struct mailbox *m, void (*fn)(void *arg), void *arg);

/* On the loop's thread. */
bool mailbox_close(struct mailbox *m);
