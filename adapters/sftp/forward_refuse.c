/*
 * Connections from the server's side that a tunnel has no place for: their channels are closed
 * without waiting, and freed when the server has closed its half.
 */
#include "adapters/sftp/forward_state.h"

/* Tells the server, the first time. libssh2 waits for the server's close, or until any other packet
 * comes while it does. */
static bool is_freed(void *arg, void *channel)
{
	struct forward *f = arg;

	transport_begin(f->ssh->transport);
	return libssh2_channel_free(channel) != LIBSSH2_ERROR_EAGAIN;
}

void forward_refuse_init(struct forward *f)
{
	f->refusals.is_freed = is_freed;
	f->refusals.arg = f;
}

bool forward_may_refuse(const struct forward *f)
{
	return refusals_have_room(&f->refusals);
}

void forward_refuse(struct forward *f, LIBSSH2_CHANNEL *lib)
{
	refusals_add(&f->refusals, lib);
}

void forward_collect(struct forward *f)
{
	refusals_collect(&f->refusals);
}
