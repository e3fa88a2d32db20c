/*
 * The key inside OpenSSH's container, as OpenSSL has it: RSA, ECDSA on the NIST curves, Ed25519.
 */
#pragma once
#include <openssl/evp.h>

#include "adapters/sftp/openssh_key.h"

/* The container must be decrypted. NULL when it holds no whole key of a kind we know. */
EVP_PKEY *openssh_pkey(const struct openssh_key *k);
