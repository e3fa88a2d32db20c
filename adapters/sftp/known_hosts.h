/*
 * The known_hosts format of OpenSSH (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), read by ourselves:
 * libssh2 stops at the first bad line, takes @revoked keys for valid ones and knows no wildcards.
 *
 *	struct known_keys keys;
 *	known_keys_init(&keys, "sftp.acme.example", 22);
 *	known_keys_read(&keys, "/etc/ferryd/known_hosts", text, n, &warnings);	// each file
 *	switch (known_keys_judge(&keys, blob, blob_bytes, &which)) ...
 *	known_keys_release(&keys);
 *
 * Understood: several patterns a line with * and ?, !negation, [host]:port, hashed names
 * (|1|salt|HMAC-SHA1), several keys and types a host, @revoked, @cert-authority (the key of the line
 * is then no host's own but signs certificates: host_cert.h). A bad line is passed over with a
 * warning that names it.
 * For another port than 22 a line that names only the host counts when it holds the very key, as
 * in OpenSSH.
 *
 * Pure; takes any bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "adapters/sftp/key_blob.h"
#include "daemon/base/buf.h"
#include "daemon/base/err.h"

enum {
	KNOWN_KEYS_MAX = 256,          /* keys of one host; more are passed over with a warning */
	KNOWN_REVOKED_MAX = 64 * 1024, /* keys in all; more revoked ones make it incomplete */
	KNOWN_LINE_MAX = 64 * 1024,    /* longer lines are passed over with a warning */
};

struct known_key {
	const char *file; /* as given to known_keys_read, borrowed */
	size_t line;
	bool revoked;
	bool authority;    /* of @cert-authority */
	bool certified;    /* by a certificate of the authority at file:line */
	bool without_port; /* matched by the bare host although the port is not 22 */
	char type[KEY_TYPE_BYTES];
	unsigned char *blob;
	size_t blob_bytes;
};

struct known_keys {
	char *host;      /* lower case */
	char *host_port; /* "[host]:port" */
	bool standard_port;
	size_t files;       /* known_hosts files that were there */
	bool is_incomplete; /* a file could not be read whole: a revocation may be missing */
	struct known_key *items;
	size_t count, room;
	char no_certificate[200]; /* why none is among the items (host_cert_fetch.h), escaped */
	struct err unasked; /* kind 0, or what kept us from asking: the next time it may be there */
};

/* What is on record about a key, in libssh's words (ssh_known_hosts_e). X(id, words) */
#define KNOWN_STATES(X)                                                                   \
	X(KNOWN_OK, "ok")                                                                 \
	X(KNOWN_CHANGED, "changed")     /* another key of the same type is on record */   \
	X(KNOWN_OTHER, "other")         /* only keys of other types, or an authority */   \
	X(KNOWN_UNKNOWN, "unknown")     /* there are files, and nothing about the host */ \
	X(KNOWN_NOT_FOUND, "not found") /* there is no file */                            \
	X(KNOWN_ERROR, "error")         /* a file cannot be read */                       \
	X(KNOWN_REVOKED, "revoked")

enum known_state {
#define KNOWN_ENUM(id, words) id,
	KNOWN_STATES(KNOWN_ENUM)
#undef KNOWN_ENUM
	        KNOWN_STATE_COUNT
};
const char *known_state_name(enum known_state s);

void known_keys_init(struct known_keys *k, const char *host, int port);
void known_keys_release(struct known_keys *k);

/* Adds this file's keys of the host. Warnings, one line each with file:line, escaped, go to
 * `warnings` (its limit may cut them; NULL allowed). */
void known_keys_read(struct known_keys *k, const char *file, const void *text, size_t n,
                     struct buf *warnings);

/* Adds a list of public keys, one a line, that are revoked for every host. */
void known_keys_read_revoked(struct known_keys *k, const char *file, const void *text, size_t n,
                             struct buf *warnings);
/* Adds a key that a certificate of the authority says to be this host's. */
void known_keys_certify(struct known_keys *k, const struct known_key *authority, const void *blob,
                        size_t n);

/* What is on record about a key the server presents (RFC 4253 §6.6 blob); never KNOWN_ERROR.
 * *which: the record that decided, NULL for UNKNOWN and NOT_FOUND. A revoked key is revoked
 * whatever else is on record. Where an authority speaks of the host, and no key does, any key that
 * it has not certified is KNOWN_OTHER: not new, as nobody but the authority says who the host is. */
enum known_state known_keys_judge(const struct known_keys *k, const void *blob, size_t n,
                                  const struct known_key **which);

/* Does the host have a key of this type on record that is not revoked? One by certificate? */
bool known_keys_have_type(const struct known_keys *k, const char *type);
bool known_keys_have_certified(const struct known_keys *k, const char *type);
/* The @cert-authority records that speak of the host: the first, the one after `after`, NULL. */
const struct known_key *known_keys_authority(const struct known_keys *k,
                                             const struct known_key *after);
