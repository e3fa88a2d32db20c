/*
 * What an ssh_config says of a login.
 */
#include <string.h>
#include <strings.h>

#include "config/ssh_put.h"

static void add_agent(struct ssh_put *d, struct node *list)
{
	const struct ssh_line *agent = ssh_first(&d->found, SSH_IDENTITY_AGENT);
	const struct ssh_line *only = ssh_first(&d->found, SSH_IDENTITIES_ONLY);
	struct node *item;
	const char *socket;

	if (!agent || ssh_put_is_none(agent->args[0]))
		return;
	if (only && strcasecmp(only->args[0], "yes") == 0) {
		ssh_put_warn(d, only, "keeps the agent of identityagent from being used");
		return;
	}
	if (strcmp(agent->args[0], "SSH_AUTH_SOCK") == 0) {
		node_append(list, node_make_text(&d->l->tree, &agent->at, "agent", NODE_BARE));
		return;
	}
	socket = *agent->args[0] == '$' && agent->args[0][1] != '{'
	                 ? ssh_put_environment(agent->args[0] + 1)
	                 : ssh_put_path_of(d, agent, agent->args[0]);
	if (!socket)
		return;
	item = node_make_map(&d->l->tree, &agent->at);
	(void)node_put(&d->l->tree, item, "agent.socket",
	               node_make_text(&d->l->tree, &agent->at, socket, NODE_QUOTED));
	node_append(list, item);
}

/* The certificate that belongs to a key: KEY-cert.pub, or the only one of the only key. */
static const struct ssh_line *certificate_of(struct ssh_put *d, const char *key, const char **file)
{
	const struct ssh_found *f = &d->found.of[SSH_CERTIFICATE_FILE];
	bool alone = f->count == 1 && d->found.of[SSH_IDENTITY_FILE].count == 1;
	const char *usual = arena_printf(&d->l->tree, "%s-cert.pub", key);

	for (size_t i = 0; i < f->count; i++) {
		*file = ssh_put_path_of(d, f->items[i], f->items[i]->args[0]);
		if (*file && (alone || strcmp(*file, usual) == 0))
			return f->items[i];
	}
	return NULL;
}

static void add_identity(struct ssh_put *d, struct node *list, const struct ssh_line *line)
{
	const char *file =
	        ssh_put_is_none(line->args[0]) ? NULL : ssh_put_path_of(d, line, line->args[0]);
	const struct ssh_line *bits = ssh_first(&d->found, SSH_REQUIRED_RSA_SIZE), *certificate;
	struct node *item = node_make_map(&d->l->tree, &line->at);
	const char *there;

	if (!file)
		return;
	(void)node_put(&d->l->tree, item, "publickey.key",
	               node_make_text(&d->l->tree, &line->at, file, NODE_QUOTED));
	certificate = certificate_of(d, file, &there);
	if (certificate)
		(void)node_put(&d->l->tree, item, "publickey.certificate",
		               node_make_text(&d->l->tree, &certificate->at, there, NODE_QUOTED));
	if (bits)
		(void)node_put(&d->l->tree, item, "publickey.rsa_min_bits",
		               node_make_text(&d->l->tree, &bits->at, bits->args[0], NODE_BARE));
	node_append(list, item);
}

/* What the file can say of a login: keys and the agent. Secrets have no place in it. */
static bool may_use_keys(struct ssh_put *d)
{
	const struct ssh_line *l = ssh_first(&d->found, SSH_PREFERRED_AUTHENTICATIONS);

	if (!l || ssh_matches(l->args[0], "publickey", SSH_CASE_FOLDED))
		return true;
	ssh_put_warn(d, l,
	             "has no publickey: keys are left out, and other methods need auth: in the "
	             "configuration");
	return false;
}

/* The agent first, as ssh does, then one entry for each file, in their order. */
void ssh_put_identities(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	const struct ssh_found *f = &d->found.of[SSH_IDENTITY_FILE];
	struct node *list = node_make_list(&d->l->tree, &line->at);

	if (node_has(d->endpoint, path) || !may_use_keys(d))
		return; /* YAML wins: nothing of it is looked at */
	add_agent(d, list);
	for (size_t i = 0; i < f->count; i++)
		add_identity(d, list, f->items[i]);
	if (list->first)
		(void)node_put(&d->l->tree, d->endpoint, path, list);
}

/* Read together with another keyword, which has its row. */
void ssh_put_nothing(struct ssh_put *d, const struct ssh_line *line, const char *path)
{
	(void)d;
	(void)line;
	(void)path;
}
