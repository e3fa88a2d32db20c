/*
 * One channel of a session, a subsystem or a forwarded connection, as a byte stream (stream.h).
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
/* A connection that the server makes to host and port (direct-tcpip, RFC 4254 §7.2). Codes
 * SSH-VIA-REFUSED, SSH-VIA-UNREACHABLE, SSH-LOST, SSH-CHANNEL-TIMEOUT. */
int channel_open_forward(struct ssh *s, const char *host, int port, struct channel **out,
                         struct err *e);

/* ---- without waiting (carrier.h) ----------------------------------------------------------- */

ssize_t channel_try_read(struct channel *c, void *data, size_t room, struct err *e);
ssize_t channel_try_write(struct channel *c, const void *data, size_t n, struct err *e);
int channel_wait(struct channel *c, int want, const char *label, struct err *e);

/* ---- as a stream --------------------------------------------------------------------------- */

struct stream *channel_stream(struct channel *c);
void channel_free(struct channel *c);
