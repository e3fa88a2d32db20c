#include "adapters/sftp/host_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/diagnosis.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"

/* ---- reading the files, on the work pool --------------------------------------------------- */

struct load {
	const struct endpoint_config *endpoint;
	struct known_keys *keys;
	struct buf notes; /* lines for the trace */
};

static int unreadable(const char *file, struct err *e)
{
	struct escaped tmp;

	return err_errno(e, ERR_TRUST, "SSH-HOSTKEY-UNREADABLE",
	                 "cannot read known_hosts file %s, so the server's key cannot be checked; "
	                 "make it readable for ferryd's user",
	                 escape_name(file, &tmp));
}

static int read_whole(int fd, const char *file, struct buf *out, struct err *e)
{
	for (;;) {
		unsigned char *room = buf_reserve(out, 64 * 1024);
		ssize_t n;

		if (!room) {
			errno = EFBIG;
			return unreadable(file, e);
		}
		n = read(fd, room, 64 * 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(file, e);
		if (n == 0)
			return 0;
		buf_added(out, (size_t)n);
	}
}

static int load_file(struct load *l, const char *file, struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
	struct escaped tmp;
	struct buf text;
	size_t before = l->keys->count;

	if (fd < 0 && errno == ENOENT) {
		(void)buf_printf(&l->notes, "%s does not exist\n", escape_name(file, &tmp));
		return 0;
	}
	if (fd < 0)
		return unreadable(file, e);
	buf_init(&text, KNOWN_HOSTS_FILE_MAX);
	r = read_whole(fd, file, &text, e);
	(void)close(fd); /* only read */
	if (r == 0) {
		known_keys_read(l->keys, file, buf_text(&text), buf_len(&text), &l->notes);
		(void)buf_printf(&l->notes, "%s: %zu keys of %s\n", escape_name(file, &tmp),
		                 l->keys->count - before, l->keys->host_port);
	}
	buf_release(&text);
	return r;
}

static int load_files(void *arg, struct err *e)
{
	struct load *l = arg;

	for (size_t i = 0; i < l->endpoint->known_hosts_count; i++)
		if (load_file(l, l->endpoint->known_hosts[i], e) < 0)
			return e->kind;
	return 0;
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

int host_key_load(const struct endpoint_config *endpoint, struct trace *trace,
                  struct known_keys *out, struct err *e)
{
	struct known_keys keys;
	struct load l = {.endpoint = endpoint, .keys = &keys};
	int r;

	known_keys_init(&keys, endpoint->host, endpoint->port);
	buf_init(&l.notes, 16 * 1024);
	r = work_run(load_files, &l, "reading known_hosts", e);
	trace_lines(trace, &l.notes);
	buf_release(&l.notes);
	if (r == ERR_TRUST && endpoint->host_key_check == HOST_KEY_OFF) {
		log_warn("known_hosts cannot be read, ignoring", "endpoint=%s reason=\"%s\"",
		         endpoint->name, e->message);
		r = 0;
	}
	if (r < 0) {
		known_keys_release(&keys);
		return r;
	}
	*out = keys;
	return 0;
}

/* ---- the verdict --------------------------------------------------------------------------- */

struct shown_key {
	char type[KEY_TYPE_BYTES], fingerprint[FINGERPRINT_BYTES];
};

/* The exact line that would make the key known. */
static void trace_known_hosts_line(const struct host_key_case *c, const char *type)
{
	size_t room = 4 * ((c->blob_bytes + 2) / 3) + 1;
	unsigned char *text;

	if (!trace_wants(c->trace, TRACE_KEX) || c->blob_bytes > 16 * 1024)
		return;
	text = mem_new(room);
	(void)EVP_EncodeBlock(text, c->blob, (int)c->blob_bytes);
	TRACE(c->trace, TRACE_KEX, "known_hosts line, if the fingerprint is right: %s %s %s",
	      c->known->standard_port ? c->known->host : c->known->host_port, type,
	      (const char *)text);
	free(text);
}

static struct diagnosis_host_key evidence(const struct host_key_case *c,
                                          const struct shown_key *key)
{
	return (struct diagnosis_host_key){
	        .host = c->endpoint->host,
	        .port = c->endpoint->port,
	        .type = key->type,
	        .fingerprint = key->fingerprint,
	};
}

static int check_pins(const struct host_key_case *c, const struct shown_key *key, struct err *e)
{
	struct diagnosis_host_key seen = evidence(c, key);

	for (size_t i = 0; i < c->endpoint->pin_count; i++) {
		if (strcmp(c->endpoint->pins[i], key->fingerprint) != 0)
			continue;
		TRACE(c->trace, TRACE_KEX, "host key is pinned");
		return 0;
	}
	seen.known_fingerprint = c->endpoint->pins[0];
	return diagnosis_host_key_changed(&seen, e);
}

static int refuse_unknown(const struct host_key_case *c, const struct shown_key *key, struct err *e)
{
	struct diagnosis_host_key seen = evidence(c, key);

	if (c->endpoint->known_hosts_count)
		seen.file = c->endpoint->known_hosts[0];
	trace_known_hosts_line(c, key->type);
	return diagnosis_host_key_unknown(&seen, e);
}

static int refuse_record(const struct host_key_case *c, const struct shown_key *key,
                         const struct known_key *record, struct err *e)
{
	struct diagnosis_host_key seen = evidence(c, key);
	char fingerprint[FINGERPRINT_BYTES];

	seen.known_type = record->type;
	seen.known_fingerprint = key_fingerprint(record->blob, record->blob_bytes, fingerprint);
	seen.file = record->file;
	seen.line = record->line;
	if (record->revoked)
		return diagnosis_host_key_revoked(&seen, e);
	trace_known_hosts_line(c, key->type);
	return diagnosis_host_key_changed(&seen, e);
}

static int judge(const struct host_key_case *c, const struct shown_key *key, struct err *e)
{
	const struct known_key *record;
	enum known_verdict v = known_keys_judge(c->known, c->blob, c->blob_bytes, &record);

	if (v == KNOWN_REVOKED)
		return refuse_record(c, key, record, e);
	if (c->endpoint->pin_count)
		return check_pins(c, key, e);
	if (v == KNOWN_NOT_FOUND)
		return refuse_unknown(c, key, e);
	if (v != KNOWN_OK)
		return refuse_record(c, key, record, e);
	TRACE(c->trace, TRACE_KEX, "host key is known: line %zu", record->line);
	return 0;
}

int host_key_check(const struct host_key_case *c, struct err *e)
{
	struct shown_key key;
	struct err why;

	if (!key_blob_type(c->blob, c->blob_bytes, key.type))
		return err_set(e, ERR_PROTOCOL, "SSH-PROTOCOL", 0,
		               "the server's host key is malformed");
	key_fingerprint(c->blob, c->blob_bytes, key.fingerprint);
	TRACE(c->trace, TRACE_KEX, "host key %s %s", key.type, key.fingerprint);
	if (judge(c, &key, &why) == 0)
		return 0;
	if (c->endpoint->host_key_check == HOST_KEY_OFF &&
	    strcmp(why.code, "SSH-HOSTKEY-REVOKED") != 0) {
		log_warn("host key is not checked (host_key: {check: off})",
		         "endpoint=%s code=%s type=%s fingerprint=%s", c->endpoint->name, why.code,
		         key.type, key.fingerprint);
		return 0;
	}
	*e = why;
	return e->kind;
}
