#include "daemon/runtime/coroutine.h"

#include <assert.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/annotate.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK_FACTOR = 4 }; /* instrumented frames are up to three times as large */
#else
enum { STACK_FACTOR = 1 };
#endif

struct coroutine {
	struct link pooled;
	jmp_buf inside, outside;
	void (*fn)(void *arg);
	void *arg;
	bool ended;
	char *map; /* the guard, then the stack */
	size_t map_bytes;
	struct notes notes;
};

static void leave(struct coroutine *c, enum leave how)
{
	if (_setjmp(c->inside) == 0) {
		note_leaving(&c->notes, how);
		note_jump(&c->notes, c->outside);
	}
	note_entered(&c->notes);
}

/* makecontext() passes ints only: the pointer comes in two halves. */
static void trampoline(unsigned high, unsigned low)
{
	struct coroutine *c = (void *)(((uintptr_t)high << 32) | (uintptr_t)low);

	note_entered(&c->notes);
	leave(c, LEAVE_ENDED);
	for (;;) {
		c->fn(c->arg);
		c->ended = true;
		leave(c, LEAVE_ENDED);
	}
}

static void build_first_frame(struct coroutine *c)
{
	uintptr_t self = (uintptr_t)c;
	ucontext_t fresh, unused;

	if (getcontext(&fresh) != 0)
		abort();
	fresh.uc_stack.ss_sp = c->notes.stack;
	fresh.uc_stack.ss_size = c->notes.bytes;
	fresh.uc_link = NULL;
	makecontext(&fresh, (void (*)(void))trampoline, 2, (unsigned)((uint64_t)self >> 32),
	            (unsigned)(self & UINT32_MAX));
	if (_setjmp(c->outside) == 0) {
		note_entering(&c->notes);
		(void)swapcontext(&unused, &fresh); /* comes back through leave() */
	}
	note_left(&c->notes);
}

static struct coroutine *coroutine_new(size_t stack_bytes)
{
	struct coroutine *c = mem_new_of(struct coroutine);

	list_init(&c->pooled);
	c->ended = true;
	c->map_bytes = GUARD_BYTES + stack_bytes;
	c->map = mmap(NULL, c->map_bytes, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (c->map == MAP_FAILED || mprotect(c->map, GUARD_BYTES, PROT_NONE) != 0) {
		log_error("no memory for another stack, stopping; every committed step is safe",
		          "cure=\"raise vm.max_map_count or the unit's MemoryMax\"");
		abort();
	}
	note_stack_new(&c->notes, c->map + GUARD_BYTES, stack_bytes);
	build_first_frame(c);
	return c;
}

static void coroutine_free(struct coroutine *c)
{
	note_stack_gone(&c->notes);
	(void)munmap(c->map, c->map_bytes); /* can only fail for a range we did not map */
	free(c);
}

void coroutine_pool_init(struct coroutine_pool *pool, size_t stack_bytes)
{
	list_init(&pool->idle);
	pool->count = 0;
	pool->stack_bytes = stack_bytes * STACK_FACTOR;
}

void coroutine_pool_release(struct coroutine_pool *pool)
{
	list_for_each(l, &pool->idle) coroutine_free(list_item(l, struct coroutine, pooled));
	list_init(&pool->idle);
	pool->count = 0;
}

struct coroutine *coroutine_take(struct coroutine_pool *pool)
{
	struct link *newest = pool->idle.prev;

	if (list_is_empty(&pool->idle))
		return coroutine_new(pool->stack_bytes);
	list_remove(newest);
	pool->count--;
	return list_item(newest, struct coroutine, pooled);
}

void coroutine_give_back(struct coroutine_pool *pool, struct coroutine *c)
{
	assert(c->ended);
	if (pool->count >= POOL_STACKS) {
		coroutine_free(c);
		return;
	}
	list_append(&pool->idle, &c->pooled);
	pool->count++;
}

void coroutine_begin(struct coroutine *c, void (*fn)(void *arg), void *arg)
{
	assert(c->ended);
	c->fn = fn;
	c->arg = arg;
	c->ended = false;
}

void coroutine_resume(struct coroutine *c)
{
	if (_setjmp(c->outside) == 0) {
		note_entering(&c->notes);
		note_jump(&c->notes, c->inside);
	}
	note_left(&c->notes);
}

void coroutine_suspend(struct coroutine *c)
{
	leave(c, LEAVE_SUSPENDED);
}

bool coroutine_has_ended(const struct coroutine *c)
{
	return c->ended;
}
