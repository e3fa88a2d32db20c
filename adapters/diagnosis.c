#include "adapters/diagnosis.h"

#include "adapters/brief.h"
#include "daemon/base/escape.h"

/* Enough of a text for a message that has to hold others too. */
enum { SHORT_ROOM = 120, LIST_ROOM = 200 };

static const char *shown(const char *text, char *out, size_t room)
{
	return text && *text ? escape(text, strlen(text), out, room) : "(unknown)";
}

/* ---- before there is a connection worth the name ------------------------------------------- */

static bool holds(const char *data, size_t n, const char *word)
{
	return memmem(data, n, word, strlen(word)) != NULL;
}

/* Ends of lines are not worth showing. */
static size_t without_end(const char *p, size_t n)
{
	while (n && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	return n;
}

/* OpenSSH writes one of these lines in clear and hangs up (MaxStartups, PerSourcePenalties). */
static bool is_refusal(const char *p, size_t n)
{
	static const char *const words[] = {
	        "Not allowed at this time", "Exceeded MaxStartups", "Too many connections",
	        "too many connections",     "Too many users",       "Connection refused",
	        "refused connect",          "try again later",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (holds(p, n, words[i]))
			return true;
	return false;
}

static bool is_tls(const unsigned char *p, size_t n)
{
	return n >= 3 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4;
}

/* "220 ready" or "421-go away" */
static bool is_ftp(const char *p, size_t n)
{
	return n >= 4 &&
	       (memcmp(p, "220", 3) == 0 || memcmp(p, "421", 3) == 0 || memcmp(p, "120", 3) == 0) &&
	       (p[3] == ' ' || p[3] == '-');
}

static void compose_refused(const void *what, size_t room, struct err *e)
{
	char seen[BRIEF_ROOM_MOST];

	(void)err_set(e, ERR_BUSY, "SSH-BANNER-REFUSED", 0,
	              "the server refused the connection before the login: \"%s\". Either it has "
	              "too many unfinished logins (MaxStartups), or it punishes our address for "
	              "earlier failed logins (PerSourcePenalties). It will be tried again later; "
	              "if it stays, ask the partner to unblock our address",
	              brief_words(what, seen, room));
}

static int refused_in_words(const char *seen, struct err *e)
{
	return brief_fit(compose_refused, seen, e);
}

static int hung_up(struct err *e)
{
	return err_set(e, ERR_BUSY, "SSH-BANNER-REFUSED", 0,
	               "the server closed the connection without a word. Usual causes: our address "
	               "is not allowed there (ask the partner), too many connections at once "
	               "(lower `connections:`), or a load balancer without a server behind it");
}

static int not_ssh(enum err_kind kind, const char *what, const char *cure, const char *seen,
                   struct err *e)
{
	return err_set(e, kind, "SSH-NOT-SSH", 0,
	               "this is not an SSH server: %s answers on this port (\"%s\"). %s", what,
	               seen, cure);
}

int diagnosis_not_ssh(const void *first, size_t n, struct err *e)
{
	const char *p = first;
	char text[SHORT_ROOM];
	const char *seen;

	if (!n)
		return hung_up(e);
	seen = escape(p, without_end(p, n), text, sizeof(text));
	if (is_refusal(p, n))
		return refused_in_words(seen, e);
	if (is_tls(first, n))
		return not_ssh(ERR_CONFIG, "a TLS service",
		               "For implicit FTPS use protocol: ftps; else correct `port:`", seen,
		               e);
	if (is_ftp(p, n) && holds(p, n, "SMTP")) /* it greets with the same number */
		return not_ssh(ERR_CONFIG, "a mail server", "Correct `host:` or `port:`", seen, e);
	if (is_ftp(p, n))
		return not_ssh(ERR_CONFIG, "an FTP server",
		               "Use protocol: ftps (or ftp), or correct `port:` (SFTP is mostly on "
		               "22)",
		               seen, e);
	if (n >= 5 && (memcmp(p, "HTTP/", 5) == 0 || holds(p, n, "<html") || holds(p, n, "<HTML")))
		return not_ssh(ERR_CONFIG, "a web server",
		               "Correct `host:` or `port:` (a proxy in between may answer, too)",
		               seen, e);
	return not_ssh(ERR_PROTOCOL, "something else",
	               "Correct `host:` or `port:`, or ask the partner which service listens there",
	               seen, e);
}

int diagnosis_silence(int64_t waited_ms, struct err *e)
{
	return err_set(e, ERR_NETWORK, "SSH-BANNER-TIMEOUT", 0,
	               "connected, but no SSH identification came within %.1f s. Usual causes: a "
	               "firewall or load balancer that accepts for a dead server, an overloaded "
	               "server, or an implicit FTPS port (then use protocol: ftps)",
	               (double)waited_ms / 1000.0);
}

int diagnosis_flood(size_t lines, size_t bytes, const void *first, size_t n, struct err *e)
{
	char text[SHORT_ROOM];

	return err_set(e, ERR_PROTOCOL, "SSH-BANNER-FLOOD", 0,
	               "the server sent %zu lines (%zu bytes) before a login was possible and was "
	               "cut off; it began with \"%s\". This is no working SSH server: check "
	               "`host:` and `port:`, then ask the partner",
	               lines, bytes, escape(first, n, text, sizeof(text)));
}

/* ---- key exchange -------------------------------------------------------------------------- */

/* What the linked library lacks is not in our list. */
static bool offers(const struct diagnosis_algorithms *a, const char *part)
{
	return a->ours && strstr(a->ours, part);
}

static const char *algorithm_cure(const struct diagnosis_algorithms *a)
{
	switch (a->which) {
	case DIAGNOSIS_HOST_KEY:
		if (a->theirs && strstr(a->theirs, "rsa-sha2") && a->ours &&
		    !strstr(a->ours, "rsa-sha2"))
			return "Its host key is RSA with SHA-2, which libssh2 before 1.11 cannot "
			       "check: ask the partner to add an Ed25519 or ECDSA host key, or "
			       "run ferryd with libssh2 1.11.1 (Debian 13)";
		return "Ask the partner to add an Ed25519 or ECDSA host key";
	case DIAGNOSIS_CIPHER:
		return offers(a, "-gcm@") ? "Ask the partner to allow aes128-ctr, aes256-ctr or "
		                            "aes256-gcm@openssh.com"
		                          : "Ask the partner to allow aes128-ctr or aes256-ctr, or "
		                            "run ferryd with libssh2 1.11.1, which has AES-GCM";
	case DIAGNOSIS_MAC:
		return offers(a, "-etm@")
		               ? "Ask the partner to allow hmac-sha2-256 or hmac-sha2-512"
		               : "Ask the partner to allow hmac-sha2-256 or "
		                 "hmac-sha2-512, or run ferryd with libssh2 1.11.1, "
		                 "which has the -etm forms";
	case DIAGNOSIS_KEX:
		return "Ask the partner to allow curve25519-sha256 or "
		       "diffie-hellman-group14-sha256";
	case DIAGNOSIS_COMPRESSION:
		break;
	}
	return "Ask the partner to allow connections without compression";
}

/* The line that changes our list, or what else can be done. */
static const char *list_cure(const struct diagnosis_algorithms *a, char *out, size_t room)
{
	char name[64];

	if (a->key && a->narrowed && *a->narrowed)
		(void)snprintf(out, room,
		               "The list `algorithms: {%s: ...}` of this endpoint leaves out %s, "
		               "which both sides can: add it there, or drop the list",
		               a->key, shown(a->narrowed, name, sizeof(name)));
	else if (a->key && a->weak && *a->weak && a->is_own)
		(void)snprintf(out, room,
		               "What the server has is weak and off: ask the partner for something "
		               "better; until then add \"+%s\" to `algorithms: {%s: ...}` of this "
		               "endpoint",
		               shown(a->weak, name, sizeof(name)), a->key);
	else if (a->key && a->weak && *a->weak)
		(void)snprintf(out, room,
		               "What the server has is weak and off: ask the partner for something "
		               "better; until then write `algorithms: {%s: [\"+%s\"]}` in this "
		               "endpoint",
		               a->key, shown(a->weak, name, sizeof(name)));
	else
		(void)snprintf(out, room, "%s", algorithm_cure(a));
	return out;
}

static void compose_no_common(const void *what, size_t room, struct err *e)
{
	static const struct {
		const char *code, *words;
	} lists[] = {
	        [DIAGNOSIS_KEX] = {"SSH-KEX-NO-KEX", "key exchange method"},
	        [DIAGNOSIS_HOST_KEY] = {"SSH-KEX-NO-HOSTKEY", "host key algorithm"},
	        [DIAGNOSIS_CIPHER] = {"SSH-KEX-NO-CIPHER", "cipher"},
	        [DIAGNOSIS_MAC] = {"SSH-KEX-NO-MAC", "MAC"},
	        [DIAGNOSIS_COMPRESSION] = {"SSH-KEX-NO-COMPRESSION", "compression"},
	};
	static const struct brief_items names = {",", ", ", false};
	const struct diagnosis_algorithms *a = what;
	char ours[BRIEF_ROOM_MOST], theirs[BRIEF_ROOM_MOST], server[64], cure[256];

	(void)err_set(e, ERR_CONFIG, lists[a->which].code, 0,
	              "no common %s. %s; the server (%s) offers: %s; we (%s) offer: %s",
	              lists[a->which].words, list_cure(a, cure, sizeof(cure)),
	              shown(a->server, server, sizeof(server)),
	              brief_list(a->theirs, &names, theirs, room), a->library,
	              brief_list(a->ours, &names, ours, room));
}

int diagnosis_no_common(const struct diagnosis_algorithms *a, struct err *e)
{
	return brief_fit(compose_no_common, a, e);
}

/* ---- login --------------------------------------------------------------------------------- */

#define CODE_CURE                                                                    \
	"Check this machine's clock (`timedatectl`), and secret, algorithm, digits " \
	"and period of the one-time codes"

static const char *login_cure(const struct diagnosis_login *l)
{
	if (l->rsa_sha1)
		return "The key is RSA, which this libssh2 can only sign with SHA-1; servers since "
		       "OpenSSH 8.8 refuse that: use an Ed25519 or ECDSA key, or libssh2 1.11.1";
	if (l->code_refused)
		return CODE_CURE;
	if (strstr(l->tried, "certificate"))
		return "Servers never say why they refuse a certificate: check its validity and "
		       "names above, and that the partner trusts who signed it";
	if (strstr(l->tried, "publickey"))
		return "Check with the partner that this key (by its fingerprint) is installed for "
		       "this user";
	return "Check user name and password with the partner; the account may be locked or "
	       "expired";
}

/* What was accepted needs no check. */
static const char *rest_cure(const struct diagnosis_login *l)
{
	return l->code_refused ? CODE_CURE
	                       : "Check the password or the answers with the partner; the account "
	                         "may be locked or expired";
}

static const struct brief_items tried_steps = {"; ", "; ", true};

static void compose_login_refused(const void *what, size_t room, struct err *e)
{
	static const struct brief_items methods = {",", ",", false};
	const struct diagnosis_login *l = what;
	char user[64], tried[BRIEF_ROOM_MOST], offered[SHORT_ROOM];
	const char *u = brief_text(l->user, user, sizeof(user));
	const char *t = brief_list(l->tried, &tried_steps, tried, room);
	const char *o = brief_list(l->offered, &methods, offered, sizeof(offered));

	if (l->partial && (l->code_refused || l->answer_refused))
		(void)err_set(e, ERR_AUTH, "SSH-AUTH-REFUSED", 0,
		              "the server accepted a part of the login of user %s and refused the "
		              "rest. Tried: %s. It still wants: %s. %s",
		              u, t, o, rest_cure(l));
	else if (l->partial)
		(void)err_set(e, ERR_AUTH, "SSH-AUTH-PARTIAL", 0,
		              "the server accepted a part of the login of user %s but wants more: "
		              "%s. Tried: %s. Add the missing method to `auth:` of this endpoint",
		              u, o, t);
	else
		(void)err_set(e, ERR_AUTH, "SSH-AUTH-REFUSED", 0,
		              "the server refused the login of user %s. Tried: %s. The server "
		              "accepts: %s. %s",
		              u, t, o, login_cure(l));
}

int diagnosis_login_refused(const struct diagnosis_login *l, struct err *e)
{
	return brief_fit(compose_login_refused, l, e);
}

struct addition {
	struct err before;
	const char *tried, *cure;
};

static void compose_addition(const void *what, size_t room, struct err *e)
{
	const struct addition *a = what;
	char tried[BRIEF_ROOM_MOST], before[BRIEF_ROOM_MOST];

	(void)err_set(e, (enum err_kind)a->before.kind, a->before.code, a->before.native,
	              "%s. Tried: %s%s", brief_words(a->before.message, before, room),
	              brief_list(a->tried, &tried_steps, tried, room), a->cure);
}

int diagnosis_add_tried(const char *tried, const char *cure, struct err *e)
{
	return brief_fit(compose_addition, &(struct addition){*e, tried, cure}, e);
}

/* ---- any time ------------------------------------------------------------------------------ */

static int lost_by_word(const struct diagnosis_loss *l, const char *text, struct err *e)
{
	/* OpenSSH counts keys and passwords together: MaxAuthTries */
	if (strstr(text, "Too many authentication failures"))
		return err_set(e, ERR_AUTH, "SSH-AUTH-REFUSED", (int)l->disconnect_code,
		               "the server ended the login: \"%s\". It has refused what `auth:` "
		               "of this endpoint offers; check user, key and password",
		               text);
	if (is_refusal(text, strlen(text)))
		return refused_in_words(text, e);
	return err_set(e, ERR_NETWORK, "SSH-LOST", (int)l->disconnect_code,
	               "the server ended the connection during %s: \"%s\" (reason %u)", l->where,
	               text, l->disconnect_code);
}

#define LOST_CURE ". Where it repeats, the server's log tells the reason"

int diagnosis_lost(const struct diagnosis_loss *l, struct err *e)
{
	char text[LIST_ROOM], server[64], words[SHORT_ROOM];

	if (l->disconnect_code)
		return lost_by_word(l, shown(l->disconnect_text, text, sizeof(text)), e);
	return err_set(e, ERR_NETWORK, "SSH-LOST", l->native,
	               "the connection ended during %s: %s (server: %s)" LOST_CURE, l->where,
	               shown(l->words, words, sizeof(words)),
	               shown(l->server, server, sizeof(server)));
}

struct idle_end {
	int64_t idle_ms;
	const struct err *why;
};

static bool is_end_of_connection(const char *code)
{
	static const char *const codes[] = {"SSH-LOST", "SSH-VIA-LOST", "FTP-LOST", "NET-RESET"};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(code, codes[i]) == 0)
			return true;
	return false;
}

static void compose_idle_failure(const void *what, size_t room, struct err *e)
{
	const struct idle_end *end = what;
	char words[BRIEF_ROOM_MOST];

	(void)err_set(
	        e, (enum err_kind)end->why->kind, end->why->code, end->why->native,
	        "the connection could no longer be used after it had been idle (noticed after "
	        "%.1f s: %s). Nothing was under way, and a new one is made when it is needed",
	        (double)end->idle_ms / 1000.0, brief_words(end->why->message, words, room));
}

static void compose_idle_end(const void *what, size_t room, struct err *e)
{
	const struct idle_end *end = what;
	char words[BRIEF_ROOM_MOST], first[ERR_MESSAGE_BYTES];
	char *cure;

	(void)snprintf(first, sizeof(first), "%s", end->why->message);
	cure = strstr(first, LOST_CURE); /* is for something else */
	if (cure)
		*cure = '\0';

	(void)err_set(
	        e, ERR_NETWORK, "NET-IDLE-END", end->why->native,
	        "the other side ended the connection while it was idle (noticed after %.1f s; %s: "
	        "%s). Nothing was under way, and a new one is made when it is needed. Where "
	        "it repeats, a server or firewall ends idle connections: set a shorter "
	        "`keepalive:` for this endpoint",
	        (double)end->idle_ms / 1000.0, end->why->code, brief_words(first, words, room));
}

int diagnosis_idle_end(int64_t idle_ms, const struct err *why, struct err *e)
{
	bool ended = is_end_of_connection(why->code);

	return brief_fit(ended ? compose_idle_end : compose_idle_failure,
	                 &(struct idle_end){idle_ms, why}, e);
}

int diagnosis_timeout(const char *code, const char *where, int64_t waited_ms, const char *setting,
                      struct err *e)
{
	return err_set(e, ERR_NETWORK, code, 0,
	               "%s was not finished within %.1f s. The server or the network is slow or "
	               "stuck; where that is normal for this partner raise `timeouts: {%s: ...}`",
	               where, (double)waited_ms / 1000.0, setting);
}

/* What nologin, shells and PAM print when an account may not be used. */
int diagnosis_account(const void *text, size_t n, struct err *e)
{
	static const char *const words[] = {
	        "currently not available", "has expired",  "is locked",         "is disabled",
	        "not allowed to log in",   "Login denied", "Permission denied", "No directory",
	};
	char shown[SHORT_ROOM];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (holds(text, n, words[i]))
			return err_set(
			        e, ERR_AUTH, "SSH-ACCOUNT", 0,
			        "the login works, but the account may not be used: the "
			        "server says \"%s\" where SFTP should begin. It is locked, "
			        "expired, or has no shell that may run SFTP: ask the partner "
			        "to look at the account",
			        escape(text, without_end(text, n), shown, sizeof(shown)));
	return 0;
}

int diagnosis_no_subsystem(const char *user, const char *name, struct err *e)
{
	char u[SHORT_ROOM], n[64];

	return err_set(e, ERR_CONFIG, "SSH-NO-SFTP", 0,
	               "the login of user %s works, but the server refuses the subsystem \"%s\". "
	               "Ask the partner to enable SFTP for this account (it may be limited to a "
	               "shell, to SCP or to another service)",
	               shown(user, u, sizeof(u)), shown(name, n, sizeof(n)));
}

int diagnosis_no_channel(const char *user, const char *words, int native, struct err *e)
{
	char u[SHORT_ROOM], w[SHORT_ROOM];

	return err_set(e, ERR_BUSY, "SSH-CHANNEL-REFUSED", native,
	               "the login of user %s works, but the server opens no session: %s. The "
	               "account may be limited to tunnels, or have too many sessions open "
	               "(MaxSessions; lower `connections:`)",
	               shown(user, u, sizeof(u)), shown(words, w, sizeof(w)));
}

/* libssh2 puts the reason of RFC 4254 §5.1 into words. */
int diagnosis_no_forward(const char *host, int port, const char *words, struct err *e)
{
	char target[SHORT_ROOM], text[SHORT_ROOM];

	(void)shown(host, target, sizeof(target));
	if (strstr(words, "connect failed"))
		return err_set(
		        e, ERR_NETWORK, "SSH-VIA-UNREACHABLE", 0,
		        "it cannot reach %s port %d. Are host and port right as the jump host "
		        "sees them, and is the server running? Ask the jump host's operator to "
		        "try `nc -vz %s %d` there",
		        target, port, target, port);
	if (strstr(words, "prohibited"))
		return err_set(
		        e, ERR_CONFIG, "SSH-VIA-REFUSED", 0,
		        "it refuses to connect us on to %s port %d. Ask its operator to allow "
		        "that to our user: AllowTcpForwarding and PermitOpen in its sshd_config, "
		        "no-port-forwarding or restrict in authorized_keys",
		        target, port);
	return err_set(e, ERR_BUSY, "SSH-VIA-REFUSED", 0,
	               "it does not connect us on to %s port %d (%s). Ask its operator for its log",
	               target, port, shown(words, text, sizeof(text)));
}
