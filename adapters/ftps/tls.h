/*
 * TLS of one FTPS connection: the settings as libcurl wants them, and what was seen of the
 * server's certificate.
 *
 *	tls_prepare(&tls, &endpoint->tls, e);		// blocking: on the work pool
 *	tls_configure(&tls, easy);			// before each job
 *	... after a failed handshake tls.evidence tells whose certificate was refused, and why
 *	tls_release(&tls);
 *
 * Never less than asked for: CURLUSESSL_ALL makes libcurl leave when AUTH TLS or PROT P is refused,
 * peer and host name are always verified, before USER is sent.
 *
 * At most TLS 1.2 unless configured: with 1.3 the session tickets that a client which only sends
 * never reads make the server lose uploads (libcurl 7.88.1: every second one at ProFTPD and vsftpd
 * when they require session reuse).
 *
 * One certificate file without a directory beside it lets libcurl keep the parsed certificates;
 * with Debian's default (both) it reads all of them anew for every data connection.
 */
#pragma once
#include <curl/curl.h>

#include "config/config.h"
#include "config/secret.h"
#include "daemon/base/err.h"

enum { TLS_NAME_ROOM = 256, TLS_DATE_ROOM = 40 };

/* Of the certificate that was refused (error != 0), or of the server's own. */
struct tls_evidence {
	int error; /* X509_V_ERR_…, 0 = the chain was accepted */
	int depth; /* 0: the server's certificate */
	char subject[TLS_NAME_ROOM], issuer[TLS_NAME_ROOM];
	char not_before[TLS_DATE_ROOM], not_after[TLS_DATE_ROOM];
	char names[TLS_NAME_ROOM]; /* host names and addresses of the server's own */
	unsigned ends;             /* close_notify alerts received, over all connections */
	int alert;     /* the last fatal one the server sent (RFC 5246 §7.2); -1: none */
	char first[6]; /* what the server sent where a TLS record should begin, if it
	                            * was text ("220 r") */
};

struct tls {
	const struct tls_settings *settings;
	const char *ca_file, *ca_directory;
	char *pins; /* as libcurl wants them */
	struct secret passphrase;
	bool has_passphrase;
	struct tls_evidence evidence;
};

int tls_prepare(struct tls *t, const struct tls_settings *settings, struct err *e);
void tls_configure(struct tls *t, CURL *easy);
void tls_release(struct tls *t);
