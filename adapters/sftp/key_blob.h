/*
 * Public keys as SSH sends them: a string with the type, then what the type says (RFC 4253 §6.6).
 *
 * What people compare: type, bits, fingerprints. Pure; takes any bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum {
	KEY_TYPE_BYTES = 64,
	FINGERPRINT_BYTES = 52,     /* "SHA256:" + 43 + NUL */
	FINGERPRINT_MD5_BYTES = 52, /* "MD5:" + 16 pairs with colons + NUL */
};

/* The type inside a key blob; false when it is not one. */
bool key_blob_type(const void *blob, size_t n, char type[KEY_TYPE_BYTES]);
/* Size as ssh-keygen -l shows it; 0: not known. */
int key_blob_bits(const void *blob, size_t n);

/* "SHA256:" and unpadded base64, as ssh-keygen -l prints it; returns out. */
const char *key_fingerprint(const void *blob, size_t n, char out[FINGERPRINT_BYTES]);
/* "MD5:" and hex with colons, as ssh-keygen -E md5 -l prints it; "" where the library refuses MD5.
 */
const char *key_fingerprint_md5(const void *blob, size_t n, char out[FINGERPRINT_MD5_BYTES]);
/* `pin` in the form of config/pin.h: "SHA256:", "SHA1:" or "MD5:", then hex or unpadded base64. */
bool key_matches_pin(const void *blob, size_t n, const char *pin);

/* Unpadded or padded base64 without blanks; bytes written or -1. `room` of 3/4 n + 3 suffices. */
long base64_decode(const char *text, size_t n, unsigned char *out, size_t room);
/* Padded, NUL-terminated; the caller frees it. */
char *base64_text(const void *data, size_t n);
