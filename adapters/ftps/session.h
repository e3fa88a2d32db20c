/*
 * A logged-in FTP or FTPS session on one connection.
 *
 *	struct ftp_session *s;
 *	if (ftp_session_open(endpoint, trace, &s, e) < 0) ...
 *	if (ftp_session_commands(s, "remove", path, commands, 1, e) < 0) ...
 *	ftp_session_close(s);
 *
 *	open	name lookup, secrets (work pool) -> TCP, greeting, AUTH TLS, USER, PASS, PBSZ, PROT,
 *		PWD, FEAT (libcurl and one job) -> OPTS UTF8 ON and the endpoint's own commands
 *
 * Everything above speaks in jobs (curl_loop.h); this module knows the URL, the options every job
 * has, what the server can do, and where the login directory is. Paths are made absolute with the
 * latter, so that no command depends on where an earlier one has left us.
 *
 * Owned by its connection; borrowed: endpoint and trace, for its life.
 */
#pragma once
#include "adapters/ftps/curl_loop.h"
#include "adapters/ftps/server_zone.h"
#include "adapters/ftps/tls.h"

/* Bits 1 << enum checksum_kind; hash.h */
struct ftp_hashes {
	unsigned hash, commands; /* with HASH; with a command of its own */
	unsigned chosen;         /* what HASH computes now, 0: not known */
};

struct ftp_features {
	struct ftp_hashes hashes;
	bool mlst, size, mdtm, mfmt, rest, utf8;
	bool is_unix; /* SYST: takes ls's options */
};

struct ftp_session {
	const struct endpoint_config *endpoint;
	struct trace *trace;
	struct curl_loop *loop;
	struct tls tls;
	struct secret password, account;
	bool has_password, has_account;
	struct curl_slist *resolve;
	char *host_url; /* "ftp://host:port/" */
	char *entry;    /* the login directory, absolute, as the server's bytes; NULL: not known */
	struct ftp_features features;
	char type; /* last TYPE the server was told, 0: none */
	struct server_zone zone;
	bool rename_refuses_taken; /* RNTO does not replace */
};

/* What the linked libcurl cannot do (adapter.h). */
const char *ftp_session_judge(const struct endpoint_config *endpoint, const char **key);
int ftp_session_open(const struct endpoint_config *endpoint, struct trace *trace,
                     struct ftp_session **out, struct err *e);
void ftp_session_close(struct ftp_session *s); /* NULL allowed */

/* Runs the job; failures become errors (errors.h) about "<verb> <path>"; path may be NULL. */
int ftp_session_run(struct ftp_session *s, struct curl_job *job, const char *verb, const char *path,
                    struct err *e);
/* One command after the other, until one is refused. With "*" before it, it may be. */
int ftp_session_commands(struct ftp_session *s, const char *verb, const char *path,
                         const char *const *commands, size_t count, struct err *e);
/* The reply to the last command with that verb; code 0 = none came. */
struct ftp_reply {
	int code;
	const char *lines; /* borrowed until the next job; each ends in '\n' */
	size_t n;
};
struct ftp_reply ftp_session_reply(const struct ftp_session *s, const char *verb);
