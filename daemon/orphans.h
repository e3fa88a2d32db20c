/*
 * Orphans: work that the store has and that nobody takes up, because the configuration has lost the
 * route or the destination it belongs to. Nothing of it is lost: it stays as it is until the route
 * or the destination is back under its name, or the operator gives it up.
 *
 *	ROUTE-GONE		jobs of a route that is not in the configuration any more
 *	CALL-NO-DESTINATION	commands after a delivery, and the removal of what a canceled one left,
 *				at a destination that the route does not have any more
 *
 * (A file that has not been delivered to such a destination is held: route/recover.h.)
 *
 * Told at each start, at each reload (in its report, too), and in `ferryctl status`; never stored:
 * the configuration in force decides each time. A route that says `enabled: false` is there. On the
 * main worker.
 */
#pragma once
#include "daemon/engine.h"

/* malloc'ed; the caller frees. */
int orphans_find(struct engine *g, struct control_orphan **out, size_t *count, struct err *e);
/* A line each into the log and, where it is given, at the end of the report (malloc'ed, grown). */
void orphans_tell(struct engine *g, char **report);

/* A job that nobody works on says so, unless it has a reason of its own. */
void orphans_mark(const struct engine *g, struct store_job_info *info);
/* ERR_OBJECT "ROUTE-GONE" where the job's route is not in the configuration. */
int orphans_refuse(const struct engine *g, const struct store_job *job, struct err *e);
/* Those of a job's deliveries that have not ended and whose destination the route does not have any
 * more; `found` is malloc'ed, also NULL. ERR_OBJECT "DELIVER-NO-DESTINATION", and nothing is found,
 * where the job waits for nothing else: nobody would try it. */
struct orphans_strays {
	struct store_stray *found;
	size_t count;
};
int orphans_strays(const struct route_config *route, const struct store_delivery *all, size_t n,
                   struct orphans_strays *out, struct err *e);
/* Gives up what QUEUE_CALL has of a job at destinations that are gone. */
int orphans_drop(struct engine *g, int64_t job, const char *route, size_t *dropped, struct err *e);
/* What a canceled job whose route does not run left on this machine. 1: its source file, which had
 * been taken out of its directory, is back there; 0: none was found, or it may not be put back
 * (route/recover.h). */
int orphans_put_back(struct engine *g, const struct store_job *job, struct err *e);
