/*
 * An ECDSA key out of OpenSSH's container, as OpenSSL has it.
 *
 * libssh2 (1.10 and 1.11.1) could read the container itself, but leaks the private number each
 * time, twice a login. As PKCS#8 it does not.
 */
#pragma once
#include <openssl/evp.h>

#include "adapters/sftp/openssh_key.h"

/* The container must be decrypted. NULL when it holds no (whole) ECDSA key on a NIST curve. */
EVP_PKEY *ecdsa_key_make(const struct openssh_key *k);
