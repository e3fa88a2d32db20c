#include <string.h>

#include "adapters/received.h"
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
	struct received got;
	struct sftp_handle handle;
	struct window window;
	uint64_t asked; /* offset */
	size_t piece_most;
	bool is_at_end;
};

/* ---- judgement ----------------------------------------------------------------------------- */

/* The open file is what was read; servers without FSTAT are asked for the name. */
static int judge_stat(const struct get *g, struct sftp_request *fstat, struct err *e)
{
	struct wire_attrs a;
	struct entry now;
	struct err refused;
	int r = sftp_request_await(fstat, sftp_client_settings(g->client)->request_ms, e);

	if (r < 0)
		return r;
	a = fstat->attrs;
	if (sftp_request_check(fstat, &refused) < 0)
		r = sftp_ask_attrs(g->client, SFTP_STAT, g->path, &a, e);
	if (r < 0)
		return r;
	sftp_entry_fill(&now, &a);
	return received_unchanged(&g->got, &now, e);
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
static int judge_small(struct get *g, const struct sftp_request *rq, struct sftp_request *fstat,
                       struct err *e)
{
	size_t n = rq->reply == WIRE_DATA ? rq->data_bytes : 0;
	int r = sftp_request_is_eof(rq) ? 0 : sftp_request_check(rq, e);

	if (r == 0 && n > 0 && n < g->o->expect_size)
		return 1;
	if (r == 0)
		r = received_write(&g->got, rq->data, n, e);
	if (r == 0)
		r = received_end(&g->got, e);
	if (r == 0 && received_wants_look(&g->got))
		r = judge_stat(g, fstat, e);
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
	if (r == 0 && received_wants_look(&g->got))
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
	int r = received_write(&g->got, k->data, n, e);

	if (r < 0)
		return r;
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
		return received_end(&g->got, e);
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
			return received_check(&g->got, g->got.total + 1, e);
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
	g->asked = g->got.total;
	r = stream(g, e);
	if (r == 0 && received_wants_look(&g->got))
		r = sftp_ask_handle(&fstat, &g->handle, SFTP_FSTAT, g->path, e);
	sftp_handle_drop(&g->handle);
	if (r == 0 && received_wants_look(&g->got))
		r = judge_stat(g, &fstat, e);
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
	bool is_small = o->offset == 0 && o->expect_size < sftp_client_read_most(c);
	int r = sftp_path_check(path, e);

	if (r == 0)
		r = received_begin(&g.got, g.path, o, e);
	if (r == 0)
		r = is_small ? get_small(&g, e) : 1;
	if (r == 1)
		r = get_stream(&g, e);
	return r == ERR_OBJECT ? sftp_explain(c, g.path, SFTP_WANT_FILE, e) : r;
}
