#include "adapters/ftps/errors.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "adapters/ftps/report.h"
#include "daemon/base/escape.h"

enum { LAST_WORDS_ROOM = REPORT_ROOM + 40 };

static bool holds(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

/* " (the server's last words: ...)"; nothing when it has said nothing that we could read. */
static const char *server_words(const struct dialogue *d, char out[LAST_WORDS_ROOM])
{
	char words[REPORT_ROOM];

	out[0] = '\0';
	if (d->words[0])
		(void)snprintf(out, LAST_WORDS_ROOM, " (the server's last words: %s)",
		               escape(d->words, strlen(d->words), words, sizeof(words)));
	return out;
}

int ftps_report(const struct report *r, struct ftps_meaning m, int native, const char *sentence)
{
	char path[REPORT_ROOM], words[LAST_WORDS_ROOM];

	escape(r->about->path ? r->about->path : "", r->about->path ? strlen(r->about->path) : 0,
	       path, sizeof(path));
	return err_set(r->e, m.kind, m.code, native, "%s%s%s: %s%s%s%s", r->about->verb,
	               path[0] ? " " : "", path, sentence, m.cure ? "; " : "", m.cure ? m.cure : "",
	               server_words(r->d, words));
}

/* ---- a reply that says no ------------------------------------------------------------------ */

static const struct words_row {
	int from, to; /* codes */
	const char *word;
	struct ftps_meaning meaning;
} words_rows[] = {
#define ROW(from, to, word, kind, code, cure)  \
	{                                      \
		from, to, word,                \
		{                              \
			ERR_##kind, code, cure \
		}                              \
	}
        ROW(400, 599, "no such file", OBJECT, "OBJ-MISSING", NULL),
        ROW(400, 599, "not found", OBJECT, "OBJ-MISSING", NULL),
        ROW(400, 599, "does not exist", OBJECT, "OBJ-MISSING", NULL),
        ROW(400, 599, "doesn't exist", OBJECT, "OBJ-MISSING", NULL),
        ROW(400, 599, "cannot find", OBJECT, "OBJ-MISSING", NULL),
        ROW(400, 599, "no space", BUSY, "OBJ-NO-SPACE", "the partner must free space"),
        ROW(400, 599, "disk full", BUSY, "OBJ-NO-SPACE", "the partner must free space"),
        ROW(400, 599, "quota", BUSY, "OBJ-NO-SPACE", "the partner must raise the quota"),
        ROW(550, 559, "session reuse", NETWORK, "TLS-SESSION-REUSE", NULL),
        ROW(400, 599, "not a directory", OBJECT, "OBJ-NOT-DIR", NULL),
        ROW(400, 599, "is a directory", OBJECT, "OBJ-NOT-DIR", NULL),
        ROW(400, 599, "not a regular", OBJECT, "OBJ-NOT-DIR", NULL),
        ROW(400, 599, "not a plain", OBJECT, "OBJ-NOT-DIR", NULL),
        ROW(400, 599, "file exists", OBJECT, "OBJ-EXISTS", NULL),
        ROW(400, 599, "already exist", OBJECT, "OBJ-EXISTS", NULL),
        ROW(550, 559, "denied", OBJECT, "OBJ-DENIED", "the partner must grant the right"),
        ROW(550, 559, "permission", OBJECT, "OBJ-DENIED", "the partner must grant the right"),
        ROW(550, 559, "not permitted", OBJECT, "OBJ-DENIED", "the partner must grant the right"),
        ROW(550, 559, "not allowed", OBJECT, "OBJ-DENIED", "the partner must grant the right"),
        ROW(550, 559, "read-only", OBJECT, "OBJ-DENIED", "the partner must let us write there"),
        ROW(500, 504, "", OBJECT, "FTP-UNSUPPORTED", NULL),
        ROW(552, 552, "", BUSY, "OBJ-NO-SPACE", "the partner must free space"),
        ROW(452, 452, "", BUSY, "OBJ-NO-SPACE", "the partner must free space"),
        ROW(553, 553, "", OBJECT, "OBJ-DENIED", "the server does not allow the name"),
        ROW(532, 532, "", OBJECT, "OBJ-DENIED", "the server wants an account: set `account:`"),
        ROW(421, 421, "", NETWORK, "FTP-LOST", "the server ends the session"),
        ROW(530, 530, "", NETWORK, "FTP-LOST", "the server has forgotten the login"),
        ROW(400, 499, "", BUSY, "FTP-BUSY", NULL),
        ROW(500, 599, "", OBJECT, "OBJ-FAILED", NULL),
#undef ROW
};

struct ftps_meaning ftps_reply_meaning(int code, const char *words)
{
	for (size_t i = 0; i < sizeof(words_rows) / sizeof(words_rows[0]); i++) {
		const struct words_row *row = &words_rows[i];

		if (code >= row->from && code <= row->to && holds(words, row->word))
			return row->meaning;
	}
	return (struct ftps_meaning){ERR_PROTOCOL, "FTP-REPLY", NULL};
}

/* 425, 426 and 522: the transfer itself, not the file. */
static int data_refused(const struct report *r, int code)
{
	const struct dialogue *d = r->d;

	if (code == 522 || holds(d->words, "reuse") ||
	    (code == 425 && r->s->endpoint->protocol == PROTOCOL_FTPS &&
	     holds(d->words, "not permitted")))
		return ftps_report(
		        r,
		        (struct ftps_meaning){ERR_NETWORK, "TLS-SESSION-REUSE",
		                              "keep tls.session_reuse on and tls.max at "
		                              "1.2"},
		        code,
		        "the server refuses the data connection because it does not resume the "
		        "TLS session of the control connection");
	if (code == 426)
		return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "FTP-DATA-LOST", NULL},
		                   code, "the data connection broke during the transfer");
	return ftps_report(
	        r,
	        (struct ftps_meaning){ERR_NETWORK, "FTP-DATA-REFUSED",
	                              "a firewall may stand in between; in active mode it "
	                              "must let the server in"},
	        code, "the server cannot open the data connection");
}

static bool has_any(const char *words, const char *const *list)
{
	for (; *list; list++)
		if (holds(words, *list))
			return true;
	return false;
}

/* As ProFTPD, Pure-FTPd, vsftpd, FileZilla, Serv-U, IIS and others say it. */
static bool means_too_many(int code, const char *words)
{
	static const char *const many[] = {
	        "too many",          "maximum",        "max clients", "connection limit",
	        "session limit",     "simultaneous",   "concurrent",  "more than",
	        "already connected", "already logged", NULL};

	return code == 421 || (code == 530 && has_any(words, many));
}

struct ftps_meaning ftps_login_meaning(const char *verb, int code, const char *words)
{
	static const char *const failures[] = {"attempt",   "failure", "failed",
	                                       "incorrect", "invalid", NULL};
	/* "Too many login failures": the next would be one more */
	bool is_about_us = has_any(words, failures);

	if (!verb[0] && (code != 421 || is_about_us))
		return (struct ftps_meaning){ERR_BUSY, "FTP-GREETING-REFUSED", NULL};
	if (!is_about_us && means_too_many(code, words))
		return (struct ftps_meaning){ERR_BUSY, "FTP-TOO-MANY",
		                             "lower `connections:` of the endpoint"};
	if (code == 332)
		return (struct ftps_meaning){ERR_AUTH, "FTP-ACCOUNT-WANTED",
		                             "set `account:` of the endpoint"};
	if (code / 100 == 4 && !is_about_us)
		return (struct ftps_meaning){ERR_BUSY, "FTP-BUSY", NULL};
	return (struct ftps_meaning){ERR_AUTH, "FTP-LOGIN-REFUSED",
	                             strcmp(verb, "ACCT") == 0
	                                     ? "check `account:` with the partner"
	                                     : "check `user:` and the password with the partner"};
}

static int login_refused(const struct report *r, int code)
{
	static const struct {
		const char *code, *sentence;
	} said[] = {
	        {"FTP-GREETING-REFUSED", "the server turns us away before the login"},
	        {"FTP-TOO-MANY", "the server allows no further connection now"},
	        {"FTP-ACCOUNT-WANTED", "the server asks for an account"},
	        {"FTP-BUSY", "the server does not take the login now"},
	        {"FTP-LOGIN-REFUSED", "the server refuses the login"},
	};
	struct ftps_meaning m = ftps_login_meaning(r->last->verb, code, r->d->words);
	size_t i = 0;

	while (strcmp(said[i].code, m.code) != 0)
		i++;
	return ftps_report(r, m, code, said[i].sentence);
}

static bool is_verb(const struct exchange *x, const char *verb)
{
	return x && strcmp(x->verb, verb) == 0;
}

static int refused(const struct report *r)
{
	int code = r->last->code;

	if (is_verb(r->last, "AUTH"))
		return ftps_report(
		        r,
		        (struct ftps_meaning){ERR_TRUST, "TLS-REFUSED",
		                              "nothing was sent in clear text; the partner "
		                              "must allow TLS, or the port wants "
		                              "tls.mode: implicit"},
		        code, "the server refuses to encrypt (AUTH TLS)");
	if (is_verb(r->last, "PROT") || is_verb(r->last, "PBSZ"))
		return ftps_report(r,
		                   (struct ftps_meaning){ERR_TRUST, "TLS-PROT-REFUSED",
		                                         "the partner must allow PROT P"},
		                   code, "the server refuses to encrypt the data connection");
	if (!r->last->verb[0] || is_verb(r->last, "USER") || is_verb(r->last, "PASS") ||
	    is_verb(r->last, "ACCT"))
		return login_refused(r, code);
	if (code == 425 || code == 426 || code == 522)
		return data_refused(r, code);
	return ftps_report(r, ftps_reply_meaning(code, r->d->words), code, "the server refuses");
}

/* ---- a step that did not come -------------------------------------------------------------- */

static const struct {
	const char *code, *cure;
} late[] = {
        [STEP_CONNECT] = {"NET-TIMEOUT", "a firewall may drop it, or the host is down"},
        [STEP_GREETING] = {"FTP-GREETING-TIMEOUT",
                           "a port that waits for TLS at once wants tls.mode: implicit, usually "
                           "port 990"},
        [STEP_TLS] = {"TLS-TIMEOUT", NULL},
        [STEP_LOGIN] = {"FTP-LOGIN-TIMEOUT", NULL},
        [STEP_REPLY] = {"FTP-TIMEOUT", NULL},
        [STEP_HASH] = {"FTP-TIMEOUT", "raise timeouts.stall, or say `verify: size`"},
        [STEP_OPEN_DATA] = {"FTP-DATA-TIMEOUT",
                            "a firewall may drop connections to the server's passive ports: the "
                            "partner must open them"},
        [STEP_DATA] = {"FTP-STALLED", NULL},
        [STEP_FINAL] = {"FTP-NO-CONFIRMATION",
                        "raise timeouts.stall if the server works on the file after it has it"},
};

static int too_late(const struct report *r)
{
	static const struct {
		const char *words, *setting;
	} steps[] = {
#define STEP_ROW(name, words, setting) {words, setting},
	        CURL_STEPS(STEP_ROW)
#undef STEP_ROW
	};
	enum curl_step step = curl_loop_step(r->s->loop);
	char sentence[512], command[REPORT_ROOM];

	escape(r->d->command, strlen(r->d->command), command, sizeof(command));
	(void)snprintf(sentence, sizeof(sentence),
	               "timed out after %.1f s (timeouts.%s) waiting for %s%s%s",
	               (double)r->job->waited_ms / 1000, steps[step].setting, steps[step].words,
	               command[0] ? ", after " : "", command);
	return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, late[step].code, late[step].cure},
	                   CURLE_OPERATION_TIMEDOUT, sentence);
}

static int not_ftp(const struct report *r)
{
	char said[REPORT_ROOM], sentence[REPORT_ROOM + 64];
	size_t n = buf_len(&r->d->said);
	const char *text = (const char *)buf_data(&r->d->said);
	const char *stop = n ? memchr(text, 0x0a, n) : NULL;

	if (n > 4 && memcmp(text, "SSH-", 4) == 0)
		return ftps_report(
		        r, (struct ftps_meaning){ERR_PROTOCOL, "FTP-NOT-FTP", "use protocol: sftp"},
		        0, "this is an SSH server");
	escape(text, stop ? (size_t)(stop - text) : n, said, sizeof(said));
	(void)snprintf(sentence, sizeof(sentence), "this is no FTP server; it begins with \"%s\"",
	               said);
	return ftps_report(
	        r, (struct ftps_meaning){ERR_PROTOCOL, "FTP-NOT-FTP", "check host and port"}, 0,
	        sentence);
}

static int endless_reply(const struct report *r)
{
	return ftps_report(r, (struct ftps_meaning){ERR_PROTOCOL, "FTP-REPLY-FLOOD", NULL},
	                   (int)r->job->rc, "the server's answer does not end");
}

static int was_cut(const struct report *r)
{
	switch (r->job->cut) {
	case CUT_TIMEOUT:
		return too_late(r);
	case CUT_FLOOD:
		return endless_reply(r);
	case CUT_NOT_FTP:
		return not_ftp(r);
	default:
		return err_set(r->e, ERR_CANCELED, "FTP-CLOSED", 0, "%s: the connection was closed",
		               r->about->verb);
	}
}

/* ---- everything else ----------------------------------------------------------------------- */

static bool has_begun_data(const struct report *r)
{
	return dialogue_reply_to(r->d, "EPSV") || dialogue_reply_to(r->d, "PASV") ||
	       dialogue_reply_to(r->d, "EPRT") || dialogue_reply_to(r->d, "PORT");
}

static int not_connected(const struct report *r)
{
	if (has_begun_data(r))
		return ftps_report(r,
		                   (struct ftps_meaning){ERR_NETWORK, "FTP-DATA-REFUSED",
		                                         "the partner must open its passive ports"},
		                   (int)r->job->rc,
		                   "the server's passive port refuses the data connection");
	if (r->d->has_greeting)
		return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "FTP-LOST", NULL},
		                   (int)r->job->rc, "the server has closed the idle connection");
	return ftps_report(r,
	                   (struct ftps_meaning){ERR_NETWORK, "NET-REFUSED",
	                                         "check host and port, and that the server runs"},
	                   (int)r->job->rc, r->job->words[0] ? r->job->words : "cannot connect");
}

/* Active mode: the server did not come to us. */
static int not_accepted(const struct report *r)
{
	return ftps_report(r,
	                   (struct ftps_meaning){ERR_NETWORK, "FTP-DATA-TIMEOUT",
	                                         "a firewall must let it in: see data.ports "
	                                         "and data.address"},
	                   (int)r->job->rc,
	                   "the server has not connected to us for the data (active mode)");
}

/* libcurl 8.14 has lost CURLE_FTP_PORT_FAILED on the way for some reasons. */
static bool has_no_port(const struct report *r)
{
	return r->job->rc == CURLE_FTP_PORT_FAILED ||
	       (r->s->endpoint->ftp.data.mode == FTP_ACTIVE && holds(r->job->words, "bind("));
}

static int no_port(const struct report *r)
{
	char words[REPORT_ROOM], sentence[REPORT_ROOM + 80];

	escape(r->job->words, strlen(r->job->words), words, sizeof(words));
	(void)snprintf(sentence, sizeof(sentence),
	               "there is no port to wait on for the server's data connection: %s", words);
	return ftps_report(r,
	                   (struct ftps_meaning){ERR_NETWORK, "FTP-ACTIVE-PORT",
	                                         "data.ports must be wide enough for "
	                                         "connections:, and free"},
	                   (int)r->job->rc, sentence);
}

static int hung_up(const struct report *r)
{
	char command[REPORT_ROOM], sentence[REPORT_ROOM + 80];

	escape(r->d->command, strlen(r->d->command), command, sizeof(command));
	(void)snprintf(sentence, sizeof(sentence), "the server has closed the connection%s%s",
	               r->last && !r->last->code && command[0] ? " instead of answering " : "",
	               r->last && !r->last->code ? command : "");
	return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "FTP-LOST", NULL}, (int)r->job->rc,
	                   sentence);
}

static int lost(const struct report *r)
{
	char words[REPORT_ROOM];

	if (holds(r->job->words, "too large response")) /* libcurl's own limit, for one line */
		return endless_reply(r);
	if (holds(r->job->words, "unexpected eof") && has_begun_data(r))
		return ftps_report(
		        r, (struct ftps_meaning){ERR_NETWORK, "TLS-TRUNCATED", NULL},
		        (int)r->job->rc,
		        "the data ended without TLS's end mark: it may have been cut off");
	if (!r->job->words[0] || holds(r->job->words, "response reading failed"))
		return hung_up(r);
	escape(r->job->words, strlen(r->job->words), words, sizeof(words));
	return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "FTP-LOST", NULL}, (int)r->job->rc,
	                   words);
}

enum { TOO_LARGE = 100 }; /* CURLE_TOO_LARGE, which libcurl 7.88 does not name yet */

/* libcurl says which file: that of tls.ca, or the system's. */
static int no_authorities(const struct report *r)
{
	char words[160], sentence[sizeof(words) + 128];

	escape(r->job->words, strlen(r->job->words), words, sizeof(words));
	(void)snprintf(sentence, sizeof(sentence),
	               "no authority that signs servers could be read: %s. Where tls.ca is not set "
	               "that is the system's: install ca-certificates",
	               words);
	return ftps_report(r, (struct ftps_meaning){ERR_CONFIG, "TLS-CA-FILE", NULL},
	                   (int)r->job->rc, sentence);
}

static int by_result(const struct report *r)
{
	char words[CURL_ERROR_SIZE + 8], sentence[CURL_ERROR_SIZE + 96];

	if ((int)r->job->rc == TOO_LARGE)
		return endless_reply(r);
	switch (r->job->rc) {
	case CURLE_COULDNT_CONNECT:
		return not_connected(r);
	case CURLE_SSL_CONNECT_ERROR:
		return ftps_no_handshake(r);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return ftps_not_trusted(r);
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return ftps_report(
		        r,
		        (struct ftps_meaning){ERR_TRUST, "TLS-PIN",
		                              "verify the new key with the partner, then "
		                              "change tls.pins"},
		        (int)r->job->rc, "the server's public key is not the one in tls.pins");
	case CURLE_SSL_CACERT_BADFILE:
		return no_authorities(r);
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
		escape(r->job->words, strlen(r->job->words), words, sizeof(words));
		(void)snprintf(sentence, sizeof(sentence), "our TLS settings cannot be used: %s",
		               words);
		return ftps_report(r,
		                   (struct ftps_meaning){ERR_CONFIG, "TLS-OWN-CERTIFICATE", NULL},
		                   (int)r->job->rc, sentence);
	case CURLE_USE_SSL_FAILED:
		return ftps_report(r, (struct ftps_meaning){ERR_TRUST, "TLS-REFUSED", NULL},
		                   (int)r->job->rc, "the server refuses to encrypt");
	case CURLE_FTP_ACCEPT_FAILED:
	case CURLE_FTP_ACCEPT_TIMEOUT:
		return not_accepted(r);
	case CURLE_FTP_WEIRD_PASV_REPLY:
	case CURLE_FTP_WEIRD_227_FORMAT:
	case CURLE_FTP_CANT_GET_HOST:
		return ftps_report(r, (struct ftps_meaning){ERR_PROTOCOL, "FTP-PASV-REPLY", NULL},
		                   (int)r->job->rc,
		                   "the answer to EPSV or PASV names no usable port");
	case CURLE_WEIRD_SERVER_REPLY:
		if (r->s->endpoint->ftp.data.mode == FTP_ACTIVE && r->last && r->last->preliminary)
			return not_accepted(r); /* it hung up instead */
		return ftps_report(r, (struct ftps_meaning){ERR_PROTOCOL, "FTP-REPLY", NULL},
		                   (int)r->job->rc, "the server's answer is not one of FTP");
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return lost(r);
	default:
		escape(r->job->words, strlen(r->job->words), words, sizeof(words));
		(void)snprintf(sentence, sizeof(sentence), "%s (libcurl %d)",
		               words[0] ? words : curl_easy_strerror(r->job->rc), (int)r->job->rc);
		return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "FTP-FAILED", NULL},
		                   (int)r->job->rc, sentence);
	}
}

/* TLS's own results come after a friendly 234 and before the next command. */
static bool is_about_tls(CURLcode rc)
{
	return rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH ||
	       rc == CURLE_SSL_CERTPROBLEM || rc == CURLE_SSL_CIPHER ||
	       rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_ISSUER_ERROR;
}

/* The port EPSV named could not be reached, and then the server did not know PASV. (Other refusals
 * there are the late answer to a transfer.) */
static bool has_no_second_way(const struct report *r)
{
	const struct exchange *epsv = dialogue_reply_to(r->d, "EPSV");

	return is_verb(r->last, "PASV") && r->last->code >= 500 && r->last->code <= 504 && epsv &&
	       epsv->code == 229;
}

int ftps_err(const struct ftp_session *s, const struct curl_job *job,
             const struct ftps_context *about, struct err *e)
{
	struct report r = {s, job, about, curl_loop_dialogue(s->loop), NULL, e};

	r.last = dialogue_last(r.d);
	if (job->cut != CUT_NONE)
		return was_cut(&r);
	if (has_no_second_way(&r))
		return not_connected(&r);
	if (is_about_tls(job->rc))
		return by_result(&r);
	if (r.last && (r.last->code >= 400 || r.last->code == 332))
		return refused(&r);
	return has_no_port(&r) ? no_port(&r) : by_result(&r);
}
