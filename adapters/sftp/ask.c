#include "adapters/sftp/ask.h"

#include <string.h>
#include <sys/stat.h>

#include "adapters/sftp/errors.h"

enum { PATH_BYTES_MOST = 4096 };

const char *sftp_path(const char *path)
{
	return *path ? path : ".";
}

int sftp_path_check(const char *path, struct err *e)
{
	if (strlen(path) <= PATH_BYTES_MOST)
		return 0;
	return err_set(e, ERR_POLICY, "PATH-TOO-LONG", 0, "a path of more than %d bytes",
	               PATH_BYTES_MOST);
}

int sftp_ask(struct sftp_request *rq, struct sftp_client *c, enum sftp_op op, const char *path,
             struct err *e)
{
	struct buf *out = sftp_client_out(c);
	int r;

	sftp_request_init(rq, c, op, path);
	r = sftp_request_begin(rq, e);
	if (r < 0)
		return r;
	wire_put_text(out, path);
	if (op == SFTP_OPEN_READ)
		wire_put_u32(out, WIRE_OPEN_READ);
	if (op == SFTP_OPEN_READ || op == SFTP_MKDIR)
		wire_put_attrs(out, &(struct wire_attrs){0});
	sftp_request_send(rq);
	return 0;
}

int sftp_ask_handle(struct sftp_request *rq, const struct sftp_handle *h, enum sftp_op op,
                    const char *path, struct err *e)
{
	int r;

	sftp_request_init(rq, h->client, op, path);
	r = sftp_request_begin(rq, e);
	if (r < 0)
		return r;
	sftp_handle_put(h);
	sftp_request_send(rq);
	return 0;
}

static int finish(struct sftp_request *rq, struct err *e)
{
	return sftp_request_finish(rq, sftp_client_settings(rq->client)->request_ms, e);
}

int sftp_ask_attrs(struct sftp_client *c, enum sftp_op op, const char *path, struct wire_attrs *out,
                   struct err *e)
{
	struct sftp_request rq;
	int r = sftp_ask(&rq, c, op, path, e);

	if (r == 0)
		r = finish(&rq, e);
	if (r == 0)
		*out = rq.attrs;
	sftp_request_release(&rq);
	return r;
}

int sftp_ask_done(struct sftp_client *c, enum sftp_op op, const char *path, struct err *e)
{
	struct sftp_request rq;
	int r = sftp_ask(&rq, c, op, path, e);

	if (r == 0)
		r = finish(&rq, e);
	sftp_request_release(&rq);
	return r;
}

int sftp_ask_handle_of(struct sftp_client *c, enum sftp_op op, const char *path,
                       struct sftp_handle *out, struct err *e)
{
	struct sftp_request rq;
	int r = sftp_ask(&rq, c, op, path, e);

	if (r == 0)
		r = finish(&rq, e);
	if (r == 0)
		sftp_handle_take(out, &rq);
	sftp_request_release(&rq);
	return r;
}

static enum entry_type type_of(const struct wire_attrs *a)
{
	if (!(a->flags & WIRE_ATTR_PERMISSIONS) || (a->permissions & S_IFMT) == 0)
		return ENTRY_UNKNOWN;
	switch (a->permissions & S_IFMT) {
	case S_IFREG:
		return ENTRY_FILE;
	case S_IFDIR:
		return ENTRY_DIR;
	case S_IFLNK:
		return ENTRY_LINK;
	default:
		return ENTRY_OTHER;
	}
}

void sftp_entry_fill(struct entry *out, const struct wire_attrs *a)
{
	bool has_size = (a->flags & WIRE_ATTR_SIZE) && a->size <= INT64_MAX;

	out->type = type_of(a);
	out->size = has_size ? a->size : SIZE_UNKNOWN;
	out->mtime_ms = a->flags & WIRE_ATTR_ACMODTIME ? (int64_t)a->mtime * 1000 : MTIME_UNKNOWN;
	out->identity = 0;
}

int sftp_explain(struct sftp_client *c, const char *path, enum sftp_wanted wanted, struct err *e)
{
	struct wire_attrs a = {0};
	struct err ignored;
	enum entry_type type;

	if (e->native != SFTP_FX_FAILURE && e->native != SFTP_FX_NO_SUCH_FILE)
		return e->kind;
	if (e->kind != ERR_OBJECT || sftp_ask_attrs(c, SFTP_STAT, path, &a, &ignored) < 0)
		return e->kind;
	type = type_of(&a);
	if (wanted == SFTP_WANT_FILE && type == ENTRY_DIR)
		return sftp_err_refine(e, ERR_OBJECT, "OBJ-NOT-DIR", "it is a directory");
	if (wanted == SFTP_WANT_DIR && type != ENTRY_DIR && type != ENTRY_UNKNOWN)
		return sftp_err_refine(e, ERR_OBJECT, "OBJ-NOT-DIR", "it is not a directory");
	return e->kind;
}
