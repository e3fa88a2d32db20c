/*
 * More sessions for one large upload to a server far away.
 *
 *	if (lanes_pay(client, bytes))
 *		r = lanes_open(&l, client, path, e);	// the file is open and empty by now
 *	lane = lanes_next(&l, &main);			// where the next WRITE goes
 *	r = lanes_close(&l, e);				// after the last answer
 *	lanes_release(&l);				// always
 *
 * A server takes only so many bytes ahead on one channel (OpenSSH: 2 MiB), whatever we keep in
 * flight: 40 MB/s at 50 ms, for every client there is. But it does so for each channel. So the file
 * is opened on further channels of the same SSH connection, and its pieces are dealt out: WRITE has
 * an offset, the order between channels does not matter. What must see the whole file (fsync,
 * CLOSE, STAT) waits for all answers first.
 */
#pragma once
#include "adapters/sftp/client.h"

struct lane {
	struct sftp_client *client;
	struct sftp_handle handle;
};

struct lanes {
	const char *path;
	struct lane extra[SFTP_SIBLINGS];
	size_t count, next;
};

bool lanes_pay(const struct sftp_client *c, uint64_t bytes);
/* As many as the server allows, also none; fails only when the caller is cancelled. */
int lanes_open(struct lanes *l, struct sftp_client *c, const char *path, struct err *e);
/* `main` and the extra ones by turns. */
const struct lane *lanes_next(struct lanes *l, const struct lane *main);
/* CLOSE on the extra ones; every status counts. */
int lanes_close(struct lanes *l, struct err *e);
void lanes_release(struct lanes *l);
