/*
 * A running route: one poll fiber and its lanes.
 *
 *	poll ──claim──> [fetch] ──stored──> [deliver 0..n-1] ──all delivered──> [settle]
 *	                                          │
 *	                                          └──delivered──> [call 0..n-1]
 *
 * Every arrow is a commit in the store first and a message second; whatever a crash swallows is
 * found again by the lane that should have got the message (lane.h). The poll, fetch and settle
 * live on the home shard (where the source endpoint lives), each delivery where its destination
 * lives.
 *
 *	struct route *r = route_new(config, settings, shards, n);
 *	route_start(r, e);		// from a fiber of any worker
 *	...
 *	route_stop(r, deadline);	// from a fiber of any worker; returns when nothing runs
 *	route_free(r);
 */
#pragma once
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/route/lane.h"
#include "daemon/route/ready.h"
#include "daemon/route/schedule.h"
#include "daemon/route/shard.h"

/* What the last poll found, for the operator. */
struct poll_report {
	int64_t at_ms; /* wall, 0 = not yet polled */
	int64_t took_ms;
	int64_t next_ms;    /* wall, 0 = none */
	size_t listed;      /* entries */
	size_t taken;       /* jobs made */
	size_t waiting;     /* not ready yet */
	size_t filtered;    /* not wanted by the route */
	size_t refused;     /* quarantined */
	struct err failure; /* kind 0 = the poll went through */
};

struct watch_state;

struct route {
	const struct config *config; /* a reference */
	const struct route_config *settings;
	struct shard *home;
	struct endpoint *source;
	struct schedule *schedule;
	struct lane fetch, settle;
	struct lane *deliver; /* settings->to_count */
	struct lane *call;    /* the same; idle where no command follows a delivery */

	/* of the poll fiber, home thread only */
	struct group fibers;
	struct signal poked;
	bool poke, is_polling, is_stopping;
	atomic_bool is_paused; /* the destinations' shards read it */
	struct ready ready;
	struct poll_report report;
	bool has_told_doubts; /* doubts.h: in the log, once */
	int poll_failures;    /* in a row */
	struct watch_state *watch;

	unsigned callers; /* main worker only: that are at it right now (engine_take_route) */
};

struct route *route_new(const struct config *config, const struct route_config *settings,
                        struct shard *shards, size_t shard_count);
int route_start(struct route *r, struct err *e);
void route_stop(struct route *r, struct deadline d);
void route_free(struct route *r);

/* The rest is called on the home shard's thread. */

void route_poke(struct route *r); /* poll now */
void route_pause(struct route *r);
void route_resume(struct route *r); /* also ends holds, wakes what waits for a retry */

/* ---- between the steps (poll.c, fetch.c, deliver.c, settle.c) ------------------------------ */

/* A local source's files are taken out of the directory into its claim folder, unless they are to
 * stay there. That is for new ones: what is under way lies where it was put when it was taken,
 * whatever `after:` has become since. */
bool route_claims_source(const struct route *r);
bool route_is_local(const struct route *r); /* its source */
enum content_place { IN_SPOOL, IN_CLAIMS };
void route_claim_path(const struct store_job *job, char *out, size_t room); /* below the source */
struct content_path {
	enum content_place place;
	char path[4096];
};
void route_content_path(const struct route *r, const struct shard *s, const struct store_job *job,
                        struct content_path *out);
/* The delivery's temporary name in `folder`, made of what never changes, so that it is found again
 * whatever the final name became. */
int route_temp_path(const struct shard *s, const struct store_task *task, const char *folder,
                    char out[PATH_MAX], struct err *e);
/* dir "/" name, either may be ""; ERR_POLICY "PATH-TOO-LONG". */
int route_join(char *out, size_t room, const char *dir, const char *name, struct err *e);
/* "sub/dir" of "sub/dir/name", "" if none, into out. */
void route_dirname(const char *path, char *out, size_t room);
const char *route_basename(const char *path);
/* New files: settling has something to do, the source is not kept. */
bool route_settles(const struct route *r);
/* A task's failure: the decision, committed by `commit`, logged once, the lane told. */
typedef int route_commit_fn(struct store *s, int64_t id, const struct store_failure *f,
                            struct err *e);
void route_task_failed(struct lane *lane, struct store_task *task, const struct err *why,
                       route_commit_fn *commit, int64_t id);
/* The store refused a step: the row stands as it was. The lane pauses and reads it again, unless
 * the task was ended by others. */
void route_not_recorded(struct lane *lane, const struct store_task *task, const struct err *e);
/* A lease however long the others are busy; fails with the endpoint's cause, at which no file is to
 * blame: never ERR_OBJECT or ERR_POLICY. */
int route_wait_lease(struct endpoint *p, struct lease *out, struct err *e);
/* Lease of the lane's endpoint; a failure holds the lane until the next attempt is due. */
int route_lease(struct lane *lane, struct lease *out, struct err *e);

lane_fn fetch_run, deliver_run, call_run, sweep_run, settle_run;
void poll_run(void *route);
