/*
 * The keys of a route.
 */
#include "config/load.h"

#define AT(member)   .at = offsetof(struct route_form, member)
#define FROM(member) .at = offsetof(struct source_form, member)
#define FROM_LIST(member, counted)                      \
	.at = offsetof(struct source_form, out.member), \
	.count_at = offsetof(struct source_form, out.counted)
#define DEST(member)  .at = offsetof(struct dest_form, member)
#define RETRY(member) .at = offsetof(struct retry_config, member)
#define SECOND        INT64_C(1000)
#define DAY           (24 * 3600 * SECOND)

/* ---- retry --------------------------------------------------------------------------------- */

#define RETRY_KEYS(first_value, most_value, attempts_value)                                      \
	{"first",                                                                                \
	 KEY_DURATION,                                                                           \
	 RETRY(first_ms),                                                                        \
	 .least = 10,                                                                            \
	 .most = DAY,                                                                            \
	 first_value,                                                                            \
	 .doc = "Wait before the first repetition; each further wait is twice as long, give or " \
	        "take a fifth."},                                                                \
	        {"most",                                                                         \
	         KEY_DURATION,                                                                   \
	         RETRY(most_ms),                                                                 \
	         .least = 10,                                                                    \
	         .most = 7 * DAY,                                                                \
	         most_value,                                                                     \
	         .doc = "The longest wait."},                                                    \
	        {"attempts",                                                                     \
	         KEY_INT,                                                                        \
	         RETRY(attempts),                                                                \
	         .least = 0,                                                                     \
	         .most = 1000000,                                                                \
	         attempts_value,                                                                 \
	         .doc = "After so many failures the file is held until an operator decides; 0: " \
	                "never."},                                                               \
	{                                                                                        \
		0                                                                                \
	}

static const struct key retry_keys[] = {
        RETRY_KEYS(.fallback = "1s", .fallback = "5m", .fallback = "0")};
static const struct key dest_retry_keys[] = {RETRY_KEYS(.fallback_doc = "the route's",
                                                        .fallback_doc = "the route's",
                                                        .fallback_doc = "the route's")};

static const struct table keys_retry = {
        .title = "route.retry",
        .about = "How a failed fetch is repeated. Destinations that say nothing else use it too.",
        .keys = retry_keys,
};
static const struct table keys_dest_retry = {
        .title = "route.to.retry",
        .about = "How a failed delivery to this destination is repeated.",
        .keys = dest_retry_keys,
};

/* ---- from ---------------------------------------------------------------------------------- */

static const struct word words_order[] = {
        {"name", ORDER_NAME, "by name", NULL},
        {"-name", -1 - ORDER_NAME, "by name, last first", NULL},
        {"mtime", ORDER_MTIME, "oldest first", NULL},
        {"-mtime", -1 - ORDER_MTIME, "newest first", NULL},
        {"size", ORDER_SIZE, "smallest first", NULL},
        {"-size", -1 - ORDER_SIZE, "largest first", NULL},
        {0},
};

static const struct word words_after[] = {
        {"keep", AFTER_KEEP, "stays as it is; the ledger knows that it was taken", NULL},
        {"delete", AFTER_DELETE, "is removed", NULL},
        {0},
};

static const struct key after_keys[] = {
        {"move", KEY_TEXT, FROM(out.after_to), .tag = AFTER_MOVE,
         .doc = "Moves the file into this directory: relative to `from.path`, or absolute at the "
                "endpoint. For a directory of this machine it must lie below `from.path`."},
        {"rename", KEY_TEXT, FROM(out.after_to), .tag = AFTER_RENAME, .judge = JUDGE_NAME_TEMPLATE,
         .doc = "Renames the file in its directory, by a template such as `{name}.taken`."},
        {0},
};

static const struct table keys_after = {
        .title = "route.from.after",
        .about = "What happens to the source file when all destinations have it: one of the words, "
                 "or a map with one of these keys.",
        .keys = after_keys,
        .tag_at = offsetof(struct source_form, out.after),
        .instead = "wants keep, delete, {move: DIR} or {rename: TEMPLATE}",
};

static const struct key ready_keys[] = {
        {"stable_for", KEY_DURATION, FROM(out.stable_for_ms), .least = 0, .most = DAY,
         .fallback_doc = "10s, for a directory of this machine 0",
         .doc = "A file is taken when two looks at it, at least so far apart, saw the same size "
                "and "
                "time; 0: at once."},
        {0},
};

static const struct table keys_ready = {
        .title = "route.from.ready",
        .about = "When a file counts as complete.",
        .keys = ready_keys,
};

static const struct key from_keys[] = {
        {"endpoint", KEY_TEXT, FROM(endpoint), .most = 63, .fallback_doc = "this machine",
         .doc = "Name of the endpoint the files come from."},
        {"path", KEY_TEXT, .flags = KEY_REQUIRED, FROM(path),
         .doc = "The directory the files lie in; on this machine an absolute path that exists."},
        {"match", KEY_TEXTS, FROM_LIST(match, match_count), .most = 255, .check = route_check_glob,
         .fallback_doc = "every file",
         .doc = "One or several patterns (`*`, `?`, `[...]`) on the file name; one must match."},
        {"exclude", KEY_TEXTS, FROM_LIST(exclude, exclude_count), .most = 255,
         .check = route_check_glob, .doc = "Patterns of files that are left alone."},
        {"hidden", KEY_BOOL, FROM(out.hidden), .fallback = "false",
         .doc = "Whether names that begin with a dot are taken."},
        {"recurse", KEY_INT, FROM(out.recurse), .least = 0, .most = 32, .fallback = "0",
         .hint = "say how many levels below path, such as 1 (0: none, 32: the most)",
         .doc = "Levels of directories below `path` that are searched too."},
        {"order", KEY_WORD, FROM(order), .fallback = "name", .words = words_order,
         .doc = "In which order the files of one listing are taken."},
        {"min_size", KEY_SIZE, FROM(out.min_size), .least = 0, .most = INT64_MAX, .fallback = "0",
         .doc = "Smaller files are left alone."},
        {"max_size", KEY_SIZE, FROM(out.max_size), .least = 1, .most = INT64_MAX, .fallback = "10G",
         .doc = "Larger files are left alone, with a reason in `ferryctl jobs`."},
        {"min_age", KEY_DURATION, FROM(out.min_age_ms), .least = 0, .most = 3650 * DAY,
         .fallback = "0", .doc = "Files changed more recently than this are not taken yet."},
        {"max_age", KEY_DURATION, FROM(out.max_age_ms), .least = 0, .most = 3650 * DAY,
         .fallback = "0", .doc = "Files older than this are left alone; 0: no limit."},
        {"poll", KEY_DURATION, FROM(out.poll_ms), .least = 100, .most = 7 * DAY,
         .fallback_doc = "60s, if there is no `cron`",
         .doc = "How often the directory is listed. A directory of this machine is also watched: "
                "files are taken at once, and the poll finds what the watch missed."},
        {"cron", KEY_TEXT, FROM(out.cron), .most = 255, .judge = JUDGE_CRON,
         .doc = "When the directory is listed, instead of `poll`: minute, hour, day, month, "
                "weekday, such as `\"*/5 8-18 * * mon-fri\"`."},
        {"time_zone", KEY_TEXT, FROM(out.time_zone), .most = 63, .judge = JUDGE_TIME_ZONE,
         .fallback_doc = "the machine's", .doc = "Time zone of `cron`, such as `Europe/Berlin`."},
        {"ready", KEY_SECTION, .table = &keys_ready, .doc = "When a file counts as complete."},
        {"after", KEY_ONE_OF, .table = &keys_after, .fallback = "keep", .words = words_after,
         .doc = "What happens to the source file when all destinations have it: `keep`, `delete`, "
                "`{move: DIR}` or `{rename: TEMPLATE}`."},
        {0},
};

static const struct table keys_from = {
        .title = "route.from",
        .about = "Where files come from, and which ones.",
        .keys = from_keys,
};

/* ---- to ------------------------------------------------------------------------------------ */

static const struct word words_exists[] = {
        {"fail", EXISTS_FAIL, "the file is held, unless it is the same one from the same job",
         NULL},
        {"replace", EXISTS_REPLACE, "the new file takes its place", NULL},
        {"skip", EXISTS_SKIP, "the delivery counts as done", NULL},
        {"rename", EXISTS_RENAME, "the new file gets a number", NULL},
        {"append", EXISTS_APPEND,
         "the bytes are added at its end, one file after the other; who reads meanwhile sees a "
         "part. Nobody else may write to it: what cannot be told apart after an interruption is "
         "held",
         NULL},
        {0},
};

static const struct word words_mtime[] = {
        {"new", MTIME_NEW, "that of its arrival", NULL},
        {"keep", MTIME_KEEP,
         "that of the source file; an FTP server must know MFMT for it. What is appended to a file "
         "changes its time",
         NULL},
        {0},
};

static const struct word words_verify[] = {
        {"size", VERIFY_SIZE, "the destination shows the right size", NULL},
        {"none", VERIFY_NONE, "the server's word is enough", NULL},
        {"digest", VERIFY_DIGEST,
         "the bytes at the destination have the right hash: the server's own where it "
         "tells one (FTP: HASH, XSHA256, XMD5, XCRC ...), else they are read back",
         NULL},
        {0},
};

#define COMMAND(which)                                                                       \
	static const struct key which##_command_keys[] = {                                   \
	        {"run", KEY_TEXTS, .flags = KEY_REQUIRED, DEST(out.which.argv.items),        \
	         .count_at = offsetof(struct dest_form, out.which.argv.count), .most = 4096, \
	         .judge = JUDGE_COMMAND_WORD,                                                \
	         .doc = "The program and its arguments as a list; no shell splits or "       \
	                "expands them. `{path}`, `{name}`, `{dir}` are the file's at the "   \
	                "server, `{route}`, `{job}`, `{size}`, `{sha256}` tell more; `{{` "  \
	                "and `}}` are braces."},                                             \
	        {"env", KEY_TEXTS, DEST(out.which.env.items),                                \
	         .count_at = offsetof(struct dest_form, out.which.env.count), .most = 4096,  \
	         .check = route_check_variable, .judge = JUDGE_COMMAND_WORD,                 \
	         .doc = "Variables, `NAME=value`; most servers take none that their "        \
	                "`AcceptEnv` does not name, and the command is not run then."},      \
	        {"timeout", KEY_DURATION, DEST(out.which.timeout_ms), .least = 100,          \
	         .most = 24 * 3600 * INT64_C(1000), .fallback = "5m",                        \
	         .doc = "It must have ended after this time. While it says nothing, the "    \
	                "connection is kept alive by `keepalive`."},                         \
	        {0},                                                                         \
	}

COMMAND(before);
COMMAND(after);

static const struct table keys_before = {
        .title = "route.to.commands.before",
        .about = "A command at the server before each attempt to upload a file; when it fails, the "
                 "attempt has failed. It may be run several times for one file.",
        .keys = before_command_keys,
};

static const struct table keys_after_delivery = {
        .title = "route.to.commands.after",
        .about = "A command at the server when the delivery is on record: at least once, again "
                 "after a failure as `retry` says, and again if ferryd was killed before its end "
                 "was on record. Its failure does not take the delivery back; when it is given up "
                 "the log and `ferryctl show` tell.",
        .keys = after_command_keys,
};

static const struct key command_keys[] = {
        {"before", KEY_SECTION, .table = &keys_before, .doc = "Before each attempt to upload."},
        {"after", KEY_SECTION, .table = &keys_after_delivery, .doc = "After the delivery."},
        {0},
};

static const struct table keys_commands = {
        .title = "route.to.commands",
        .about = "Commands at the server of an endpoint with `protocol: sftp`, over the same "
                 "connection as the files.",
        .keys = command_keys,
};

static const struct key dest_keys[] = {
        {"endpoint", KEY_TEXT, DEST(endpoint), .most = 63, .fallback_doc = "this machine",
         .doc = "Name of the endpoint the files go to."},
        {"path", KEY_TEXT, .flags = KEY_REQUIRED, DEST(path),
         .doc = "The directory the files go into; on this machine an absolute path that exists."},
        {"name", KEY_TEXT, DEST(out.name), .most = 1024, .fallback = "{name}",
         .judge = JUDGE_NAME_TEMPLATE,
         .doc = "Name of the file there: a template, such as `{mtime:%Y%m%d}-{name}`."},
        {"exists", KEY_WORD, DEST(out.exists), .fallback = "fail", .words = words_exists,
         .doc = "What happens when a file of that name exists there."},
        {"mode", KEY_MODE, DEST(out.mode), .fallback_doc = "not changed",
         .doc = "File mode in octal digits, in quotes: `\"0640\"`."},
        {"mtime", KEY_WORD, DEST(out.mtime), .fallback = "new", .words = words_mtime,
         .doc = "Which time of change the file has there."},
        {"mkdir", KEY_BOOL, DEST(out.mkdir), .fallback = "false",
         .doc = "Whether missing directories are made. On this machine `path` itself must exist."},
        {"verify", KEY_WORD, DEST(out.verify), .fallback = "size", .words = words_verify,
         .doc = "What must be true before a file counts as delivered."},
        {"retry", KEY_SECTION, DEST(out.retry), .table = &keys_dest_retry,
         .doc = "How a failed delivery is repeated."},
        {"commands", KEY_SECTION, .table = &keys_commands,
         .doc = "With sftp: commands at the server around each delivery."},
        {0},
};

static const struct table keys_dest = {
        .title = "route.to",
        .about = "A destination. Each one has its own progress and its own repetitions; none waits "
                 "for another.",
        .keys = dest_keys,
        .size = sizeof(struct dest_form),
};

static const struct key route_keys[] = {
        {"enabled", KEY_BOOL, AT(out.enabled), .fallback = "true",
         .doc = "`false` keeps the route in the file but does not run it."},
        {"from", KEY_SECTION, .flags = KEY_REQUIRED, AT(from), .table = &keys_from,
         .doc = "Where files come from."},
        {"to", KEY_SECTIONS, .flags = KEY_REQUIRED, AT(to), .least = 1, .most = 32,
         .table = &keys_dest, .doc = "Where they go: a list of destinations."},
        {"retry", KEY_SECTION, AT(out.retry), .table = &keys_retry,
         .doc = "How a failed fetch is repeated."},
        {0},
};

const struct table keys_route = {
        .title = "route",
        .about = "Carries files from one directory to one or several others. Its name has 1 to 63 "
                 "letters, digits, `.`, `_` and `-`; the history of files is kept under it.",
        .keys = route_keys,
        .size = sizeof(struct route_form),
        .check_name = route_check_name,
};
