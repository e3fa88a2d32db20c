/*
 * Call: the command after a delivery. The delivery is on record; what happens here can only be
 * tried again or noted. (What a canceled delivery left is in the same queue: sweep.c.)
 */
#include <limits.h>
#include <stdlib.h>

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/command.h"
#include "daemon/route/route.h"

static int values_of(const struct route_dest *to, const struct store_task *t, char *dir, char *path,
                     struct err *e)
{
	char below[PATH_MAX];
	int r;

	route_dirname(t->job.path, below, sizeof(below));
	r = route_join(dir, PATH_MAX, to->path, below, e);
	return r < 0 ? r : route_join(path, PATH_MAX, dir, t->delivery.final_name, e);
}

static int run_command(struct lane *lane, const struct route_dest *to, const struct store_task *t,
                       struct buf *note, struct err *e)
{
	_cleanup_free_ char *dir = mem_new(PATH_MAX), *path = mem_new(PATH_MAX);
	struct command_values v = {.path = path,
	                           .name = t->delivery.final_name,
	                           .dir = dir,
	                           .route = lane->plan.route,
	                           .job = t->job.id,
	                           .size = t->job.size,
	                           .sha256 = t->job.has_sha256 ? t->job.sha256 : NULL};
	int r = values_of(to, t, dir, path, e);
	struct lease lease;

	if (!to->after.argv.count) {
		(void)buf_add_text(note, "not run: the route has no such command any more");
		return 0;
	}
	if (r == 0)
		r = route_lease(lane, &lease, e);
	if (r < 0)
		return r;
	r = command_run(&lease, &to->after, &v, note, e);
	lease_release(&lease, r, e);
	return r < 0 ? err_wrap(e, "the command after the delivery") : 0;
}

void call_run(struct lane *lane, struct store_task *task)
{
	struct route *route = lane->plan.owner;
	const struct route_dest *to = &route->settings->to[lane - route->call];
	struct buf note;
	struct err e;

	if (task->delivery.state == DELIVERY_CANCELED) {
		sweep_run(lane, task);
		return;
	}
	buf_init(&note, STORE_NOTE_BYTES - STORE_DEST_BYTES);
	if (run_command(lane, to, task, &note, &e) < 0) {
		route_task_failed(lane, task, &e, store_call_failed, task->delivery.id);
	} else if (store_called(lane->shard->store, task->delivery.id, buf_text(&note), &e) < 0) {
		route_not_recorded(lane, task, &e);
	} else {
		lane_log_success(lane);
		log_info("command run after a delivery", "route=%s job=%lld dest=%s",
		         task->job.route, (long long)task->job.id, to->id);
	}
	buf_release(&note);
}
