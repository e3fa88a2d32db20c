/*
 * Rows of the running transaction: read one, check the step, note an event. On the store's thread.
 *
 *	struct job_row j;
 *	if (job_step(s, id, JOB_STORED, &j, e) < 0)	// unknown, or not legal from its state
 *		return e->kind;
 *	... UPDATE ...
 */
#pragma once
#include "daemon/store/inside.h"

/* Codes of what the operator did; a worker that comes later with a step that no longer fits gets
 * ERR_CANCELED "STORE-STOPPED" instead of an accusation. */
#define OPERATOR_HELD     "OPERATOR-HELD"
#define OPERATOR_CANCELED "OPERATOR-CANCELED"
#define OPERATOR_RETRY    "OPERATOR-RETRY"

struct job_row {
	int64_t id;
	char route[64];
	enum job_state state;
	int resume; /* enum job_state of a held one, else -1 */
	bool by_operator;
};

struct delivery_row {
	int64_t id, job;
	char dest[512];
	enum delivery_state state;
	int resume; /* enum delivery_state, -1 */
	bool by_operator;
};

/* 1 found, 0 no such row, negative. */
int job_load(struct store *s, int64_t id, struct job_row *row, struct err *e);
int delivery_load(struct store *s, int64_t id, struct delivery_row *row, struct err *e);

/* ERR_OBJECT "STORE-NO-JOB". */
int job_unknown(int64_t id, struct err *e);

/* Load and check; ERR_BUG "STORE-STEP", ERR_CANCELED "STORE-STOPPED". */
int job_step(struct store *s, int64_t id, enum job_state to, struct job_row *row, struct err *e);
int delivery_step(struct store *s, int64_t id, enum delivery_state to, struct delivery_row *row,
                  struct err *e);
int job_step_refused(const struct job_row *row, enum job_state to, struct err *e);
int delivery_step_refused(const struct delivery_row *row, enum delivery_state to, struct err *e);

/* How many of a job's deliveries are under way, and how many wait for the operator. */
struct delivery_sums {
	int open, held;
};
int delivery_add_up(struct store *s, int64_t job, struct delivery_sums *out, struct err *e);
/* It is held, and its job with it, as by store_delivery_failed. */
int delivery_give_up(struct store *s, int64_t delivery, const struct err *why, struct err *e);

/* The job's row has been given the state `to`: counts it there (and sets job->state). */
int tally_step(struct store *s, struct job_row *job, enum job_state to, struct err *e);
/* n new jobs of a route. */
int tally_add(struct store *s, const char *route, enum job_state state, int64_t n, struct err *e);

/* `step` and `code` are ours; text may be NULL. Keeps at most EVENT_RETRIES of a job's retries. */
enum { EVENT_RETRIES = 100 };
struct event_note {
	const char *step, *code, *text;
};
int event_add(struct store *s, int64_t job, struct event_note note, struct err *e);

int delivery_state_parse(const char *word); /* store.c; -1: no such state */

/* Reads JOB_COLUMNS from column 0, DELIVERY_COLUMNS from `at`. Negative: the row is damaged. */
int job_read(struct store *s, sqlite3_stmt *q, struct store_job *out, struct err *e);
int delivery_read(struct store *s, sqlite3_stmt *q, int at, struct store_delivery *out,
                  struct err *e);
