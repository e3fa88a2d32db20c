/*
 * Commands that a route runs at a destination's server, before and after a file is delivered.
 *
 *	{path}   the file's path there	/inbox/2026/a.xml
 *	{name}   its name there		a.xml
 *	{dir}    its directory there	/inbox/2026
 *	{route} {job} {size}		the route's name, the job's number, bytes
 *	{sha256}			hex, once it is known: after a delivery always, before it only
 *					where the file was fetched
 *	{{ }}				a brace itself
 *
 * in words and in values of variables. Each word reaches the program as it is, whatever it holds.
 *
 * `before` is run before each attempt to upload: it may be run several times for one file, also for
 * one that is then not delivered. `after` is run when the delivery is on record: at least once, again
 * after a failure by the destination's `retry`, and again after a crash of ferryd before its end was
 * on record. Its failure never takes the delivery back.
 */
#pragma once
#include "adapters/command.h"
#include "adapters/endpoint.h"
#include "config/config.h"
#include "daemon/store/store.h"

struct route;

enum { COMMAND_LINE_BYTES = 32 * 1024 };

struct command_values {
	const char *path, *name, *dir, *route;
	int64_t job;
	uint64_t size;
	const unsigned char *sha256; /* NULL: not known */
};

/* One word into `out` (cleared first). ERR_POLICY "COMMAND-WORD". Pure. */
int command_expand(const char *word, const struct command_values *v, struct buf *out,
                   struct err *e);
/* For config_judges: NULL, or a sentence. Pure. */
const char *command_judge(const char *word);
/* What came of it as one visible line of at most STORE_NOTE_BYTES. */
void command_note(const struct command_result *r, struct buf *out);

/* Runs it on the lease. `note` (may be NULL) gets command_note() of a good end. */
int command_run(struct lease *l, const struct remote_command *c, const struct command_values *v,
                struct buf *note, struct err *e);
