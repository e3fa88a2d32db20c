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
 * (|1|salt|HMAC-SHA1), several keys and types a host, @revoked. @cert-authority lines are not for
 * plain keys and are passed over. A bad line is passed over with a warning that names it.
 * For another port than 22 a line that names only the host counts when it holds the very key, as
 * in OpenSSH.
 *
 * Pure; takes any bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

enum {
	KNOWN_KEYS_MAX = 256,       /* keys of one host; more are passed over with a warning */
	KNOWN_LINE_MAX = 64 * 1024, /* longer lines are passed over with a warning */
	KEY_TYPE_BYTES = 64,
	FINGERPRINT_BYTES = 52, /* "SHA256:" + 43 + NUL */
};

struct known_key {
	const char *file; /* as given to known_keys_read, borrowed */
	size_t line;
	bool revoked;
	bool without_port; /* matched by the bare host although the port is not 22 */
	char type[KEY_TYPE_BYTES];
	unsigned char *blob;
	size_t blob_bytes;
};

struct known_keys {
	char *host;      /* lower case */
	char *host_port; /* "[host]:port" */
	bool standard_port;
	struct known_key *items;
	size_t count;
};

enum known_verdict {
	KNOWN_OK,
	KNOWN_CHANGED,    /* another key of the same type is on record */
	KNOWN_OTHER_TYPE, /* only keys of other types are on record */
	KNOWN_NOT_FOUND,
	KNOWN_REVOKED,
};

void known_keys_init(struct known_keys *k, const char *host, int port);
void known_keys_release(struct known_keys *k);

/* Adds this file's keys of the host. Warnings, one line each with file:line, escaped, go to
 * `warnings` (its limit may cut them; NULL allowed). */
void known_keys_read(struct known_keys *k, const char *file, const void *text, size_t n,
                     struct buf *warnings);

/* What is on record about a key the server presents (RFC 4253 §6.6 blob). *which: the record that
 * decided, NULL for NOT_FOUND. A revoked key is revoked whatever else is on record. */
enum known_verdict known_keys_judge(const struct known_keys *k, const void *blob, size_t n,
                                    const struct known_key **which);

/* Does the host have a record of this key type that is not revoked? */
bool known_keys_have_type(const struct known_keys *k, const char *type);

/* The type inside a key blob; false when it is not one. */
bool key_blob_type(const void *blob, size_t n, char type[KEY_TYPE_BYTES]);
/* "SHA256:" and unpadded base64, as ssh-keygen -l prints it; returns out. */
const char *key_fingerprint(const void *blob, size_t n, char out[FINGERPRINT_BYTES]);
/* Unpadded or padded base64 without blanks; bytes written or -1. `room` of 3/4 n + 3 suffices. */
long base64_decode(const char *text, size_t n, unsigned char *out, size_t room);
