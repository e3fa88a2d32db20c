#include "config/ssh_put.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "daemon/base/escape.h"

void ssh_put_refuse(struct ssh_put *d, const struct ssh_line *line, const char *sentence)
{
	problem_add(d->l->problems, PROBLEM_ERROR, &line->at, "%s: %s",
	            ssh_keyword_text(line->keyword), sentence);
}

void ssh_put_warn(struct ssh_put *d, const struct ssh_line *line, const char *sentence)
{
	problem_add(d->l->problems, PROBLEM_WARNING, &line->at, "%s: %s",
	            ssh_keyword_text(line->keyword), sentence);
}

void ssh_put(struct ssh_put *d, const struct ssh_line *line, const char *path, const char *text,
             enum node_quoting quoting)
{
	(void)node_put(&d->l->tree, d->endpoint, path,
	               node_make_text(&d->l->tree, &line->at, text, quoting)); /* YAML wins */
}

const char *ssh_put_environment(const char *name)
{
	return getenv(name);
}

bool ssh_put_is_none(const char *text)
{
	return strcasecmp(text, "none") == 0;
}

/* NULL and told when a token is not known. */
const char *ssh_put_path_of(struct ssh_put *d, const struct ssh_line *line, const char *text)
{
	const char *wrong = NULL, *path = ssh_expand(&d->l->tree, text, &d->tokens, &wrong);

	if (!path)
		ssh_put_refuse(d, line, wrong);
	return path;
}

/* ---- values -------------------------------------------------------------------------------- */

void ssh_put_number(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	ssh_put(d, line, path, line->args[0], NODE_BARE);
}

void ssh_put_text(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	ssh_put(d, line, path, line->args[0], NODE_QUOTED);
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

void ssh_put_time(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	int64_t seconds = ssh_put_is_none(line->args[0]) ? 0 : read_seconds(line->args[0]);

	if (seconds < 0)
		ssh_put_refuse(d, line, "wants a time such as 30, 45s or 1h30m");
	else if (seconds || line->keyword == SSH_SERVER_ALIVE_INTERVAL)
		ssh_put(d, line, path,
		        arena_printf(&d->l->tree, seconds ? "%llds" : "%lld", (long long)seconds),
		        NODE_BARE);
}

/* Bytes with K, M, G or T behind, as both files have it; "default" and 0 are what we do unasked. */
static void put_rekey_bytes(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	const char *text = line->args[0];
	size_t digits = strspn(text, "0123456789");
	char unit = (char)toupper((unsigned char)text[digits]);
	struct arena *a = &d->l->tree;

	if (strcasecmp(text, "default") == 0 || strcmp(text, "0") == 0)
		return;
	if (!digits || (unit && (!strchr("KMGT", unit) || text[digits + 1])))
		ssh_put_refuse(d, line, "wants bytes such as 512M or 4G, or default");
	else
		ssh_put(d, line, arena_printf(a, "%s.bytes", path),
		        arena_printf(a, "%.*s%c", (int)digits, text, unit ? unit : 'B'), NODE_BARE);
}

/* ssh asks for new keys on the same connection; we take a new connection, which has new ones. */
void ssh_put_rekey_limit(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	const char *time = line->count > 1 ? line->args[1] : "none";
	int64_t seconds = ssh_put_is_none(time) ? 0 : read_seconds(time);

	put_rekey_bytes(d, line, path);
	if (line->count > 2 || seconds < 0)
		ssh_put_refuse(d, line,
		               "wants as its second and last value a time such as 1h, or none");
	else if (seconds)
		ssh_put(d, line, arena_printf(&d->l->tree, "%s.age", path),
		        arena_printf(&d->l->tree, "%llds", (long long)seconds), NODE_BARE);
}

void ssh_put_host_key_check(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	static const struct {
		const char *from, *to;
	} words[] = {
	        {"yes", "strict"}, {"ask", "strict"}, {"true", "strict"},
	        {"no", "off"},     {"off", "off"},    {"false", "off"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasecmp(words[i].from, line->args[0]) == 0) {
			ssh_put(d, line, path, words[i].to, NODE_BARE);
			return;
		}
	ssh_put(d, line, path, line->args[0], NODE_BARE); /* accept-new is our word too */
}

/* ---- names, users -------------------------------------------------------------------------- */

void ssh_put_host(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	const struct node *ours = node_get(d->endpoint, "host");
	struct escaped tmp;

	if (!ours)
		ssh_put(d, line, path, d->hostname, NODE_QUOTED);
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
static void add_known_hosts(struct ssh_put *d, struct node *list, const struct ssh_line *line)
{
	for (size_t i = 0; line && i < line->count; i++) {
		const char *path = ssh_put_is_none(line->args[i])
		                           ? NULL
		                           : ssh_put_path_of(d, line, line->args[i]);

		if (path && exists(path))
			node_append(list,
			            node_make_text(&d->l->tree, &line->at, path, NODE_QUOTED));
		else if (path)
			ssh_put_warn(
			        d, line,
			        arena_printf(&d->l->tree, "%s does not exist, ignoring", path));
	}
}

/* The user's files, then the machine's. */
void ssh_put_known_hosts(struct ssh_put *d, const struct ssh_line *line, const char *path)
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

void ssh_put_file(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	const char *file =
	        ssh_put_is_none(line->args[0]) ? NULL : ssh_put_path_of(d, line, line->args[0]);

	if (file)
		ssh_put(d, line, path, file, NODE_QUOTED);
}

/* ---- words --------------------------------------------------------------------------------- */

void ssh_put_yes(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	bool yes = strcasecmp(line->args[0], "yes") == 0 || strcasecmp(line->args[0], "true") == 0;
	bool no = strcasecmp(line->args[0], "no") == 0 || strcasecmp(line->args[0], "false") == 0;

	if (yes || no)
		ssh_put(d, line, path, yes ? "true" : "false", NODE_BARE);
	else
		ssh_put_refuse(d, line, "wants yes or no");
}

void ssh_put_family(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	const char *word = line->args[0];

	ssh_put(d, line, path,
	        strcasecmp(word, "inet") == 0    ? "ipv4"
	        : strcasecmp(word, "inet6") == 0 ? "ipv6"
	                                         : word,
	        NODE_BARE);
}

/* Names between commas; a sign before the first holds for all, in ferryd for one each. */
void ssh_put_algorithms(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	struct node *list = node_make_list(&d->l->tree, &line->at);
	const char *text = line->args[0];
	char sign = strchr("+-^", *text) ? *text : '\0';

	for (text += sign != '\0'; *text;) {
		size_t n = strcspn(text, ",");
		const char *name =
		        arena_printf(&d->l->tree, "%.*s%.*s", sign != '\0', &sign, (int)n, text);

		node_append(list, node_make_text(&d->l->tree, &line->at, name, NODE_QUOTED));
		text += n + (text[n] == ',');
	}
	(void)node_put(&d->l->tree, d->endpoint, path, list); /* YAML wins */
}

/* ---- proxies ------------------------------------------------------------------------------- */

/* ProxyJump and ProxyCommand exclude each other: the one that comes first counts, and none of them
 * where the configuration says how the server is reached. */
static bool is_way_taken(const struct ssh_put *d, enum ssh_keyword mine, enum ssh_keyword other)
{
	const struct ssh_found *a = &d->found.of[mine], *b = &d->found.of[other];

	return node_has(d->endpoint, "via") || node_has(d->endpoint, "proxy") ||
	       (b->count && b->turn < a->turn);
}

/* A percent sign stays one behind what the configuration makes of it. */
static const char *double_percents(struct arena *a, const char *text)
{
	char *out = arena_new(a, 2 * strlen(text) + 1), *end = out;

	for (; *text; text++) {
		if (*text == '%')
			*end++ = '%';
		*end++ = *text;
	}
	return out;
}

/* It is a line for a shell, as with ssh. */
void ssh_put_proxy_command(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	struct arena *a = &d->l->tree;
	const char *wrong = NULL, *text;
	const char *words[] = {"/bin/sh", "-c", NULL};
	struct node *list = node_make_list(a, &line->at);

	if (ssh_put_is_none(line->args[0]) || is_way_taken(d, SSH_PROXY_COMMAND, SSH_PROXY_JUMP))
		return;
	text = ssh_expand_percent(a, line->args[0], &d->tokens, &wrong);
	if (!text) {
		ssh_put_refuse(d, line, wrong);
		return;
	}
	words[2] = double_percents(a, arena_printf(a, "exec %s", text));
	for (size_t i = 0; i < 3; i++)
		node_append(list, node_make_text(a, &line->at, words[i], NODE_QUOTED));
	(void)node_put(a, d->endpoint, path, list); /* it is not there: looked above */
}

/* ---- jump hosts ---------------------------------------------------------------------------- */

/* A jump host is an endpoint of its own, with its own login and host key: ssh's short form for one
 * says neither. */
void ssh_put_jumps(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	struct node *list = node_make_list(&d->l->tree, &line->at);
	const char *text = line->args[0];

	if (ssh_put_is_none(text) || is_way_taken(d, SSH_PROXY_JUMP, SSH_PROXY_COMMAND))
		return;
	if (strpbrk(text, "@:/")) {
		ssh_put_refuse(
		        d, line,
		        "wants the names of endpoints: define one for each jump host, with its "
		        "user, "
		        "port, auth and host_key, and name it here or in via:");
		return;
	}
	while (*text) {
		size_t n = strcspn(text, ",");
		char *name = arena_dup_bytes(&d->l->tree, text, n);

		node_append(list, node_make_text(&d->l->tree, &line->at, name, NODE_QUOTED));
		text += n + (text[n] == ',');
	}
	(void)node_put(&d->l->tree, d->endpoint, path, list); /* YAML wins */
}
