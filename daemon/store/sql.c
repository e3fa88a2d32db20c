#include "daemon/store/statements.h"

/* Terms of the partial indexes: SQLite uses such an index only when the term stands in the query
 * exactly as in the schema. INDEXED BY makes a query that would not use it fail at open. */
#define JOB_IS_OPEN      "(job.state = 'claimed' OR job.state = 'stored' OR job.state = 'delivered')"
#define JOB_RESTS        "(job.ended_ms IS NOT NULL OR job.state = 'held')"
#define DELIVERY_IS_OPEN "delivery.state IN ('sending', 'renaming')"

#define JOB_COLUMNS                                                                        \
	"job.id, job.route, job.path, coalesce(job.stored_size, job.size), job.mtime_ms, " \
	"job.identity, job.state, job.attempts, job.next_at, job.sha256, job.precision_ms"
#define DELIVERY_COLUMNS                                                                  \
	"delivery.id, delivery.job, delivery.dest, delivery.final_name, delivery.state, " \
	"delivery.attempts, delivery.next_at, delivery.verification, delivery.inferred, " \
	"delivery.code, delivery.text, delivery.append_at, "                              \
	"delivery.site"
/* "sub/" of "sub/name" */
#define FOLDER_OF(path) "rtrim(" path ", replace(" path ", '/', ''))"
/* A call's attempts stand in place of its delivery's. */
#define CALL_COLUMNS                                                                      \
	"delivery.id, delivery.job, delivery.dest, delivery.final_name, delivery.state, " \
	"call.attempts, call.next_at, delivery.verification, delivery.inferred, "         \
	"delivery.code, delivery.text, delivery.append_at, "                              \
	"delivery.site"
#define INFO_COLUMNS                                                                \
	JOB_COLUMNS ", job.created_ms, job.updated_ms, job.code, job.text, "        \
	            "(SELECT count(*) FROM delivery WHERE delivery.job = job.id), " \
	            "(SELECT count(*) FROM delivery WHERE delivery.job = job.id "   \
	            "AND delivery.state IN ('delivered', 'skipped')), "             \
	            "(SELECT count(*) FROM delivery WHERE delivery.job = job.id "   \
	            "AND delivery.state = 'held')"

#define VERSION_IS "route = ?1 AND path = ?2 AND size = ?3 AND mtime_ms = ?4 AND identity = ?5"
#define LEFT_SINCE                                                                  \
	"SELECT 1 FROM job INDEXED BY job_left WHERE at_source = 0 AND " VERSION_IS \
	" AND left_ms >= ?6"
/* by the time that listings tell of it, where that is another one */
#define LISTED_AS                                                                          \
	"SELECT 1 FROM job INDEXED BY job_listed WHERE listed_ms IS NOT NULL AND "         \
	"route = ?1 AND path = ?2 AND size = ?3 AND listed_ms = ?4 AND identity = ?5 AND " \
	"(at_source = 1 OR left_ms >= ?6)"

/* ids first, from an index alone; the rows of one page after that */
#define PAGE_OF(index, term)                                                         \
	"SELECT " INFO_COLUMNS " FROM (SELECT id AS pick FROM job INDEXED BY " index \
	" WHERE " term " AND id < ?1 ORDER BY id DESC LIMIT ?2) "                    \
	"CROSS JOIN job ON job.id = pick ORDER BY pick DESC"

const char *const sql_texts[SQL_COUNT] = {
        [SQL_BEGIN] = "BEGIN IMMEDIATE",
        [SQL_COMMIT] = "COMMIT",
        [SQL_ROLLBACK] = "ROLLBACK",
        [SQL_SAVEPOINT] = "SAVEPOINT request",
        [SQL_RELEASE] = "RELEASE request",
        [SQL_UNDO] = "ROLLBACK TO request",

        /* ---- ledger ---- */
        [SQL_IS_KNOWN] = "SELECT EXISTS (SELECT 1 FROM job INDEXED BY job_version "
                         "WHERE at_source = 1 AND " VERSION_IS ") OR EXISTS (" LEFT_SINCE ") "
                         "OR EXISTS (" LISTED_AS ")",
        [SQL_ALIKE] = "SELECT id, mtime_ms, precision_ms FROM job INDEXED BY job_version "
                      "WHERE at_source = 1 AND route = ?1 AND path = ?2 AND size = ?3 "
                      "AND mtime_ms BETWEEN ?4 - ?6 AND ?4 + ?6 "
                      "AND (identity = ?5 OR identity = 0 OR ?5 = 0) "
                      "ORDER BY precision_ms, id DESC",
        [SQL_LISTED_AS] = "UPDATE job SET listed_ms = ?2 WHERE id = ?1 AND at_source = 1",
        [SQL_CLAIM] = "INSERT INTO job (route, path, size, mtime_ms, identity, state, created_ms, "
                      "updated_ms, precision_ms, listed_ms) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, 'claimed', ?6, ?6, ?7, ?8)",
        [SQL_QUARANTINE] = "INSERT INTO job (route, path, size, mtime_ms, identity, state, "
                           "created_ms, updated_ms, ended_ms, code, text, precision_ms) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, 'quarantined', ?6, ?6, ?6, ?7, ?8, ?9) "
                           "ON CONFLICT DO NOTHING",

        [SQL_TALLY_ADD] = "INSERT INTO tally (route, state, jobs) VALUES (?1, ?2, ?3) "
                          "ON CONFLICT (route, state) DO UPDATE SET jobs = jobs + excluded.jobs",
        [SQL_TALLY_TAKE] = "UPDATE tally SET jobs = jobs - 1 WHERE route = ?1 AND state = ?2",

        /* ---- steps of a job ---- */
        [SQL_JOB_ROW] = "SELECT id, route, state, resume, code FROM job WHERE id = ?1",
        [SQL_JOB_STORED] = "UPDATE job SET state = 'stored', stored_size = ?2, sha256 = ?3, "
                           "stored_ms = ?4, updated_ms = ?4, attempts = 0, next_at = 0, "
                           "code = '', text = '' WHERE id = ?1",
        [SQL_JOB_WAIT] = "UPDATE job SET state = ?2, resume = ?3, attempts = attempts + ?4, "
                         "next_at = ?5, code = ?6, text = ?7, updated_ms = ?8 WHERE id = ?1",
        [SQL_JOB_COMPLETE] = "UPDATE job SET state = ?2, resume = ?3, delivered_ms = ?4, "
                             "updated_ms = ?4, attempts = 0, next_at = 0 WHERE id = ?1",
        [SQL_JOB_END] = "UPDATE job SET state = ?2, resume = NULL, at_source = ?3, "
                        "left_ms = CASE ?3 WHEN 0 THEN ?4 END, code = ?5, text = ?6, "
                        "ended_ms = ?4, updated_ms = ?4, next_at = 0 WHERE id = ?1",
        [SQL_EVENT_ADD] = "INSERT INTO event (job, at_ms, step, code, text) "
                          "VALUES (?1, ?2, ?3, ?4, ?5)",
        [SQL_EVENT_TRIM] = "DELETE FROM event WHERE job = ?1 AND step = 'retry' AND id <= "
                           "(SELECT id FROM event WHERE job = ?1 ORDER BY id DESC LIMIT 1 "
                           "OFFSET ?2)",

        /* ---- steps of a delivery ---- */
        [SQL_DELIVERY_ADD] = "INSERT INTO delivery (job, route, dest, final_name, state, "
                             "created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, 'sending', ?5, ?5)",
        [SQL_DELIVERY_ROW] = "SELECT id, job, dest, state, resume, code FROM delivery "
                             "WHERE id = ?1",
        [SQL_DELIVERY_SUMS] = "SELECT count(*), total(" DELIVERY_IS_OPEN "), "
                              "total(state = 'held') FROM delivery WHERE job = ?1",
        [SQL_DELIVERY_LAST_HELD] = "SELECT code, dest || iif(count(*) OVER () > 1, "
                                   "' (and ' || (count(*) OVER () - 1) || ' more): ', ': ') "
                                   "|| text FROM delivery WHERE job = ?1 AND state = 'held' "
                                   "ORDER BY updated_ms DESC, id DESC LIMIT 1",
        [SQL_DELIVERY_RENAMING] = "UPDATE delivery SET state = 'renaming', verification = ?2, "
                                  "final_name = ?3, renaming_ms = ?4, updated_ms = ?4, site = ?5, "
                                  "next_at = 0 WHERE id = ?1",
        [SQL_DELIVERY_RESEND] = "UPDATE delivery SET state = 'sending', next_at = 0, "
                                "updated_ms = ?2 WHERE id = ?1",
        [SQL_APPEND_TURN] =
                "SELECT other.job FROM delivery AS mine JOIN job AS my_job ON my_job.id = mine.job "
                "CROSS JOIN delivery AS other INDEXED BY delivery_appending "
                "ON other.dest = mine.dest AND other.final_name = mine.final_name "
                "JOIN job AS other_job ON other_job.id = other.job "
                "WHERE mine.id = ?1 AND other.append_at IS NOT NULL AND other.ended_ms IS NULL "
                "AND other.id <> mine.id "
                "AND " FOLDER_OF("my_job.path") " = " FOLDER_OF("other_job.path") " LIMIT 1",
        [SQL_DELIVERY_APPENDING] = "UPDATE delivery SET append_at = ?2, updated_ms = ?3, "
                                   "site = ?4 WHERE id = ?1",
        [SQL_JOB_SHA256] = "UPDATE job SET sha256 = ?2 WHERE id = ?1 AND sha256 IS NULL",
        [SQL_DELIVERY_END] = "UPDATE delivery SET state = ?2, resume = NULL, inferred = ?3, "
                             "code = '', text = ?4, ended_ms = ?5, updated_ms = ?5, "
                             "next_at = 0, verification = max(verification, ?6) "
                             "WHERE id = ?1",
        [SQL_DELIVERY_WAIT] = "UPDATE delivery SET state = ?2, resume = ?3, "
                              "attempts = attempts + 1, next_at = ?4, code = ?5, text = ?6, "
                              "updated_ms = ?7 WHERE id = ?1",

        /* ---- commands after a delivery ---- */
        [SQL_CALL_ADD] = "INSERT INTO call (delivery, route, dest) SELECT id, route, dest "
                         "FROM delivery WHERE id = ?1 ON CONFLICT DO NOTHING",
        [SQL_CALL_ADD_SWEEPS] = "INSERT INTO call (delivery, route, dest) SELECT id, route, dest "
                                "FROM delivery WHERE job = ?1 AND append_at IS NULL "
                                "AND state IN ('sending', 'renaming', 'held') "
                                "ON CONFLICT DO NOTHING",
        [SQL_CALL_JOB] = "SELECT delivery.job, delivery.dest, "
                         "delivery.state = 'canceled' FROM call CROSS JOIN delivery "
                         "ON delivery.id = call.delivery WHERE call.delivery = ?1",
        [SQL_CALL_WAIT] = "UPDATE call SET attempts = attempts + 1, next_at = ?2 "
                          "WHERE delivery = ?1",
        [SQL_CALL_END] = "DELETE FROM call WHERE delivery = ?1",
        [SQL_CALLS_OF_JOB] = "SELECT delivery.id, delivery.dest FROM delivery CROSS JOIN call "
                             "ON call.delivery = delivery.id WHERE delivery.job = ?1 "
                             "ORDER BY delivery.id",

        /* ---- queue ---- */
        [SQL_DUE_JOBS] = "SELECT " JOB_COLUMNS " FROM job INDEXED BY job_open WHERE " JOB_IS_OPEN
                         " AND state = ?1 AND route = ?2 AND next_at <= ?3 "
                         "ORDER BY next_at, id LIMIT ?4",
        [SQL_DUE_DELIVERIES] = "SELECT " JOB_COLUMNS ", " DELIVERY_COLUMNS
                               " FROM delivery INDEXED BY delivery_due CROSS JOIN job "
                               "ON job.id = delivery.job WHERE " DELIVERY_IS_OPEN
                               " AND delivery.dest = ?1 AND delivery.route = ?2 "
                               "AND delivery.next_at <= ?3 "
                               "ORDER BY delivery.next_at, delivery.id LIMIT ?4",
        [SQL_DUE_CALLS] = "SELECT " JOB_COLUMNS ", " CALL_COLUMNS
                          " FROM call INDEXED BY call_due CROSS JOIN delivery "
                          "ON delivery.id = call.delivery CROSS JOIN job "
                          "ON job.id = delivery.job WHERE call.dest = ?1 AND call.route = ?2 "
                          "AND call.next_at <= ?3 "
                          "ORDER BY call.next_at, call.delivery LIMIT ?4",
        [SQL_NEXT_JOB] = "SELECT min(next_at) FROM job INDEXED BY job_open WHERE " JOB_IS_OPEN
                         " AND state = ?1 AND route = ?2 AND next_at > ?3",
        [SQL_NEXT_DELIVERY] =
                "SELECT min(next_at) FROM delivery INDEXED BY delivery_due "
                "WHERE " DELIVERY_IS_OPEN " AND dest = ?1 AND route = ?2 AND next_at > ?3",
        [SQL_NEXT_CALL] = "SELECT min(next_at) FROM call INDEXED BY call_due "
                          "WHERE dest = ?1 AND route = ?2 AND next_at > ?3",
        [SQL_OPEN_DESTINATIONS] = "SELECT DISTINCT dest FROM delivery INDEXED BY delivery_due "
                                  "WHERE " DELIVERY_IS_OPEN " AND route = ?1 LIMIT ?2",
        [SQL_BACKLOG_ROUTES] =
                "SELECT route, sum(jobs), sum(iif(state = 'held', jobs, 0)) FROM tally "
                "WHERE state IN ('claimed', 'stored', 'delivered', 'held') "
                "GROUP BY route HAVING sum(jobs) > 0",
        [SQL_BACKLOG_CALLS] = "SELECT call.route, call.dest, sum(delivery.state <> 'canceled'), "
                              "sum(delivery.state = 'canceled') FROM call INDEXED BY call_due "
                              "CROSS JOIN delivery ON delivery.id = call.delivery "
                              "GROUP BY call.route, call.dest",
        [SQL_BACKLOG_CALL_JOBS] = "SELECT DISTINCT delivery.job FROM call INDEXED BY call_due "
                                  "CROSS JOIN delivery ON delivery.id = call.delivery "
                                  "WHERE call.route = ?1 AND call.dest = ?2 "
                                  "ORDER BY delivery.job LIMIT ?3",
        [SQL_WAKE_JOBS] =
                "UPDATE job INDEXED BY job_open SET next_at = 0 WHERE " JOB_IS_OPEN
                " AND (state = 'claimed' OR state = 'delivered') AND route = ?1 AND next_at > 0",
        [SQL_WAKE_DELIVERIES] = "UPDATE delivery INDEXED BY delivery_due SET next_at = 0 "
                                "WHERE " DELIVERY_IS_OPEN " AND route = ?1 AND next_at > 0",
        [SQL_WAKE_CALLS] = "UPDATE call INDEXED BY call_due SET next_at = 0 "
                           "WHERE route = ?1 AND next_at > 0",

        /* ---- operator ---- */
        [SQL_OPERATOR_JOB] = "UPDATE job SET state = ?2, resume = ?3, attempts = 0, next_at = 0, "
                             "code = ?4, text = ?5, updated_ms = ?6 WHERE id = ?1",
        [SQL_HOLD_DELIVERIES] = "UPDATE delivery SET resume = state, state = 'held', next_at = 0, "
                                "code = ?2, text = ?3, updated_ms = ?4 "
                                "WHERE job = ?1 AND state IN ('sending', 'renaming')",
        [SQL_RETRY_DELIVERIES] = "UPDATE delivery SET state = coalesce(resume, state), "
                                 "resume = NULL, attempts = 0, next_at = 0, code = '', text = '', "
                                 "updated_ms = ?2 WHERE job = ?1 "
                                 "AND state IN ('sending', 'renaming', 'held')",
        [SQL_CANCEL_DELIVERIES] = "UPDATE delivery SET state = 'canceled', resume = NULL, "
                                  "next_at = 0, code = ?2, text = ?3, updated_ms = ?4, "
                                  "ended_ms = ?4 WHERE job = ?1 "
                                  "AND state IN ('sending', 'renaming', 'held')",
        [SQL_PAUSE] = "INSERT INTO route (name, paused, changed_ms) VALUES (?1, ?2, ?3) "
                      "ON CONFLICT (name) DO UPDATE SET paused = excluded.paused, "
                      "changed_ms = excluded.changed_ms",
        [SQL_IS_PAUSED] = "SELECT paused FROM route WHERE name = ?1",

        /* ---- history ---- */
        [SQL_LIST_ALL] = "SELECT " INFO_COLUMNS " FROM job WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        [SQL_LIST_ROUTE] = PAGE_OF("job_route", "route = ?3"),
        [SQL_LIST_OPEN] = PAGE_OF("job_open", JOB_IS_OPEN " AND state = ?4"),
        [SQL_LIST_OPEN_ROUTE] = PAGE_OF("job_open", JOB_IS_OPEN " AND state = ?4 AND route = ?3"),
        [SQL_LIST_REST] = PAGE_OF("job_rest", JOB_RESTS " AND state = ?4"),
        [SQL_LIST_REST_ROUTE] =
                PAGE_OF("job_rest_route", JOB_RESTS " AND state = ?4 AND route = ?3"),
        [SQL_SHOW_JOB] = "SELECT " INFO_COLUMNS " FROM job WHERE id = ?1",
        [SQL_SHOW_DELIVERIES] =
                "SELECT " DELIVERY_COLUMNS " FROM delivery WHERE job = ?1 ORDER BY id",
        /* normal steps are columns; `rank` orders what happened within one millisecond */
        [SQL_SHOW_EVENTS] =
                "SELECT at_ms, step, code, text FROM ("
                "SELECT created_ms AS at_ms, 0 AS rank, 0 AS id, "
                "CASE state WHEN 'quarantined' THEN state ELSE 'claimed' END AS step, "
                "CASE state WHEN 'quarantined' THEN code ELSE '' END AS code, "
                "CASE state WHEN 'quarantined' THEN text ELSE '' END AS text "
                "FROM job WHERE id = ?1 "
                "UNION ALL SELECT stored_ms, 1, 0, 'stored', '', '' FROM job "
                "WHERE id = ?1 AND stored_ms IS NOT NULL "
                "UNION ALL SELECT renaming_ms, 2, id, 'renaming', '', dest FROM delivery "
                "WHERE job = ?1 AND renaming_ms IS NOT NULL "
                "UNION ALL SELECT at_ms, 3, id, step, code, text FROM event WHERE job = ?1 "
                "UNION ALL SELECT ended_ms, 4, id, state, code, dest FROM delivery "
                "WHERE job = ?1 AND ended_ms IS NOT NULL "
                "UNION ALL SELECT delivered_ms, 5, 0, 'complete', '', '' FROM job "
                "WHERE id = ?1 AND delivered_ms IS NOT NULL "
                "UNION ALL SELECT ended_ms, 6, 0, state, code, text FROM job "
                "WHERE id = ?1 AND ended_ms IS NOT NULL AND state <> 'quarantined'"
                ") ORDER BY at_ms, rank, id",
        [SQL_COUNTS] = "SELECT state, sum(jobs) FROM tally GROUP BY state",
        [SQL_COUNTS_ROUTE] = "SELECT state, jobs FROM tally WHERE route = ?1",
};
