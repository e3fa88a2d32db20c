/*
 * The FTPS and FTP rows of the adapter table.
 */
#include "adapters/adapter.h"

#include "adapters/ftps/files.h"
#include "adapters/ftps/hash.h"
#include "daemon/base/mem.h"

struct connection {
	struct ftp_session *session;
	struct capabilities capabilities;
};

static int connect_endpoint(const struct endpoint_config *endpoint, struct trace *trace,
                            struct connection **out, struct err *e)
{
	struct ftp_session *session;
	struct connection *c;

	if (ftp_session_open(endpoint, trace, &session, e) < 0)
		return e->kind;
	c = mem_new_of(struct connection);
	c->session = session;
	*out = c;
	return 0;
}

static void close_connection(struct connection *c)
{
	if (!c)
		return;
	ftp_session_close(c->session);
	free(c);
}

static void abort_connection(struct connection *c)
{
	curl_loop_abort(c->session->loop);
}

static bool is_connection_alive(const struct connection *c)
{
	return curl_loop_is_alive(c->session->loop);
}

enum { DOUBTFUL_MS = 1000 }; /* servers log idle clients out, often after a minute or five */

/* RNTO is taken for a replacing rename(2) until the server refuses it once. */
static const struct capabilities *capabilities(const struct connection *c)
{
	struct connection *mine = (struct connection *)(uintptr_t)c;

	mine->capabilities = (struct capabilities){
	        .concurrent_operations = 1,
	        .doubtful_after_ms = DOUBTFUL_MS,
	        .atomic_replace = !c->session->rename_refuses_taken,
	        .exact_mtime = ftp_session_dialect(c->session) == FTP_MLSD,
	};
	return &c->capabilities;
}

static void describe(struct buf *out)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);

	(void)buf_printf(out, "  libcurl %s, %s\n", v->version, v->ssl_version);
	if (v->version_num < 0x080000)
		(void)buf_add_text(out,
		                   "    FTPS in active mode does not work before libcurl 8.0\n");
}

static int ping(struct connection *c, struct err *e)
{
	return ftp_ping(c->session, e);
}

static int list(struct connection *c, const char *path, const struct list_limits *limits,
                list_fn *each, void *arg, struct err *e)
{
	return ftp_list(c->session, path, limits, each, arg, e);
}

static int stat_path(struct connection *c, const char *path, struct entry *out, struct err *e)
{
	return ftp_stat(c->session, path, out, e);
}

static int mtime(struct connection *c, const char *path, int64_t *mtime_ms, struct err *e)
{
	return ftp_mtime(c->session, path, mtime_ms, e);
}

static int get(struct connection *c, const char *path, const struct get_options *o, struct err *e)
{
	return ftp_get(c->session, path, o, e);
}

static int put(struct connection *c, const char *path, const struct put_options *o,
               enum verification *level, struct err *e)
{
	return ftp_put(c->session, path, o, level, e);
}

static int append(struct connection *c, const char *path, const struct put_options *o,
                  enum verification *level, struct err *e)
{
	return ftp_append(c->session, path, o, level, e);
}

static int hash(struct connection *c, const char *path, struct server_hash *out, struct err *e)
{
	return ftp_hash(c->session, path, out, e);
}

static int rename_path(struct connection *c, const char *from, const char *to,
                       enum rename_mode mode, struct err *e)
{
	return ftp_rename(c->session, from, to, mode, e);
}

static int remove_path(struct connection *c, const char *path, struct err *e)
{
	return ftp_remove(c->session, path, e);
}

static int mkdir_path(struct connection *c, const char *path, struct err *e)
{
	return ftp_mkdir(c->session, path, e);
}

const struct adapter adapter_ftps = {
        .protocol = "ftps",
        .describe = describe,
        .judge = ftp_session_judge,
        .connect = connect_endpoint,
        .close = close_connection,
        .abort = abort_connection,
        .is_alive = is_connection_alive,
        .capabilities = capabilities,
        .ping = ping,
        .list = list,
        .stat = stat_path,
        .mtime = mtime,
        .get = get,
        .put = put,
        .append = append,
        .hash = hash,
        .rename = rename_path,
        .remove = remove_path,
        .mkdir = mkdir_path,
};
