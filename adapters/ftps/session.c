#include "adapters/ftps/session.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netdb.h>
#include <string.h>

#include "adapters/ftps/errors.h"
#include "adapters/ftps/hash.h"
#include "adapters/ftps/passport.h"
#include "adapters/ftps/tls_own.h"
#include "adapters/trace_step.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

/* libcurl's own time-outs are only a second line behind ours. */
enum { NEVER_SECONDS = 24 * 3600 };

/* ---- options of every job ------------------------------------------------------------------ */

/* CURLOPT_FTPPORT: "-" alone, "address", ":ports", "address:ports", and "[v6]:ports" because of the
 * colons. */
static void name_our_end(const struct ftp_data *d, char *out, size_t room)
{
	const char *address = d->address ? d->address : "";
	bool wants_brackets = d->first_port && strchr(address, ':');

	if (!d->first_port)
		(void)snprintf(out, room, "%s", d->address ? d->address : "-");
	else
		(void)snprintf(out, room, "%s%s%s:%d-%d", wants_brackets ? "[" : "", address,
		               wants_brackets ? "]" : "", d->first_port, d->last_port);
}

/* libcurl's own patience for a server that does not connect to us ends before ours: it knows what
 * it waited for. */
static long accept_ms(const struct endpoint_timeouts *t)
{
	int64_t ms = t->request_ms < t->stall_ms ? t->request_ms : t->stall_ms;

	return (long)(ms - ms / 4);
}

static void configure_data(const struct endpoint_config *p, CURL *c)
{
	const struct ftp_data *d = &p->ftp.data;
	char where[128];

	(void)curl_easy_setopt(c, CURLOPT_FTP_SKIP_PASV_IP,
	                       d->pasv_address == FTP_PASV_TRUST ? 0L : 1L);
	if (d->mode != FTP_ACTIVE)
		return;
	name_our_end(d, where, sizeof(where));
	(void)curl_easy_setopt(c, CURLOPT_FTPPORT, where);
	(void)curl_easy_setopt(c, CURLOPT_ACCEPTTIMEOUT_MS, accept_ms(&p->timeouts));
}

static void configure_address(const struct endpoint_config *p, CURL *c)
{
	static const long families[] = {[FAMILY_ANY] = CURL_IPRESOLVE_WHATEVER,
	                                [FAMILY_IPV4] = CURL_IPRESOLVE_V4,
	                                [FAMILY_IPV6] = CURL_IPRESOLVE_V6};
	char from[64];

	(void)curl_easy_setopt(c, CURLOPT_IPRESOLVE, families[p->address_family]);
	if (!p->bind_address)
		return;
	(void)snprintf(from, sizeof(from), "host!%s", p->bind_address);
	(void)curl_easy_setopt(c, CURLOPT_INTERFACE, from);
}

static void configure_times(CURL *c)
{
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)NEVER_SECONDS);
	(void)curl_easy_setopt(c, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)NEVER_SECONDS);
	(void)curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)NEVER_SECONDS);
	(void)curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 60L);
}

static void configure_login(const struct ftp_session *s, CURL *c)
{
	(void)curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(c, CURLOPT_USERNAME, s->endpoint->user);
	(void)curl_easy_setopt(c, CURLOPT_PASSWORD, s->has_password ? s->password.bytes : "");
	if (s->has_account)
		(void)curl_easy_setopt(c, CURLOPT_FTP_ACCOUNT, s->account.bytes);
}

static void configure(CURL *c, void *arg)
{
	struct ftp_session *s = arg;

	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "ftp,ftps");
	(void)curl_easy_setopt(c, CURLOPT_PROXY, ""); /* not the environment's either */
	(void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(c, CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_NOCWD);
	(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
	(void)curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
	(void)curl_easy_setopt(c, CURLOPT_RESOLVE, s->resolve);
	configure_address(s->endpoint, c);
	configure_login(s, c);
	configure_times(c);
	configure_data(s->endpoint, c);
	if (s->endpoint->protocol == PROTOCOL_FTPS)
		tls_configure(&s->tls, c);
	else
		(void)curl_easy_setopt(c, CURLOPT_USE_SSL, (long)CURLUSESSL_NONE);
}

/* ---- jobs ---------------------------------------------------------------------------------- */

/* libcurl has its own idea of the TYPE; ours is what the server was told last. */
static void note_type(struct ftp_session *s)
{
	const struct exchange *x = dialogue_reply_to(curl_loop_dialogue(s->loop), "TYPE");

	if (x && x->code == 200)
		s->type = x->type;
}

static int check_own(void *session, struct err *e)
{
	const struct ftp_session *s = session;

	return tls_own_check(&s->endpoint->tls, s->tls.has_passphrase ? &s->tls.passphrase : NULL,
	                     e);
}

/* libcurl reads our certificate anew for each data connection: it may have gone meanwhile. */
static int tell_which_file(struct ftp_session *s, struct err *e)
{
	struct err why;

	if (s->endpoint->tls.certificate &&
	    work_run(check_own, s, "our certificate", &why) == ERR_CONFIG)
		*e = why;
	return e->kind;
}

int ftp_session_run(struct ftp_session *s, struct curl_job *job, const char *verb, const char *path,
                    struct err *e)
{
	int r = curl_loop_run(s->loop, job, e);

	if (r != 1) {
		note_type(s);
		return r;
	}
	r = ftps_err(s, job, &(struct ftps_context){verb, path}, e);
	return job->rc == CURLE_SSL_CERTPROBLEM ? tell_which_file(s, e) : r;
}

static int run_command(struct ftp_session *s, const char *command, const struct ftps_context *about,
                       struct err *e)
{
	bool may_be_refused = command[0] == '*';
	struct curl_job job = {
	        .label = "the answer to an FTP command",
	        .kind = CURL_COMMAND,
	        .url = s->host_url,
	        .command = command + (may_be_refused ? 1 : 0),
	};
	const struct exchange *x;
	int r = ftp_session_run(s, &job, about->verb, about->path, e);

	if (r < 0 || may_be_refused)
		return r;
	x = dialogue_last(curl_loop_dialogue(s->loop));
	return x && x->code >= 400 ? ftps_err(s, &job, about, e) : 0;
}

int ftp_session_commands(struct ftp_session *s, const char *verb, const char *path,
                         const char *const *commands, size_t count, struct err *e)
{
	struct ftps_context about = {verb, path};
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = run_command(s, commands[i], &about, e);
	return r;
}

struct ftp_reply ftp_session_reply(const struct ftp_session *s, const char *verb)
{
	const struct dialogue *d = curl_loop_dialogue(s->loop);
	const struct exchange *x = dialogue_reply_to(d, verb);
	struct ftp_reply r = {0};

	if (!x || !x->code)
		return r;
	r.code = x->code;
	r.lines = dialogue_lines(d, x, &r.n);
	return r;
}

/* ---- what the server can do ---------------------------------------------------------------- */

static void take_feature(struct ftp_features *f, const char *line, size_t n)
{
	char word[16];
	size_t k = 0;

	ftp_hash_feature(&f->hashes, line, n);
	while (n > 0 && *line == ' ') {
		line++;
		n--;
	}
	for (; k < n && k < sizeof(word) - 1 && line[k] != ' ' && line[k] != '\r'; k++)
		word[k] = (char)toupper((unsigned char)line[k]);
	word[k] = '\0';
	f->mlst |= strcmp(word, "MLST") == 0 || strcmp(word, "MLSD") == 0;
	f->size |= strcmp(word, "SIZE") == 0;
	f->mdtm |= strcmp(word, "MDTM") == 0;
	f->mfmt |= strcmp(word, "MFMT") == 0;
	f->rest |= strcmp(word, "REST") == 0;
	f->utf8 |= strcmp(word, "UTF8") == 0;
}

/* RFC 2389 §3.2: a line each between the first and the last. Without FEAT, what every server has
 * known since long is tried. */
static void take_features(struct ftp_session *s)
{
	struct ftp_reply r = ftp_session_reply(s, "FEAT");
	const char *line = r.lines, *end = r.lines + r.n;

	if (r.code != 211) {
		s->features = (struct ftp_features){.size = true, .mdtm = true, .rest = true};
		return;
	}
	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((stop ? stop : end) - line);

		if (n < 4 || strncmp(line, "211", 3) != 0)
			take_feature(&s->features, line, n);
		line += n + 1;
	}
}

/* 257 "path" with quotes in it doubled (RFC 959 appendix II); used only if it is absolute and
 * clean. */
static void take_entry(struct ftp_session *s)
{
	struct ftp_reply r = ftp_session_reply(s, "PWD");
	const char *from = r.code == 257 ? memchr(r.lines, '"', r.n) : NULL;
	const char *end = r.lines + r.n;
	char *to;

	if (!from || from[1] != '/')
		return;
	to = s->entry = mem_new((size_t)(end - from));
	for (from++; from < end && *from != '\n'; from++) {
		if (*from == '"' && (from + 1 == end || from[1] != '"'))
			break;
		if (*from == '"')
			from++;
		*to++ = *from;
	}
	for (to = s->entry; *to; to++)
		if ((unsigned char)*to < 0x20 || *to == 0x7F) {
			free(s->entry);
			s->entry = NULL;
			return;
		}
}

/* ---- opening ------------------------------------------------------------------------------- */

static int read_secrets(struct ftp_session *s, struct err *e)
{
	const struct endpoint_config *p = s->endpoint;

	for (size_t i = 0; i < p->auth_count && !s->has_password; i++) {
		if (p->auth[i].kind != AUTH_PASSWORD)
			continue;
		if (secret_read(&p->auth[i].password, &s->password, e) < 0)
			return err_wrap(e, "password");
		s->has_password = true;
	}
	if (p->ftp.account.kind == SECRET_NONE)
		return 0;
	if (secret_read(&p->ftp.account, &s->account, e) < 0)
		return err_wrap(e, "account");
	s->has_account = true;
	return 0;
}

/* A control character in a secret would send what follows it as a command. */
static int check_secret(const struct secret *secret, const char *what, struct err *e)
{
	for (size_t i = 0; i < secret->len; i++)
		if ((unsigned char)secret->bytes[i] < 0x20)
			return err_set(e, ERR_CONFIG, "FTP-SECRET-CONTROL", 0,
			               "the %s holds a control character, which FTP cannot send",
			               what);
	return 0;
}

static int prepare(void *arg, struct err *e)
{
	struct ftp_session *s = arg;
	int r = read_secrets(s, e);

	if (r == 0 && s->has_password)
		r = check_secret(&s->password, "password", e);
	if (r == 0 && s->has_account)
		r = check_secret(&s->account, "account", e);
	if (r == 0 && s->endpoint->protocol == PROTOCOL_FTPS)
		r = tls_prepare(&s->tls, &s->endpoint->tls, e);
	return r;
}

/* Beyond the limit further addresses are left out. */
static void add_address(struct buf *entry, const struct addrinfo *a, const char *comma)
{
	char text[INET6_ADDRSTRLEN];
	bool is_v6 = a->ai_family == AF_INET6;

	if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST))
		return;
	(void)buf_printf(entry, "%s%s%s%s", comma, is_v6 ? "[" : "", text, is_v6 ? "]" : "");
}

static bool is_address(const char *host)
{
	unsigned char binary[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

/* libcurl's own look-ups cannot be left behind when they hang. */
static int resolve(struct ftp_session *s, struct err *e)
{
	const struct endpoint_config *p = s->endpoint;
	struct addrinfo *all;
	struct buf entry;

	if (is_address(p->host))
		return 0;
	if (work_resolve(p->host, p->port, deadline_in(p->timeouts.connect_ms), &all, e) < 0)
		return e->kind;
	buf_init(&entry, 4096);
	(void)buf_printf(&entry, "%s:%d:", p->host, p->port);
	for (const struct addrinfo *a = all; a; a = a->ai_next)
		add_address(&entry, a, a == all ? "" : ",");
	freeaddrinfo(all);
	s->resolve = curl_slist_append(NULL, buf_text(&entry));
	buf_release(&entry);
	return 0;
}

static char *make_host_url(const struct endpoint_config *p)
{
	bool is_implicit = p->protocol == PROTOCOL_FTPS && p->tls.mode == TLS_IMPLICIT;
	bool is_v6 = strchr(p->host, ':') != NULL;

	return mem_printf("%s://%s%s%s:%d/", is_implicit ? "ftps" : "ftp", is_v6 ? "[" : "",
	                  p->host, is_v6 ? "]" : "", p->port);
}

/* Connects; libcurl says USER, PASS and PWD. A server without FEAT or SYST may refuse them ("*").
 */
static int log_in(struct ftp_session *s, struct err *e)
{
	static const char *const ask[] = {"*FEAT", "*SYST"};
	struct ftp_reply syst;
	int r;

	trace_step(s->trace, TRACE_STEP_TCP);
	r = ftp_session_commands(s, "log in", NULL, ask, 1, e);
	passport_way(s, r < 0 ? e : NULL);
	if (r < 0)
		return r;
	take_features(s);
	take_entry(s);
	if (ftp_session_commands(s, "log in", NULL, ask + 1, 1, e) < 0)
		return e->kind;
	syst = ftp_session_reply(s, "SYST");
	s->features.is_unix =
	        syst.code == 215 && syst.n > 16 && strncmp(syst.lines + 4, "UNIX Type: L", 12) == 0;
	passport_facts(s);
	return 0;
}

static int greet(struct ftp_session *s, struct err *e)
{
	const struct ftp_commands *own = &s->endpoint->ftp.commands;
	const char **all = mem_new_array(own->after_login_count + 1, sizeof(*all));
	size_t n = 0;
	int r = 0;

	if (s->features.utf8 && s->endpoint->charset == CHARSET_UTF_8)
		all[n++] = "*OPTS UTF8 ON"; /* some have it always on and refuse */
	for (size_t i = 0; i < own->after_login_count; i++)
		all[n++] = own->after_login[i];
	if (n > 0)
		r = ftp_session_commands(s, "commands after the login", NULL, all, n, e);
	free(all);
	return r;
}

/* Before 8.0 libcurl does not encrypt a data connection that it accepted: both sides would wait. */
const char *ftp_session_judge(const struct endpoint_config *p, const char **key)
{
	if (p->protocol != PROTOCOL_FTPS || p->ftp.data.mode != FTP_ACTIVE ||
	    curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000)
		return NULL;
	*key = "data.mode";
	return "the linked libcurl is older than 8.0 and does not encrypt data connections that it "
	       "accepts: use data: {mode: passive} (ferryd --version tells its version)";
}

static int establish(struct ftp_session *s, struct err *e)
{
	const struct endpoint_config *p = s->endpoint;
	const char *key, *wrong;
	struct curl_loop_settings settings = {
	        .configure = configure,
	        .arg = s,
	        .timeouts = &p->timeouts,
	        .control_port = p->port,
	        .trace = s->trace,
	};

	TRACE(s->trace, TRACE_TRANSPORT, "endpoint %s: %s, libcurl %s", p->name, s->host_url,
	      curl_version());
	wrong = ftp_session_judge(p, &key);
	if (wrong)
		return err_set(e, ERR_CONFIG, "FTPS-ACTIVE", 0, "%s", wrong);
	trace_step(s->trace, TRACE_STEP_SECRETS);
	if (work_run(prepare, s, "reading secrets and certificates", e) < 0)
		return e->kind;
	trace_step(s->trace, TRACE_STEP_DNS);
	if (resolve(s, e) < 0 || curl_loop_new(&settings, &s->loop, e) < 0)
		return e->kind;
	return log_in(s, e) < 0 ? e->kind : greet(s, e);
}

int ftp_session_open(const struct endpoint_config *endpoint, struct trace *trace,
                     struct ftp_session **out, struct err *e)
{
	struct ftp_session *s = mem_new_of(struct ftp_session);

	s->endpoint = endpoint;
	s->trace = trace;
	s->host_url = make_host_url(endpoint);
	if (establish(s, e) < 0) {
		TRACE(trace, TRACE_ERROR, "%s: %s", e->code, e->message);
		ftp_session_close(s);
		return e->kind;
	}
	*out = s;
	return 0;
}

void ftp_session_close(struct ftp_session *s)
{
	if (!s)
		return;
	curl_loop_close(s->loop);
	if (s->has_password)
		secret_wipe(&s->password);
	if (s->has_account)
		secret_wipe(&s->account);
	tls_release(&s->tls);
	curl_slist_free_all(s->resolve);
	free(s->host_url);
	free(s->entry);
	free(s);
}
