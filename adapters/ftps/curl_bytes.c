#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "adapters/ftps/curl_state.h"

enum { WATCH_MS = 1000 };

void curl_drain_bell(struct curl_loop *l)
{
	eventfd_t ignored;

	(void)eventfd_read(l->bell, &ignored); /* empty: somebody else's ring */
}

/* The server owes nothing while we wait for the fiber. */
static void await_fiber(struct curl_loop *l)
{
	struct pollfd bell = {.fd = l->bell, .events = POLLIN};

	(void)poll(&bell, 1, WATCH_MS);
	curl_drain_bell(l);
	atomic_store(&l->is_waiting, false);
}

static void announce_waiting(struct curl_loop *l)
{
	atomic_store(&l->limit_at_ms, INT64_MAX);
	atomic_store(&l->is_waiting, true);
	atomic_thread_fence(memory_order_seq_cst); /* the flag before the look at the ring */
	curl_loop_notify(l);
}

size_t curl_on_data(char *data, size_t one, size_t count, void *arg)
{
	struct curl_loop *l = arg;
	size_t n = one * count, done = 0;

	l->activity++;
	while (done < n && !curl_is_cut(l)) {
		unsigned char *room;
		size_t k = ring_room(&l->ring, &room);

		if (k == 0) {
			announce_waiting(l);
			if (ring_room(&l->ring, &room) == 0)
				await_fiber(l);
			continue;
		}
		k = k < n - done ? k : n - done;
		memcpy(room, data + done, k);
		ring_wrote(&l->ring, k);
		done += k;
	}
	if (ring_fill(&l->ring) >= RING_BYTES / 8)
		curl_loop_notify(l);
	curl_expect(l, STEP_DATA);
	return done;
}

static size_t give(struct curl_loop *l, char *data, size_t room)
{
	unsigned char *held;
	size_t n = ring_held(&l->ring, &held);

	n = n < room ? n : room;
	memcpy(data, held, n);
	ring_read(&l->ring, n);
	if (ring_fill(&l->ring) < RING_BYTES / 2 && !atomic_load(&l->source_has_ended))
		curl_loop_notify(l);
	curl_expect(l, STEP_DATA);
	return n;
}

size_t curl_on_room(char *data, size_t one, size_t count, void *arg)
{
	struct curl_loop *l = arg;

	l->activity++;
	while (!curl_is_cut(l)) {
		bool has_ended = atomic_load(&l->source_has_ended); /* before the look */

		if (ring_fill(&l->ring) > 0)
			return give(l, data, one * count);
		if (has_ended) {
			curl_expect(l, STEP_FINAL);
			return 0;
		}
		announce_waiting(l);
		if (ring_fill(&l->ring) == 0 && !atomic_load(&l->source_has_ended))
			await_fiber(l);
	}
	return CURL_READFUNC_ABORT;
}
