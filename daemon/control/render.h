/*
 * Answers as people read them: aligned tables, units, ages instead of instants, and below them what
 * went wrong, in full, with what to do.
 *
 *	render(verb, args, items, result, &style, out);
 *
 * Pure: the daemon's own "now_ms" is what ages are counted from.
 */
#pragma once
#include <jansson.h>
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/control/table.h"

/* One answered request: the verb and its arguments as asked, the items and the result as they came
 * (NULL: there was none). */
struct answered {
	const char *verb;
	const json_t *args, *items, *result;
};

void render(const struct answered *a, const struct style *style, struct buf *out);

/* ---- values -------------------------------------------------------------------------------- */

enum { VALUE_BYTES = 48 };
const char *value_bytes(int64_t bytes, char out[VALUE_BYTES]); /* "850 B", "1.2 GiB" */
const char *value_duration(int64_t ms, char out[VALUE_BYTES]); /* "40 ms", "5 min", "3 d 4 h" */
/* "5 min ago", "in 5 min", "now"; "" where `at` is no time. */
const char *value_age(const json_t *at, int64_t now_ms, char out[VALUE_BYTES]);

/* ---- for render.c and its parts -------------------------------------------------------- */

const char *json_text(const json_t *object, const char *key); /* "" where there is none */
int64_t json_number(const json_t *object, const char *key);   /* 0 */
bool json_truth(const json_t *object, const char *key);
enum tint state_tint(const char *state); /* of jobs and deliveries */

typedef void render_fn(const struct answered *a, const struct style *style, struct buf *out);
render_fn render_status, render_routes, render_ps, render_jobs, render_show;
render_fn render_trust;                                              /* render_trust.c */
render_fn render_reload, render_halt, render_retry_all, render_done; /* render_done.c */
/* "  acme: SSH-AUTH: the server refused …" */
void render_error(struct buf *out, const char *who, const json_t *error);
render_fn render_test;                 /* render_test.c */
render_fn render_trace, render_traces; /* render_trace.c */
/* "511 (all but socket), 9 min left, into /x" */
void render_order(struct buf *out, const json_t *order);
