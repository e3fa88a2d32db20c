/*
 * The two ways a job's row changes that several verbs share: it waits (for a retry or the
 * operator), or it ends. Legality has been checked by the caller (rows.h).
 */
#pragma once
#include "daemon/store/rows.h"

struct job_waiting {
	enum job_state state;
	enum job_state resume; /* where a held one goes on; ignored otherwise */
	int add_attempts;
	int64_t next_at_ms;
	const char *code, *text;
};
int job_wait(struct store *s, struct job_row *job, const struct job_waiting *w, struct err *e);

struct job_ending {
	enum job_state state; /* a final one */
	bool at_source;
	const char *code, *text; /* NULL allowed */
};
int job_end(struct store *s, struct job_row *job, const struct job_ending *end, struct err *e);
