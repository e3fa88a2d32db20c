/*
 * What an operator can ask for: one row per verb, with the right it needs, its arguments and the
 * function that carries it out. protocol.md says the same in words.
 *
 *	verbs_run(&request, right, &engine, &answer, e);	// from a fiber; may await
 *
 * A refusal is an answer too: the return value is negative only when the answer could not be
 * written, and the conversation is over.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "daemon/control/answer.h"
#include "daemon/control/control.h"
#include "daemon/control/peer.h"
#include "daemon/control/request.h"

enum { VERBS_JOB_LIMIT = 100000, VERBS_JOB_PAGE = 50 };

int verbs_run(const struct request *r, enum peer_right right, const struct control_engine *engine,
              struct answer *answer, struct err *e);

/* Whether a verb changes anything: the log tells who asked for it. */
bool verbs_is_change(const char *verb);

/* ---- between the files of the verbs -------------------------------------------------------- */

/* One verb being carried out. */
struct call {
	const struct control_engine *engine;
	const json_t *args; /* checked: present where required, of the right type */
	struct answer *answer;
	json_t *result; /* of the end line; the verb's function sets it */
};

/* An argument, or what is given for one that is absent. */
const char *call_text(const struct call *c, const char *name);
int64_t call_number(const struct call *c, const char *name, int64_t absent);

/* null while no trace is ordered (verbs_trace.c). */
json_t *verbs_order(bool has_order, const struct trace_order *order);

typedef int verb_fn(struct call *c, struct err *e);
verb_fn verb_status, verb_routes, verb_ps; /* verbs_state.c */
verb_fn verb_jobs, verb_show;              /* verbs_jobs.c */
verb_fn verb_retry, verb_retry_all;        /* verbs_hand.c */
verb_fn verb_hold, verb_hold_all, verb_cancel;
verb_fn verb_test;                                       /* verbs_test.c */
verb_fn verb_trace, verb_traces;                         /* verbs_trace.c */
verb_fn verb_trust;                                      /* verbs_trust.c */
verb_fn verb_poll, verb_pause, verb_resume, verb_reload; /* verbs_route.c */
