#include "config/ssh_defaults.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/node_make.h"
#include "config/path.h"
#include "config/ssh_config.h"
#include "config/ssh_expand.h"
#include "config/ssh_files.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* One endpoint while it is completed. */
struct defaults {
	struct loader *l;
	struct node *endpoint;
	struct ssh_result found;
	struct ssh_tokens tokens;
	const char *hostname; /* what HostName leads to, or what is looked up */
};

static void refuse(struct defaults *d, const struct ssh_line *line, const char *sentence)
{
	problem_add(d->l->problems, PROBLEM_ERROR, &line->at, "%s: %s",
	            ssh_keyword_text(line->keyword), sentence);
}

static void warn(struct defaults *d, const struct ssh_line *line, const char *sentence)
{
	problem_add(d->l->problems, PROBLEM_WARNING, &line->at, "%s: %s",
	            ssh_keyword_text(line->keyword), sentence);
}

static void put(struct defaults *d, const struct ssh_line *line, const char *path, const char *text,
                enum node_quoting quoting)
{
	(void)node_put(&d->l->tree, d->endpoint, path,
	               node_make_text(&d->l->tree, &line->at, text, quoting)); /* YAML wins */
}

static bool is_none(const char *text)
{
	return strcasecmp(text, "none") == 0;
}

/* NULL and told when a token is not known. */
static const char *path_of(struct defaults *d, const struct ssh_line *line, const char *text)
{
	const char *wrong = NULL, *path = ssh_expand(&d->l->tree, text, &d->tokens, &wrong);

	if (!path)
		refuse(d, line, wrong);
	return path;
}

/* ---- values -------------------------------------------------------------------------------- */

static void put_number(struct defaults *d, const struct ssh_line *line, const char *path)
{
	put(d, line, path, line->args[0], NODE_BARE);
}

static void put_text(struct defaults *d, const struct ssh_line *line, const char *path)
{
	put(d, line, path, line->args[0], NODE_QUOTED);
}

/* Seconds, or numbers with s, m, h, d, w behind each: "90", "1h30m". -1: neither. */
static int64_t read_seconds(const char *text)
{
	int64_t sum = 0;

	do {
		size_t digits = strspn(text, "0123456789");
		int64_t n = 0, factor;

		if (!digits || digits > 9)
			return -1;
		for (size_t i = 0; i < digits; i++)
			n = n * 10 + (text[i] - '0');
		text += digits;
		switch (*text) {
		case '\0':
		case 's':
		case 'S':
			factor = 1;
			break;
		case 'm':
		case 'M':
			factor = 60;
			break;
		case 'h':
		case 'H':
			factor = 3600;
			break;
		case 'd':
		case 'D':
			factor = 24 * 3600;
			break;
		case 'w':
		case 'W':
			factor = 7 * 24 * 3600;
			break;
		default:
			return -1;
		}
		sum += n * factor;
		text += *text != '\0';
	} while (*text);
	return sum;
}

static void put_time(struct defaults *d, const struct ssh_line *line, const char *path)
{
	int64_t seconds = is_none(line->args[0]) ? 0 : read_seconds(line->args[0]);

	if (seconds < 0)
		refuse(d, line, "wants a time such as 30, 45s or 1h30m");
	else if (seconds || line->keyword == SSH_SERVER_ALIVE_INTERVAL)
		put(d, line, path,
		    arena_printf(&d->l->tree, seconds ? "%llds" : "%lld", (long long)seconds),
		    NODE_BARE);
}

static void put_host_key_check(struct defaults *d, const struct ssh_line *line, const char *path)
{
	static const struct {
		const char *from, *to;
	} words[] = {
	        {"yes", "strict"}, {"ask", "strict"}, {"true", "strict"},
	        {"no", "off"},     {"off", "off"},    {"false", "off"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(words[i].from, line->args[0]) == 0) {
			put(d, line, path, words[i].to, NODE_BARE);
			return;
		}
	put(d, line, path, line->args[0], NODE_BARE); /* accept-new is our word too */
}

/* ---- names, users -------------------------------------------------------------------------- */

static void put_host(struct defaults *d, const struct ssh_line *line, const char *path)
{
	const struct node *ours = node_get(d->endpoint, "host");
	struct escaped tmp;

	if (!ours)
		put(d, line, path, d->hostname, NODE_QUOTED);
	else if (ours->kind == NODE_SCALAR && strcmp(ours->text, d->hostname) != 0)
		node_warn(d->l->problems, ours,
		          "wins over hostname %s in the ssh_config: leave host out to take that",
		          escape_name(d->hostname, &tmp));
}

/* ---- files --------------------------------------------------------------------------------- */

static bool exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

/* Adds the files of a line that are there: ssh ignores the others too. */
static void add_known_hosts(struct defaults *d, struct node *list, const struct ssh_line *line)
{
	for (size_t i = 0; line && i < line->count; i++) {
		const char *path = is_none(line->args[i]) ? NULL : path_of(d, line, line->args[i]);

		if (path && exists(path))
			node_append(list,
			            node_make_text(&d->l->tree, &line->at, path, NODE_QUOTED));
		else if (path)
			warn(d, line,
			     arena_printf(&d->l->tree, "%s does not exist, ignoring", path));
	}
}

/* The user's files, then the machine's. */
static void put_known_hosts(struct defaults *d, const struct ssh_line *line, const char *path)
{
	struct node *list = node_make_list(&d->l->tree, &line->at);

	if (line->keyword == SSH_GLOBAL_KNOWN_HOSTS_FILE &&
	    ssh_first(&d->found, SSH_USER_KNOWN_HOSTS_FILE))
		return; /* was put with those */
	add_known_hosts(d, list, ssh_first(&d->found, SSH_USER_KNOWN_HOSTS_FILE));
	add_known_hosts(d, list, ssh_first(&d->found, SSH_GLOBAL_KNOWN_HOSTS_FILE));
	if (list->first)
		(void)node_put(&d->l->tree, d->endpoint, path, list); /* YAML wins */
}

static void put_file(struct defaults *d, const struct ssh_line *line, const char *path)
{
	const char *file = is_none(line->args[0]) ? NULL : path_of(d, line, line->args[0]);

	if (file)
		put(d, line, path, file, NODE_QUOTED);
}

/* ---- authentication ------------------------------------------------------------------------ */

/* One entry for each file, in their order. */
static void put_identities(struct defaults *d, const struct ssh_line *line, const char *path)
{
	const struct ssh_found *f = &d->found.of[SSH_IDENTITY_FILE];
	struct node *list = node_make_list(&d->l->tree, &line->at);

	for (size_t i = 0; i < f->count; i++) {
		const struct ssh_line *one = f->items[i];
		const char *file = is_none(one->args[0]) ? NULL : path_of(d, one, one->args[0]);
		struct node *item = node_make_map(&d->l->tree, &one->at);

		if (!file)
			continue;
		(void)node_put(&d->l->tree, item, "publickey.key",
		               node_make_text(&d->l->tree, &one->at, file, NODE_QUOTED));
		node_append(list, item);
	}
	if (list->first)
		(void)node_put(&d->l->tree, d->endpoint, path, list); /* YAML wins */
}

/* ---- all of them --------------------------------------------------------------------------- */

typedef void put_fn(struct defaults *d, const struct ssh_line *line, const char *path);

static const struct {
	enum ssh_keyword keyword;
	put_fn *put;
	const char *path;
} rows[] = {
        {SSH_HOSTNAME, put_host, "host"},
        {SSH_PORT, put_number, "port"},
        {SSH_USER, put_text, "user"},
        {SSH_IDENTITY_FILE, put_identities, "auth"},
        {SSH_STRICT_HOST_KEY_CHECKING, put_host_key_check, "host_key.check"},
        {SSH_USER_KNOWN_HOSTS_FILE, put_known_hosts, "host_key.known_hosts"},
        {SSH_GLOBAL_KNOWN_HOSTS_FILE, put_known_hosts, "host_key.known_hosts"},
        {SSH_HOST_KEY_ALIAS, put_text, "host_key.alias"},
        {SSH_REVOKED_HOST_KEYS, put_file, "host_key.revoked"},
        {SSH_CONNECT_TIMEOUT, put_time, "timeouts.connect"},
        {SSH_SERVER_ALIVE_INTERVAL, put_time, "keepalive"},
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

static const char *first_value(const struct defaults *d, enum ssh_keyword k, const char *otherwise)
{
	const struct ssh_line *l = ssh_first(&d->found, k);

	return l ? l->args[0] : otherwise;
}

static const char *environment(const char *name)
{
	return getenv(name);
}

static const char *local_host(struct arena *a)
{
	char name[256] = "";

	(void)gethostname(name, sizeof(name) - 1); /* none: the tokens are empty */
	return arena_dup(a, name);
}

static void fill_tokens(struct defaults *d, const struct ssh_who *who)
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
	        .environment = environment,
	};
	d->hostname = who->host;
	if (name) {
		struct ssh_tokens asked = d->tokens;

		asked.host = who->host; /* what %h means there */
		d->hostname = ssh_expand_percent(a, name->args[0], &asked, &wrong);
	}
	if (!d->hostname)
		refuse(d, name, wrong);
	if (!d->hostname)
		d->hostname = who->host;
	if (!host)
		d->tokens.host = d->hostname;
}

/* Where no line names the host it is what was looked up, as ssh takes its argument. */
static void put_looked_up(struct defaults *d, const struct node *at, const char *host)
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

static void tell_unused(struct defaults *d)
{
	for (int k = 0; k < SSH_KEYWORD_COUNT; k++) {
		const struct ssh_line *line = ssh_first(&d->found, (enum ssh_keyword)k);

		if (line && !has_row(k))
			warn(d, line, "is not taken from an ssh_config, ignoring");
	}
}

static void complete(struct loader *l, struct node *endpoint, const struct node *file)
{
	struct defaults d = {.l = l, .endpoint = endpoint};
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
