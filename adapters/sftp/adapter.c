/*
 * The SFTP row of the adapter table: a session, its "sftp" subsystem, a client on it.
 */
#include "adapters/adapter.h"

#include "adapters/charset.h"
#include "adapters/sftp/abilities.h"
#include "adapters/sftp/algorithms.h"
#include "adapters/sftp/client.h"
#include "adapters/sftp/exec.h"
#include "adapters/sftp/files.h"
#include "adapters/sftp/session.h"
#include "adapters/sftp/shell.h"
#include "adapters/sftp/trust.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

/* OpenSSH's server works one request at a time; so many files keep it busy at any distance. */
enum { FILES_AT_ONCE = 64, FAR_US = 8000 };

struct connection {
	struct session *session;
	struct sftp_client *client;
	struct sftp_client *siblings[SFTP_SIBLINGS]; /* opened by large uploads, kept */
	struct sftp_settings sibling_settings;
	bool is_opening, is_refused;
	enum charset charset; /* of names at the server */
	int64_t keepalive_ms;
	struct capabilities capabilities;
};

static int open_client(struct connection *c, const struct sftp_settings *settings,
                       struct sftp_client **out, struct err *e)
{
	struct stream *stream;
	int r = session_open_subsystem(c->session, "sftp", &stream, e);

	return r < 0 ? r : sftp_client_open(stream, settings, out, e);
}

/* One at a time; a server that refuses once (MaxSessions) is not asked again. */
static struct sftp_client *sibling(void *arg, size_t i)
{
	struct connection *c = arg;
	struct sftp_client *made = c->siblings[i];
	struct err ignored;

	if (made)
		return sftp_client_is_alive(made) ? made : NULL;
	if (c->is_opening || c->is_refused)
		return NULL;
	c->is_opening = true;
	if (open_client(c, &c->sibling_settings, &made, &ignored) == 0)
		c->siblings[i] = made;
	else
		c->is_refused = ignored.kind != ERR_CANCELED;
	c->is_opening = false;
	return made;
}

static int start_client(struct connection *c, const struct endpoint_config *endpoint,
                        struct trace *trace, struct err *e)
{
	struct sftp_settings settings = {
	        .request_ms = endpoint->timeouts.request_ms,
	        .stall_ms = endpoint->timeouts.stall_ms,
	        .trace = trace,
	};

	c->sibling_settings = settings;
	settings.sibling = sibling;
	settings.sibling_arg = c;
	settings.far_us = FAR_US;
	return open_client(c, &settings, &c->client, e);
}

static void close_connection(struct connection *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < SFTP_SIBLINGS; i++)
		sftp_client_close(c->siblings[i]);
	sftp_client_close(c->client); /* first: its fibers are inside calls on the session */
	session_close(c->session);
	free(c);
}

static int connect_endpoint(const struct endpoint_config *endpoint, struct trace *trace,
                            struct connection **out, struct err *e)
{
	struct connection *c = mem_new_of(struct connection);
	int r = session_open(endpoint, trace, &c->session, e);

	c->charset = endpoint->charset;
	c->keepalive_ms = endpoint->keepalive_ms;
	if (r == 0)
		r = start_client(c, endpoint, trace, e);
	if (r < 0) {
		close_connection(c);
		return r;
	}
	*out = c;
	return 0;
}

static void abort_connection(struct connection *c)
{
	for (size_t i = 0; i < SFTP_SIBLINGS; i++) {
		if (c->siblings[i])
			sftp_client_abort(c->siblings[i]);
	}
	sftp_client_abort(c->client);
	session_abort(c->session);
}

static bool is_connection_alive(const struct connection *c)
{
	return sftp_client_is_alive(c->client) && session_is_alive(c->session);
}

/* An operation holds one handle; half are left for those whose CLOSE is still on its way. */
static int files_at_once(const struct sftp_client *c)
{
	size_t handles = sftp_client_handles_most(c);

	if (handles == 0 || handles / 2 >= FILES_AT_ONCE)
		return FILES_AT_ONCE;
	return handles < 2 ? 1 : (int)(handles / 2);
}

/* Asked anew each time: a server may turn out not to have what it offered. */
static const struct capabilities *capabilities(const struct connection *c)
{
	struct connection *mine = (struct connection *)(uintptr_t)c;

	mine->capabilities = (struct capabilities){
	        .concurrent_operations = files_at_once(c->client),
	        .atomic_replace = sftp_client_offers(c->client, SFTP_EXT_POSIX_RENAME),
	        .exact_mtime = true,
	        .remote_sync = sftp_client_offers(c->client, SFTP_EXT_FSYNC),
	};
	return &c->capabilities;
}

static uint64_t traffic(const struct connection *c)
{
	struct session_traffic t = session_traffic(c->session);

	return t.received + t.sent;
}

static int ping(struct connection *c, struct err *e)
{
	int64_t asked_us = clock_mono_us();
	int r = sftp_client_failure(c->client, e); /* dead: why, not what ping would have asked */

	if (r == 0)
		r = sftp_ping(c->client, e);
	if (r == 0)
		TRACE(sftp_client_settings(c->client)->trace, TRACE_CONNECTION,
		      "keepalive answered after %.1f ms",
		      (double)(clock_mono_us() - asked_us) / 1000);
	return r;
}

/* ---- names: in the server's character set on the wire, in ours above ----------------------- */

struct listing {
	enum charset charset;
	list_fn *each;
	void *arg;
};

static int on_entry(const struct entry *entry, void *arg, struct err *e)
{
	struct listing *l = arg;
	struct entry mine = *entry;
	_cleanup_free_ char *name = charset_decode(l->charset, entry->name, &mine.name_bytes);

	mine.name = name;
	return l->each(&mine, l->arg, e);
}

static int examine_server(struct connection *c, struct trace *trace, struct err *e)
{
	(void)trace; /* the client's own */
	return sftp_examine(c->client, e);
}

static int list(struct connection *c, const char *path, const struct list_limits *limits,
                list_fn *each, void *arg, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);
	struct listing l = {c->charset, each, arg};

	return there ? sftp_list(c->client, there, limits, on_entry, &l, e) : e->kind;
}

static int stat_path(struct connection *c, const char *path, struct entry *out, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);

	return there ? sftp_stat(c->client, there, out, e) : e->kind;
}

static int get(struct connection *c, const char *path, const struct get_options *o, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);

	return there ? sftp_get(c->client, there, o, e) : e->kind;
}

static int put(struct connection *c, const char *path, const struct put_options *o,
               enum verification *level, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);

	return there ? sftp_put(c->client, there, o, level, e) : e->kind;
}

static int append(struct connection *c, const char *path, const struct put_options *o,
                  enum verification *level, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);

	return there ? sftp_append(c->client, there, o, level, e) : e->kind;
}

static int rename_path(struct connection *c, const char *from, const char *to,
                       enum rename_mode mode, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, from, e);
	_cleanup_free_ char *target = there ? charset_encode(c->charset, to, e) : NULL;

	return target ? sftp_rename(c->client, there, target, mode, e) : e->kind;
}

static int remove_path(struct connection *c, const char *path, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);

	return there ? sftp_remove(c->client, there, e) : e->kind;
}

static int mkdir_path(struct connection *c, const char *path, struct err *e)
{
	_cleanup_free_ char *there = charset_encode(c->charset, path, e);

	return there ? sftp_mkdir(c->client, there, e) : e->kind;
}

/* ---- commands ------------------------------------------------------------------------------ */

static int show_life(void *arg, struct err *e)
{
	return ping(arg, e);
}

/* Words and variables may hold names: in the server's character set too. */
static int encode_words(const struct connection *c, const struct command *cmd, struct buf *line,
                        struct err *e)
{
	for (size_t i = 0; i < cmd->count; i++) {
		_cleanup_free_ char *word = charset_encode(c->charset, cmd->words[i], e);

		if (!word)
			return e->kind;
		if ((i && buf_add_text(line, " ") < 0) || shell_word(line, word) < 0)
			return err_set(e, ERR_POLICY, "EXEC-TOO-LONG", 0,
			               "the command is longer than %d bytes", EXEC_LINE_BYTES);
	}
	return 0;
}

static void free_all(char **all)
{
	for (size_t i = 0; all && all[i]; i++)
		free(all[i]);
	free(all);
}

/* NULL and told when a variable has no place in the server's character set. */
static char **encode_variables(const struct connection *c, const struct command *cmd, struct err *e)
{
	char **all = mem_new_array(cmd->environment_count + 1, sizeof(*all));

	for (size_t i = 0; i < cmd->environment_count; i++) {
		all[i] = charset_encode(c->charset, cmd->environment[i], e);
		if (!all[i]) {
			free_all(all);
			return NULL;
		}
	}
	return all;
}

static int execute_line(struct connection *c, const struct command *cmd, struct buf *line,
                        struct command_result *result, struct err *e)
{
	char **variables = encode_variables(c, cmd, e);
	struct exec x = {.line = buf_text(line),
	                 .environment = (const char *const *)variables,
	                 .environment_count = cmd->environment_count,
	                 .timeout_ms = cmd->timeout_ms,
	                 .quiet_ms = c->keepalive_ms,
	                 .quiet = show_life,
	                 .arg = c};
	int r = variables ? session_execute(c->session, &x, result, e) : e->kind;

	free_all(variables);
	return r;
}

static int execute(struct connection *c, const struct command *cmd, struct command_result *result,
                   struct err *e)
{
	struct buf line;
	int r;

	buf_init(&line, EXEC_LINE_BYTES);
	r = encode_words(c, cmd, &line, e);
	if (r == 0)
		r = execute_line(c, cmd, &line, result, e);
	buf_release(&line);
	return r;
}

/* ---- tunnels ------------------------------------------------------------------------------- */

static int forward(const struct endpoint_config *endpoint, struct trace *trace,
                   struct forwarding *f, struct err *e)
{
	struct session *s;
	int r = session_open(endpoint, trace, &s, e);

	if (r < 0)
		return r;
	r = session_forward(s, f, e);
	fiber_shield_begin();
	session_close(s);
	fiber_shield_end();
	return r;
}

const struct adapter adapter_sftp = {
        .protocol = "sftp",
        .describe = abilities_describe,
        .judge = algorithms_judge,
        .connect = connect_endpoint,
        .trust = sftp_trust,
        .close = close_connection,
        .abort = abort_connection,
        .is_alive = is_connection_alive,
        .traffic = traffic,
        .capabilities = capabilities,
        .ping = ping,
        .examine = examine_server,
        .list = list,
        .stat = stat_path,
        .get = get,
        .put = put,
        .append = append,
        .rename = rename_path,
        .remove = remove_path,
        .mkdir = mkdir_path,
        .execute = execute,
        .forward = forward,
};
