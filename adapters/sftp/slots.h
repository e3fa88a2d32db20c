/*
 * Which requests are under way: a table of slots found by request id. Pure.
 *
 *	id = slots_take(&s, rq);		// the oldest free slot, a new generation
 *	slot = slots_find(&s, id);		// NULL: never asked, or answered already
 *	slots_free(&s, slot);
 *
 * id = generation * SLOTS_MOST + index. A slot freed is used again last, so an answer that comes
 * twice is not taken for the answer to a newer request until thousands later.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sftp_request;

enum {
	/* What callers may have in flight … */
	SLOTS_REQUESTS = 1024,
	/* … and some more for the CLOSEs of those who have gone. */
	SLOTS_MOST = SLOTS_REQUESTS + 256,
};

struct slot {
	struct sftp_request *rq; /* NULL: free, or abandoned */
	int64_t asked_us;
	uint32_t generation;
	uint16_t next; /* of the free ones; index + 1, 0 = last */
	uint16_t op;   /* enum sftp_op, for the abandoned */
	bool is_taken;
};

/* Zeroed is empty. Grows up to SLOTS_MOST; pointers to slots last until the next slots_take. */
struct slots {
	struct slot *table;
	size_t count, used;
	uint16_t first, last; /* free ones, index + 1 */
};

void slots_release(struct slots *s);
/* False: all SLOTS_MOST are taken. */
bool slots_take(struct slots *s, struct sftp_request *rq, uint32_t *id);
struct slot *slots_find(const struct slots *s, uint32_t id);
void slots_free(struct slots *s, struct slot *slot);
