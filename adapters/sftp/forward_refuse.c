/*
 * Connections from the server's side that a tunnel has no place for: their channels are closed
 * without waiting, and freed when the server has closed its half.
 */
#include "adapters/sftp/forward_state.h"

/* Tells the server, the first time. libssh2 waits for the server's close, or until any other packet
 * comes while it does. */
static bool is_freed(struct forward *f, LIBSSH2_CHANNEL *lib)
{
	transport_begin(f->ssh->transport);
	return libssh2_channel_free(lib) != LIBSSH2_ERROR_EAGAIN;
}

bool forward_may_refuse(const struct forward *f)
{
	return f->refused_count < FORWARD_QUEUE;
}

void forward_refuse(struct forward *f, LIBSSH2_CHANNEL *lib)
{
	if (!is_freed(f, lib))
		f->refused[f->refused_count++] = lib;
}

void forward_collect(struct forward *f)
{
	size_t left = 0;

	for (size_t i = 0; i < f->refused_count; i++)
		if (!is_freed(f, f->refused[i]))
			f->refused[left++] = f->refused[i];
	f->refused_count = left;
}
