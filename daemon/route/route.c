#include "daemon/route/route.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/names.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/retry.h"
#include "daemon/route/watch.h"

enum {
	LOCAL_LANE_FIBERS = 256,
	REMOTE_LANE_FIBERS = 256, /* bounded again by leases; some wait for commits */
	CALL_LANE_FIBERS = 4,     /* a command that waits would keep a file from its connection */
	LEASE_WAIT_MS = 300000,
	STORE_PAUSE_MS = 5000,
};

/* ---- making -------------------------------------------------------------------------------- */

static bool is_local(const struct endpoint_config *p)
{
	return p->protocol == PROTOCOL_LOCAL;
}

/* A local source is read where its first remote destination is sent, to spare a thread change. */
static size_t home_index(const struct route_config *c, size_t shards)
{
	if (!is_local(c->from.endpoint))
		return shard_of_name(c->from.endpoint->name, shards);
	for (size_t i = 0; i < c->to_count; i++)
		if (!is_local(c->to[i].endpoint))
			return shard_of_name(c->to[i].endpoint->name, shards);
	return shard_of_name(c->name, shards);
}

struct route *route_new(const struct config *config, const struct route_config *settings,
                        struct shard *shards, size_t shard_count)
{
	struct route *r = mem_new_of(struct route);

	r->config = config_ref(config);
	r->settings = settings;
	r->home = &shards[home_index(settings, shard_count)];
	r->deliver = mem_new_array(settings->to_count, sizeof(*r->deliver));
	r->call = mem_new_array(settings->to_count, sizeof(*r->call));
	for (size_t i = 0; i < settings->to_count; i++) {
		const struct endpoint_config *to = settings->to[i].endpoint;

		r->deliver[i].shard =
		        is_local(to) ? r->home : &shards[shard_of_name(to->name, shard_count)];
	}
	signal_init(&r->poked);
	ready_init(&r->ready);
	return r;
}

void route_free(struct route *r)
{
	if (!r)
		return;
	schedule_free(r->schedule);
	ready_release(&r->ready);
	free(r->deliver);
	free(r->call);
	config_unref(r->config);
	free(r);
}

static size_t lane_width(const struct endpoint_config *p)
{
	return is_local(p) ? LOCAL_LANE_FIBERS : REMOTE_LANE_FIBERS;
}

static struct lane_plan plan(struct route *r, enum store_queue queue, lane_fn *run,
                             const struct endpoint_config *p)
{
	return (struct lane_plan){.queue = queue,
	                          .route = r->settings->name,
	                          .run = run,
	                          .owner = r,
	                          .most = lane_width(p)};
}

static int make_schedule(struct route *r, struct err *e)
{
	const struct route_source *from = &r->settings->from;

	if (from->cron)
		return schedule_cron(from->cron, from->time_zone, &r->schedule, e);
	schedule_every(from->poll_ms, r->settings->name, &r->schedule);
	return 0;
}

/* ---- starting and stopping, each part on its own shard ------------------------------------- */

struct dest_call {
	struct route *route;
	size_t index;
	struct deadline deadline;
};

typedef int dest_fn(void *dest_call, struct err *e);

static int start_deliver(void *arg, struct err *e)
{
	struct dest_call *c = arg;
	struct route *r = c->route;
	struct lane *lane = &r->deliver[c->index];
	const struct route_dest *to = &r->settings->to[c->index];
	struct lane_plan p = plan(r, QUEUE_DELIVER, deliver_run, to->endpoint);

	if (to->exists == EXISTS_APPEND)
		p.most = 1; /* one file has one writer */

	(void)e;
	p.dest = to->id;
	lane_init(lane, &p, lane->shard, shard_take_endpoint(lane->shard, r->config, to->endpoint));
	p = plan(r, QUEUE_CALL, call_run, to->endpoint);
	p.most = CALL_LANE_FIBERS;
	p.dest = to->id;
	lane_init(&r->call[c->index], &p, lane->shard, lane->endpoint);
	return 0;
}

static int stop_deliver(void *arg, struct err *e)
{
	struct dest_call *c = arg;
	struct lane *lane = &c->route->deliver[c->index];

	(void)e;
	lane_stop(lane, c->deadline);
	lane_stop(&c->route->call[c->index], c->deadline);
	shard_give_endpoint(lane->shard, lane->endpoint);
	return 0;
}

static void kick(struct route *r, struct lane *lane)
{
	if (r->is_paused)
		lane_pause(lane);
	else
		lane_resume(lane);
}

static int kick_deliver(void *arg, struct err *e)
{
	struct dest_call *c = arg;
	struct route *r = c->route;

	(void)e;
	kick(r, &r->deliver[c->index]);
	kick(r, &r->call[c->index]);
	return 0;
}

static int resume_deliver(void *arg, struct err *e)
{
	struct dest_call *c = arg;

	endpoint_reset(c->route->deliver[c->index].endpoint);
	return kick_deliver(arg, e);
}

static void each_dest(struct route *r, const char *what, dest_fn *fn, struct deadline d)
{
	struct err e;

	for (size_t i = 0; i < r->settings->to_count; i++) {
		struct dest_call c = {r, i, d};

		fiber_shield_begin();
		(void)worker_call(r->deliver[i].shard->worker, what, fn, &c, &e); /* never fails */
		fiber_shield_end();
	}
}

static int start_home(void *arg, struct err *e)
{
	struct route *r = arg;
	struct lane_plan p;
	bool paused;
	int ret = make_schedule(r, e);

	if (ret < 0)
		return ret;
	ret = store_is_paused(r->home->store, r->settings->name, &paused, e);
	if (ret < 0)
		return ret;
	r->is_paused = paused;
	r->source = shard_take_endpoint(r->home, r->config, r->settings->from.endpoint);
	p = plan(r, QUEUE_FETCH, fetch_run, r->settings->from.endpoint);
	lane_init(&r->fetch, &p, r->home, r->source);
	p = plan(r, QUEUE_SETTLE, settle_run, r->settings->from.endpoint);
	lane_init(&r->settle, &p, r->home, r->source);
	group_init(&r->fibers, r->home->worker);
	return 0;
}

static int go_home(void *arg, struct err *e)
{
	struct route *r = arg;
	char name[80];

	(void)e;
	if (r->is_paused) {
		lane_pause(&r->fetch);
		lane_pause(&r->settle);
	} else {
		lane_resume(&r->fetch);
		lane_resume(&r->settle);
	}
	(void)snprintf(name, sizeof(name), "poll %s", r->settings->name);
	group_start(&r->fibers, name, poll_run, r);
	return 0;
}

int route_start(struct route *r, struct err *e)
{
	int ret = worker_call(r->home->worker, "start route", start_home, r, e);

	if (ret < 0)
		return err_wrap(e, "route %s", r->settings->name);
	each_dest(r, "start destination", start_deliver, deadline_never());
	each_dest(r, "recover destination", kick_deliver, deadline_never());
	return worker_call(r->home->worker, "start polling", go_home, r, e);
}

struct stop_call {
	struct route *route;
	struct deadline deadline;
};

/* The first half ends what makes work; then the deliveries; then what they feed. */
static int stop_intake(void *arg, struct err *e)
{
	struct stop_call *c = arg;
	struct route *r = c->route;

	(void)e;
	r->is_stopping = true;
	signal_raise(&r->poked);
	group_cancel(&r->fibers); /* a listing under way is repeated at the next start */
	group_wait(&r->fibers, "end of the poll");
	lane_stop(&r->fetch, c->deadline);
	return 0;
}

static int stop_settling(void *arg, struct err *e)
{
	struct stop_call *c = arg;
	struct route *r = c->route;

	(void)e;
	lane_stop(&r->settle, c->deadline);
	watch_end(r);
	shard_give_endpoint(r->home, r->source);
	return 0;
}

void route_stop(struct route *r, struct deadline d)
{
	struct stop_call c = {r, d};
	struct err e;

	fiber_shield_begin();
	(void)worker_call(r->home->worker, "stop polling", stop_intake, &c, &e);
	each_dest(r, "stop destination", stop_deliver, d);
	(void)worker_call(r->home->worker, "stop route", stop_settling, &c, &e);
	fiber_shield_end();
}

/* ---- the operator's hand ------------------------------------------------------------------- */

void route_poke(struct route *r)
{
	r->poke = true;
	signal_raise(&r->poked);
}

void route_pause(struct route *r)
{
	r->is_paused = true;
	lane_pause(&r->fetch);
	lane_pause(&r->settle);
	each_dest(r, "pause destination", kick_deliver, deadline_never());
}

void route_resume(struct route *r)
{
	r->is_paused = false;
	endpoint_reset(r->source);
	lane_resume(&r->fetch);
	lane_resume(&r->settle);
	each_dest(r, "resume destination", resume_deliver, deadline_never());
	route_poke(r);
}

/* ---- between the steps --------------------------------------------------------------------- */

bool route_is_local(const struct route *r)
{
	return is_local(r->settings->from.endpoint);
}

bool route_claims_source(const struct route *r)
{
	return route_is_local(r) && r->settings->from.after != AFTER_KEEP;
}

bool route_settles(const struct route *r)
{
	return r->settings->from.after != AFTER_KEEP;
}

const char *route_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void route_dirname(const char *path, char *out, size_t room)
{
	const char *slash = strrchr(path, '/');

	(void)snprintf(out, room, "%.*s", slash ? (int)(slash - path) : 0, path);
}

/* The name is kept behind the number, for whoever has to look into the folder by hand. */
void route_claim_path(const struct store_job *job, char *out, size_t room)
{
	(void)snprintf(out, room, "%s/%lld.%.200s", NAME_CLAIM_DIR, (long long)job->id,
	               route_basename(job->path));
}

void route_content_path(const struct route *r, const struct shard *s, const struct store_job *job,
                        struct content_path *out)
{
	int n;

	if (out->place == IN_SPOOL) {
		spool_path(&s->spool, job->id, out->path, sizeof(out->path));
		return;
	}
	n = snprintf(out->path, sizeof(out->path), "%s/", r->settings->from.endpoint->root);
	route_claim_path(job, out->path + n, sizeof(out->path) - (size_t)n);
}

int route_temp_path(const struct shard *s, const struct store_task *task, const char *folder,
                    char out[PATH_MAX], struct err *e)
{
	char temp[256];

	name_temp(route_basename(task->job.path), store_instance(s->store), (long long)task->job.id,
	          (int)(task->delivery.id & INT_MAX), temp);
	return route_join(out, PATH_MAX, folder, temp, e);
}

int route_join(char *out, size_t room, const char *dir, const char *name, struct err *e)
{
	size_t n = strlen(dir);
	const char *slash = !n || !*name || dir[n - 1] == '/' ? "" : "/";
	int len = snprintf(out, room, "%s%s%s", dir, slash, name);

	if (len >= 0 && (size_t)len < room)
		return 0;
	return err_set(e, ERR_POLICY, "PATH-TOO-LONG", 0, "the path is longer than %zu bytes",
	               room - 1);
}

/* Connections that are busy with large files for hours are no failure of those who wait. */
static bool is_only_busy(const struct endpoint *p, const struct err *e)
{
	struct endpoint_status s;

	endpoint_status(p, &s);
	return e->kind == ERR_NETWORK && strcmp(e->code, "TIMEOUT") == 0 && s.state == ENDPOINT_UP;
}

int route_wait_lease(struct endpoint *p, struct lease *out, struct err *e)
{
	int r;

	do {
		r = endpoint_lease(p, out, deadline_in(LEASE_WAIT_MS), e);
	} while (r < 0 && is_only_busy(p, e));
	/* A place that is missing or refused is not the file's fault: tried without end. */
	if (r == ERR_OBJECT || r == ERR_POLICY)
		r = e->kind = ERR_BUSY;
	return r;
}

int route_lease(struct lane *lane, struct lease *out, struct err *e)
{
	int r = route_wait_lease(lane->endpoint, out, e);
	struct endpoint_status s;

	if (r == 0 || r == ERR_CANCELED)
		return r;
	endpoint_status(lane->endpoint, &s);
	if (s.state == ENDPOINT_RETRYING)
		lane_hold(lane, s.next_attempt_ms > 50 ? s.next_attempt_ms : 50);
	else if (s.state == ENDPOINT_STOPPED)
		lane_hold(lane, LEASE_WAIT_MS); /* route_resume ends it */
	return r;
}

static const struct retry_config *retry_of(const struct lane *lane)
{
	const struct route *r = lane->plan.owner;

	if (lane->plan.queue == QUEUE_DELIVER)
		return &r->settings->to[lane - r->deliver].retry;
	if (lane->plan.queue == QUEUE_CALL)
		return &r->settings->to[lane - r->call].retry;
	return &r->settings->retry;
}

/* Another fiber brought the task to its end, or the operator did: nothing of it is left to do. */
static bool is_let_go(const struct err *e)
{
	return strcmp(e->code, "STORE-STEP") == 0 || strcmp(e->code, "STORE-STOPPED") == 0;
}

void route_not_recorded(struct lane *lane, const struct store_task *task, const struct err *e)
{
	if (is_let_go(e)) {
		log_debug("task was ended by others", "job=%lld code=%s", (long long)task->job.id,
		          e->code);
		return;
	}
	log_error("the store cannot record what was done, it is looked at again",
	          "route=%s job=%lld code=%s error=\"%s\"", lane->plan.route,
	          (long long)task->job.id, e->code, e->message);
	lane_hold(lane, STORE_PAUSE_MS);
	lane_refill(lane);
}

void route_task_failed(struct lane *lane, struct store_task *task, const struct err *why,
                       route_commit_fn *commit, int64_t id)
{
	int attempts = lane->plan.dest ? task->delivery.attempts : task->job.attempts;
	struct retry_decision d = retry_next(retry_of(lane), why, attempts + 1, clock_wall_ms(),
	                                     shard_roll(lane->shard));
	struct store_failure f = {why, d.verdict == RETRY_AT ? d.at_ms : 0};
	struct err e;

	if (fiber_is_canceled())
		return; /* we are stopping: the row stands as it is and is resumed */
	if (commit(lane->shard->store, id, &f, &e) < 0) {
		route_not_recorded(lane, task, &e);
		return;
	}
	if (why->kind != ERR_CANCELED) /* who gave the connection up has told why */
		lane_log_failure(lane, task, why, d.verdict);
	lane_refill(lane);
}
