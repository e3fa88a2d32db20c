/*
 * Is a signature by an SSH key right? The other half of key_sign.h, for certificates of hosts.
 *
 * Understood: ssh-ed25519 (RFC 8709), ecdsa-sha2-nistp256, -384, -521 (RFC 5656), rsa-sha2-256 and
 * rsa-sha2-512 (RFC 8332, keys of at least 2048 bits). RSA with SHA-1 is not accepted. Pure (CPU: up
 * to a millisecond); takes any bytes.
 */
#pragma once
#include <stddef.h>

enum key_verdict {
	KEY_SIGNED = 0,
	KEY_NOT_SIGNED = -1,  /* by this key over these bytes */
	KEY_UNSUPPORTED = -2, /* a kind of key or signature we do not accept */
};

struct key_bytes {
	const unsigned char *p;
	size_t n;
};

/* `key`: public key blob (RFC 4253 §6.6); `signature`: string algorithm, string bytes. */
enum key_verdict key_verify(struct key_bytes key, struct key_bytes signature,
                            struct key_bytes data);
