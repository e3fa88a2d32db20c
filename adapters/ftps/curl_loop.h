/*
 * One FTP connection: one thread with one easy handle and a private multi, awaited by fibers.
 *
 *	struct curl_loop *l;
 *	if (curl_loop_new(&settings, &l, e) < 0) ...
 *	struct curl_job job = {.label = "ping", .url = url, .command = "NOOP"};
 *	r = curl_loop_run(l, &job, e);		// 0, 1: libcurl failed, or a negative kind
 *	curl_loop_close(l);			// NULL allowed
 *
 * Why a thread: libcurl's FTP blocks inside its "non-blocking" interface, for the reply after a
 * transfer and for QUIT. Why one handle each: a server that requires TLS session reuse compares
 * the data connection with *this* control connection, and a shared cache mixes them up.
 *
 *	fiber                          thread
 *	curl_loop_run --- job -------> curl_multi_perform, poll
 *	   sink.write <--- ring ------ on_data       blocks while the ring is full
 *	   source.read --- ring -----> on_room       blocks while the ring is empty
 *	   trace      <-- dialogue --- on_debug
 *	   returns    <--- done -------
 *
 * sink.write() and source.read() run in the calling fiber, in order; the ring between bounds what
 * is under way. Both sides wake each other: the thread by a message to the worker, the fiber by an
 * eventfd that the thread polls together with *our* view of libcurl's sockets (libcurl 7.88.1
 * itself waits for the wrong one).
 *
 * Deadlines. The thread notes by when the server must have done its next step (limit_at_ms, moved
 * by every command, reply and byte; none while the thread waits for us). The fiber watches it: when
 * it passes, or on cancel or abort, the sockets are shut down under libcurl's feet, and whatever it
 * was doing ends at once. So no hung server is ever waited for.
 *
 * After any failure the handle and its pool are destroyed by the thread, which ends: the connection
 * is dead. (That a command is refused is no failure here: the reply tells.) An idle connection that
 *the server closes dies as well, without being asked.
 *
 * All functions are for fibers of the worker that made it; one job at a time.
 */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "adapters/adapter.h"
#include "adapters/ftps/dialogue.h"
#include "adapters/trace.h"
#include "config/config.h"

struct curl_loop;

struct curl_loop_settings {
	/* Sets the options that every job has; in the thread, before each. */
	void (*configure)(CURL *easy, void *arg);
	void *arg;
	const struct endpoint_timeouts *timeouts;
	int control_port; /* nothing may be connected to it once more after the login */
	struct trace *trace;
};

enum curl_job_kind {
	CURL_COMMAND, /* `command`; a refusal is success: its reply is in the dialogue */
	CURL_RECEIVE, /* RETR or `request`, into `sink` */
	CURL_SEND,    /* STOR, from `source` */
};

/* Why we ended it ourselves. */
enum curl_cut {
	CUT_NONE,
	CUT_TIMEOUT,
	CUT_CANCELED,
	CUT_ABORTED,
	CUT_FLOOD,   /* replies without end */
	CUT_NOT_FTP, /* the first line is no FTP greeting */
	CUT_OURS,    /* sink or source failed */
};

struct curl_job {
	const char *label; /* for `ferryctl ps`; outlives the job */
	enum curl_job_kind kind;
	const char *url;
	const char *command;
	const char *request; /* "MLSD", "LIST"; NULL: RETR */
	struct sink sink;
	struct source source;
	uint64_t offset; /* RETR: REST first */
	bool is_append;  /* APPE instead of STOR */

	/* what became of it */
	CURLcode rc;
	char words[CURL_ERROR_SIZE]; /* libcurl's */
	uint64_t bytes;              /* moved between fiber and ring */
	enum curl_cut cut;
	int64_t waited_ms; /* CUT_TIMEOUT: for the step that did not come */
};

/* `settings` is copied; what it points to must outlive the loop. The thread starts. */
int curl_loop_new(const struct curl_loop_settings *settings, struct curl_loop **out, struct err *e);
void curl_loop_close(struct curl_loop *l);
void curl_loop_abort(struct curl_loop *l);
bool curl_loop_is_alive(const struct curl_loop *l);

/* 0 = done; 1 = failed at libcurl's or the server's side: job->rc, job->cut and the dialogue tell;
 * negative = e, from sink, source or cancel. */
int curl_loop_run(struct curl_loop *l, struct curl_job *job, struct err *e);

/* Of the last job; between jobs only. */
const struct dialogue *curl_loop_dialogue(const struct curl_loop *l);
/* What the server was to do next when the last job ended. X(name, words, setting that bounds it) */
#define CURL_STEPS(X)                                          \
	X(STEP_CONNECT, "the TCP connection", "connect")       \
	X(STEP_GREETING, "the server's greeting", "handshake") \
	X(STEP_TLS, "the TLS handshake", "handshake")          \
	X(STEP_LOGIN, "the answer to the login", "auth")       \
	X(STEP_REPLY, "the answer to a command", "request")    \
	X(STEP_HASH, "the hash of a file", "stall")            \
	X(STEP_OPEN_DATA, "the data connection", "request")    \
	X(STEP_DATA, "data", "stall")                          \
	X(STEP_FINAL, "the confirmation that all has arrived", "stall")

enum curl_step {
#define STEP_ENUM(name, words, setting) name,
	CURL_STEPS(STEP_ENUM)
#undef STEP_ENUM
};
enum curl_step curl_loop_step(const struct curl_loop *l);
