/*
 * An SSH connection, from a name in the configuration to a byte stream of a subsystem.
 *
 *	struct session *s;
 *	struct stream *sftp;
 *	if (session_open(endpoint, trace, &s, e) < 0) ...	// resolved, connected, identified,
 *								// keys exchanged, host key
 *								// trusted, logged in
 *	if (session_open_subsystem(s, "sftp", &sftp, e) < 0) ...
 *	... stream.h ...
 *	session_close(s);
 *
 * Fiber code of one worker. Phases have deadlines of their own (endpoint timeouts: connect;
 * handshake for identification and key exchange; auth; request for the subsystem). No byte of a
 * login leaves before the host key is trusted.
 *
 * There is no keepalive here: an SSH-level one tells that sshd lives, not that SFTP answers. The
 * adapter's ping is a real request.
 *
 * Errors, besides those of name lookup and connect (DNS-…, NET-…):
 *	SSH-NOT-SSH SSH-BANNER-REFUSED SSH-BANNER-TIMEOUT SSH-BANNER-FLOOD	identification
 *	SSH-KEX-NO-KEX -NO-HOSTKEY -NO-CIPHER -NO-MAC SSH-KEX-FAILED -TIMEOUT	key exchange
 *	SSH-HOSTKEY-UNKNOWN -CHANGED -REVOKED -WEAK -UNREADABLE -NOT-FILE -TOO-LONG -KRL
 *		-CERT -NOT-STORED -RACE						host key
 *	SSH-KEY-MISSING -MODE -FORMAT -ENCRYPTED -PASSPHRASE SECRET-…		before connecting
 *	SSH-AUTH-REFUSED -PARTIAL -TIMEOUT -NONE				login
 *	SSH-NO-SFTP SSH-CHANNEL-REFUSED SSH-CHANNEL-TIMEOUT			subsystem
 *	SSH-VIA-REFUSED -UNREACHABLE -LOST PROXY-…				the way (reach.h)
 *	SSH-LOST SSH-PROTOCOL							any time
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "adapters/sftp/known_hosts.h"
#include "adapters/sftp/stream.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/base/err.h"

struct session;

/* `endpoint` and `trace` (may be NULL) are borrowed for the life of the session. */
int session_open(const struct endpoint_config *endpoint, struct trace *trace, struct session **out,
                 struct err *e);
/* Who answers: as session_open up to the key exchange, without a login, and closed again. */
struct session_look {
	struct known_keys known; /* what is on record */
	unsigned char *blob;     /* of the key whose possession the server has proved */
	size_t blob_bytes;
};
int session_look(const struct endpoint_config *endpoint, struct trace *trace,
                 struct session_look *out, struct err *e);
void session_look_release(struct session_look *l);

/* The stream belongs to the session. At most SESSION_STREAMS in one session. */
enum { SESSION_STREAMS = 4 };
int session_open_subsystem(struct session *s, const char *name, struct stream **out, struct err *e);
/* A command beside the streams (exec.h). */
struct exec;
struct command_result;
int session_execute(struct session *s, const struct exec *x, struct command_result *result,
                    struct err *e);
/* A connection that the server makes to host and port, for the next session (via.h). */
struct channel;
int session_open_forward(struct session *s, const char *host, int port, struct channel **out,
                         struct err *e);
/* Tunnels, until the session ends (forward.h). */
struct forwarding;
int session_forward(struct session *s, struct forwarding *f, struct err *e);
/* Says good-bye without waiting for an answer and frees everything, streams too. No other fiber may
 * be inside a call on it. NULL allowed. */
void session_close(struct session *s);

/* Every running and later call fails at once with ERR_CANCELED "SSH-CLOSED". From any fiber of the
 * worker. */
void session_abort(struct session *s);
/* Tries to push out what is queued, without waiting. */
void session_flush(struct session *s);
/* False once the connection is known to be over, also while nobody uses it. */
bool session_is_alive(const struct session *s);

/* ---- what became known --------------------------------------------------------------------- */

const struct endpoint_config *session_endpoint(const struct session *s);
int session_fd(const struct session *s);             /* of the socket under it all */
const char *session_server(const struct session *s); /* raw identification, "SSH-2.0-OpenSSH_9.2" */
const char *session_host_key(const struct session *s); /* "ssh-ed25519 SHA256:…" */
/* "curve25519-sha256, ssh-ed25519, out aes128-ctr hmac-sha2-256 none, in …": key exchange, host
 * key, then cipher, MAC and compression of each direction. */
const char *session_algorithms(const struct session *s);
struct session_traffic {
	uint64_t received, sent; /* bytes on the wire */
};
struct session_traffic session_traffic(const struct session *s);
/* "libssh2 1.10.0": the linked one. */
const char *session_library(void);
