#include "daemon/route/lane.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

enum {
	LOOK_NEW = 256,  /* tasks read at a time, beyond those that may be under way */
	LOOK_BELOW = 64, /* so few left in memory: read on before nothing is left */
};

static const struct words {
	const char *step, *failed, *given_up;
} queue_words[] = {
        [QUEUE_FETCH] = {"fetch", "file could not be transferred", "held"},
        [QUEUE_DELIVER] = {"deliver", "file could not be transferred", "held"},
        [QUEUE_CALL] = {"call", "command after a delivery failed", "given up, the file is there"},
        [QUEUE_SETTLE] = {"settle", "file could not be transferred", "held"},
};

enum stage { WAITING, ACTIVE, ENDED };

static const struct words sweep_words = {"sweep", "what a canceled delivery left is still there",
                                         "given up, it stays"};

static const struct words *words_of(const struct lane *lane, const struct store_task *task)
{
	bool sweeps = lane->plan.queue == QUEUE_CALL && task->delivery.state == DELIVERY_CANCELED;

	return sweeps ? &sweep_words : &queue_words[lane->plan.queue];
}

struct lane_task {
	struct link link, in_bucket;
	struct lane *lane;
	enum stage stage;
	struct fiber *fiber; /* while it runs */
	bool is_halted;
	struct store_task task;
};

void lane_init(struct lane *lane, const struct lane_plan *plan, struct shard *shard,
               struct endpoint *endpoint)
{
	*lane = (struct lane){.plan = *plan, .shard = shard, .endpoint = endpoint};
	list_init(&lane->waiting);
	list_init(&lane->active);
	list_init(&lane->finished);
	for (size_t i = 0; i < LANE_BUCKETS; i++)
		list_init(&lane->known[i]);
	signal_init(&lane->changed);
	signal_init(&lane->ended);
	group_init(&lane->fibers, shard->worker);
}

/* ---- carrying out -------------------------------------------------------------------------- */

static void start_waiting(struct lane *lane);

static void forget(struct lane_task *t)
{
	list_remove(&t->in_bucket);
	free(t);
}

static bool is_short_of_tasks(const struct lane *lane)
{
	if (lane->more)
		return lane->waiting_count < LOOK_BELOW;
	return lane->next_ms && !lane->waiting_count;
}

static void run_task(void *arg)
{
	struct lane_task *t = arg;
	struct lane *lane = t->lane;

	t->fiber = fiber_self();
	if (!t->is_halted)
		lane->plan.run(lane, &t->task);
	if (t->is_halted)
		lane->more = true; /* the operator may have had it tried again meanwhile */
	t->stage = ENDED;
	t->fiber = NULL;
	list_remove(&t->link);
	lane->active_count--;
	if (lane->is_asking)
		list_append(&lane->finished, &t->link);
	else
		forget(t);
	signal_raise(&lane->ended);
	start_waiting(lane);
	if (is_short_of_tasks(lane))
		lane_kick(lane);
}

static bool is_held(const struct lane *lane)
{
	return lane->is_stopping || clock_mono_ms() < lane->hold_until_ms;
}

static void start_waiting(struct lane *lane)
{
	struct link *l;

	while (!is_held(lane) && lane->active_count < lane->plan.most &&
	       (l = list_take_first(&lane->waiting))) {
		struct lane_task *t = list_item(l, struct lane_task, link);
		char name[64];

		lane->waiting_count--;
		lane->active_count++;
		t->stage = ACTIVE;
		list_append(&lane->active, &t->link);
		(void)snprintf(name, sizeof(name), "job %lld %s %s", (long long)t->task.job.id,
		               words_of(lane, &t->task)->step, lane->plan.route);
		group_start(&lane->fibers, name, run_task, t);
	}
}

/* The task a settle lane is offered comes from a delivery and still names it: the job decides. */
static bool is_same(const struct lane *lane, const struct store_task *a, const struct store_task *b)
{
	return a->job.id == b->job.id && (!lane->plan.dest || a->delivery.id == b->delivery.id);
}

static struct link *bucket_of(struct lane *lane, const struct store_task *task)
{
	return &lane->known[(uint64_t)task->job.id % LANE_BUCKETS];
}

static bool is_in_memory(struct lane *lane, const struct store_task *task)
{
	list_for_each(l, bucket_of(lane, task))
	{
		if (is_same(lane, &list_item(l, struct lane_task, in_bucket)->task, task))
			return true;
	}
	return false;
}

static void add(struct lane *lane, const struct store_task *task)
{
	struct lane_task *t = mem_grow(NULL, sizeof(*t)); /* every byte is set below */

	t->lane = lane;
	t->stage = WAITING;
	t->fiber = NULL;
	t->is_halted = false;
	t->task = *task;
	list_append(bucket_of(lane, task), &t->in_bucket);
	list_append(&lane->waiting, &t->link);
	lane->waiting_count++;
}

void lane_offer(struct lane *lane, const struct store_task *task)
{
	if (lane->is_stopping)
		return;
	if (lane->waiting_count >= LANE_QUEUE) {
		lane->more = true; /* it is in the store */
		return;
	}
	if (is_in_memory(lane, task))
		return;
	add(lane, task);
	start_waiting(lane);
	if (lane->waiting_count && lane->hold_until_ms)
		lane_kick(lane); /* somebody must wait for the end of the hold */
}

static void deliver_post(void *arg)
{
	struct lane_task *t = arg;

	lane_offer(t->lane, &t->task);
	free(t);
}

void lane_post(struct lane *lane, const struct store_task *task)
{
	struct lane_task *t;

	if (lane->shard->worker == fiber_worker()) {
		lane_offer(lane, task);
		return;
	}
	t = mem_grow(NULL, sizeof(*t)); /* only a letter: in no list */
	t->lane = lane;
	t->task = *task;
	if (!worker_post(lane->shard->worker, deliver_post, t))
		free(t); /* that shard has ended; the store has it */
}

/* ---- looking into the store ---------------------------------------------------------------- */

static void drop(struct link *head)
{
	struct link *l;

	while ((l = list_take_first(head)))
		forget(list_item(l, struct lane_task, link)); /* it is in the store */
}

/* What ended while the store was asked may still stand in its answer: `finished` tells. */
static int look(struct lane *lane, struct err *e)
{
	const struct lane_plan *p = &lane->plan;
	size_t count = 0, room = p->most + LOOK_NEW;
	struct store_task *found = mem_new_array(room, sizeof(*found)); /* 3 MB: not for long */
	int64_t next = 0;
	int r;

	lane->more = false;
	lane->is_asking = true;
	r = store_due(lane->shard->store, p->queue, p->route, p->dest, clock_wall_ms(), found, room,
	              &count, &next, e);
	lane->is_asking = false;
	if (r == 0) {
		lane->next_ms = next;
		lane->more = lane->more || count == room;
		for (size_t i = 0; i < count && !lane->is_stopping; i++)
			if (!is_in_memory(lane, &found[i]))
				add(lane, &found[i]);
	}
	drop(&lane->finished);
	free(found);
	start_waiting(lane);
	signal_raise(&lane->ended);
	return r;
}

static bool wants_look(struct lane *lane)
{
	if (lane->next_ms && clock_wall_ms() >= lane->next_ms) {
		lane->next_ms = 0;
		lane->more = true;
	}
	return lane->more && !is_held(lane) && lane->waiting_count < LANE_QUEUE / 2;
}

/* How long there is nothing to do; INT64_MAX: until the end of a task, or somebody, kicks. */
static int64_t idle_ms(const struct lane *lane)
{
	int64_t left;

	if (lane->is_stopping || lane->hold_until_ms == INT64_MAX)
		return INT64_MAX;
	if (is_held(lane))
		return lane->hold_until_ms - clock_mono_ms();
	if (lane->more && !lane->waiting_count)
		return 0;
	if (!lane->next_ms)
		return INT64_MAX;
	left = lane->next_ms - clock_wall_ms();
	return left < 0 ? 0 : left;
}

/* 0 = look again now; the wall clock may jump, so no wait is long. */
static bool wait_for_work(struct lane *lane)
{
	int64_t ms = idle_ms(lane);
	struct err e;

	if (ms == INT64_MAX)
		return false;
	if (ms > 0)
		(void)signal_wait(&lane->changed, "next attempt",
		                  deadline_in(ms < 60000 ? ms : 60000), &e);
	return !fiber_is_canceled();
}

static void look_fiber(void *arg)
{
	struct lane *lane = arg;
	struct err e;

	do {
		if (!is_held(lane))
			lane->hold_until_ms = 0;
		start_waiting(lane);
		if (wants_look(lane) && look(lane, &e) < 0) {
			log_error("the store cannot tell what is to be done",
			          "route=%s code=%s error=\"%s\"", lane->plan.route, e.code,
			          e.message);
			lane->more = true;
			lane_hold(lane, 5000);
		}
	} while (wait_for_work(lane));
	lane->is_looking = false;
}

void lane_kick(struct lane *lane)
{
	if (lane->is_stopping)
		return;
	if (lane->is_looking) {
		signal_raise(&lane->changed); /* or it is not waiting, and looks again */
		return;
	}
	lane->is_looking = true;
	group_start(&lane->fibers, "next attempts", look_fiber, lane);
}

void lane_refill(struct lane *lane)
{
	lane->more = true;
	lane_kick(lane);
}

/* ---- holding, stopping --------------------------------------------------------------------- */

void lane_hold(struct lane *lane, int64_t ms)
{
	if (lane->hold_until_ms != INT64_MAX)
		lane->hold_until_ms = clock_mono_ms() + ms;
}

void lane_pause(struct lane *lane)
{
	lane->hold_until_ms = INT64_MAX;
}

void lane_resume(struct lane *lane)
{
	lane->hold_until_ms = 0;
	lane->more = true;
	lane_kick(lane);
}

void lane_stop(struct lane *lane, struct deadline d)
{
	struct err e;

	lane->is_stopping = true;
	drop(&lane->waiting);
	lane->waiting_count = 0;
	signal_raise(&lane->changed);
	while (lane->fibers.alive)
		if (signal_wait(&lane->fibers.ended, "running transfers", d, &e) < 0)
			break;
	group_cancel(&lane->fibers);
	group_wait(&lane->fibers, "cancelled transfers");
}

/* ---- one job ------------------------------------------------------------------------------- */

static struct lane_task *find_job(struct lane *lane, int64_t job, enum stage stage)
{
	list_for_each(l, &lane->known[(uint64_t)job % LANE_BUCKETS])
	{
		struct lane_task *t = list_item(l, struct lane_task, in_bucket);

		if (t->task.job.id == job && t->stage == stage)
			return t;
	}
	return NULL;
}

static size_t interrupt(struct lane *lane, int64_t job)
{
	struct lane_task *t;
	size_t n = 0;

	while ((t = find_job(lane, job, WAITING))) {
		list_remove(&t->link);
		lane->waiting_count--;
		forget(t);
	}
	list_for_each(l, &lane->active)
	{
		t = list_item(l, struct lane_task, link);
		if (t->task.job.id != job || t->is_halted)
			continue;
		t->is_halted = true;
		if (t->fiber)
			fiber_cancel(t->fiber);
		n++;
	}
	return n;
}

/* An answer of the store that is on its way may bring the job once more. */
int lane_halt(struct lane *lane, int64_t job, struct deadline d, size_t *interrupted, struct err *e)
{
	int r = 0;

	do {
		*interrupted += interrupt(lane, job);
		if (!lane->is_asking && !find_job(lane, job, ACTIVE))
			return 0;
		r = signal_wait(&lane->ended, "the end of interrupted work", d, e);
	} while (r == 0);
	return r;
}

/* ---- the log ------------------------------------------------------------------------------- */

void lane_log_failure(struct lane *lane, const struct store_task *task, const struct err *why,
                      enum retry_verdict verdict)
{
	bool needs_a_person = verdict == RETRY_HOLD || err_retry_class(why->kind) == RETRY_NO;
	struct escaped name;

	if (verdict != RETRY_HOLD && lane->last_code && strcmp(lane->last_code, why->code) == 0) {
		lane->repeated++;
		log_debug("file failed again", "job=%lld code=%s", (long long)task->job.id,
		          why->code);
		return;
	}
	lane->last_code = why->code;
	lane->repeated = 0;
	log_write(needs_a_person ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, words_of(lane, task)->failed,
	          "route=%s job=%lld file=\"%s\" dest=%s code=%s outcome=\"%s\" error=\"%s\"",
	          lane->plan.route, (long long)task->job.id, escape_name(task->job.path, &name),
	          lane->plan.dest ? lane->plan.dest : "-", why->code,
	          verdict == RETRY_HOLD ? words_of(lane, task)->given_up : "tried again",
	          why->message);
}

void lane_log_success(struct lane *lane)
{
	if (!lane->last_code)
		return;
	log_info("files are transferred again", "route=%s dest=%s failures_not_logged=%zu",
	         lane->plan.route, lane->plan.dest ? lane->plan.dest : "-", lane->repeated);
	lane->last_code = NULL;
}
