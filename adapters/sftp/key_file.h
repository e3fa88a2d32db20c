/*
 * A private key file, made ready for signing.
 *
 *	struct private_key key;
 *	if (key_file_read(path, passphrase, &key, e) < 0) ...	// blocking: on the work pool
 *	... key.key, key.blob, key.fingerprint ...
 *	private_key_wipe(&key);
 *
 * Reading and decrypting take up to a second (bcrypt), so that happens here, off the loop, and
 * once. Each thing that can be wrong has its own code, all ERR_CONFIG: SSH-KEY-MISSING,
 * SSH-KEY-MODE, SSH-KEY-FORMAT, SSH-KEY-ENCRYPTED, SSH-KEY-PASSPHRASE.
 *
 * Formats: OpenSSH (PROTOCOL.key), PEM (PKCS#1, SEC1) and PKCS#8, each also encrypted; RSA, ECDSA
 * on the NIST curves, Ed25519.
 */
#pragma once
#include <openssl/evp.h>
#include <stddef.h>

#include "adapters/sftp/known_hosts.h"
#include "daemon/base/err.h"

enum { KEY_FILE_MAX = 64 * 1024 };

struct private_key {
	EVP_PKEY *key;       /* NULL: none */
	unsigned char *blob; /* the public half as SSH writes it */
	size_t blob_bytes;
	char type[KEY_TYPE_BYTES]; /* "ssh-ed25519" */
	char fingerprint[FINGERPRINT_BYTES];
};

/* `passphrase` NULL or "" when there is none. */
int key_file_read(const char *path, const char *passphrase, struct private_key *out, struct err *e);
void private_key_wipe(struct private_key *k);

/* The same from bytes already in memory; `path` only for messages. */
int key_parse(const char *path, const char *text, size_t n, const char *passphrase,
              struct private_key *out, struct err *e);
