/*
 * Sweep: what a canceled delivery left at its destination under the temporary name. The cancel is
 * on record; what happens here can only be tried again or noted.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/route/route.h"

struct sweep {
	const struct route_dest *to;
	const struct store_task *task;
	struct lease lease;
	char folder[PATH_MAX], temp[PATH_MAX], final[PATH_MAX]; /* at the destination */
	struct buf note;
};

static int name_all(struct sweep *w, const struct shard *s, struct err *e)
{
	const struct store_task *t = w->task;
	char below[PATH_MAX];
	int r;

	route_dirname(t->job.path, below, sizeof(below));
	r = route_join(w->folder, sizeof(w->folder), w->to->path, below, e);
	if (r == 0)
		r = route_temp_path(s, t, w->folder, w->temp, e);
	if (r == 0)
		r = route_join(w->final, sizeof(w->final), w->folder, t->delivery.final_name, e);
	return r;
}

/* The cancel met a file that was complete, and maybe its rename: nobody guesses, but it is told. */
static void look_at_final(struct sweep *w)
{
	const struct store_task *t = w->task;
	struct escaped name;
	struct err ignored;
	struct entry now;

	if (t->delivery.verification == VERIFIED_NONE ||
	    w->lease.adapter->stat(w->lease.connection, w->final, &now, &ignored) < 0 ||
	    now.size != t->job.size)
		return;
	(void)buf_printf(&w->note,
	                 "no temporary file is left, and %s is there with the size of this one: "
	                 "it may have been renamed before the cancel",
	                 escape_name(w->final, &name));
}

/* What the server refuses to remove stays, and is told. */
static int remove_it(struct sweep *w, struct err *e)
{
	int r = w->lease.adapter->remove(w->lease.connection, w->temp, e);
	struct escaped name;

	if (r == 0) {
		(void)buf_add_text(&w->note, "the temporary file was removed");
		return 0;
	}
	if (r == ERR_OBJECT && strcmp(e->code, "OBJ-MISSING") == 0) {
		look_at_final(w);
		return 0;
	}
	if (r != ERR_OBJECT)
		return r;
	(void)buf_printf(&w->note, "%s cannot be removed and stays: %s: %s",
	                 escape_name(w->temp, &name), e->code, e->message);
	log_warn("a canceled delivery left a file that cannot be removed",
	         "route=%s job=%" PRId64 " dest=%s code=%s error=\"%s\"", w->task->job.route,
	         w->task->job.id, w->to->id, e->code, e->message);
	return 0;
}

static int sweep(struct sweep *w, struct lane *lane, struct err *e)
{
	int r = name_all(w, lane->shard, e);

	if (r == 0)
		r = route_lease(lane, &w->lease, e);
	if (r < 0)
		return r;
	r = remove_it(w, e);
	lease_release(&w->lease, r, e);
	return r < 0 ? err_wrap(e, "removing what a canceled delivery left") : 0;
}

void sweep_run(struct lane *lane, struct store_task *task)
{
	struct route *route = lane->plan.owner;
	struct sweep *w = mem_new_of(struct sweep);
	int64_t id = task->delivery.id;
	struct err e;

	w->to = &route->settings->to[lane - route->call];
	w->task = task;
	buf_init(&w->note, STORE_NOTE_BYTES - STORE_DEST_BYTES);
	if (sweep(w, lane, &e) < 0)
		route_task_failed(lane, task, &e, store_call_failed, id);
	else if (store_swept(lane->shard->store, id, buf_len(&w->note) ? buf_text(&w->note) : NULL,
	                     &e) < 0)
		route_not_recorded(lane, task, &e);
	else
		lane_log_success(lane);
	buf_release(&w->note);
	free(w);
}
