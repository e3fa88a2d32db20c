/*
 * From evidence to cause and cure: what an operator reads at night.
 *
 * Each function takes what was seen (first bytes, algorithm lists, fingerprints, the words of the
 * peer) and fills an err with a stable code and a message that says what happened, why that
 * usually is, and what to do. They return the kind, so that failing reads
 *
 *	return diagnosis_not_ssh(first, n, e);
 *
 * Texts from outside are given raw and are escaped here, and shortened until cause and cure stand in
 * three lines (brief.h). NULL texts mean "not known". Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

/* ---- before there is a connection worth the name ------------------------------------------- */

/* What came where an SSH identification should be: SSH-NOT-SSH, or SSH-BANNER-REFUSED when it is a
 * refusal in words, or no byte at all before the peer hung up. */
int diagnosis_not_ssh(const void *first, size_t n, struct err *e);
/* Connected, but not a byte within the time: SSH-BANNER-TIMEOUT. */
int diagnosis_silence(int64_t waited_ms, struct err *e);
/* Lines without end, or more bytes than a login can need: SSH-BANNER-FLOOD. */
int diagnosis_flood(size_t lines, size_t bytes, const void *first, size_t n, struct err *e);

/* ---- key exchange -------------------------------------------------------------------------- */

enum diagnosis_list {
	DIAGNOSIS_KEX,
	DIAGNOSIS_HOST_KEY,
	DIAGNOSIS_CIPHER,
	DIAGNOSIS_MAC,
	DIAGNOSIS_COMPRESSION
};

struct diagnosis_algorithms {
	enum diagnosis_list which; /* the list without a common name */
	const char *ours, *theirs;
	const char *server;  /* its identification */
	const char *library; /* "libssh2 1.10.0" */

	const char *key;      /* of the endpoint's `algorithms`; NULL: no such list */
	const char *narrowed; /* would be common, but the endpoint's own list leaves it out */
	const char *weak;     /* would be common, were it allowed */
	bool is_own;          /* the endpoint has a list of its own */
};
/* SSH-KEX-NO-KEX, -NO-HOSTKEY, -NO-CIPHER, -NO-MAC, -NO-COMPRESSION. */
int diagnosis_no_common(const struct diagnosis_algorithms *a, struct err *e);

/* ---- host key ------------------------------------------------------------------------------ */

struct diagnosis_host_key {
	const char *endpoint; /* its name, for the command that trusts the key */
	const char *host;
	int port;
	const char *type, *fingerprint;             /* of the key presented */
	const char *known_type, *known_fingerprint; /* of the record that decided */
	const char *file; /* known_hosts file, NULL: pins: of the endpoint */
	size_t line;
	bool is_only_warned; /* check: off, which goes on without a password only */
};
int diagnosis_host_key_unknown(const struct diagnosis_host_key *k, struct err *e);
int diagnosis_host_key_changed(const struct diagnosis_host_key *k, struct err *e);
/* An RSA key with fewer bits than are asked for: SSH-HOSTKEY-WEAK. */
int diagnosis_host_key_weak(const struct diagnosis_host_key *k, int bits, int least, struct err *e);
/* SSH-HOSTKEY-CERT: the record is an authority, and `why` says what is wrong with the certificate
 * (escaped). */
int diagnosis_host_key_uncertified(const struct diagnosis_host_key *k, const char *why,
                                   struct err *e);
int diagnosis_host_key_revoked(const struct diagnosis_host_key *k, struct err *e);

/* ---- login --------------------------------------------------------------------------------- */

struct diagnosis_login {
	const char *user;
	/* "publickey (ssh-ed25519 SHA256:…) refused; password not offered", escaped */
	const char *tried;
	const char *offered; /* methods the server names, comma list */
	bool partial;        /* something was accepted, and the server wants more */
	bool rsa_sha1;       /* an RSA key was tried with a library that can only do SHA-1 */
	bool code_refused;   /* a one-time code was sent, and did not help */
	bool answer_refused; /* a password or an answer was sent, and did not help */
	const char *library;
};
/* SSH-AUTH-REFUSED or, when the server wants more than is configured, SSH-AUTH-PARTIAL. */
int diagnosis_login_refused(const struct diagnosis_login *l, struct err *e);
/* Adds to an error of the login what was tried, as above, and then the cure. */
int diagnosis_add_tried(const char *tried, const char *cure, struct err *e);

/* ---- any time ------------------------------------------------------------------------------ */

struct diagnosis_loss {
	const char *where;        /* "key exchange", "authentication" … */
	const char *server;       /* its identification */
	unsigned disconnect_code; /* RFC 4253 §11.1, 0 = no such message */
	const char *disconnect_text;
	const char *words; /* of the library or the system */
	int native;
};
/* The connection ended while something was under way: SSH-LOST; SSH-BANNER-REFUSED or
 * SSH-AUTH-REFUSED when the server's last words say so. */
int diagnosis_lost(const struct diagnosis_loss *l, struct err *e);
/* It ended while nothing was under way, because of `why`: NET-IDLE-END. Where nobody has ended it, as
 * it hangs or breaks the protocol, `why` keeps its code. */
int diagnosis_idle_end(int64_t idle_ms, const struct err *why, struct err *e);
/* A phase took too long: SSH-KEX-TIMEOUT … by `code`. */
int diagnosis_timeout(const char *code, const char *where, int64_t waited_ms, const char *setting,
                      struct err *e);

/* The session printed a refusal instead of starting: SSH-ACCOUNT; 0 when the text is none. */
int diagnosis_account(const void *text, size_t n, struct err *e);

/* Subsystem refused: SSH-NO-SFTP; session channel refused: SSH-CHANNEL-REFUSED. */
int diagnosis_no_subsystem(const char *user, const char *name, struct err *e);
/* A jump host does not connect us on: SSH-VIA-REFUSED, SSH-VIA-UNREACHABLE. */
int diagnosis_no_forward(const char *host, int port, const char *words, struct err *e);
int diagnosis_no_channel(const char *user, const char *words, int native, struct err *e);
