/*
 * Our own certificate and its key, tried before the server is asked: what is wrong with them must not
 * look like the server's doing, and OpenSSL must never ask a terminal for the passphrase.
 *
 *	tls_own_check(&settings, passphrase, e);	// NULL: there is none. Blocking
 *
 * ERR_CONFIG with one of
 *	TLS-CERTIFICATE-FILE	the certificate cannot be read, or is none
 *	TLS-KEY-FILE		the same for the key
 *	TLS-PASSPHRASE		the key is encrypted, and the passphrase is missing or wrong
 *	TLS-KEY-MISMATCH	they do not belong together
 */
#pragma once
#include "config/config.h"
#include "config/secret.h"
#include "daemon/base/err.h"

int tls_own_check(const struct tls_settings *settings, const struct secret *passphrase,
                  struct err *e);
