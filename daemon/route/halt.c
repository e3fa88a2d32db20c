#include "daemon/route/halt.h"

#include <inttypes.h>

#include "daemon/base/log.h"
#include "daemon/route/recover.h"

/* An adapter ends in milliseconds what is cancelled; a machine may be busy, a disk may hang. */
enum { HALT_WAIT_MS = 10000 };

struct halting {
	struct route *route;
	size_t dest;
	int64_t job;
	enum halt_kind kind;
	struct deadline deadline;
	struct halt *out;
};

static void halt_lane(struct halting *h, struct lane *lane)
{
	struct err e;

	if (lane_halt(lane, h->job, h->deadline, &h->out->interrupted, &e) < 0)
		h->out->is_over = false;
}

static int halt_dest(void *arg, struct err *e)
{
	struct halting *h = arg;
	struct route *r = h->route;

	(void)e;
	halt_lane(h, &r->deliver[h->dest]);
	if (h->kind == HALT_CANCELED)
		lane_refill(&r->call[h->dest]);
	return 0;
}

static void halt_lanes(struct halting *h)
{
	struct route *r = h->route;
	struct err e;

	halt_lane(h, &r->fetch);
	for (h->dest = 0; h->dest < r->settings->to_count; h->dest++)
		if (worker_call(r->deliver[h->dest].shard->worker, "halt a delivery", halt_dest, h,
		                &e) < 0)
			h->out->is_over = false; /* we are stopping: that ends it too */
	halt_lane(h, &r->settle);
}

static void tidy_up(struct halting *h)
{
	struct halt *out = h->out;
	int r = spool_remove(&h->route->home->spool, h->job, &out->trouble);

	if (r < 0)
		return; /* the next start does */
	out->trouble.kind = 0;
	r = recover_claim_of(h->route, h->job, &out->trouble);
	if (r >= 0)
		out->trouble.kind = 0;
	out->is_put_back = r > 0;
}

void route_halt(struct route *r, int64_t job, enum halt_kind kind, struct halt *out)
{
	struct halting h = {.route = r,
	                    .job = job,
	                    .kind = kind,
	                    .deadline = deadline_in(HALT_WAIT_MS),
	                    .out = out};

	*out = (struct halt){.is_over = true};
	halt_lanes(&h);
	if (kind == HALT_CANCELED && out->is_over)
		tidy_up(&h);
	log_info(kind == HALT_CANCELED ? "job canceled by the operator"
	                               : "job held by the operator",
	         "route=%s job=%" PRId64 " interrupted=%zu%s%s", r->settings->name, job,
	         out->interrupted, out->is_put_back ? " source=\"put back\"" : "",
	         out->is_over ? "" : " ended=no");
	if (out->trouble.kind)
		log_warn("what a canceled job left on this machine stays until the next start",
		         "route=%s job=%" PRId64 " code=%s error=\"%s\"", r->settings->name, job,
		         out->trouble.code, out->trouble.message);
}
