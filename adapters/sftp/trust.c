#include "adapters/sftp/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/host_key.h"
#include "adapters/sftp/known_store.h"
#include "adapters/sftp/session.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

static void set_place(struct identity_place *p, const char *file, size_t line)
{
	(void)snprintf(p->file, sizeof(p->file), "%s", file ? file : "");
	p->line = line;
}

/* ---- what is seen -------------------------------------------------------------------------- */

static struct host_key_case case_of(const struct endpoint_config *endpoint, struct trace *trace,
                                    const struct session_look *look)
{
	return (struct host_key_case){
	        .endpoint = endpoint,
	        .known = &look->known,
	        .trace = trace,
	        .blob = look->blob,
	        .blob_bytes = look->blob_bytes,
	};
}

static int describe(const struct host_key_case *c, struct identity *out, struct err *e)
{
	const struct known_key *record;
	enum known_state s;

	memset(out, 0, sizeof(*out));
	if (!key_blob_type(c->blob, c->blob_bytes, out->type))
		return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", 0,
		               "the server's host key is malformed");
	out->bits = key_blob_bits(c->blob, c->blob_bytes);
	(void)key_fingerprint(c->blob, c->blob_bytes, out->sha256);
	(void)key_fingerprint_md5(c->blob, c->blob_bytes, out->md5);
	s = host_key_state(c, &record);
	out->state = known_state_name(s);
	if (record)
		set_place(&out->record, record->file, record->line);
	return 0;
}

/* ---- whether it may be trusted ------------------------------------------------------------- */

static int mismatch(const struct identity *seen, const char *pin, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_TRUST, "TRUST-MISMATCH", 0,
	               "the server shows %s %s, not %s: nothing was stored. If the partner stands "
	               "by theirs, somebody else answers at this address",
	               escape_name(seen->type, &tmp), seen->sha256, pin);
}

static int may_be_trusted(const struct host_key_case *c, const char *pin,
                          const struct identity *seen, struct err *e)
{
	const struct known_key *record;

	if (!key_matches_pin(c->blob, c->blob_bytes, pin))
		return mismatch(seen, pin, e);
	switch (host_key_state(c, &record)) {
	case KNOWN_REVOKED:
		return host_key_check(c, e);
	case KNOWN_ERROR: /* with check: off; a revocation may be in what cannot be read */
		return err_set(
		        e, ERR_TRUST, "SSH-HOSTKEY-UNREADABLE", 0,
		        "a known_hosts file or the list of revoked keys cannot be read (the log "
		        "tells which): nothing was stored");
	default:
		break;
	}
	if (c->endpoint->pin_count)
		return err_set(
		        e, ERR_POLICY, "TRUST-PINS", 0,
		        "%s has `host_key: {pins: [...]}`, which decide alone: add %s there, "
		        "then ferryctl reload",
		        c->endpoint->name, seen->sha256);
	return 0;
}

/* ---- storing ------------------------------------------------------------------------------- */

struct storing {
	struct known_files files;
	struct known_entry entry;
	struct known_stored done;
};

static int store(void *arg, struct err *e)
{
	struct storing *s = arg;

	return known_store_trust(&s->files, &s->entry, &s->done, e);
}

static void tell_stored(const struct known_stored *done, struct identity *out)
{
	set_place(&out->stored, done->file, done->line);
	out->was_there = done->was_there;
	for (size_t i = 0; i < done->replaced_count && i < IDENTITY_PLACES; i++) {
		const struct known_note *n = &done->replaced[i];

		set_place(&out->replaced[i].place, n->file, n->line);
		out->replaced[i].is_left = n->is_left;
		out->replaced_count++;
	}
}

static int put_on_record(const struct host_key_case *c, struct identity *out, struct err *e)
{
	const struct endpoint_config *p = c->endpoint;
	const char **files = mem_new_array(p->known_hosts_count + 1, sizeof(*files));
	char comment[64], when[CLOCK_TEXT_BYTES];
	struct storing s = {
	        .files = {files, p->known_hosts_count + 1},
	        .entry = {.host = c->known->host,
	                  .host_port = c->known->host_port,
	                  .standard_port = c->known->standard_port,
	                  .blob = c->blob,
	                  .blob_bytes = c->blob_bytes,
	                  .hash = p->hash_known_hosts,
	                  .comment = comment},
	};
	int r;

	for (size_t i = 0; i < p->known_hosts_count; i++)
		files[i] = p->known_hosts[i];
	files[p->known_hosts_count] = p->own_known_hosts;
	(void)snprintf(comment, sizeof(comment), "ferryctl trust %s",
	               clock_text(clock_wall_ms(), when));
	r = work_run(store, &s, "storing a host key", e);
	if (r == 0)
		tell_stored(&s.done, out);
	free(files);
	return r;
}

static int trust_key(const struct host_key_case *c, const char *pin, struct identity *out,
                     struct err *e)
{
	if (may_be_trusted(c, pin, out, e) < 0)
		return e->kind;
	if (strcmp(out->state, known_state_name(KNOWN_OK)) != 0)
		return put_on_record(c, out, e);
	out->stored = out->record;
	out->was_there = true;
	return 0;
}

int sftp_trust(const struct endpoint_config *endpoint, struct trace *trace, const char *pin,
               struct identity *out, struct err *e)
{
	struct session_look look;
	struct host_key_case c;
	struct identity seen;
	int r;

	if (session_look(endpoint, trace, &look, e) < 0)
		return e->kind;
	c = case_of(endpoint, trace, &look);
	r = describe(&c, &seen, e);
	if (r == 0 && pin)
		r = trust_key(&c, pin, &seen, e);
	if (r == 0)
		*out = seen;
	session_look_release(&look);
	return r;
}
