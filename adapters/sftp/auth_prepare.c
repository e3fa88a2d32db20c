#include <pwd.h>
#include <unistd.h>

#include "adapters/sftp/auth_state.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

enum { AGENT_LIST_MS = 10 * 1000 };

/* ---- steps --------------------------------------------------------------------------------- */

static struct auth_step *add_step(struct auth_material *m, enum auth_kind kind)
{
	if (m->count == m->room) {
		m->room = m->room ? 2 * m->room : 4;
		m->steps = mem_grow(m->steps, m->room * sizeof(*m->steps));
	}
	m->steps[m->count] = (struct auth_step){.kind = kind};
	return &m->steps[m->count++];
}

static void release_step(struct auth_step *s)
{
	private_key_wipe(&s->key);
	certificate_release(&s->certificate);
	secret_wipe(&s->password);
	prompts_free(s->prompts);
}

/* ---- keys of files, on the work pool ------------------------------------------------------- */

struct key_job {
	const struct auth_method *method;
	const char *file, *certificate; /* certificate NULL: none */
	struct auth_step *step;         /* filled */
};

static int check_strength(const struct key_job *j, struct err *e)
{
	const struct private_key *k = &j->step->key;
	int bits = EVP_PKEY_get_bits(k->key);
	struct escaped tmp;

	if (strcmp(k->type, "ssh-rsa") != 0 || bits >= j->method->rsa_min_bits)
		return 0;
	return err_set(e, ERR_CONFIG, "SSH-KEY-WEAK", 0,
	               "key file %s is RSA of %d bits, less than %d (`rsa_min_bits`): make a new "
	               "key, `ssh-keygen -t ed25519`, and send its public half to the partner",
	               escape_name(j->file, &tmp), bits, j->method->rsa_min_bits);
}

static int read_private(const struct key_job *j, struct err *e)
{
	struct secret passphrase;
	struct escaped tmp;
	int r;

	if (j->method->passphrase.kind == SECRET_NONE)
		return key_file_read(j->file, NULL, &j->step->key, e);
	if (secret_read(&j->method->passphrase, &passphrase, e) < 0)
		return err_wrap(e, "passphrase of key file %s", escape_name(j->file, &tmp));
	r = key_file_read(j->file, passphrase.bytes, &j->step->key, e);
	secret_wipe(&passphrase);
	return r;
}

static int read_key(void *arg, struct err *e)
{
	struct key_job *j = arg;
	struct auth_step *s = j->step;
	const char *hindrance;

	escape(j->file, strlen(j->file), s->from, sizeof(s->from));
	if (read_private(j, e) < 0 || check_strength(j, e) < 0)
		return e->kind;
	if (!j->certificate)
		return 0;
	if (certificate_read(j->certificate, &s->certificate, e) < 0 ||
	    certificate_check(&s->certificate, &s->key, j->certificate, e) < 0)
		return e->kind;
	s->has_certificate = true;
	hindrance = auth_key_hindrance(s);
	if (hindrance)
		return err_set(e, ERR_CONFIG, "SSH-CERT-LIBRARY", 0, "%s", hindrance);
	return 0;
}

static int add_key(struct auth_material *m, const struct auth_method *method, const char *file,
                   const char *certificate, struct err *e)
{
	struct key_job j = {.method = method,
	                    .file = file,
	                    .certificate = certificate,
	                    .step = add_step(m, AUTH_PUBLICKEY)};

	return work_run(read_key, &j, "reading a key", e);
}

/* ---- keys of an agent ---------------------------------------------------------------------- */

struct agent_list {
	struct auth_material *material;
	struct agent *agent;
	const struct auth_method *method;
	size_t added;
};

static bool may_use(const struct auth_method *m, const char *fingerprint)
{
	for (size_t i = 0; i < m->agent_only_count; i++)
		if (strcmp(m->agent_only[i], fingerprint) == 0)
			return true;
	return !m->agent_only_count;
}

/* Kinds whose signatures we can put together; a security key's look otherwise. */
static bool is_usual(const char *type)
{
	static const char *const usual[] = {"ssh-ed25519", "ecdsa-sha2-nistp256",
	                                    "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	                                    "ssh-rsa"};
	size_t n = strlen(type);
	const char *suffix = strstr(type, CERTIFICATE_SUFFIX);

	if (suffix)
		n = (size_t)(suffix - type);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (strlen(usual[i]) == n && memcmp(usual[i], type, n) == 0)
			return true;
	return false;
}

static void name_key(struct auth_step *s, const struct agent_key *k)
{
	size_t used = (size_t)snprintf(s->from, sizeof(s->from), "the agent's ");

	escape(k->comment, k->comment_bytes, s->from + used, sizeof(s->from) - used);
}

static void on_agent_key(const struct agent_key *k, void *arg)
{
	struct agent_list *list = arg;
	struct private_key key = {0};
	struct certificate c = {0};
	struct auth_step *s;
	bool is_certificate;

	if (!key_blob_type(k->blob, k->blob_bytes, key.type) || !is_usual(key.type))
		return;
	is_certificate = strstr(key.type, CERTIFICATE_SUFFIX) != NULL;
	if (is_certificate && certificate_from_blob(k->blob, k->blob_bytes, &c) < 0)
		return;
	key_fingerprint(k->blob, k->blob_bytes, key.fingerprint);
	if (!may_use(list->method, is_certificate ? c.fingerprint : key.fingerprint)) {
		certificate_release(&c);
		return;
	}
	s = add_step(list->material, AUTH_PUBLICKEY);
	s->agent = list->agent;
	s->has_certificate = is_certificate;
	s->certificate = c;
	key.blob = (unsigned char *)mem_dup_bytes(k->blob, k->blob_bytes);
	key.blob_bytes = k->blob_bytes;
	s->key = key;
	name_key(s, k);
	list->added++;
}

static int add_agent(struct auth_material *m, const struct auth_method *method, const char *path,
                     size_t *added, struct err *e)
{
	struct deadline d = deadline_in(AGENT_LIST_MS);
	struct agent_list list = {.material = m, .method = method};

	if (agent_open(path, d, &list.agent, e) < 0)
		return e->kind;
	m->agents[m->agent_count++] = list.agent; /* the configuration has no more methods */
	if (agent_keys(list.agent, on_agent_key, &list, d, e) < 0)
		return e->kind;
	*added = list.added;
	return 0;
}

static int prepare_agent(struct auth_material *m, const struct auth_method *method, struct err *e)
{
	const char *path = method->agent_socket ?: getenv("SSH_AUTH_SOCK");
	struct escaped tmp;
	size_t added = 0;

	if (!path || !*path)
		return err_set(e, ERR_CONFIG, "SSH-AGENT-MISSING", 0,
		               "the service has no SSH agent: SSH_AUTH_SOCK is not set; name its "
		               "socket, `agent: {socket: PATH}`");
	if (add_agent(m, method, path, &added, e) < 0)
		return e->kind;
	if (added)
		return 0;
	return err_set(e, ERR_LOCAL, "SSH-AGENT-EMPTY", 0,
	               "the SSH agent at %s has no key that may be used%s: add it (`ssh-add`)",
	               escape_name(path, &tmp), method->agent_only_count ? " (see `only:`)" : "");
}

/* ---- publickey: auto ----------------------------------------------------------------------- */

struct identities {
	char home[256];
	struct {
		char key[320], certificate[336];
		bool exists, is_certified;
	} items[3];
};

static void find_home(struct identities *ids)
{
	const char *home = getenv("HOME");
	struct passwd entry, *found = NULL;
	char text[4096];

	if ((!home || *home != '/') &&
	    getpwuid_r(geteuid(), &entry, text, sizeof(text), &found) == 0 && found)
		home = found->pw_dir;
	(void)snprintf(ids->home, sizeof(ids->home), "%s", home && *home == '/' ? home : "");
}

static void name_identity(struct identities *ids, size_t i, const char *name)
{
	char key[sizeof(ids->items[i].key)];

	(void)snprintf(key, sizeof(key), "%s/.ssh/%s", ids->home, name);
	(void)snprintf(ids->items[i].certificate, sizeof(ids->items[i].certificate), "%s-cert.pub",
	               key);
	memcpy(ids->items[i].key, key, sizeof(key));
}

static int find_identities(void *arg, struct err *e)
{
	static const char *const names[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
	struct identities *ids = arg;

	(void)e;
	find_home(ids);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		name_identity(ids, i, names[i]);
		ids->items[i].exists = ids->home[0] && access(ids->items[i].key, F_OK) == 0;
		ids->items[i].is_certified = access(ids->items[i].certificate, F_OK) == 0;
	}
	return 0;
}

static int add_identities(struct auth_material *m, const struct auth_method *method,
                          struct identities *ids, struct err *e)
{
	for (size_t i = 0; i < sizeof(ids->items) / sizeof(ids->items[0]); i++) {
		if (!ids->items[i].exists)
			continue;
		if (ids->items[i].is_certified &&
		    add_key(m, method, ids->items[i].key, ids->items[i].certificate, e) < 0)
			return e->kind;
		if (add_key(m, method, ids->items[i].key, NULL, e) < 0)
			return e->kind;
	}
	return 0;
}

static int prepare_auto(struct auth_material *m, const struct auth_method *method, struct err *e)
{
	struct identities *ids _cleanup_free_ = mem_new_of(struct identities);
	const char *path = getenv("SSH_AUTH_SOCK");
	size_t before = m->count, added;
	struct err why;

	/* an agent that is not there is no reason not to look further */
	if (path && *path && add_agent(m, method, path, &added, &why) < 0 &&
	    why.kind == ERR_CANCELED) {
		*e = why;
		return e->kind;
	}
	if (work_run(find_identities, ids, "looking for keys", e) < 0 ||
	    add_identities(m, method, ids, e) < 0)
		return e->kind;
	if (m->count > before)
		return 0;
	return err_set(e, ERR_CONFIG, "SSH-KEY-MISSING", 0,
	               "`publickey: auto` finds no key: there is no agent with one, and none of "
	               "id_ed25519, id_ecdsa, id_rsa in %s/.ssh; name the file with `key:`",
	               ids->home);
}

/* ---- secrets, on the work pool ------------------------------------------------------------- */

struct secret_job {
	const struct auth_method *method;
	struct auth_step *step; /* filled */
};

static int read_secrets(void *arg, struct err *e)
{
	struct secret_job *j = arg;

	if (j->method->kind == AUTH_KEYBOARD)
		return prompts_load(j->method, &j->step->prompts, e);
	if (secret_read(&j->method->password, &j->step->password, e) < 0)
		return err_wrap(e, "password");
	return 0;
}

static void note_periods(struct auth_material *m, const struct auth_method *method)
{
	for (size_t i = 0; i < method->prompt_count; i++)
		if (method->prompts[i].kind == PROMPT_TOTP &&
		    method->prompts[i].period_ms > m->longest_period_ms)
			m->longest_period_ms = method->prompts[i].period_ms;
}

static int prepare_secrets(struct auth_material *m, const struct auth_method *method, struct err *e)
{
	struct secret_job j = {.method = method, .step = add_step(m, method->kind)};

	note_periods(m, method);
	return work_run(read_secrets, &j, "reading secrets", e);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int prepare_method(struct auth_material *m, const struct auth_method *method, struct err *e)
{
	switch (method->kind) {
	case AUTH_PUBLICKEY:
		return method->key_file
		               ? add_key(m, method, method->key_file, method->certificate, e)
		               : prepare_auto(m, method, e);
	case AUTH_AGENT:
		return prepare_agent(m, method, e);
	case AUTH_PASSWORD:
	case AUTH_KEYBOARD:
		return prepare_secrets(m, method, e);
	case AUTH_NONE:
		m->allows_none = true;
		return 0;
	}
	return err_set(e, ERR_BUG, "BUG", 0, "no such login method");
}

int auth_prepare(const struct endpoint_config *endpoint, struct auth_material **out, struct err *e)
{
	struct auth_material *m;

	if (!endpoint->auth_count || endpoint->auth_count > AUTH_AGENTS)
		return err_set(e, ERR_CONFIG, "SSH-AUTH-NONE", 0,
		               "no login method is configured: give `auth:` a publickey or a "
		               "password");
	m = mem_new_of(struct auth_material);
	m->endpoint = endpoint;
	for (size_t i = 0; i < endpoint->auth_count; i++) {
		if (prepare_method(m, &endpoint->auth[i], e) == 0)
			continue;
		auth_free(m);
		return e->kind;
	}
	*out = m;
	return 0;
}

void auth_free(struct auth_material *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->count; i++)
		release_step(&m->steps[i]);
	for (size_t i = 0; i < m->agent_count; i++)
		agent_close(m->agents[i]);
	free(m->steps);
	free(m);
}
