/*
 * The OpenSSH private key container (OpenSSH's PROTOCOL.key), as far as we must look into it: the
 * public half, whether it is encrypted, and taking the encryption away.
 *
 *	struct openssh_key k;
 *	if (openssh_key_parse(&k, text, n) < 0) ...	// not such a file
 *	if (k.encrypted && openssh_key_decrypt(&k, passphrase) < 0) ...
 *	key = openssh_pkey(&k);
 *	openssh_key_wipe(&k);
 *
 * Pure (CPU: bcrypt takes 100 ms and more); takes any bytes. What holds secrets is wiped.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum openssh_key_problem {
	OPENSSH_KEY_OK = 0,
	OPENSSH_KEY_MALFORMED = -1,
	OPENSSH_KEY_CIPHER = -2,     /* a cipher or KDF we do not know */
	OPENSSH_KEY_PASSPHRASE = -3, /* decrypts to nonsense */
};

/* A part of the decoded file. */
struct key_part {
	unsigned char *p;
	size_t n;
};

/* uint32 and string of RFC 4251 §5, taken from the front; false when there is none whole. */
bool key_part_number(struct key_part *rest, uint32_t *out);
bool key_part_string(struct key_part *rest, struct key_part *out);

struct openssh_key {
	unsigned char *decoded; /* owns all parts */
	size_t decoded_bytes;
	bool encrypted;
	char cipher[40], kdf[16];
	struct key_part salt, public_blob, secret;
	uint32_t rounds;
};

enum { OPENSSH_KEY_ROUNDS_MAX = 2048 }; /* about ten seconds */

bool openssh_key_is(const char *text, size_t n);
int openssh_key_parse(struct openssh_key *k, const char *text, size_t n);
int openssh_key_decrypt(struct openssh_key *k, const char *passphrase);
void openssh_key_wipe(struct openssh_key *k);
