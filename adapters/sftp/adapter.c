/*
 * The SFTP row of the adapter table: a session, its "sftp" subsystem, a client on it.
 */
#include "adapters/adapter.h"

#include "adapters/sftp/abilities.h"
#include "adapters/sftp/client.h"
#include "adapters/sftp/files.h"
#include "adapters/sftp/session.h"
#include "config/config.h"
#include "daemon/base/mem.h"

/* OpenSSH's server works one request at a time; so many files keep it busy at any distance. */
enum { FILES_AT_ONCE = 64, FAR_US = 8000 };

struct connection {
	struct session *session;
	struct sftp_client *client;
	struct sftp_client *siblings[SFTP_SIBLINGS]; /* opened by large uploads, kept */
	struct sftp_settings sibling_settings;
	bool is_opening, is_refused;
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

static int ping(struct connection *c, struct err *e)
{
	return sftp_ping(c->client, e);
}

static int list(struct connection *c, const char *path, const struct list_limits *limits,
                list_fn *each, void *arg, struct err *e)
{
	return sftp_list(c->client, path, limits, each, arg, e);
}

static int stat_path(struct connection *c, const char *path, struct entry *out, struct err *e)
{
	return sftp_stat(c->client, path, out, e);
}

static int get(struct connection *c, const char *path, const struct get_options *o, struct err *e)
{
	return sftp_get(c->client, path, o, e);
}

static int put(struct connection *c, const char *path, const struct put_options *o,
               enum verification *level, struct err *e)
{
	return sftp_put(c->client, path, o, level, e);
}

static int rename_path(struct connection *c, const char *from, const char *to,
                       enum rename_mode mode, struct err *e)
{
	return sftp_rename(c->client, from, to, mode, e);
}

static int remove_path(struct connection *c, const char *path, struct err *e)
{
	return sftp_remove(c->client, path, e);
}

static int mkdir_path(struct connection *c, const char *path, struct err *e)
{
	return sftp_mkdir(c->client, path, e);
}

const struct adapter adapter_sftp = {
        .protocol = "sftp",
        .describe = abilities_describe,
        .connect = connect_endpoint,
        .close = close_connection,
        .abort = abort_connection,
        .is_alive = is_connection_alive,
        .capabilities = capabilities,
        .ping = ping,
        .list = list,
        .stat = stat_path,
        .get = get,
        .put = put,
        .rename = rename_path,
        .remove = remove_path,
        .mkdir = mkdir_path,
};
