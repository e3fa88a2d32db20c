/*
 * The keys of the whole: version, daemon, trace, include, endpoints, routes.
 */
#include "config/load.h"

#define AT(member)     .at = offsetof(struct loader, member)
#define DAEMON(member) .at = offsetof(struct daemon_config, member)
#define TRACE(member)  .at = offsetof(struct trace_config, member)
#define SECOND         INT64_C(1000)
#define DAY            (24 * 3600 * SECOND)

static const struct word words_workers[] = {
        {"auto", 0, "one for each processor", NULL},
        {0},
};

static const struct word words_log_level[] = {
        {"error", 0, "what needs a person", NULL},
        {"warning", 0, "what somebody should know", NULL},
        {"info", 0, "what happened", NULL},
        {"debug", 0, "why it happened", NULL},
        {0},
};

static const struct key min_free_keys[] = {
        {"bytes", KEY_SIZE, DAEMON(min_free_bytes), .least = 0, .most = INT64_MAX, .fallback = "1G",
         .doc = "Free bytes that must remain in the file system of `state_dir`."},
        {"percent", KEY_INT, DAEMON(min_free_percent), .least = 0, .most = 99, .fallback = "5",
         .doc = "Free share of that file system that must remain, in percent."},
        {0},
};

static const struct table keys_min_free = {
        .title = "daemon.min_free",
        .about =
                "When less than either is free, polling stops, so that what was taken can still be "
                "delivered. It resumes by itself when a tenth more is free.",
        .keys = min_free_keys,
};

static const struct key daemon_keys[] = {
        {"state_dir", KEY_PATH, DAEMON(state_dir), .fallback = "/var/lib/ferryd",
         .doc = "Directory of the database and the spool. No route may watch it or deliver into "
                "it."},
        {"socket", KEY_PATH, DAEMON(socket), .fallback = "/run/ferryd/control.sock", .most = 107,
         .doc = "Unix socket that `ferryctl` talks to."},
        {"workers", KEY_INT, DAEMON(workers), .least = 1, .most = 64, .fallback = "auto",
         .words = words_workers,
         .doc = "Threads that carry transfers: a number, or `auto` for one for each processor."},
        {"drain", KEY_DURATION, DAEMON(drain_ms), .least = 0, .most = 600 * SECOND,
         .fallback = "30s",
         .doc = "How long a stop waits for running transfers; what is cut then is resumed at the "
                "next start."},
        {"min_free", KEY_SECTION, .table = &keys_min_free,
         .doc = "Free space below which polling stops."},
        {"log_level", KEY_TEXT, DAEMON(log_level), .fallback = "info", .words = words_log_level,
         .doc = "Least important event that is logged."},
        {0},
};

const struct table keys_daemon = {
        .title = "daemon",
        .about = "The process itself. A changed `state_dir`, `socket` or `workers` takes effect at "
                 "the next start.",
        .keys = daemon_keys,
};

/* The numbers are those of libssh2's trace, so that masks carry over; adapters/trace.h has the
 * same list for the writers of traces. */
const struct word words_trace[] = {
        {"transport", 2, "packets and their encryption", NULL},
        {"kex", 4, "key exchange: what both sides offered", NULL},
        {"auth", 8, "authentication: methods tried and answers", NULL},
        {"connection", 16, "channels", NULL},
        {"scp", 32, "scp", NULL},
        {"sftp", 64, "every request and reply with its latency", NULL},
        {"error", 128, "errors", NULL},
        {"publickey", 256, "public key files and signatures", NULL},
        {"socket", 512, "bytes in and out", NULL},
        {0},
};

const struct word words_trace_when[] = {
        {"failure", TRACE_FAILURE, "kept in memory, written when the connection fails", NULL},
        {"always", TRACE_ALWAYS, "written as it happens", NULL},
        {"never", TRACE_NEVER, "kept in memory, never written", NULL},
        {0},
};

static const struct key trace_keys[] = {
        {"dir", KEY_PATH, TRACE(dir), .fallback = "/var/log/ferryd/trace",
         .doc = "Directory of the traces; each endpoint has one of its own below it."},
        {"mask", KEY_FLAGS, TRACE(mask), .most = 1023, .fallback = "511", .words = words_trace,
         .doc = "What is recorded: a list of words, or the sum of their numbers. 511 is all but "
                "`socket`."},
        {"when", KEY_WORD, TRACE(when), .fallback = "failure", .words = words_trace_when,
         .doc = "When a connection's trace is written to its file."},
        {"max_size", KEY_SIZE, TRACE(max_bytes), .least = 64 * 1024, .most = INT64_C(1) << 30,
         .fallback = "10M", .doc = "Largest size of one trace file."},
        {"keep", KEY_DURATION, TRACE(keep_ms), .least = 3600 * SECOND, .most = 3650 * DAY,
         .fallback = "14d", .doc = "Trace files older than this are removed."},
        {0},
};

const struct table keys_trace = {
        .title = "trace",
        .about = "Every connection records what it does in memory; when it fails, the record is "
                 "already there. A trace never holds a secret or the content of a file.",
        .keys = trace_keys,
};

#define KEY_INCLUDE                                                                                \
	{                                                                                          \
		"include", KEY_TEXTS, AT(include),                                                 \
		        .count_at =                                                                \
		                offsetof(struct loader, include) + offsetof(struct texts, count),  \
		        .doc = "Further files with `endpoints` and `routes`: paths or patterns "   \
		               "(`*`, `?`, "                                                       \
		               "`[...]`), relative to the directory of the file they stand in. A " \
		               "path without "                                                     \
		               "a pattern must exist; files whose name begins with a dot match "   \
		               "no `*`."                                                           \
	}
#define KEY_ENDPOINTS                                                                  \
	{                                                                              \
		"endpoints", KEY_NAMED, AT(endpoints),                                 \
		        .table = &keys_endpoint,                                       \
		        .doc = "The partners, each under a name that routes refer to." \
	}
#define KEY_ROUTES                                                                       \
	{                                                                                \
		"routes", KEY_NAMED, AT(routes),                                         \
		        .table = &keys_route,                                            \
		        .doc = "What is carried from where to where, each under a name." \
	}
#define VERSION_HINT "this ferryd reads version 1"

static const struct key root_keys[] = {
        {"version", KEY_INT, .flags = KEY_REQUIRED, AT(version), .least = 1, .most = 1,
         .hint = VERSION_HINT, .doc = "Version of this vocabulary; `1`."},
        {"daemon", KEY_SECTION, AT(daemon), .table = &keys_daemon, .doc = "The process itself."},
        {"trace", KEY_SECTION, AT(trace), .table = &keys_trace,
         .doc = "Records of connections, for when something fails."},
        KEY_INCLUDE,
        KEY_ENDPOINTS,
        KEY_ROUTES,
        {0},
};

const struct table keys_root = {
        .title = "the file",
        .about = "`/etc/ferryd/ferryd.yaml`. `version` is required here; files brought in with "
                 "`include` may leave it out, and have no `daemon` and `trace`.",
        .keys = root_keys,
};

static const struct key included_keys[] = {
        {"version", KEY_INT, AT(version), .least = 1, .most = 1, .hint = VERSION_HINT,
         .doc = "Version of this vocabulary; `1`."},
        {"daemon", KEY_REFUSED, .hint = "belongs into the main file, not into an included one"},
        {"trace", KEY_REFUSED, .hint = "belongs into the main file, not into an included one"},
        KEY_INCLUDE,
        KEY_ENDPOINTS,
        KEY_ROUTES,
        {0},
};

const struct table keys_included = {.title = "an included file", .keys = included_keys};
