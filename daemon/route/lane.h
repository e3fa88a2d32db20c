/*
 * A lane: the tasks of one step of one route (fetch; deliver to one destination; settle), carried
 * out by at most `most` fibers at once, on one shard.
 *
 * The queue is the database. Tasks offered directly (the usual, fast way) are kept in memory up to
 * LANE_QUEUE; what does not fit, what waits for a retry and what a crash left over is read back
 * with store_due when there is room. So a lane can be asked to look (lane_kick) at any time, and
 * starting it is recovering it. A fiber exists only while there is something to do or to wait for.
 *
 * When an endpoint cannot be reached, the lane holds: no task is started until the next attempt is
 * due, so that ten thousand waiting files do not fail one by one.
 *
 * Own shard's thread only, except lane_post.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapters/endpoint.h"
#include "daemon/route/retry.h"
#include "daemon/route/shard.h"
#include "daemon/store/store.h"

enum { LANE_QUEUE = 512, LANE_BUCKETS = 64 };

struct lane;
/* Carries the task out to its end: commits the outcome, failure included. */
typedef void lane_fn(struct lane *lane, struct store_task *task);

struct lane_plan {
	enum store_queue queue;
	const char *route; /* borrowed, outlives the lane */
	const char *dest;  /* DELIVER and CALL, else NULL; borrowed */
	lane_fn *run;
	void *owner; /* for run */
	size_t most;
};

struct lane {
	struct lane_plan plan;
	struct shard *shard;
	struct endpoint *endpoint; /* borrowed */
	struct link waiting, active;
	struct link finished;            /* while the store is asked: tasks that ended meanwhile */
	struct link known[LANE_BUCKETS]; /* all three lists, by job */
	size_t waiting_count, active_count;
	bool more;             /* the store has (or may have) due tasks that are not in memory */
	int64_t next_ms;       /* wall: when the store's earliest sleeping task is due, 0 = none */
	int64_t hold_until_ms; /* monotonic; INT64_MAX while paused */
	bool is_looking, is_asking, is_stopping;
	bool adopts_nothing; /* DELIVER: moving the spool file there was found impossible */
	struct signal changed;
	struct signal ended; /* a task, or a question to the store */
	struct group fibers;
	const char *last_code; /* of the last failure, to log a series once */
	size_t repeated;
};

void lane_init(struct lane *lane, const struct lane_plan *plan, struct shard *shard,
               struct endpoint *endpoint);
void lane_offer(struct lane *lane, const struct store_task *task); /* copies */
void lane_post(struct lane *lane, const struct store_task *task);  /* from any shard */
void lane_kick(struct lane *lane);                                 /* look into the store */
void lane_refill(struct lane *lane); /* there is something new in it */
void lane_hold(struct lane *lane, int64_t ms);
void lane_pause(struct lane *lane);
void lane_resume(struct lane *lane); /* ends a hold or a pause */
/* No new task; those under way may end until the deadline, then they are cancelled. */
void lane_stop(struct lane *lane, struct deadline d);

/* The operator held or canceled the job, and the store knows: what waits is dropped, what runs is
 * cancelled. Returns when nothing of it runs any more, or with signal_wait's error. *interrupted:
 * increased by the running ones. */
int lane_halt(struct lane *lane, int64_t job, struct deadline d, size_t *interrupted,
              struct err *e);

/* One log line per failure, a series with the same code only once until something succeeds; but a
 * file that is held is always told: somebody must decide. */
void lane_log_failure(struct lane *lane, const struct store_task *task, const struct err *why,
                      enum retry_verdict verdict);
void lane_log_success(struct lane *lane);
