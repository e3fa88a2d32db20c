/*
 * A failed job on its way to an error (errors.h): what is known of it, and how it is told. Shared by
 * the judge of replies (errors.c) and the judge of TLS (tls_errors.c).
 */
#pragma once
#include "adapters/ftps/errors.h"

enum { REPORT_ROOM = 240 };

struct report {
	const struct ftp_session *s;
	const struct curl_job *job;
	const struct ftps_context *about;
	const struct dialogue *d;
	const struct exchange *last;
	struct err *e;
};

/* "read /a/b: " or "log in: "; then the sentence, the cure and the server's last words. */
int ftps_report(const struct report *r, struct ftps_meaning m, int native, const char *sentence);

/* CURLE_PEER_FAILED_VERIFICATION: whose certificate, and why. */
int ftps_not_trusted(const struct report *r);
/* CURLE_SSL_CONNECT_ERROR: by the server's alert, by the plain text it sent, or by OpenSSL's words. */
int ftps_no_handshake(const struct report *r);
