#include <stdio.h>
#include <string.h>

#include "adapters/sftp/ask.h"
#include "adapters/sftp/errors.h"
#include "adapters/sftp/files.h"
#include "adapters/sftp/lanes.h"
#include "adapters/sftp/window.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/*
 * open -> WRITE WRITE WRITE … FSETSTAT fsync CLOSE STAT -> all answers
 *
 * What comes after the last WRITE leaves without waiting for the answers: requests about one file
 * are served in order (draft §3; lanes.h tells when not). Every status counts; CLOSE's too, for
 * there some servers report the quota.
 */
struct put {
	struct sftp_client *client;
	const char *path;
	const struct put_options *o;
	bool is_append;
	uint64_t base; /* the file's size before, 0 unless it is appended to */
	struct sftp_handle handle;
	struct lanes lanes; /* further ones, for a large file to a server far away */
	struct window window;
	unsigned char *stage; /* the source reads into it, one piece at a time */
	size_t stage_room;
	uint64_t sent;
	struct sftp_request mode, sync, close, look;
};

/* ---- why it failed ------------------------------------------------------------------------- */

enum { FULL_BELOW = 256 * 1024, STATVFS_READ_ONLY = 1 };

enum disk_state { DISK_OTHER, DISK_FULL, DISK_READ_ONLY };

/* OpenSSH PROTOCOL §3.4: bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag … */
static enum disk_state state_of_disk(const struct sftp_request *rq)
{
	struct wire_in in = {rq->body, rq->body_bytes, false};
	uint64_t v[10], free_bytes;

	for (size_t i = 0; i < 10; i++)
		v[i] = wire_u64(&in);
	if (in.is_broken)
		return DISK_OTHER;
	if (v[9] & STATVFS_READ_ONLY)
		return DISK_READ_ONLY;
	if (v[5] > 0 && v[7] == 0)
		return DISK_FULL; /* no inode left */
	if (__builtin_mul_overflow(v[1], v[4], &free_bytes) || free_bytes >= FULL_BELOW)
		return DISK_OTHER;
	return DISK_FULL;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_dup(".");
	return slash == path ? mem_dup("/") : mem_dup_bytes(path, (size_t)(slash - path));
}

/* SSH_FX_FAILURE of a write is most often a full disk, or one that is read-only: ask. */
static int explain_disk(struct put *p, struct err *e)
{
	_cleanup_free_ char *parent = parent_of(p->path);
	struct sftp_request rq;
	struct err ignored;
	enum disk_state state = DISK_OTHER;

	if (e->kind != ERR_OBJECT || e->native != SFTP_FX_FAILURE ||
	    !sftp_client_offers(p->client, SFTP_EXT_STATVFS))
		return e->kind;
	if (sftp_ask(&rq, p->client, SFTP_STATVFS, parent, &ignored) == 0 &&
	    sftp_request_finish(&rq, sftp_client_settings(p->client)->request_ms, &ignored) == 0)
		state = state_of_disk(&rq);
	sftp_request_release(&rq);
	switch (state) {
	case DISK_FULL:
		return sftp_err_refine(e, ERR_BUSY, "OBJ-NO-SPACE",
		                       "its disk is full: the partner must free space");
	case DISK_READ_ONLY:
		return sftp_err_refine(e, ERR_OBJECT, "OBJ-DENIED",
		                       "its disk is read-only: ask the partner");
	case DISK_OTHER:
		break;
	}
	return e->kind;
}

static int explain(struct put *p, struct err *e)
{
	if (e->kind == ERR_OBJECT && strcmp(e->code, "OBJ-EXISTS") != 0)
		sftp_explain(p->client, p->path, SFTP_WANT_FILE, e);
	return explain_disk(p, e);
}

/* ---- open ---------------------------------------------------------------------------------- */

static struct wire_attrs mode_attrs(const struct put *p)
{
	if (p->o->mode < 0 || p->is_append)
		return (struct wire_attrs){0};
	return (struct wire_attrs){.flags = WIRE_ATTR_PERMISSIONS,
	                           .permissions = (uint32_t)p->o->mode};
}

static int open_file(struct put *p, struct err *e)
{
	struct wire_attrs attrs = mode_attrs(p); /* never wider than asked for, not even at first */
	struct buf *out = sftp_client_out(p->client);
	struct sftp_request rq;
	int r;

	sftp_request_init(&rq, p->client, SFTP_OPEN_WRITE, p->path);
	r = sftp_request_begin(&rq, e);
	if (r == 0) {
		wire_put_text(out, p->path);
		wire_put_u32(out, p->is_append
		                          ? WIRE_OPEN_WRITE | WIRE_OPEN_APPEND
		                          : WIRE_OPEN_WRITE | WIRE_OPEN_CREAT | WIRE_OPEN_TRUNC);
		wire_put_attrs(out, &attrs);
		sftp_request_send(&rq);
		r = sftp_request_finish(&rq, sftp_client_settings(p->client)->request_ms, e);
	}
	if (r == 0)
		sftp_handle_take(&p->handle, &rq);
	sftp_request_release(&rq);
	if (r == ERR_OBJECT && !p->is_append && strcmp(e->code, "OBJ-MISSING") == 0)
		return sftp_err_refine(e, ERR_OBJECT, "OBJ-MISSING",
		                       "the directory it belongs into does not exist");
	return r;
}

/* ---- write --------------------------------------------------------------------------------- */

static int settle_head(struct put *p, struct err *e)
{
	struct chunk *k = window_head(&p->window);
	int r = sftp_request_finish(&k->rq, sftp_client_settings(p->client)->stall_ms, e);

	if (r == 0)
		window_pop(&p->window);
	return r;
}

/* The answers that are here already. */
static int settle_answered(struct put *p, struct err *e)
{
	int r = 0;

	while (r == 0 && !window_is_empty(&p->window) &&
	       window_head(&p->window)->rq.state != SFTP_PENDING)
		r = settle_head(p, e);
	return r;
}

static int send_piece(struct put *p, size_t n, struct err *e)
{
	const struct lane main = {p->client, p->handle}, *lane = lanes_next(&p->lanes, &main);
	struct buf *out = sftp_client_out(lane->client);
	struct chunk *k = window_add(&p->window, lane->client, SFTP_WRITE, p->base + p->sent, n);
	int r = sftp_request_begin(&k->rq, e);

	if (r < 0)
		return r;
	sftp_handle_put(&lane->handle);
	wire_put_u64(out, p->base + p->sent);
	wire_put_string(out, p->stage, n);
	sftp_request_send(&k->rq);
	p->sent += n;
	return 0;
}

static int wrong_source(const struct put *p, const char *code, const char *what, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_INTEGRITY, code, 0,
	               "write %s: the source %s the %llu bytes that were announced",
	               escape_name(p->path, &tmp), what, (unsigned long long)p->o->source.size);
}

/* One piece from the source; the last one asks for a byte more than there should be. */
static int send_next(struct put *p, struct err *e)
{
	uint64_t left = p->o->source.size - p->sent;
	size_t piece = window_piece(&p->window, sftp_client_write_most(p->client));
	size_t room = left <= piece ? (size_t)left + 1 : piece;
	int64_t n;

	if (room > p->stage_room) {
		p->stage = mem_grow(p->stage, room);
		p->stage_room = room;
	}
	n = p->o->source.read(p->o->source.arg, p->stage, room, e);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n > left)
		return wrong_source(p, "DATA-LONG", "holds more than", e);
	if (n == 0)
		return left ? wrong_source(p, "DATA-SHORT", "ends before", e) : 0;
	return send_piece(p, (size_t)n, e);
}

static int write_all(struct put *p, struct err *e)
{
	int r = p->o->source.size == 0 ? send_next(p, e) : 0;

	while (r == 0 && p->sent < p->o->source.size) {
		r = window_has_room(&p->window) ? send_next(p, e) : settle_head(p, e);
		if (r == 0)
			r = settle_answered(p, e);
		if (r == 0)
			r = fiber_breathe(e);
	}
	return r;
}

/* ---- finish -------------------------------------------------------------------------------- */

/* Once more the mode, which the open has put through the server's mask; and the time. */
static struct wire_attrs end_attrs(const struct put *p)
{
	struct wire_attrs attrs = mode_attrs(p);
	int64_t mtime = p->o->mtime_ms / 1000;

	if (mtime > 0 && mtime <= UINT32_MAX && !p->is_append) {
		attrs.flags |= WIRE_ATTR_ACMODTIME;
		attrs.mtime = (uint32_t)mtime;
	}
	return attrs;
}

static int send_attrs(struct put *p, const struct wire_attrs *attrs, struct err *e)
{
	int r = sftp_request_begin(&p->mode, e);

	if (r < 0)
		return r;
	sftp_handle_put(&p->handle);
	wire_put_attrs(sftp_client_out(p->client), attrs);
	sftp_request_send(&p->mode);
	return 0;
}

static bool may_sync(const struct put *p)
{
	return p->o->durable && sftp_client_offers(p->client, SFTP_EXT_FSYNC);
}

/* Other sessions keep no order with this one: all their answers come first. */
static int join_lanes(struct put *p, struct err *e)
{
	int r = 0;

	if (p->lanes.count == 0)
		return 0;
	while (r == 0 && !window_is_empty(&p->window))
		r = settle_head(p, e);
	return r < 0 ? r : lanes_close(&p->lanes, e);
}

/* All that follows the last WRITE, in one go. */
static int send_end(struct put *p, struct err *e)
{
	struct wire_attrs attrs = end_attrs(p);
	int r = attrs.flags ? send_attrs(p, &attrs, e) : 0;

	if (r == 0 && may_sync(p))
		r = sftp_ask_handle(&p->sync, &p->handle, SFTP_FSYNC, p->path, e);
	if (r == 0)
		r = sftp_ask_handle(&p->close, &p->handle, SFTP_CLOSE, p->path, e);
	if (r == 0)
		sftp_handle_forget(&p->handle);
	if (r == 0)
		r = sftp_ask(&p->look, p->client, SFTP_STAT, p->path, e);
	return r;
}

static int settle_mode(struct put *p, struct err *e)
{
	int r = sftp_request_finish(&p->mode, sftp_client_settings(p->client)->request_ms, e);

	if (r == ERR_OBJECT)
		return sftp_err_refine(e, ERR_OBJECT, e->code,
		                       "remove mode: and mtime: from the destination if the "
		                       "server does not let them be set");
	return r;
}

static int settle_sync(struct put *p, struct err *e)
{
	const struct sftp_settings *s = sftp_client_settings(p->client);
	int r = sftp_request_finish(&p->sync, s->request_ms + s->stall_ms, e);

	if (r == ERR_OBJECT && e->native == SFTP_FX_OP_UNSUPPORTED) {
		sftp_client_drop_extension(p->client, SFTP_EXT_FSYNC);
		return 0;
	}
	return r;
}

static int settle_end(struct put *p, struct err *e)
{
	int r = 0;

	while (r == 0 && !window_is_empty(&p->window))
		r = settle_head(p, e);
	if (r == 0 && p->mode.state != SFTP_IDLE)
		r = settle_mode(p, e);
	if (r == 0 && p->sync.state != SFTP_IDLE)
		r = settle_sync(p, e);
	if (r == 0)
		r = sftp_request_finish(&p->close, sftp_client_settings(p->client)->request_ms, e);
	return r;
}

/* ---- verify -------------------------------------------------------------------------------- */

static int wrong_size(const struct put *p, uint64_t size, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_INTEGRITY, size < p->base + p->sent ? "DATA-SHORT" : "DATA-LONG", 0,
	               "write %s: the server holds %llu bytes, %llu were sent%s",
	               escape_name(p->path, &tmp), (unsigned long long)(size - p->base),
	               (unsigned long long)p->sent, p->is_append ? " to its end" : "");
}

/*
 * The size after the close. A server that works on several requests at once may have looked too
 * early: a wrong size is asked for again. A file that cannot be looked at (taken away at once, or a
 * directory one may only write into) is as sure as its close.
 */
static int verify(struct put *p, enum verification *level, struct err *e)
{
	struct wire_attrs a;
	struct err refused;
	int r = sftp_request_await(&p->look, sftp_client_settings(p->client)->request_ms, e);

	if (r < 0)
		return r;
	a = p->look.attrs;
	r = sftp_request_check(&p->look, &refused);
	if (r == 0 && (a.flags & WIRE_ATTR_SIZE) && a.size != p->base + p->sent)
		r = sftp_ask_attrs(p->client, SFTP_STAT, p->path, &a, &refused);
	if (r < 0 && r != ERR_OBJECT) {
		*e = refused;
		return r;
	}
	if (r < 0 || !(a.flags & WIRE_ATTR_SIZE)) {
		*level = VERIFIED_CLOSED;
		return 0;
	}
	if (a.size != p->base + p->sent)
		return wrong_size(p, a.size, e);
	*level = VERIFIED_SIZE;
	return 0;
}

static void release(struct put *p)
{
	sftp_request_release(&p->mode);
	sftp_request_release(&p->sync);
	sftp_request_release(&p->close);
	sftp_request_release(&p->look);
	window_release(&p->window);
	lanes_release(&p->lanes);
	sftp_handle_drop(&p->handle);
	free(p->stage);
}

static int put_open(struct put *p, enum verification *level, struct err *e)
{
	int r;

	window_init(&p->window, p->client, p->path);
	sftp_request_init(&p->mode, p->client, SFTP_FSETSTAT, p->path);
	sftp_request_init(&p->sync, p->client, SFTP_FSYNC, p->path);
	sftp_request_init(&p->close, p->client, SFTP_CLOSE, p->path);
	sftp_request_init(&p->look, p->client, SFTP_STAT, p->path);
	/* other sessions keep no order with this one, and what is appended has no other */
	r = !p->is_append && lanes_pay(p->client, p->o->source.size)
	            ? lanes_open(&p->lanes, p->client, p->path, e)
	            : 0;
	if (r == 0)
		r = write_all(p, e);
	if (r == 0)
		r = join_lanes(p, e);
	if (r == 0)
		r = send_end(p, e);
	if (r == 0)
		r = settle_end(p, e);
	if (r == 0)
		r = verify(p, level, e);
	release(p);
	return r;
}

static int put(struct put *p, const char *path, enum verification *level, struct err *e)
{
	int r = sftp_path_check(path, e);

	if (r == 0)
		r = open_file(p, e);
	if (r == 0)
		r = put_open(p, level, e);
	return r == ERR_OBJECT ? explain(p, e) : r;
}

int sftp_put(struct sftp_client *c, const char *path, const struct put_options *o,
             enum verification *level, struct err *e)
{
	struct put p = {.client = c, .path = sftp_path(path), .o = o};

	return put(&p, path, level, e);
}

int sftp_append(struct sftp_client *c, const char *path, const struct put_options *o,
                enum verification *level, struct err *e)
{
	struct put p = {.client = c,
	                .path = sftp_path(path),
	                .o = o,
	                .is_append = true,
	                .base = o->append_at};

	return put(&p, path, level, e);
}
