#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "adapters/local/beneath.h"
#include "adapters/local/local.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

static const struct capabilities capabilities = {
        .concurrent_operations = LOCAL_CONCURRENT,
        .atomic_replace = true,
        .exact_mtime = true,
        .remote_sync = true,
        .is_local = true,
};

/* ---- each operation ------------------------------------------------------------------------ */

int local_begin(struct connection *c, struct err *e)
{
	if (c->is_dead)
		return err_set(e, ERR_NETWORK, "LOCAL-ROOT-GONE", 0,
		               "%s is being opened again because it was removed or replaced",
		               c->settings->root);
	c->running++;
	return 0;
}

int local_end(struct connection *c, const char *verb, const char *path, int r, const struct err *e)
{
	struct escaped tmp;

	c->running--;
	if (r >= 0)
		TRACE(c->trace, TRACE_SFTP, "%s %s: done", verb, escape_name(path, &tmp));
	else
		TRACE(c->trace, TRACE_SFTP, "%s %s: %s: %s", verb, escape_name(path, &tmp), e->code,
		      e->message);
	return r;
}

/* ---- connect, ping, close ------------------------------------------------------------------ */

static int open_root(void *arg, struct err *e)
{
	struct connection *c = arg;
	struct stat st;

	/* The root itself may be reached through links: it is the operator's word. */
	c->root = open(c->settings->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root < 0 || fstat(c->root, &st) < 0)
		return local_err(e, c, "open", ".");
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	return 0;
}

static int local_connect(const struct endpoint_config *settings, struct trace *trace,
                         struct connection **out, struct err *e)
{
	struct connection *c = mem_new_of(struct connection);
	int r;

	c->settings = settings;
	c->trace = trace;
	c->root = -1;
	barrier_init(&c->barrier);
	list_init(&c->watches);
	r = work_run(open_root, c, "opening the directory", e);
	if (r < 0) {
		(void)local_close(c->root); /* O_PATH: nothing to lose */
		free(c);
		return r;
	}
	TRACE(trace, TRACE_CONNECTION, "opened %s, inode %llu on device %llu", settings->root,
	      (unsigned long long)c->ino, (unsigned long long)c->dev);
	*out = c;
	return 0;
}

static void local_disconnect(struct connection *c)
{
	if (!c)
		return;
	assert(c->running == 0);
	local_unwatch(c);
	(void)close(c->root); /* O_PATH: nothing to lose */
	free(c);
}

/* Running jobs of the pool end by themselves; what starts afterwards fails. */
static void local_abort(struct connection *c)
{
	c->is_dead = true;
}

static bool local_is_alive(const struct connection *c)
{
	return !c->is_dead;
}

static const struct capabilities *local_capabilities(const struct connection *c)
{
	(void)c;
	return &capabilities;
}

/* The path may lead to another directory by now: removed and made again, mounted over. Files would
 * go to, or be awaited in, a place that nobody sees. */
static int check_root(void *arg, struct err *e)
{
	struct connection *c = arg;
	struct stat st;

	if (stat(c->settings->root, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino)
		return 0;
	return err_set(e, ERR_NETWORK, "LOCAL-ROOT-GONE", 0,
	               "%s was removed, replaced or mounted over; it is opened again",
	               c->settings->root);
}

static int local_ping(struct connection *c, struct err *e)
{
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	r = work_run(check_root, c, "looking at the directory", e);
	if (r == ERR_NETWORK)
		c->is_dead = true;
	return local_end(c, "ping", ".", r, e);
}

/* ---- mkdir --------------------------------------------------------------------------------- */

struct mkdir_job {
	struct connection *c;
	const char *path;
};

/* One directory of the way down; it exists when this returns 0. */
static int make_one(struct mkdir_job *j, const char *way, struct err *e)
{
	const char *leaf;
	int r = 0, dir = beneath_parent(j->c->root, way, &leaf);

	if (dir < 0)
		return local_err(e, j->c, "create directory", j->path);
	if (mkdirat(dir, leaf, 0755) == 0) {
		if (fsync(dir) < 0)
			r = local_err_flush(e, j->c, j->path, errno);
	} else if (errno != EEXIST) {
		r = local_err(e, j->c, "create directory", j->path);
	}
	(void)close(dir); /* flushed or failed already */
	return r;
}

static int make_all(void *arg, struct err *e)
{
	struct mkdir_job *j = arg;
	char way[PATH_MAX];
	int r = 0, fd;

	if ((size_t)snprintf(way, sizeof(way), "%s", j->path) >= sizeof(way)) {
		errno = ENAMETOOLONG;
		return local_err(e, j->c, "create directory", j->path);
	}
	for (size_t n = strlen(way); n > 0 && way[n - 1] == '/'; n--)
		way[n - 1] = '\0';
	for (char *p = way + strspn(way, "/"); *p && r == 0; p += strspn(p, "/")) {
		char *end = p + strcspn(p, "/"), kept = *end;

		*end = '\0';
		r = make_one(j, way, e);
		*end = kept;
		p = end;
	}
	if (r < 0)
		return r;
	fd = beneath_open(j->c->root, way, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return local_err(e, j->c, "create directory", j->path);
	(void)close(fd); /* O_PATH: nothing to lose */
	return 0;
}

static int local_mkdir(struct connection *c, const char *path, struct err *e)
{
	struct mkdir_job j = {.c = c, .path = path};
	int r = local_begin(c, e);

	if (r < 0)
		return r;
	return local_end(c, "mkdir", path, work_run(make_all, &j, "creating a directory", e), e);
}

const struct adapter adapter_local = {
        .protocol = "local",
        .connect = local_connect,
        .close = local_disconnect,
        .abort = local_abort,
        .is_alive = local_is_alive,
        .capabilities = local_capabilities,
        .ping = local_ping,
        .list = local_list,
        .stat = local_stat,
        .get = local_get,
        .put = local_put,
        .append = local_append,
        .rename = local_rename,
        .remove = local_remove,
        .mkdir = local_mkdir,
        .claim = local_claim,
        .adopt = local_adopt,
        .watch = local_watch,
        .is_busy = local_is_busy,
};
