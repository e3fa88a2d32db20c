/*
 * A failed job → cause and cure.
 *
 *	return ftps_err(s, &job, &(struct ftps_context){"read", path}, e);
 *
 * Judged in this order: did we end it ourselves (a deadline, an abort, a flood); was there an
 * answer that says no (by its code, then by its words, because 550 is all of "missing", "denied"
 * and "busy"); and only then libcurl's code, which after a refused transfer may tell of something
 * that never happened.
 *
 * Codes, besides those every adapter uses for objects (adapter.h):
 *	NET-TIMEOUT NET-REFUSED			no connection
 *	FTP-NOT-FTP FTP-GREETING-TIMEOUT FTP-GREETING-REFUSED	what answers is not what we want
 *	TLS-REFUSED TLS-PROT-REFUSED		the server will not encrypt; never falls back
 *	TLS-NOT-TLS TLS-ALERT TLS-HANDSHAKE TLS-TIMEOUT		no handshake
 *	TLS-EXPIRED TLS-NOT-YET TLS-UNKNOWN-CA TLS-NAME TLS-PIN TLS-CERTIFICATE	whom we do not trust
 *	TLS-CA-FILE				no authorities to judge by
 *	TLS-OWN-CERTIFICATE			ours cannot be used (tls_own.h tells more)
 *	FTP-LOGIN-REFUSED FTP-ACCOUNT-WANTED FTP-LOGIN-TIMEOUT
 *	FTP-TOO-MANY FTP-BUSY			not now
 *	FTP-TIMEOUT FTP-STALLED FTP-NO-CONFIRMATION FTP-LOST FTP-CLOSED
 *	FTP-ACTIVE-PORT FTP-DATA-TIMEOUT FTP-DATA-REFUSED FTP-DATA-LOST TLS-SESSION-REUSE TLS-TRUNCATED
 *	FTP-PASV-REPLY FTP-REPLY FTP-REPLY-FLOOD FTP-UNSUPPORTED FTP-FAILED
 */
#pragma once
#include "adapters/ftps/session.h"

struct ftps_context {
	const char *verb; /* "read", "rename" */
	const char *path; /* raw; NULL: not about one */
};

/* Returns the kind. */
int ftps_err(const struct ftp_session *s, const struct curl_job *job,
             const struct ftps_context *about, struct err *e);

/* A refusal in a reply's code and words alone: kind and code of the words, for tests as well. */
struct ftps_meaning {
	enum err_kind kind;
	const char *code, *cure;
};
struct ftps_meaning ftps_reply_meaning(int code, const char *words);
/* The same for the answer to `verb` of a login ("USER", "PASS", "ACCT"; "": the greeting). */
struct ftps_meaning ftps_login_meaning(const char *verb, int code, const char *words);
