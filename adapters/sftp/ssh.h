/*
 * One libssh2 session with its transport: what session, auth, host_key and channel share.
 *
 * Calls to libssh2 go through the loop described in transport.h; a result other than 0 and
 * "again" is turned into an error by ssh_failed(), which knows what libssh2 does not tell: the
 * server's last words, both algorithm lists, how the stream ended.
 */
#pragma once
#include <libssh2.h>

#include "adapters/sftp/transport.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/base/list.h"
#include "daemon/runtime/fiber.h"

/* X(id, words, code of its timeout, the timeout's setting) */
#define SSH_PHASES(X)                                                                \
	X(SSH_IDENTIFICATION, "identification", "SSH-BANNER-TIMEOUT", "handshake")   \
	X(SSH_KEX, "key exchange", "SSH-KEX-TIMEOUT", "handshake")                   \
	X(SSH_AUTH, "authentication", "SSH-AUTH-TIMEOUT", "auth")                    \
	X(SSH_CHANNEL, "opening the SFTP channel", "SSH-CHANNEL-TIMEOUT", "request") \
	X(SSH_COMMAND, "running a command", "SSH-CHANNEL-TIMEOUT", "request")        \
	X(SSH_TUNNEL, "carrying tunnels", "SSH-CHANNEL-TIMEOUT", "request")          \
	X(SSH_TARGET, "connecting to a tunnel's target", "TUNNEL-SLOW", "request")   \
	X(SSH_OPEN, "the session", "TIMEOUT", "request")

enum ssh_phase {
#define SSH_PHASE_ENUM(id, words, code, setting) id,
	SSH_PHASES(SSH_PHASE_ENUM)
#undef SSH_PHASE_ENUM
};

enum {
	SSH_SERVER_TEXT = 192,
	SSH_COMMANDS_AT_ONCE = 4, /* sshd allows 10 channels, and files have up to four */
	SSH_LEFT_CHANNELS = 4,
	SSH_MEMORY_MAX = 160 * 1024 * 1024, /* of libssh2, for one connection */
};

struct login;

struct ssh {
	LIBSSH2_SESSION *lib;
	struct transport *transport;
	struct trace *trace;
	const struct endpoint_config *endpoint;
	struct link memory; /* what libssh2 holds (ssh_memory.c) */
	size_t memory_bytes;
	bool memory_listed;

	bool is_opening; /* a channel (opening.c) */
	struct signal opened;
	uint32_t channel_opened;  /* our number for the last one (exit_report.c) */
	struct link exit_reports; /* of the commands under way */

	/* commands (exec.c) */
	int commands;                                      /* under way */
	struct signal command_ended;                       /* of one, or of the connection */
	bool runs_commands;                                /* the server is known to */
	LIBSSH2_CHANNEL *left_channels[SSH_LEFT_CHANNELS]; /* of commands that went on too long */
	size_t left_count;

	struct {                   /* rekey.c */
		const void *block; /* libssh2's host key */
		bool is_freed;
		unsigned count;
		unsigned char digest[32];
	} rekey;

	/* last words, raw */
	unsigned disconnect_code;
	char disconnect_text[SSH_SERVER_TEXT];

	struct login *login; /* while it runs (auth_state.h): what libssh2 frees is shown, wiped */
};

/* "libssh2 1.10.0": the one that is linked, not the one compiled with. */
const char *ssh_library(void);
/* Before anything else of it; any number of times, from any thread. */
void ssh_library_init(void);
/* Can the linked library sign and check RSA with SHA-2? */
bool ssh_has_rsa_sha2(void);

/* `rc` is what libssh2 returned, never "again". Fills e, traces, marks the transport dead. */
int ssh_failed(struct ssh *s, enum ssh_phase phase, int rc, struct err *e);
/* e comes from transport_await: names the phase in timeouts and adds the server's last words to a
 * lost connection. `budget_ms` is the phase's whole time. */
int ssh_interrupted(struct ssh *s, enum ssh_phase phase, int64_t budget_ms, struct err *e);
