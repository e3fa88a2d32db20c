/*
 * A coroutine: a stack of its own and a way onto it and off it again. Inside the runtime only;
 * everything else uses fibers.
 *
 *	struct coroutine *c = coroutine_take(&pool);
 *	coroutine_begin(c, fn, arg);
 *	coroutine_resume(c);		// runs fn until it suspends or returns
 *	  └─ fn … coroutine_suspend(c);	// inside: back to whoever resumed
 *	coroutine_resume(c);		// goes on behind coroutine_suspend()
 *	if (coroutine_has_ended(c))
 *		coroutine_give_back(&pool, c);
 *
 * How: makecontext() once per stack, then _setjmp/_longjmp, because swapcontext() makes two system
 * calls a switch to save a signal mask nobody here changes. The stack's outermost function is a
 * loop that runs one fn after another, so that a pooled stack costs nothing to start again.
 *
 * A stack is mapped with an inaccessible guard below it: running over the end is a SIGSEGV at
 * once, never a neighbour's memory. The pool keeps at most POOL_STACKS idle ones, last in first
 * out (its pages are warm), and belongs to one thread. When the kernel refuses a mapping the
 * process ends, as with any other memory (daemon/base/mem.h).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/list.h"

enum { POOL_STACKS = 512, GUARD_BYTES = 64 * 1024 };

struct coroutine;

struct coroutine_pool {
	struct link idle;
	size_t count;
	size_t stack_bytes;
};

void coroutine_pool_init(struct coroutine_pool *pool, size_t stack_bytes);
void coroutine_pool_release(struct coroutine_pool *pool);

struct coroutine *coroutine_take(struct coroutine_pool *pool);
/* Only one that has ended, or was never begun. */
void coroutine_give_back(struct coroutine_pool *pool, struct coroutine *c);

void coroutine_begin(struct coroutine *c, void (*fn)(void *arg), void *arg);
void coroutine_resume(struct coroutine *c);
void coroutine_suspend(struct coroutine *c);
bool coroutine_has_ended(const struct coroutine *c);
