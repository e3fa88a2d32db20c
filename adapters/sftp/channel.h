/*
 * One subsystem channel of a session as a byte stream (stream.h).
 *
 *	channel_open(ssh, "sftp", &channel, e);
 *	struct stream *s = channel_stream(channel);
 *	...
 *	channel_free(channel);		// with the transport dead: nothing is awaited
 */
#pragma once
#include "adapters/sftp/ssh.h"
#include "adapters/sftp/stream.h"

struct channel;

enum {
	CHANNEL_WINDOW = 32 * 1024 * 1024, /* 1 GiB at 50 ms in 3 s needs 17 MiB under way */
	CHANNEL_PACKET = 36 * 1024,        /* a reply with 32 KiB of data in one piece; libssh2
	                                    * takes packets up to 40000 bytes */
};

/* Codes SSH-CHANNEL-REFUSED, SSH-NO-SFTP, SSH-LOST, SSH-CHANNEL-TIMEOUT. */
int channel_open(struct ssh *s, const char *subsystem, struct channel **out, struct err *e);
struct stream *channel_stream(struct channel *c);
void channel_free(struct channel *c);
