/*
 * What ASan, TSan and valgrind must be told when a thread changes stacks; nothing in a plain build.
 *
 *	note_stack_new(&n, stack, bytes);
 *	note_entering(&n);	// before note_jump()ing onto the coroutine's stack
 *	note_entered(&n);	// first thing there
 *	note_leaving(&n, LEAVE_SUSPENDED or LEAVE_ENDED);
 *	note_left(&n);		// first thing back on the thread's own stack
 *	note_stack_gone(&n);	// before munmap
 *
 * note_jump() is _longjmp() without ASan's interceptor, which takes every jump for an unwinding
 * and forgets the red zones of all frames on the stack it leaves: overflows in frames that have
 * awaited once would go unseen. For the same reason it is not declared noreturn.
 *
 * The state is kept in the coroutine, not in the frames that call setjmp: their locals are
 * indeterminate after a longjmp (C11 7.13.2.1 paragraph 3).
 */
#pragma once
#include <setjmp.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer) && !defined(__SANITIZE_THREAD__)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <dlfcn.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif
#ifdef FERRYD_VALGRIND
#include <valgrind/valgrind.h>
#endif

enum leave { LEAVE_SUSPENDED, LEAVE_ENDED };

struct notes {
	void *stack; /* lowest byte */
	size_t bytes;
#ifdef __SANITIZE_ADDRESS__
	void *fake_inside, *fake_outside; /* ASan's shadow frames of either side */
	const void *thread_stack;
	size_t thread_bytes;
	void (*real_longjmp)(struct __jmp_buf_tag *to, int value);
#endif
#ifdef __SANITIZE_THREAD__
	void *inside, *outside;
#endif
#ifdef FERRYD_VALGRIND
	unsigned valgrind_id;
#endif
};

static inline void note_stack_new(struct notes *n, void *stack, size_t bytes)
{
	n->stack = stack;
	n->bytes = bytes;
#ifdef __SANITIZE_ADDRESS__
	/* The library is loaded and its handle is never closed: the address stays good. */
	*(void **)&n->real_longjmp = dlsym(dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD), "_longjmp");
#endif
#ifdef __SANITIZE_THREAD__
	n->inside = __tsan_create_fiber(0);
#endif
#ifdef FERRYD_VALGRIND
	n->valgrind_id = VALGRIND_STACK_REGISTER(stack, (char *)stack + bytes);
#endif
}

static inline void note_stack_gone(struct notes *n)
{
	(void)n;
#ifdef __SANITIZE_ADDRESS__
	/* The trampoline's frame is never left: its red zones would poison the next mapping. */
	__asan_unpoison_memory_region(n->stack, n->bytes);
#endif
#ifdef __SANITIZE_THREAD__
	__tsan_destroy_fiber(n->inside);
#endif
#ifdef FERRYD_VALGRIND
	VALGRIND_STACK_DEREGISTER(n->valgrind_id);
#endif
}

static inline __attribute__((always_inline)) void note_entering(struct notes *n)
{
	(void)n;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(&n->fake_outside, n->stack, n->bytes);
#endif
#ifdef __SANITIZE_THREAD__
	n->outside = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(n->inside, 0);
#endif
}

static inline __attribute__((always_inline)) void note_entered(struct notes *n)
{
	(void)n;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(n->fake_inside, &n->thread_stack, &n->thread_bytes);
#endif
}

static inline __attribute__((always_inline)) void note_leaving(struct notes *n, enum leave how)
{
	(void)n;
	(void)how;
#ifdef __SANITIZE_ADDRESS__
	if (how == LEAVE_ENDED)
		n->fake_inside = NULL;
	__sanitizer_start_switch_fiber(how == LEAVE_ENDED ? NULL : &n->fake_inside, n->thread_stack,
	                               n->thread_bytes);
#endif
#ifdef __SANITIZE_THREAD__
	__tsan_switch_to_fiber(n->outside, 0);
#endif
}

static inline __attribute__((always_inline)) void note_left(struct notes *n)
{
	(void)n;
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(n->fake_outside, NULL, NULL);
#endif
}

static inline __attribute__((always_inline)) void note_jump(struct notes *n, jmp_buf to)
{
#ifdef __SANITIZE_ADDRESS__
	n->real_longjmp(to, 1);
#else
	(void)n;
	_longjmp(to, 1);
#endif
}
