#include <string.h>

#include "adapters/sftp/ask.h"
#include "adapters/sftp/errors.h"
#include "adapters/sftp/files.h"
#include "adapters/sftp/window.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { PIECE_LEAST = 4096 };

struct get {
	struct sftp_client *client;
	const char *path;
	const struct get_options *o;
	struct sftp_handle handle;
	struct window window;
	uint64_t asked, delivered; /* offsets */
	size_t piece_most;
	bool is_at_end;
};

/* ---- judgement ----------------------------------------------------------------------------- */

static int wrong_size(const struct get *g, const char *code, const char *what, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_INTEGRITY, code, 0, "read %s: %s the %llu bytes that were listed",
	               escape_name(g->path, &tmp), what, (unsigned long long)g->o->expect_size);
}

static int check_longer(const struct get *g, uint64_t total, struct err *e)
{
	struct escaped tmp;

	if (g->o->expect_size != SIZE_UNKNOWN && total > g->o->expect_size)
		return wrong_size(g, "DATA-LONG", "the file is longer than", e);
	if (total > g->o->max_size)
		return err_set(e, ERR_POLICY, "FILE-TOO-LARGE", 0,
		               "read %s: the file is larger than the %llu bytes the route allows",
		               escape_name(g->path, &tmp), (unsigned long long)g->o->max_size);
	return 0;
}

static int check_shorter(const struct get *g, uint64_t total, struct err *e)
{
	if (g->o->expect_size == SIZE_UNKNOWN || total == g->o->expect_size)
		return 0;
	return wrong_size(g, "DATA-SHORT", "the file ends before", e);
}

static int check_unchanged(const struct get *g, const struct wire_attrs *a, uint64_t total,
                           struct err *e)
{
	struct escaped tmp;
	struct entry now;

	sftp_entry_fill(&now, a);
	if (now.size != SIZE_UNKNOWN && now.size != total)
		return err_set(
		        e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		        "read %s: the file changed meanwhile: %llu bytes now, %llu were read",
		        escape_name(g->path, &tmp), (unsigned long long)now.size,
		        (unsigned long long)total);
	if (g->o->expect_mtime_ms != MTIME_UNKNOWN && now.mtime_ms != MTIME_UNKNOWN &&
	    now.mtime_ms != g->o->expect_mtime_ms)
		return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		               "read %s: the file changed meanwhile: its time is %lld, listed was "
		               "%lld",
		               escape_name(g->path, &tmp), (long long)now.mtime_ms / 1000,
		               (long long)g->o->expect_mtime_ms / 1000);
	return 0;
}

static bool wants_stat(const struct get *g)
{
	return g->o->expect_mtime_ms != MTIME_UNKNOWN || g->o->expect_size == SIZE_UNKNOWN;
}

/* The open file is what was read; servers without FSTAT are asked for the name. */
static int judge_stat(const struct get *g, struct sftp_request *fstat, uint64_t total,
                      struct err *e)
{
	struct wire_attrs a;
	struct err refused;
	int r = sftp_request_await(fstat, sftp_client_settings(g->client)->request_ms, e);

	if (r < 0)
		return r;
	a = fstat->attrs;
	if (sftp_request_check(fstat, &refused) < 0)
		r = sftp_ask_attrs(g->client, SFTP_STAT, g->path, &a, e);
	return r < 0 ? r : check_unchanged(g, &a, total, e);
}

static int give(const struct get *g, const void *data, size_t n, struct err *e)
{
	return n ? g->o->sink.write(g->o->sink.arg, data, n, e) : 0;
}

static int open_file(struct get *g, struct err *e)
{
	return sftp_ask_handle_of(g->client, SFTP_OPEN_READ, g->path, &g->handle, e);
}

static int send_read(const struct get *g, struct sftp_request *rq, struct err *e)
{
	int r = sftp_request_begin(rq, e);

	if (r < 0)
		return r;
	sftp_handle_put(&g->handle);
	wire_put_u64(sftp_client_out(g->client), rq->offset);
	wire_put_u32(sftp_client_out(g->client), (uint32_t)rq->length);
	sftp_request_send(rq);
	return 0;
}

/* ---- a small file -------------------------------------------------------------------------- */

/*
 * One READ for the whole file and a byte more: fewer bytes than asked for are the end of a file
 * (draft §6.4). FSTAT and CLOSE leave with it; requests about one file are served in order (draft
 * §3). 1 = the answer was short of the listed size without being empty: nothing was given to the
 * sink; read again piece by piece.
 */
static int judge_small(const struct get *g, const struct sftp_request *rq,
                       struct sftp_request *fstat, struct err *e)
{
	size_t n = rq->reply == WIRE_DATA ? rq->data_bytes : 0;
	int r = sftp_request_is_eof(rq) ? 0 : sftp_request_check(rq, e);

	if (r == 0)
		r = check_longer(g, n, e);
	if (r == 0 && n > 0 && n < g->o->expect_size)
		return 1;
	if (r == 0)
		r = check_shorter(g, n, e);
	if (r == 0)
		r = give(g, rq->data, n, e);
	if (r == 0 && wants_stat(g))
		r = judge_stat(g, fstat, n, e);
	return r;
}

static int get_small(struct get *g, struct err *e)
{
	_cleanup_free_ unsigned char *data = mem_grow(NULL, g->o->expect_size + 1);
	struct sftp_request rq, fstat;
	int r = open_file(g, e);

	sftp_request_init(&fstat, g->client, SFTP_FSTAT, g->path);
	sftp_request_init(&rq, g->client, SFTP_READ, g->path);
	rq.data = data;
	rq.length = g->o->expect_size + 1;
	if (r == 0)
		r = send_read(g, &rq, e);
	if (r == 0 && wants_stat(g))
		r = sftp_ask_handle(&fstat, &g->handle, SFTP_FSTAT, g->path, e);
	sftp_handle_drop(&g->handle);
	if (r == 0)
		r = sftp_request_await(&rq, sftp_client_settings(g->client)->stall_ms, e);
	if (r == 0)
		r = judge_small(g, &rq, &fstat, e);
	sftp_request_release(&rq);
	sftp_request_release(&fstat);
	return r;
}

/* ---- a file of any size -------------------------------------------------------------------- */

/* How much to ask for next; 0 = all is asked for. The byte behind the listed end is asked for as
 * well: that it is not there proves the end. */
static size_t next_piece(const struct get *g)
{
	size_t piece = window_piece(&g->window, g->piece_most);
	uint64_t end = g->o->expect_size;

	if (end == SIZE_UNKNOWN)
		return g->asked > g->o->max_size ? 0 : piece;
	if (g->asked > end)
		return 0;
	if (g->asked == end)
		return 1;
	return end - g->asked < piece ? (size_t)(end - g->asked) : piece;
}

static int ask_ahead(struct get *g, struct err *e)
{
	size_t n = next_piece(g);
	int r = 0;

	while (r == 0 && n > 0 && window_has_room(&g->window)) {
		struct chunk *k = window_add(&g->window, g->client, SFTP_READ, g->asked, n);

		r = send_read(g, &k->rq, e);
		g->asked += n;
		n = next_piece(g);
	}
	return r;
}

static int use_data(struct get *g, struct chunk *k, struct err *e)
{
	size_t n = k->rq.data_bytes;
	int r = check_longer(g, g->delivered + n, e);

	if (r == 0)
		r = give(g, k->data, n, e);
	if (r < 0)
		return r;
	g->delivered += n;
	if (n == k->bytes) {
		window_pop(&g->window);
		return 0;
	}
	if (n >= PIECE_LEAST && n < g->piece_most)
		g->piece_most = n; /* all this server gives at once */
	window_shorten_head(&g->window, n);
	return send_read(g, &k->rq, e);
}

static int use_head(struct get *g, struct err *e)
{
	struct chunk *k = window_head(&g->window);
	int r = sftp_request_await(&k->rq, sftp_client_settings(g->client)->stall_ms, e);

	if (r < 0)
		return r;
	if (sftp_request_is_eof(&k->rq) || (k->rq.reply == WIRE_DATA && k->rq.data_bytes == 0)) {
		g->is_at_end = true;
		return check_shorter(g, g->delivered, e);
	}
	r = sftp_request_check(&k->rq, e);
	return r < 0 ? r : use_data(g, k, e);
}

static int stream(struct get *g, struct err *e)
{
	int r = 0;

	while (r == 0 && !g->is_at_end) {
		r = ask_ahead(g, e);
		if (r == 0 && window_is_empty(&g->window))
			return check_longer(g, g->delivered + 1, e);
		if (r == 0)
			r = use_head(g, e);
		if (r == 0)
			r = fiber_breathe(e);
	}
	return r;
}

static int get_stream(struct get *g, struct err *e)
{
	struct sftp_request fstat;
	int r = open_file(g, e);

	if (r < 0)
		return r;
	window_init(&g->window, g->client, g->path);
	sftp_request_init(&fstat, g->client, SFTP_FSTAT, g->path);
	r = stream(g, e);
	if (r == 0 && wants_stat(g))
		r = sftp_ask_handle(&fstat, &g->handle, SFTP_FSTAT, g->path, e);
	sftp_handle_drop(&g->handle);
	if (r == 0 && wants_stat(g))
		r = judge_stat(g, &fstat, g->delivered, e);
	sftp_request_release(&fstat);
	window_release(&g->window);
	return r;
}

int sftp_get(struct sftp_client *c, const char *path, const struct get_options *o, struct err *e)
{
	struct get g = {.client = c,
	                .path = sftp_path(path),
	                .o = o,
	                .piece_most = sftp_client_read_most(c)};
	bool is_small = o->expect_size < sftp_client_read_most(c);
	int r = sftp_path_check(path, e);

	if (r == 0 && o->expect_size != SIZE_UNKNOWN && o->expect_size > o->max_size)
		r = check_longer(&g, o->max_size + 1, e);
	if (r == 0)
		r = is_small ? get_small(&g, e) : 1;
	if (r == 1)
		r = get_stream(&g, e);
	return r == ERR_OBJECT ? sftp_explain(c, g.path, SFTP_WANT_FILE, e) : r;
}
