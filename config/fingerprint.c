/*
 * A digest of all that decides what a route does, so that a reload can leave unchanged routes
 * alone. It is taken over the resolved values: how they are written, and defaults spelled out, make
 * no difference. Each value is written with its length or an end mark, so that no two settings give
 * the same text. A literal secret is part of it; a digest tells nothing of it.
 */
#include <string.h>

#include "config/load.h"
#include "daemon/base/digest.h"

struct text {
	struct digest digest;
};

static void add_number(struct text *t, long long n)
{
	digest_update(&t->digest, &n, sizeof(n));
}

static void add_text(struct text *t, const char *text)
{
	add_number(t, text ? (long long)strlen(text) : -1);
	if (text)
		digest_update(&t->digest, text, strlen(text));
}

static void add_texts(struct text *t, const char *const *items, size_t count)
{
	add_number(t, (long long)count);
	for (size_t i = 0; i < count; i++)
		add_text(t, items[i]);
}

static void add_secret(struct text *t, const struct secret_ref *s)
{
	size_t count = 0;

	while (s->argv && s->argv[count])
		count++;
	add_number(t, s->kind);
	add_text(t, s->text);
	add_texts(t, s->argv, count);
}

static void add_prompt(struct text *t, const struct auth_prompt *p)
{
	add_text(t, p->prompt);
	add_number(t, p->kind);
	add_secret(t, &p->secret);
	add_number(t, p->algorithm);
	add_number(t, p->digits);
	add_number(t, p->period_ms);
}

static void add_auth(struct text *t, const struct auth_method *m)
{
	add_number(t, m->kind);
	add_text(t, m->key_file);
	add_text(t, m->certificate);
	add_secret(t, &m->passphrase);
	add_number(t, m->rsa_min_bits);
	add_secret(t, &m->password);
	add_number(t, (long long)m->prompt_count);
	for (size_t i = 0; i < m->prompt_count; i++)
		add_prompt(t, &m->prompts[i]);
	add_text(t, m->agent_socket);
	add_texts(t, m->agent_only, m->agent_only_count);
}

static void add_proxy(struct text *t, const struct proxy_settings *p)
{
	add_number(t, p->kind);
	add_texts(t, p->command.items, p->command.count);
	add_text(t, p->host);
	add_number(t, p->port);
	add_text(t, p->user);
	add_secret(t, &p->password);
}

static void add_algorithms(struct text *t, const struct algorithm_settings *s)
{
	for (int i = 0; i < ALGORITHM_KINDS; i++)
		add_texts(t, s->lists[i].items, s->lists[i].count);
	add_number(t, s->compression);
	add_number(t, s->rsa_min_bits);
}

static void add_tls(struct text *t, const struct tls_settings *s)
{
	add_number(t, s->mode);
	add_text(t, s->ca);
	add_texts(t, s->pins, s->pin_count);
	add_text(t, s->certificate);
	add_text(t, s->key);
	add_secret(t, &s->passphrase);
	add_number(t, s->min);
	add_number(t, s->max);
	add_text(t, s->ciphers);
	add_number(t, s->session_reuse);
}

static void add_ftp(struct text *t, const struct ftp_settings *s)
{
	const struct ftp_commands *c = &s->commands;

	add_secret(t, &s->account);
	add_number(t, s->data.mode);
	add_number(t, s->data.pasv_address);
	add_text(t, s->data.address);
	add_number(t, s->data.first_port);
	add_number(t, s->data.last_port);
	add_number(t, s->list);
	add_texts(t, c->after_login, c->after_login_count);
	add_texts(t, c->before_put, c->before_put_count);
	add_texts(t, c->after_put, c->after_put_count);
}

static void add_tunnel(struct text *t, const struct tunnel_config *c)
{
	add_number(t, c->side);
	add_text(t, c->listen_host);
	add_number(t, c->listen_port);
	add_text(t, c->to_host);
	add_number(t, c->to_port);
	add_number(t, c->connections);
}

static void add_one_endpoint(struct text *t, const struct endpoint_config *e)
{
	const struct endpoint_timeouts *w = &e->timeouts;

	add_text(t, e->name);
	add_number(t, e->protocol);
	add_text(t, e->root);
	add_text(t, e->host);
	add_number(t, e->port);
	add_number(t, e->address_family);
	add_text(t, e->bind_address);
	add_proxy(t, &e->proxy);
	add_text(t, e->user);
	add_number(t, (long long)e->auth_count);
	for (size_t i = 0; i < e->auth_count; i++)
		add_auth(t, &e->auth[i]);
	add_number(t, e->host_key_check);
	add_texts(t, e->known_hosts, e->known_hosts_count);
	add_texts(t, e->pins, e->pin_count);
	add_number(t, e->weak_pins);
	add_text(t, e->host_key_alias);
	add_text(t, e->revoked_keys);
	add_number(t, e->hash_known_hosts);
	add_text(t, e->own_known_hosts);
	add_number(t, e->charset);
	add_algorithms(t, &e->algorithms);
	add_ftp(t, &e->ftp);
	add_tls(t, &e->tls);
	add_number(t, e->connections);
	add_number(t, e->keepalive_ms);
	add_number(t, e->idle_close_ms);
	add_number(t, (long long)e->recycle_bytes);
	add_number(t, e->recycle_age_ms);
	for (size_t i = 0; i < e->tunnel_count; i++)
		add_tunnel(t, &e->tunnels[i]);
	add_number(t, w->connect_ms);
	add_number(t, w->handshake_ms);
	add_number(t, w->auth_ms);
	add_number(t, w->request_ms);
	add_number(t, w->stall_ms);
	add_number(t, e->trace_mask);
	add_number(t, e->trace_when);
}

/* The jump hosts' own ways are in the list already. */
static void add_endpoint(struct text *t, const struct endpoint_config *e)
{
	add_one_endpoint(t, e);
	add_number(t, (long long)e->via_count);
	for (size_t i = 0; i < e->via_count; i++)
		add_one_endpoint(t, e->via[i]);
}

static void add_source(struct text *t, const struct route_source *s)
{
	add_endpoint(t, s->endpoint);
	add_text(t, s->path);
	add_texts(t, s->match, s->match_count);
	add_texts(t, s->exclude, s->exclude_count);
	add_number(t, s->hidden);
	add_number(t, s->recurse);
	add_number(t, s->order);
	add_number(t, s->order_descending);
	add_number(t, (long long)s->min_size);
	add_number(t, (long long)s->max_size);
	add_number(t, s->min_age_ms);
	add_number(t, s->max_age_ms);
	add_number(t, s->poll_ms);
	add_text(t, s->cron);
	add_text(t, s->time_zone);
	add_number(t, s->stable_for_ms);
	add_number(t, s->after);
	add_text(t, s->after_to);
}

static void add_retry(struct text *t, const struct retry_config *r)
{
	add_number(t, r->first_ms);
	add_number(t, r->most_ms);
	add_number(t, r->attempts);
}

static void add_command(struct text *t, const struct remote_command *c)
{
	add_texts(t, c->argv.items, c->argv.count);
	add_texts(t, c->env.items, c->env.count);
	add_number(t, c->timeout_ms);
}

static void add_dest(struct text *t, const struct route_dest *d)
{
	add_endpoint(t, d->endpoint);
	add_text(t, d->path);
	add_text(t, d->name);
	add_number(t, d->exists);
	add_number(t, d->mode);
	add_number(t, d->mtime);
	add_number(t, d->mkdir);
	add_number(t, d->verify);
	add_retry(t, &d->retry);
	add_command(t, &d->before);
	add_command(t, &d->after);
}

static const char *finish(struct text *t, struct arena *a)
{
	unsigned char sum[DIGEST_BYTES];
	char *out = arena_new(a, DIGEST_TEXT_BYTES);

	digest_final(&t->digest, sum);
	return digest_text(sum, out);
}

const char *fingerprint_of_endpoint(struct arena *a, const struct endpoint_config *e)
{
	struct text t;

	digest_init(&t.digest);
	add_endpoint(&t, e);
	return finish(&t, a);
}

const char *fingerprint_of(struct arena *a, const struct route_config *r)
{
	struct text t;

	digest_init(&t.digest);
	add_text(&t, r->name);
	add_number(&t, r->enabled);
	add_source(&t, &r->from);
	add_number(&t, (long long)r->to_count);
	for (size_t i = 0; i < r->to_count; i++)
		add_dest(&t, &r->to[i]);
	add_retry(&t, &r->retry);
	return finish(&t, a);
}
