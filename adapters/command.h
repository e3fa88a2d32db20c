/*
 * A command at a partner's server, and what came of it (adapter.h: execute).
 */
#pragma once
#include <stdint.h>

#include "daemon/base/buf.h"

enum { COMMAND_OUTPUT_BYTES = 16 * 1024 };

struct command {
	const char *const *words; /* the program and its arguments */
	size_t count;
	const char *const *environment; /* "NAME=value" */
	size_t environment_count;
	int64_t timeout_ms;
};

/* The end of what it said, raw; `dropped` bytes came before. */
struct command_output {
	struct buf text;
	uint64_t dropped;
};

struct command_result {
	struct command_output out, err;
};

static inline void command_result_init(struct command_result *r)
{
	*r = (struct command_result){0};
	buf_init(&r->out.text, COMMAND_OUTPUT_BYTES);
	buf_init(&r->err.text, COMMAND_OUTPUT_BYTES);
}

static inline void command_result_release(struct command_result *r)
{
	buf_release(&r->out.text);
	buf_release(&r->err.text);
}

/* Adds what was read and lets go of what is too old. */
static inline void command_output_add(struct command_output *o, const void *data, size_t n)
{
	size_t room = COMMAND_OUTPUT_BYTES - buf_len(&o->text);
	const char *from = data;
	size_t old = n > room ? n - room : 0;

	o->dropped += old;
	if (old > buf_len(&o->text)) { /* more than fits in all came at once */
		from += old - buf_len(&o->text);
		n -= old - buf_len(&o->text);
		old = buf_len(&o->text);
	}
	buf_consume(&o->text, old);
	(void)buf_add(&o->text, from, n); /* there is room */
}
