#include "config/ssh_defaults.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "config/path.h"
#include "config/ssh_files.h"
#include "config/ssh_put.h"
#include "daemon/base/mem.h"

/* ---- all of them --------------------------------------------------------------------------- */

static const struct {
	enum ssh_keyword keyword;
	ssh_put_fn *put;
	const char *path;
} rows[] = {
        {SSH_HOSTNAME, ssh_put_host, "host"},
        {SSH_PORT, ssh_put_number, "port"},
        {SSH_USER, ssh_put_text, "user"},
        {SSH_IDENTITY_FILE, ssh_put_identities, "auth"},
        {SSH_IDENTITY_AGENT, ssh_put_identities, "auth"},
        {SSH_CERTIFICATE_FILE, ssh_put_nothing, "auth"},
        {SSH_IDENTITIES_ONLY, ssh_put_nothing, "auth"},
        {SSH_PREFERRED_AUTHENTICATIONS, ssh_put_nothing, "auth"},
        {SSH_PROXY_COMMAND, ssh_put_proxy_command, "proxy.command"},
        {SSH_PROXY_JUMP, ssh_put_jumps, "via"},
        {SSH_BIND_ADDRESS, ssh_put_text, "bind_address"},
        {SSH_ADDRESS_FAMILY, ssh_put_family, "address_family"},
        {SSH_KEX_ALGORITHMS, ssh_put_algorithms, "algorithms.kex"},
        {SSH_HOST_KEY_ALGORITHMS, ssh_put_algorithms, "algorithms.host_keys"},
        {SSH_CIPHERS, ssh_put_algorithms, "algorithms.ciphers"},
        {SSH_MACS, ssh_put_algorithms, "algorithms.macs"},
        {SSH_COMPRESSION, ssh_put_yes, "algorithms.compression"},
        {SSH_REQUIRED_RSA_SIZE, ssh_put_number, "algorithms.rsa_min_bits"},
        {SSH_STRICT_HOST_KEY_CHECKING, ssh_put_host_key_check, "host_key.check"},
        {SSH_USER_KNOWN_HOSTS_FILE, ssh_put_known_hosts, "host_key.known_hosts"},
        {SSH_GLOBAL_KNOWN_HOSTS_FILE, ssh_put_known_hosts, "host_key.known_hosts"},
        {SSH_HOST_KEY_ALIAS, ssh_put_text, "host_key.alias"},
        {SSH_REVOKED_HOST_KEYS, ssh_put_file, "host_key.revoked"},
        {SSH_CONNECT_TIMEOUT, ssh_put_time, "timeouts.connect"},
        {SSH_SERVER_ALIVE_INTERVAL, ssh_put_time, "keepalive"},
        {SSH_REKEY_LIMIT, ssh_put_rekey_limit, "recycle"},
};

/* ---- one endpoint -------------------------------------------------------------------------- */

static const char *scalar(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_SCALAR && *n->text ? n->text : NULL;
}

static const char *local_user(struct arena *a)
{
	char *space _cleanup_free_ = mem_new(16384);
	struct passwd entry, *found = NULL;

	if (getpwuid_r(geteuid(), &entry, space, 16384, &found) == 0 && found)
		return arena_dup(a, found->pw_name);
	return arena_printf(a, "%u", (unsigned)geteuid());
}

static const char *first_value(const struct ssh_put *d, enum ssh_keyword k, const char *otherwise)
{
	const struct ssh_line *l = ssh_first(&d->found, k);

	return l ? l->args[0] : otherwise;
}

static const char *local_host(struct arena *a)
{
	char name[256] = "";

	(void)gethostname(name, sizeof(name) - 1); /* none: the tokens are empty */
	return arena_dup(a, name);
}

static void fill_tokens(struct ssh_put *d, const struct ssh_who *who)
{
	const struct ssh_line *name = ssh_first(&d->found, SSH_HOSTNAME);
	const char *host = scalar(d->endpoint, "host"), *port = scalar(d->endpoint, "port");
	struct arena *a = &d->l->tree;
	const char *wrong = NULL;

	d->tokens = (struct ssh_tokens){
	        .home = ssh_files_home(d->l),
	        .host = host ? host : who->host,
	        .original_host = who->host,
	        .alias = first_value(d, SSH_HOST_KEY_ALIAS, who->host),
	        .user = who->user ? who->user : first_value(d, SSH_USER, who->local_user),
	        .port = port ? port : first_value(d, SSH_PORT, "22"),
	        .jumps = first_value(d, SSH_PROXY_JUMP, ""),
	        .local_user = who->local_user,
	        .local_host = local_host(a),
	        .user_id = arena_printf(a, "%u", (unsigned)geteuid()),
	        .environment = ssh_put_environment,
	};
	d->hostname = who->host;
	if (name) {
		struct ssh_tokens asked = d->tokens;

		asked.host = who->host; /* what %h means there */
		d->hostname = ssh_expand_percent(a, name->args[0], &asked, &wrong);
	}
	if (!d->hostname)
		ssh_put_refuse(d, name, wrong);
	if (!d->hostname)
		d->hostname = who->host;
	if (!host)
		d->tokens.host = d->hostname;
}

/* Where no line names the host it is what was looked up, as ssh takes its argument. */
static void put_looked_up(struct ssh_put *d, const struct node *at, const char *host)
{
	(void)node_put(&d->l->tree, d->endpoint, "host",
	               node_make_text(&d->l->tree, &at->at, host, NODE_QUOTED));
}

static bool has_row(int keyword)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if ((int)rows[i].keyword == keyword)
			return true;
	return keyword == SSH_IGNORE_UNKNOWN;
}

/* Why no key of ours has the same meaning, where that may surprise. */
static const char *unused_words(int keyword)
{
	if (keyword == SSH_SERVER_ALIVE_COUNT_MAX)
		return "is not taken from an ssh_config, ignoring: one sign of life (keepalive:) "
		       "that "
		       "is not answered within timeouts: {request: ...} ends the connection";
	if (keyword == SSH_PUBKEY_ACCEPTED)
		return "is not taken from an ssh_config, ignoring: the keys in auth: are shown as "
		       "they are, and an RSA key signs with SHA-2 where the SSH library can";
	return "is not taken from an ssh_config, ignoring";
}

static void tell_unused(struct ssh_put *d)
{
	for (int k = 0; k < SSH_KEYWORD_COUNT; k++) {
		const struct ssh_line *line = ssh_first(&d->found, (enum ssh_keyword)k);

		if (line && !has_row(k))
			ssh_put_warn(d, line, unused_words(k));
	}
}

static void complete(struct loader *l, struct node *endpoint, const struct node *file)
{
	struct ssh_put d = {.l = l, .endpoint = endpoint};
	const char *asked = scalar(endpoint, "ssh_host"), *host = scalar(endpoint, "host");
	struct ssh_who who = {.host = asked  ? asked
	                              : host ? host
	                                     : endpoint->key->text,
	                      .user = scalar(endpoint, "user"),
	                      .local_user = local_user(&l->tree)};
	const char *path = path_clean(&l->tree, file->text);
	const struct ssh_lines *lines = path ? ssh_files_read(l, file, path) : NULL;

	if (!lines)
		return;
	ssh_config_evaluate(lines, &who, &l->tree, &d.found);
	fill_tokens(&d, &who);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct ssh_line *line = ssh_first(&d.found, rows[i].keyword);

		if (line)
			rows[i].put(&d, line, rows[i].path);
	}
	put_looked_up(&d, file, who.host);
	tell_unused(&d);
}

static bool is_for_sftp(const struct node *endpoint)
{
	const char *protocol = scalar(endpoint, "protocol");

	return !protocol || strcmp(protocol, "sftp") == 0;
}

void ssh_defaults_add(struct loader *l, struct node *root)
{
	struct node *n = root->first;

	while (n && (n->broken || strcmp(n->key->text, "endpoints") != 0))
		n = n->next;
	for (n = n && n->kind == NODE_MAP ? n->first : NULL; n; n = n->next) {
		const struct node *file = node_get(n, "ssh_config");

		if (!n->broken && file && file->kind == NODE_SCALAR && *file->text == '/' &&
		    is_for_sftp(n))
			complete(l, n, file);
	}
}
