/*
 * Changes to the text of a known_hosts file. Pure; takes any bytes.
 *
 *	known_edit_line(&entry, salt, &out);		// "sftp.acme.example ssh-ed25519 AAAA… comment"
 *	known_edit_replace(&entry, text, n, &edited);	// the other keys of the host taken out
 *
 * A line that speaks of our host alone becomes a comment, which can be undone by hand. A line that
 * speaks of others too (a list, a wildcard) keeps them: "!name," is put before it. @revoked and
 * @cert-authority lines, lines with the very key, and what cannot be read stay as they are.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

struct known_entry {
	const char *host;      /* lower case */
	const char *host_port; /* "[host]:port" */
	bool standard_port;    /* then `host` is the name, and both are meant */
	const void *blob;
	size_t blob_bytes;
	bool hash;
	const char *comment; /* without control characters: who added it, when */
};

enum { KNOWN_SALT_BYTES = 20, KNOWN_EDITS_SHOWN = 16 };

/* The entry's line with its line feed. `salt` is for hashed names. */
void known_edit_line(const struct known_entry *k, const unsigned char salt[KNOWN_SALT_BYTES],
                     struct buf *out);
/* Has `text` this very key for the host? *line: where. */
bool known_edit_has(const struct known_entry *k, const char *text, size_t n, size_t *line);

struct known_edited {
	struct buf text;                 /* the whole file anew */
	size_t lines[KNOWN_EDITS_SHOWN]; /* the first of those changed, counted from 1 */
	size_t changes;
};
/* *out is filled; buf_release(&out->text). 0, or -1 when the text would be longer than `limit`. */
int known_edit_replace(const struct known_entry *k, const char *text, size_t n, size_t limit,
                       struct known_edited *out);
