#include "adapters/sftp/lanes.h"

#include "adapters/sftp/ask.h"

enum { WORTH_BYTES = 16 * 1024 * 1024 };

bool lanes_pay(const struct sftp_client *c, uint64_t bytes)
{
	const struct sftp_settings *s = sftp_client_settings(c);

	return s->sibling && bytes >= WORTH_BYTES && sftp_client_round_trip_us(c) >= s->far_us;
}

/* The file is there and empty: neither CREAT nor TRUNC. */
static int open_again(struct lane *lane, const char *path, struct err *e)
{
	struct sftp_request rq;
	int r;

	sftp_request_init(&rq, lane->client, SFTP_OPEN_WRITE, path);
	r = sftp_request_begin(&rq, e);
	if (r == 0) {
		wire_put_text(sftp_client_out(lane->client), path);
		wire_put_u32(sftp_client_out(lane->client), WIRE_OPEN_WRITE);
		wire_put_attrs(sftp_client_out(lane->client), &(struct wire_attrs){0});
		sftp_request_send(&rq);
		r = sftp_request_finish(&rq, sftp_client_settings(lane->client)->request_ms, e);
	}
	if (r == 0)
		sftp_handle_take(&lane->handle, &rq);
	sftp_request_release(&rq);
	return r;
}

int lanes_open(struct lanes *l, struct sftp_client *c, const char *path, struct err *e)
{
	const struct sftp_settings *s = sftp_client_settings(c);

	l->path = path;
	for (size_t i = 0; i < SFTP_SIBLINGS; i++) {
		struct lane *lane = &l->extra[l->count];
		struct err refused;
		int r;

		lane->client = s->sibling(s->sibling_arg, i);
		if (!lane->client)
			break;
		r = open_again(lane, path, &refused);
		if (r == ERR_CANCELED) {
			*e = refused;
			return r;
		}
		if (r == 0)
			l->count++;
	}
	return 0;
}

const struct lane *lanes_next(struct lanes *l, const struct lane *main)
{
	size_t turn = l->next++ % (l->count + 1);

	return turn == 0 ? main : &l->extra[turn - 1];
}

int lanes_close(struct lanes *l, struct err *e)
{
	struct sftp_request closes[SFTP_SIBLINGS];
	int r = 0;

	for (size_t i = 0; i < l->count; i++) {
		struct lane *lane = &l->extra[i];

		sftp_request_init(&closes[i], lane->client, SFTP_CLOSE, l->path);
		if (r == 0)
			r = sftp_ask_handle(&closes[i], &lane->handle, SFTP_CLOSE, l->path, e);
		if (r == 0)
			sftp_handle_forget(&lane->handle);
	}
	for (size_t i = 0; i < l->count; i++) {
		int64_t request_ms = sftp_client_settings(closes[i].client)->request_ms;

		if (r == 0)
			r = sftp_request_finish(&closes[i], request_ms, e);
		sftp_request_release(&closes[i]);
	}
	return r;
}

void lanes_release(struct lanes *l)
{
	for (size_t i = 0; i < l->count; i++)
		sftp_handle_drop(&l->extra[i].handle);
	l->count = 0;
}
