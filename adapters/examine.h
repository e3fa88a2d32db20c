/*
 * A walk along everything an endpoint needs (`ferryctl test`): each step with its time, where it
 * stops and why, and what became known of the server: its passport.
 *
 *	struct examination x;
 *	examine(config, endpoint, &(struct examine_options){.path = "/in", .write = EXAMINE_WRITE}, &x);
 *	examination_release(&x);
 *
 * It connects as the daemon does, with the same code, which tells where it is (trace_step.h), on a
 * connection of its own beside the pool: an endpoint that is stopped can be tested, and the test
 * does not count against it. Then it lists a directory and, when asked, writes a probe there:
 *
 *	put probe A -> stat (the server's clock) -> get (what came back) -> rename A to B
 *	-> put A again, rename it onto B (is a replacing rename real?) -> remove
 *
 * Probes bear one of ferryd's own temporary names, so that no poll takes them. A step that fails
 * ends the walk, but the probe is removed all the same.
 *
 * From a fiber of a worker; belongs to its caller.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "adapters/trace_step.h"
#include "config/config.h"
#include "daemon/base/err.h"

enum examine_write { EXAMINE_LOOK, EXAMINE_WRITE };

struct examine_options {
	const char *path; /* directory at the endpoint; NULL: where a login arrives */
	enum examine_write write;
};

/* ODD: it works, but not as well as it should; `says` tells. */
enum examined { EXAMINED_PASSED, EXAMINED_ODD, EXAMINED_FAILED };

struct examined_step {
	enum trace_step step;
	enum examined result;
	int64_t took_us;
	char *hop;  /* the jump host it is a step to; NULL: the endpoint itself */
	char *says; /* lines, each ends in '\n'; NULL: nothing */
};

struct examined_fact {
	char *hop; /* as above */
	char *name, *value;
};

struct examination {
	struct examined_step *steps;
	size_t step_count;
	struct examined_fact *facts;
	size_t fact_count;
	struct err failure;                /* kind 0: every step passed */
	char trace_file[TRACE_FILE_BYTES]; /* "" where there is none */
	int64_t began_us;                  /* of the step under way */
	const char *endpoint;              /* that is walked along; borrowed while it is */
	char *hop;                         /* under way, NULL: none */
};

/* 0, or the kind of out->failure. */
int examine(const struct config *config, const struct endpoint_config *endpoint,
            const struct examine_options *options, struct examination *out);
void examination_release(struct examination *x);
