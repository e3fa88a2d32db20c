/*
 * Signatures as SSH wants them. We sign ourselves, not libssh2: it would open the private key anew
 * for every login, leak parts of it, and 1.11.1 releases ECDSA signatures with the wrong function.
 *
 * `algorithm`: ssh-ed25519 (RFC 8709), ecdsa-sha2-nistp… (RFC 5656), rsa-sha2-256, rsa-sha2-512
 * (RFC 8332), ssh-rsa (SHA-1: RFC 4253).
 */
#pragma once
#include <openssl/evp.h>
#include <stddef.h>

#include "daemon/base/buf.h"

enum { KEY_SIGNATURE_MAX = 4096 };

/* Appends the signature (the inner string of the signature blob) to `out`; 0 or -1. */
int key_sign(EVP_PKEY *key, const char *algorithm, const void *data, size_t n, struct buf *out);
