/*
 * Milestones on the way to a working connection, for whoever walks along (examine.h).
 *
 *	trace_step(t, TRACE_STEP_DNS);			// begins; the step before it has succeeded
 *	trace_fact(t, "cipher", "%s", name);		// what became known on the way
 *	trace_hop(t, "bastion");			// what follows is about this endpoint
 *
 * The code that connects says where it is; nobody connects in a second way to find out. Where
 * nobody listens, as in the daemon's daily work, both cost a comparison. A step that fails is the
 * one that was begun last when the error comes.
 *
 * Texts from outside are given escaped, as to trace_line().
 */
#pragma once
#include "adapters/trace.h"

/* X(id, stable word, for people), in the order they may come in */
#define TRACE_STEPS(X)                                        \
	X(SECRETS, "secrets", "keys and secrets")             \
	X(DNS, "dns", "name lookup")                          \
	X(TCP, "tcp", "connection")                           \
	X(IDENTIFICATION, "identification", "identification") \
	X(GREETING, "greeting", "greeting")                   \
	X(KEX, "kex", "key exchange")                         \
	X(HOST_KEY, "host-key", "host key")                   \
	X(TLS, "tls", "TLS and certificate")                  \
	X(LOGIN, "login", "login")                            \
	X(SUBSYSTEM, "subsystem", "SFTP subsystem")           \
	X(EXTENSIONS, "extensions", "version and extensions") \
	X(FEATURES, "features", "features")                   \
	X(HOME, "home", "login directory")                    \
	X(LIST, "list", "listing")                            \
	X(WRITE, "write", "write a probe")                    \
	X(READ, "read", "read it back")                       \
	X(RENAME, "rename", "rename")                         \
	X(REPLACE, "replace", "rename onto an existing name") \
	X(REMOVE, "remove", "remove")

enum trace_step {
#define TRACE_STEP_ENUM(id, word, text) TRACE_STEP_##id,
	TRACE_STEPS(TRACE_STEP_ENUM)
#undef TRACE_STEP_ENUM
};

const char *trace_step_word(enum trace_step step);
const char *trace_step_text(enum trace_step step);

/* Called on the trace's worker, in the middle of what connects: it must not wait. */
struct trace_listener {
	void *arg;
	void (*hop)(void *arg, const char *endpoint);
	void (*step)(void *arg, enum trace_step step);
	void (*fact)(void *arg, const char *name, const char *value);
	void (*line)(void *arg, unsigned bit, const char *text); /* as recorded, without time */
};

/* `l` is borrowed until another, or NULL, is given. */
void trace_listen(struct trace *t, const struct trace_listener *l);

/* Steps and facts from now on are those of this endpoint: a jump host on the way, and after it the
 * one that lies behind it. */
void trace_hop(struct trace *t, const char *endpoint);
void trace_step(struct trace *t, enum trace_step step);
void trace_fact(struct trace *t, const char *name, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
