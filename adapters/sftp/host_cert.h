/*
 * Host certificates of OpenSSH (its PROTOCOL.certkeys): a public key, the names it is for, from when
 * until when, signed by an authority that an @cert-authority line of known_hosts names.
 *
 *	struct host_cert cert;
 *	if (host_cert_parse(blob, n, &cert) < 0) ...
 *	switch (host_cert_judge(&cert, &known, now_s, &authority)) ...
 *	host_cert_release(&cert);
 *
 * libssh2 (1.10 to 1.11.1) cannot check a key exchange in which the server shows a certificate: it
 * has no reader for such blobs, and calls a function that is not there when ECDSA ones are agreed.
 * So the certificate is fetched beforehand (host_cert_fetch.h), and the connection itself is made
 * with the plain key that the certificate names, whose possession the server then proves.
 *
 * Pure; takes any bytes.
 */
#pragma once
#include <stdint.h>

#include "adapters/sftp/key_verify.h"
#include "adapters/sftp/known_hosts.h"

enum { HOST_CERT_MAX = 64 * 1024, HOST_CERT_TEXT = 200 };

struct host_cert {
	unsigned char *key; /* the certified key as a plain blob */
	size_t key_bytes;
	uint64_t serial;
	uint32_t kind;                      /* 1 a user's, 2 a host's */
	uint64_t valid_after, valid_before; /* Unix seconds; the second is not included */
	/* borrowed from the blob */
	struct key_bytes id, principals, critical, authority, signature, signed_part;
};

/* 0, or -1 when the blob is no certificate of a kind we know. */
int host_cert_parse(const void *blob, size_t n, struct host_cert *out);
void host_cert_release(struct host_cert *c);

/* X(id, words for people) */
#define HOST_CERT_VERDICTS(X)                                                              \
	X(CERT_OK, "is good")                                                              \
	X(CERT_USER, "is a user's, not a host's")                                          \
	X(CERT_AUTHORITY, "is signed by another authority")                                \
	X(CERT_REVOKED_AUTHORITY, "is signed by an authority that is revoked")             \
	X(CERT_REVOKED_KEY, "is for a key that is revoked")                                \
	X(CERT_NOT_YET, "is not valid yet")                                                \
	X(CERT_EXPIRED, "has expired")                                                     \
	X(CERT_NAME, "is not for this name")                                               \
	X(CERT_CRITICAL, "has critical options, which a host's certificate cannot have")   \
	X(CERT_ALGORITHM, "is signed with SHA-1 or by a short key, which is not accepted") \
	X(CERT_SIGNATURE, "has a wrong signature")

enum host_cert_verdict {
#define HOST_CERT_ENUM(id, words) id,
	HOST_CERT_VERDICTS(HOST_CERT_ENUM)
#undef HOST_CERT_ENUM
};

/* Against the authorities of the host whose records `k` are; the name is k->host. A certificate
 * without names is for every host, as its format says. *authority: the record, when CERT_OK. */
enum host_cert_verdict host_cert_judge(const struct host_cert *c, const struct known_keys *k,
                                       int64_t now_s, const struct known_key **authority);

/* "certificate "id" serial 7 has expired (2026-01-01T00:00:00Z)", escaped; returns out. */
const char *host_cert_text(const struct host_cert *c, enum host_cert_verdict v,
                           char out[HOST_CERT_TEXT]);
