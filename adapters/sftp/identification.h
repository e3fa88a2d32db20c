/*
 * The first thing an SSH server says: lines of text, then "SSH-2.0-software" (RFC 4253 §4.2).
 *
 * We read it ourselves before libssh2 sees a byte, because a server that is none, or a hostile one,
 * can keep libssh2 reading lines for ever (it also fails on empty lines before the identification).
 *
 *	struct identification id = {0};
 *	switch (identification_scan(&id, buf)) ...	// whenever bytes have arrived
 *
 * Lines that are not the identification are taken out of the buffer (the first bytes of all are
 * kept as evidence); when it is found the buffer begins with it, ready to be passed on.
 *
 * Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

enum {
	IDENTIFICATION_MAX = 255,          /* bytes with CR LF: RFC 4253 §4.2 */
	IDENTIFICATION_FIRST = 160,        /* evidence kept */
	IDENTIFICATION_LINES = 1024,       /* lines before it; OpenSSH's limit */
	IDENTIFICATION_BYTES = 256 * 1024, /* bytes of them */
	IDENTIFICATION_LINE_BYTES = 8 * 1024,
};

enum identification_state {
	IDENTIFICATION_WANTS_MORE,
	IDENTIFICATION_FOUND,
	IDENTIFICATION_FLOOD,     /* too many or too long lines before it */
	IDENTIFICATION_MALFORMED, /* begins with SSH- but is too long, or not version 2 */
};

struct identification {
	char text[IDENTIFICATION_MAX + 1]; /* without CR LF, raw; "" until found */
	unsigned char first[IDENTIFICATION_FIRST];
	size_t first_bytes;
	size_t lines, bytes; /* taken away before it */
};

enum identification_state identification_scan(struct identification *id, struct buf *in);

/* True when the bytes so far can no longer become a line of text (TLS records and the like): no
 * need to wait for a line end that will not come. */
bool identification_is_binary(const struct identification *id, const struct buf *in);
