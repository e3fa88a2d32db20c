/*
 * What both sides say in clear before encryption begins: their algorithm lists, and sometimes why
 * they hang up. libssh2 says only "unable to exchange encryption keys"; the lists tell the reason.
 *
 *	struct kex_tap tap;
 *	kex_tap_init(&tap);
 *	kex_tap_feed(&tap, data, n);	// all bytes of one direction, beginning with its
 *					// identification line; cheap no-op after NEWKEYS
 *	if (tap.kexinit.text) ... tap.kexinit.list[KEX_HOST_KEYS]
 *	kex_tap_release(&tap);
 *
 * Formats: packets RFC 4253 §6, KEXINIT §7.1, DISCONNECT §11.1. Pure; takes any bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

/* X(id, plural for people), in the order of the packet */
#define KEX_LISTS(X)                                           \
	X(KEX_METHODS, "key exchange methods")                 \
	X(KEX_HOST_KEYS, "host key algorithms")                \
	X(KEX_CIPHERS_OUT, "ciphers client to server")         \
	X(KEX_CIPHERS_IN, "ciphers server to client")          \
	X(KEX_MACS_OUT, "MACs client to server")               \
	X(KEX_MACS_IN, "MACs server to client")                \
	X(KEX_COMPRESSION_OUT, "compression client to server") \
	X(KEX_COMPRESSION_IN, "compression server to client")  \
	X(KEX_LANGUAGES_OUT, "languages client to server")     \
	X(KEX_LANGUAGES_IN, "languages server to client")

enum kex_list {
#define KEX_ENUM(id, words) id,
	KEX_LISTS(KEX_ENUM)
#undef KEX_ENUM
	        KEX_LIST_COUNT
};

struct kexinit {
	char *text; /* owns the lists; NULL: not seen */
	const char *list[KEX_LIST_COUNT];
};

/* `payload` begins with the message number 20. 0, or -1 for anything malformed (`out` unchanged).
 */
int kexinit_parse(const unsigned char *payload, size_t n, struct kexinit *out);
void kexinit_release(struct kexinit *k);
const char *kex_list_name(enum kex_list which);

enum { KEX_LINE_BYTES = 900 }; /* escape() and a line of the trace have room for more */
/* How much of `list` one line of the trace takes: whole names where they are no longer than it. */
size_t kex_list_line(const char *list);

/* The first name of `ours` that is in `theirs` too (RFC 4253 §7.1), pseudo algorithms (ext-info-*,
 * kex-strict-*) left out; length in *n, NULL if there is none. */
const char *kex_common(const char *ours, const char *theirs, size_t *n);

/* The first list without which no connection can be; KEX_LIST_COUNT when all have a common name.
 * MACs do not count where the common cipher authenticates by itself. */
enum kex_list kex_missing(const struct kexinit *ours, const struct kexinit *theirs);

enum { KEX_DISCONNECT_TEXT = 192 };

/* Called with each packet that precedes encryption, whole, NEWKEYS the last. */
typedef void kex_packet_fn(void *arg, const unsigned char *packet, size_t n);

struct kex_tap {
	kex_packet_fn *on_packet; /* may be NULL */
	void *arg;
	struct buf bytes;
	bool line_passed, done;
	struct kexinit kexinit;
	bool disconnected;
	unsigned disconnect_code;
	char disconnect_text[KEX_DISCONNECT_TEXT]; /* raw */
};

void kex_tap_init(struct kex_tap *tap);
void kex_tap_feed(struct kex_tap *tap, const void *data, size_t n);
void kex_tap_release(struct kex_tap *tap);
