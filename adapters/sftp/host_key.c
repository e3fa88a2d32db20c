#include "adapters/sftp/host_key.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/diagnosis.h"
#include "adapters/sftp/host_cert_fetch.h"
#include "adapters/sftp/known_files.h"
#include "adapters/sftp/known_store.h"
#include "adapters/sftp/trust_rules.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

/* ---- the records --------------------------------------------------------------------------- */

struct load {
	const struct endpoint_config *endpoint;
	struct known_keys *keys;
	struct buf notes; /* lines for the trace */
};

static int read_files(void *arg, struct err *e)
{
	struct load *l = arg;

	return known_files_read(l->endpoint, l->keys, &l->notes, e);
}

static void trace_lines(struct trace *trace, struct buf *notes)
{
	const char *p = buf_text(notes);

	while (*p) {
		size_t n = strcspn(p, "\n");
		char line[ESCAPE_ROOM];

		escape(p, n, line, sizeof(line));
		TRACE(trace, TRACE_KEX, "%s", line);
		p += n + (p[n] == '\n');
	}
}

static bool goes_on_without(const struct endpoint_config *endpoint)
{
	return trust_decide(KNOWN_ERROR, endpoint->host_key_check, trust_login_of(endpoint)) ==
	       TRUST_WARN;
}

int host_key_load(const struct endpoint_config *endpoint, struct trace *trace,
                  struct known_keys *out, struct err *e)
{
	struct known_keys keys;
	struct load l = {.endpoint = endpoint, .keys = &keys};
	int r;

	/* an alias stands for host and port, as HostKeyAlias of ssh_config(5) */
	if (endpoint->host_key_alias)
		known_keys_init(&keys, endpoint->host_key_alias, 22);
	else
		known_keys_init(&keys, endpoint->host, endpoint->port);
	buf_init(&l.notes, 16 * 1024);
	r = work_run(read_files, &l, "reading known_hosts", e);
	trace_lines(trace, &l.notes);
	buf_release(&l.notes);
	if (r == ERR_TRUST && goes_on_without(endpoint)) {
		log_warn("known_hosts cannot be read, ignoring", "endpoint=%s reason=\"%s\"",
		         endpoint->name, e->message);
		r = 0;
	}
	if (r == 0)
		r = host_cert_learn(endpoint, trace, &keys, e);
	if (r < 0) {
		known_keys_release(&keys);
		return r;
	}
	*out = keys;
	return 0;
}

/* ---- the state ----------------------------------------------------------------------------- */

static bool is_pinned(const struct host_key_case *c)
{
	for (size_t i = 0; i < c->endpoint->pin_count; i++)
		if (key_matches_pin(c->blob, c->blob_bytes, c->endpoint->pins[i]))
			return true;
	return false;
}

enum known_state host_key_state(const struct host_key_case *c, const struct known_key **which)
{
	enum known_state s = known_keys_judge(c->known, c->blob, c->blob_bytes, which);

	if (s == KNOWN_REVOKED)
		return s;
	if (c->known->is_incomplete || c->endpoint->pin_count)
		*which = NULL;
	if (c->known->is_incomplete)
		return KNOWN_ERROR;
	if (c->endpoint->pin_count)
		return is_pinned(c) ? KNOWN_OK : KNOWN_CHANGED;
	return s;
}

/* ---- refusing ------------------------------------------------------------------------------ */

struct shown_key {
	char type[KEY_TYPE_BYTES], fingerprint[FINGERPRINT_BYTES];
};

/* The exact line that would make the key known. */
static void trace_known_hosts_line(const struct host_key_case *c, const char *type)
{
	char *text;

	if (!trace_wants(c->trace, TRACE_KEX) || c->blob_bytes > 16 * 1024)
		return;
	text = base64_text(c->blob, c->blob_bytes);
	TRACE(c->trace, TRACE_KEX, "known_hosts line, if the fingerprint is right: %s %s %s",
	      c->known->standard_port ? c->known->host : c->known->host_port, type, text);
	free(text);
}

static const char *first_file(const struct endpoint_config *endpoint)
{
	return endpoint->known_hosts_count ? endpoint->known_hosts[0] : endpoint->own_known_hosts;
}

/* Whoever could not be asked for a certificate is not distrusted: the next attempt asks again. */
static int not_asked(const struct host_key_case *c, struct err *e)
{
	*e = c->known->unasked;
	return err_wrap(e, "asking the server for its host certificate");
}

static int refuse(const struct host_key_case *c, const struct shown_key *key, enum known_state s,
                  const struct known_key *record, struct err *e)
{
	char fingerprint[FINGERPRINT_BYTES];
	struct diagnosis_host_key seen = {
	        .endpoint = c->endpoint->name,
	        .host = c->endpoint->host,
	        .port = c->endpoint->port,
	        .type = key->type,
	        .fingerprint = key->fingerprint,
	        .is_only_warned = c->endpoint->host_key_check == HOST_KEY_OFF,
	};

	if (record) {
		seen.known_type = record->type;
		seen.known_fingerprint =
		        key_fingerprint(record->blob, record->blob_bytes, fingerprint);
		seen.file = record->file;
		seen.line = record->line;
	} else if (c->endpoint->pin_count) {
		seen.known_fingerprint = c->endpoint->pins[0];
	}
	if (s == KNOWN_REVOKED)
		return diagnosis_host_key_revoked(&seen, e);
	if (record && record->authority && c->known->unasked.kind)
		return not_asked(c, e);
	if (record && record->authority)
		return diagnosis_host_key_uncertified(&seen, c->known->no_certificate, e);
	trace_known_hosts_line(c, key->type);
	if (s == KNOWN_CHANGED || s == KNOWN_OTHER)
		return diagnosis_host_key_changed(&seen, e);
	seen.file = first_file(c->endpoint);
	return diagnosis_host_key_unknown(&seen, e);
}

/* ---- storing ------------------------------------------------------------------------------- */

struct storing {
	struct known_files files;
	struct known_entry entry;
	struct known_stored done;
};

static int store_key(void *arg, struct err *e)
{
	struct storing *s = arg;

	return known_store_add(&s->files, &s->entry, &s->done, e);
}

static int store(const struct host_key_case *c, const struct shown_key *key, struct err *e)
{
	const char *files[] = {first_file(c->endpoint), c->endpoint->own_known_hosts};
	char comment[64], when[CLOCK_TEXT_BYTES];
	struct escaped tmp;
	struct storing s = {
	        .files = {files, 2},
	        .entry = {.host = c->known->host,
	                  .host_port = c->known->host_port,
	                  .standard_port = c->known->standard_port,
	                  .blob = c->blob,
	                  .blob_bytes = c->blob_bytes,
	                  .hash = c->endpoint->hash_known_hosts,
	                  .comment = comment},
	};

	(void)snprintf(comment, sizeof(comment), "ferryd accept-new %s",
	               clock_text(clock_wall_ms(), when));
	if (work_run(store_key, &s, "storing a host key", e) < 0)
		return e->kind;
	TRACE(c->trace, TRACE_KEX, "host key is stored: %s:%zu", escape_name(s.done.file, &tmp),
	      s.done.line);
	log_warn("the first host key of a partner is trusted (host_key: {check: accept-new}); "
	         "compare it with the partner",
	         "endpoint=%s type=%s fingerprint=%s file=%s line=%zu", c->endpoint->name,
	         key->type, key->fingerprint, tmp.text, s.done.line);
	return 0;
}

/* ---- the verdict --------------------------------------------------------------------------- */

static void trace_state(const struct host_key_case *c, const struct shown_key *key,
                        enum known_state s, const struct known_key *record)
{
	struct escaped tmp;

	if (record)
		TRACE(c->trace, TRACE_KEX, "host key %s %s: %s%s, %s:%zu", key->type,
		      key->fingerprint, known_state_name(s),
		      record->certified ? " by certificate" : "", escape_name(record->file, &tmp),
		      record->line);
	else
		TRACE(c->trace, TRACE_KEX, "host key %s %s: %s%s", key->type, key->fingerprint,
		      known_state_name(s), c->endpoint->pin_count ? " by pins" : "");
}

int host_key_check(const struct host_key_case *c, struct err *e)
{
	const struct known_key *record;
	struct shown_key key;
	enum known_state s;
	struct err why;

	if (!key_blob_type(c->blob, c->blob_bytes, key.type))
		return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", 0,
		               "the server's host key is malformed");
	key_fingerprint(c->blob, c->blob_bytes, key.fingerprint);
	s = host_key_state(c, &record);
	trace_state(c, &key, s, record);
	switch (trust_decide(s, c->endpoint->host_key_check, trust_login_of(c->endpoint))) {
	case TRUST_GO_ON:
		return 0;
	case TRUST_STORE:
		return store(c, &key, e);
	case TRUST_REFUSE:
		return refuse(c, &key, s, record, e);
	case TRUST_WARN:
		break;
	}
	(void)refuse(c, &key, s, record, &why);
	log_warn("host key is not checked (host_key: {check: off})",
	         "endpoint=%s state=\"%s\" type=%s fingerprint=%s code=%s", c->endpoint->name,
	         known_state_name(s), key.type, key.fingerprint, why.code);
	return 0;
}
