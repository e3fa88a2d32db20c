/*
 * What was said on a control connection: commands and replies as libcurl shows them.
 *
 *	dialogue_begin(&d);				// a new operation
 *	dialogue_sent(&d, "SIZE /a\r\n", 9, now_us);	// from its debug callback, line by line
 *	dialogue_heard(&d, "213 5\r\n", 7, now_us);
 *	reply = dialogue_reply_to(&d, "SIZE");		// afterwards
 *
 * It is our own reading, because libcurl's result codes cannot tell a refused file from replies
 * that have got out of step with their commands, and because the trace wants every line with its
 * latency. Passwords and accounts are masked before anything is kept.
 *
 * A reply is a line "nnn text", or many from "nnn-text" to "nnn text" (RFC 959 §4.2). Replies below
 * 200 are preliminary: the command is answered by a later one. What a server may say is bounded: a
 * reply of more than REPLY_LINES lines or an operation with more than REPLY_BYTES of them is a
 * breach, DIALOGUE_FLOOD.
 *
 * Pure; whoever shares one between threads locks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"

enum { REPLY_LINES = 1000, REPLY_BYTES = 128 * 1024, DIALOGUE_EXCHANGES = 24 };
enum { COMMAND_ROOM = 512, WORDS_ROOM = 256 };

struct exchange {
	char verb[12];   /* upper case; "" for the greeting */
	char type;       /* of TYPE: 'A' or 'I' */
	int code;        /* of the final reply; 0: none yet */
	int preliminary; /* 125, 150 …; 0: none */
	size_t at, n;    /* the lines of the final reply, in dialogue.said */
	int64_t sent_us;
};

struct dialogue {
	struct exchange
	        exchanges[DIALOGUE_EXCHANGES]; /* of this operation; the last is overwritten */
	size_t count;
	struct buf said;  /* reply lines of this operation, each ends in '\n' */
	struct buf trace; /* lines for the trace, each ends in '\n'; whoever takes them clears it */
	size_t lines;     /* of the reply that is coming in */
	int multi;        /* its code; 0: not inside one */
	bool is_flood;
	bool has_greeting;
	int last_code;              /* final or not, over all operations */
	char command[COMMAND_ROOM]; /* last one sent, masked, without its line end */
	char words[WORDS_ROOM];     /* last line of the last reply, raw */
	int64_t sent_us;
};

void dialogue_init(struct dialogue *d);
void dialogue_release(struct dialogue *d);
void dialogue_begin(struct dialogue *d);

void dialogue_sent(struct dialogue *d, const char *line, size_t n, int64_t now_us);
/* True when a final reply is complete. */
bool dialogue_heard(struct dialogue *d, const char *line, size_t n, int64_t now_us);

/* The last exchange of this operation with that command, NULL = there was none. */
const struct exchange *dialogue_reply_to(const struct dialogue *d, const char *verb);
/* The last exchange of this operation. */
const struct exchange *dialogue_last(const struct dialogue *d);
/* Its reply's lines: *n bytes, not NUL-terminated. */
const char *dialogue_lines(const struct dialogue *d, const struct exchange *x, size_t *n);
