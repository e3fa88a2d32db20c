/*
 * What the tables cannot say about endpoints of ftp and ftps: which keys belong to which protocol
 * and to each other, and what some texts must look like.
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "config/load.h"
#include "daemon/base/text.h"

enum { PORT_SFTP = 22, PORT_FTP = 21, PORT_FTPS_IMPLICIT = 990 };

#define BASE64  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* ---- texts --------------------------------------------------------------------------------- */

const char *tls_check_pin(const char *pin)
{
	const char *digest = pin + strlen("sha256//");

	if (text_starts(pin, "SHA256:"))
		return "is the fingerprint of an SSH key: wants sha256// and 44 characters";
	if (!text_starts(pin, "sha256//"))
		return "wants sha256// and the base64 of the public key's SHA-256";
	if (strspn(digest, BASE64) != 43 || strcmp(digest + 43, "=") != 0)
		return "wants 44 characters of base64 behind sha256//, the last one \"=\"";
	return NULL;
}

const char *tls_check_ciphers(const char *ciphers)
{
	if (strspn(ciphers, LETTERS "0123456789-_+!:,.@= ") != strlen(ciphers))
		return "is no list of ciphers as `openssl ciphers` takes it";
	if (text_starts(ciphers, "TLS_"))
		return "names ciphers of TLS 1.3, which are not chosen: this list is for TLS 1.2";
	return NULL;
}

const char *ftp_check_address(const char *address)
{
	unsigned char ignored[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, address, ignored) == 1 || inet_pton(AF_INET6, address, ignored) == 1)
		return NULL;
	return "is no IPv4 or IPv6 address (without brackets)";
}

/* "40000-40100" or "40000"; false: neither. */
static bool read_ports(const char *text, int *first, int *last)
{
	char *end;

	if (*text < '0' || *text > '9' || strspn(text, "0123456789-") != strlen(text))
		return false;
	*first = *last = (int)strtol(text, &end, 10); /* at most 16 bytes: saturates */
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		*last = (int)strtol(end + 1, &end, 10);
	return !*end;
}

const char *ftp_check_ports(const char *text)
{
	int first, last;

	if (strlen(text) > 11 || !read_ports(text, &first, &last))
		return "wants two ports with \"-\" between them, such as 40000-40100";
	if (first < 1024 || last > 65535)
		return "ports must be between 1024 and 65535";
	if (first > last)
		return "the first port is larger than the last";
	return NULL;
}

/* What ferryd sends by itself, and what would change how the answers are to be read. */
static const char *const ours[] = {
        "USER", "PASS", "ACCT", "AUTH", "ADAT", "PBSZ", "PROT", "CCC",  "REIN", "QUIT", "PORT",
        "PASV", "EPRT", "EPSV", "LPRT", "LPSV", "TYPE", "MODE", "STRU", "REST", "ABOR", "RETR",
        "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD", "RNFR", "RNTO", "DELE", "CWD",  "CDUP",
};

const char *ftp_check_command(const char *command)
{
	size_t n;

	command += *command == '*';
	n = strspn(command, LETTERS);
	if (n < 3 || n > 8 || (command[n] && command[n] != ' '))
		return "wants an FTP command, such as SITE UMASK 027";
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (strlen(ours[i]) == n && strncasecmp(command, ours[i], n) == 0)
			return "this command is ferryd's own business: it would not know what the "
			       "server does then";
	return NULL;
}

/* ---- keys that belong to another protocol -------------------------------------------------- */

#define FOR_SFTP "is for protocol: sftp; "
#define FOR_FTP  "is for protocol: ftps and ftp; sftp has no use for it"
#define NO_SSH   FOR_SFTP "ssh's settings are of no use to ftps and ftp"

/* Why the protocols other than local do not take a key; NULL: they do. */
static const struct {
	const char *key, *sftp, *ftps, *ftp;
} foreign[] = {
        {"via", NULL, FOR_SFTP "no FTP server is reached through a jump host",
         FOR_SFTP "no FTP server is reached through a jump host"},
        {"proxy", NULL, FOR_SFTP "no FTP server is reached through a proxy",
         FOR_SFTP "no FTP server is reached through a proxy"},
        {"algorithms", NULL, "is for protocol: sftp; for ftps see tls: {ciphers: ...}",
         "is for protocol: sftp; ftp encrypts nothing"},
        {"host_key", NULL, FOR_SFTP "an ftps server proves itself by its certificate: see tls",
         FOR_SFTP "an ftp server cannot prove who it is"},
        {"ssh_config", NULL, NO_SSH, NO_SSH},
        {"ssh_host", NULL, NO_SSH, NO_SSH},
        {"tls", "is for protocol: ftps; sftp has TLS nowhere: see host_key", NULL,
         "is for protocol: ftps; if the partner's server knows TLS, use that"},
        {"tunnels", NULL, FOR_SFTP "ftps and ftp carry no other connections",
         FOR_SFTP "ftps and ftp carry no other connections"},
        {"account", FOR_FTP, NULL, NULL},
        {"data", FOR_FTP, NULL, NULL},
        {"list", FOR_FTP, NULL, NULL},
        {"commands", FOR_FTP, NULL, NULL},
};

const char *endpoint_refuses_key(enum protocol protocol, const char *key)
{
	if (protocol == PROTOCOL_LOCAL)
		return strcmp(key, "trace") == 0 ? NULL : "is for a partner's server";
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (strcmp(foreign[i].key, key) == 0)
			return protocol == PROTOCOL_SFTP   ? foreign[i].sftp
			       : protocol == PROTOCOL_FTPS ? foreign[i].ftps
			                                   : foreign[i].ftp;
	return NULL;
}

/* The protocol was understood: a wrong word must not make all other keys wrong. */
static bool is_protocol_known(const struct endpoint_form *f)
{
	static const char *const names[] = {[PROTOCOL_LOCAL] = "",
	                                    [PROTOCOL_SFTP] = "sftp",
	                                    [PROTOCOL_FTPS] = "ftps",
	                                    [PROTOCOL_FTP] = "ftp"};
	const struct node *n = node_get(f->head.node, "protocol");

	if (!n)
		return !node_has(f->head.node, "protocol");
	return n->kind == NODE_SCALAR && strcmp(n->text, names[f->out.protocol]) == 0;
}

static void refuse_foreign_keys(struct loader *l, const struct endpoint_form *f)
{
	const struct node *map = f->head.node;

	for (const struct node *n = map->kind == NODE_MAP ? map->first : NULL; n; n = n->next) {
		const char *why =
		        n->broken ? NULL : endpoint_refuses_key(f->out.protocol, n->key->text);

		if (why)
			node_key_error(l->problems, n, "%s", why);
	}
}

/* ---- authentication ------------------------------------------------------------------------ */

static void check_auth(struct loader *l, const struct endpoint_form *f)
{
	for (size_t i = 0; i < f->auth.count; i++) {
		const struct auth_form *a = (const void *)f->auth.items[i];

		if (a->out.kind == AUTH_PASSWORD)
			continue;
		node_error(l->problems, a->head.node,
		           f->out.protocol == PROTOCOL_FTPS
		                   ? "is for protocol: sftp; ftps wants a password, and takes a "
		                     "certificate besides: tls: {certificate: PATH, key: PATH}"
		                   : "is for protocol: sftp; ftp wants a password");
		return;
	}
	if (f->auth.count > 1)
		node_error(l->problems, node_get(f->head.node, "auth"),
		           "wants one password with protocol: %s, found %zu methods",
		           f->out.protocol == PROTOCOL_FTPS ? "ftps" : "ftp", f->auth.count);
}

/* ---- data connections ---------------------------------------------------------------------- */

static void finish_data(struct loader *l, struct endpoint_form *f)
{
	const struct node *section = node_get(f->head.node, "data");
	struct ftp_data *d = &f->out.ftp.data;
	static const char *const active_keys[] = {"address", "ports"};

	if (f->active_ports && !read_ports(f->active_ports, &d->first_port, &d->last_port))
		d->first_port = d->last_port = 0; /* ftp_check_ports has told */
	for (size_t i = 0; d->mode == FTP_PASSIVE && i < 2; i++) {
		const struct node *n = node_get(section, active_keys[i]);

		if (n)
			node_key_error(l->problems, n,
			               "is for mode: active; with mode: passive the server "
			               "chooses");
	}
	if (d->mode == FTP_ACTIVE && node_get(section, "pasv_address"))
		node_key_error(l->problems, node_get(section, "pasv_address"),
		               "is for mode: passive; with mode: active the server connects");
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void check_client_certificate(struct loader *l, const struct node *section,
                                     const struct tls_settings *t)
{
	const struct node *key = node_get(section, "key"),
	                  *passphrase = node_get(section, "passphrase");

	if ((key || passphrase) && !node_has(section, "certificate")) {
		node_key_error(l->problems, key ? key : passphrase,
		               "belongs to a certificate: add certificate: PATH");
		return;
	}
	if (t->certificate)
		files_check_certificate(l, node_get(section, "certificate"), t);
	if (t->key)
		files_check_tls_key(l, key, t->key);
}

static void finish_tls(struct loader *l, struct endpoint_form *f)
{
	const struct node *section = node_get(f->head.node, "tls");
	struct tls_settings *t = &f->out.tls;

	t->passphrase = endpoint_secret(l, node_get(section, "passphrase"), &f->tls_passphrase);
	check_client_certificate(l, section, t);
	if (t->ca)
		files_check_ca(l, node_get(section, "ca"), t->ca);
	if (t->min > t->max)
		node_error(l->problems, node_get(section, "min"),
		           "is above max, which is \"1.2\" unless told: add max: \"1.3\" (the "
		           "reference says what speaks against it)");
	if (t->ciphers && strstr(t->ciphers, "SECLEVEL=") && !strstr(t->ciphers, "SECLEVEL=2") &&
	    !strstr(t->ciphers, "SECLEVEL=3"))
		node_warn(l->problems, node_get(section, "ciphers"),
		          "a SECLEVEL below 2 lets weak keys and signatures pass: the partner's "
		          "server should be renewed");
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int standard_port(const struct endpoint_config *e)
{
	if (e->protocol == PROTOCOL_SFTP)
		return PORT_SFTP;
	return e->protocol == PROTOCOL_FTPS && e->tls.mode == TLS_IMPLICIT ? PORT_FTPS_IMPLICIT
	                                                                   : PORT_FTP;
}

/* "data.mode" below the endpoint, or the nearest above it that is written. */
static const struct node *find_below(const struct node *n, const char *path)
{
	while (path && *path) {
		size_t length = strcspn(path, ".");
		char name[64];
		const struct node *child;

		(void)snprintf(name, sizeof(name), "%.*s", (int)length, path);
		child = node_get(n, name);
		if (!child)
			return n;
		n = child;
		path += length + (path[length] == '.');
	}
	return n;
}

static void ask_judge(struct loader *l, const struct endpoint_form *f)
{
	const char *key = NULL, *wrong = NULL;

	if (l->judges && l->judges->endpoint)
		wrong = l->judges->endpoint(&f->out, &key);
	if (wrong)
		node_error(l->problems, find_below(f->head.node, key), "%s", wrong);
}

void endpoint_finish_protocol(struct loader *l, struct endpoint_form *f)
{
	struct endpoint_config *e = &f->out;

	if (!e->port)
		e->port = standard_port(e);
	if (!is_protocol_known(f))
		return;
	refuse_foreign_keys(l, f);
	if (e->protocol != PROTOCOL_SFTP) {
		check_auth(l, f);
		e->ftp.account = endpoint_secret(l, node_get(f->head.node, "account"), &f->account);
		finish_data(l, f);
	}
	if (e->protocol == PROTOCOL_FTPS)
		finish_tls(l, f);
	if (e->protocol == PROTOCOL_FTP)
		node_warn(l->problems, node_get(f->head.node, "protocol"),
		          "password and files go over the network in clear text, and anybody on "
		          "the way can read and change them: protocol: ftps, if the partner's "
		          "server knows it");
	ask_judge(l, f);
}
