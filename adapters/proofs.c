#include "adapters/proofs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/runtime/work.h"

static void add(uint64_t *stamp, uint64_t n)
{
	*stamp = (*stamp ^ n) * UINT64_C(1099511628211); /* FNV-1a */
	*stamp ^= *stamp >> 29;
}

static void add_file(uint64_t *stamp, const char *path)
{
	struct stat st;

	if (!path)
		return;
	if (stat(path, &st) < 0) {
		add(stamp, 1);
		return;
	}
	add(stamp, st.st_dev);
	add(stamp, st.st_ino);
	add(stamp, (uint64_t)st.st_size);
	add(stamp, st.st_mode);
	add(stamp, st.st_uid);
	add(stamp, (uint64_t)st.st_mtim.tv_sec);
	add(stamp, (uint64_t)st.st_mtim.tv_nsec);
	add(stamp, (uint64_t)st.st_ctim.tv_sec);
	add(stamp, (uint64_t)st.st_ctim.tv_nsec);
}

static void add_files(uint64_t *stamp, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_file(stamp, paths[i]);
}

static void add_below(uint64_t *stamp, const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (dir && snprintf(path, sizeof(path), "%s/%s", dir, name) < (int)sizeof(path))
		add_file(stamp, path);
}

static void add_secret(uint64_t *stamp, const struct secret_ref *s)
{
	if (s->kind == SECRET_FILE)
		add_file(stamp, s->text);
	else if (s->kind == SECRET_CREDENTIAL)
		add_below(stamp, getenv("CREDENTIALS_DIRECTORY"), s->text);
}

/* `publickey: auto`: a key that comes or goes changes the directory. */
static void add_identities(uint64_t *stamp)
{
	static const char *const names[] = {".ssh", ".ssh/id_ed25519", ".ssh/id_ecdsa",
	                                    ".ssh/id_rsa"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_below(stamp, getenv("HOME"), names[i]);
}

static void add_method(uint64_t *stamp, const struct auth_method *m)
{
	if (m->kind == AUTH_PUBLICKEY && !m->key_file)
		add_identities(stamp);
	add_file(stamp, m->key_file);
	add_file(stamp, m->certificate);
	add_file(stamp, m->agent_socket);
	add_secret(stamp, &m->passphrase);
	add_secret(stamp, &m->password);
	for (size_t i = 0; i < m->prompt_count; i++)
		add_secret(stamp, &m->prompts[i].secret);
}

uint64_t proofs_stamp(const struct endpoint_config *e)
{
	uint64_t stamp = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < e->auth_count; i++)
		add_method(&stamp, &e->auth[i]);
	add_secret(&stamp, &e->ftp.account);
	add_secret(&stamp, &e->proxy.password);
	add_files(&stamp, e->known_hosts, e->known_hosts_count);
	add_file(&stamp, e->own_known_hosts);
	add_file(&stamp, e->revoked_keys);
	add_file(&stamp, e->tls.ca);
	add_file(&stamp, e->tls.certificate);
	add_file(&stamp, e->tls.key);
	add_secret(&stamp, &e->tls.passphrase);
	for (size_t i = 0; i < e->via_count; i++)
		add(&stamp, proofs_stamp(e->via[i]));
	return stamp;
}

struct look {
	const struct endpoint_config *endpoint;
	uint64_t stamp;
};

static int take_stamp(void *arg, struct err *e)
{
	struct look *l = arg;

	(void)e;
	l->stamp = proofs_stamp(l->endpoint);
	return 0;
}

uint64_t proofs_look(const struct endpoint_config *endpoint)
{
	struct look l = {.endpoint = endpoint};
	struct err e;

	/* without a login there is nothing to look at; a cancel comes back at the next wait */
	if (!endpoint->auth_count ||
	    work_run(take_stamp, &l, "looking at keys and secrets", &e) < 0)
		return 0;
	return l.stamp;
}
