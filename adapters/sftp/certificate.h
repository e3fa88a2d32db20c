/*
 * OpenSSH user certificates (OpenSSH's PROTOCOL.certkeys), as far as the one who shows them needs:
 * which key they are for, and what they say about themselves, because a server that does not take
 * one never says why.
 *
 *	struct certificate c;
 *	if (certificate_read(path, &c, e) < 0) ...		// blocking
 *	if (certificate_check(&c, &key, path, e) < 0) ...	// for another key, for hosts
 *	certificate_words(&c, clock_wall_ms(), text);	// "certificate "acme" for ferry, expired …"
 *	certificate_release(&c);
 *
 * Errors, all ERR_CONFIG: SSH-CERT-MISSING, SSH-CERT-FORMAT, SSH-CERT-KEY.
 */
#pragma once
#include <stdint.h>

#include "adapters/sftp/key_file.h"

#define CERTIFICATE_SUFFIX "-cert-v01@openssh.com"

enum { CERTIFICATE_NAMES = 128, CERTIFICATE_WORDS = 360 };

struct certificate {
	unsigned char *blob; /* what the server is shown */
	size_t blob_bytes;
	char type[KEY_TYPE_BYTES];           /* "ssh-ed25519-cert-v01@openssh.com" */
	char fingerprint[FINGERPRINT_BYTES]; /* of the key inside */
	bool is_user;
	char id[CERTIFICATE_NAMES], principals[CERTIFICATE_NAMES]; /* escaped; may be cut */
	uint64_t after_s, before_s; /* Unix time; before UINT64_MAX: for ever */
};

/* The line of a .pub file; `path` for messages. */
int certificate_parse(const char *path, const char *text, size_t n, struct certificate *out,
                      struct err *e);
/* From bytes an agent gave; 0 or -1. */
int certificate_from_blob(const void *blob, size_t n, struct certificate *out);
int certificate_read(const char *path, struct certificate *out, struct err *e);
void certificate_release(struct certificate *c);

int certificate_check(const struct certificate *c, const struct private_key *key, const char *path,
                      struct err *e);
const char *certificate_words(const struct certificate *c, int64_t wall_ms,
                              char out[CERTIFICATE_WORDS]);
