#include "adapters/sftp/host_cert.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/wire.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { KIND_HOST = 2 };

#define CERT_SUFFIX "-cert-v01@openssh.com"

static struct key_bytes bytes_of(struct wire_bytes w)
{
	return (struct key_bytes){w.data, w.n};
}

/* ---- taking apart -------------------------------------------------------------------------- */

/* Types by what stands between nonce and serial number. */
static const struct {
	const char *type;
	int fields;
} types[] = {
        {"ssh-ed25519", 1},
        {"ecdsa-sha2-nistp256", 2},
        {"ecdsa-sha2-nistp384", 2},
        {"ecdsa-sha2-nistp521", 2},
        {"ssh-rsa", 2},
};

/* Index into types, -1: another. */
static int type_of(struct wire_bytes name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i].type);

		if (name.n == n + strlen(CERT_SUFFIX) && memcmp(name.data, types[i].type, n) == 0 &&
		    memcmp(name.data + n, CERT_SUFFIX, strlen(CERT_SUFFIX)) == 0)
			return (int)i;
	}
	return -1;
}

/* string type, then the fields as they stand in the certificate */
static void make_key(struct host_cert *c, const char *type, const unsigned char *fields, size_t n)
{
	struct buf b;

	buf_init(&b, HOST_CERT_MAX + KEY_TYPE_BYTES);
	(void)buf_reserve(&b, n + KEY_TYPE_BYTES); /* within the limit: n is a part of the blob */
	wire_put_text(&b, type);
	(void)buf_add(&b, fields, n);
	c->key_bytes = buf_len(&b);
	c->key = (unsigned char *)mem_dup_bytes(buf_data(&b), c->key_bytes);
	buf_release(&b);
}

static void take_middle(struct wire_in *in, struct host_cert *c)
{
	c->serial = wire_u64(in);
	c->kind = wire_u32(in);
	c->id = bytes_of(wire_string(in));
	c->principals = bytes_of(wire_string(in));
	c->valid_after = wire_u64(in);
	c->valid_before = wire_u64(in);
	c->critical = bytes_of(wire_string(in));
	(void)wire_string(in); /* extensions: a host's certificate has none that mean anything */
	(void)wire_string(in); /* reserved */
	c->authority = bytes_of(wire_string(in));
}

int host_cert_parse(const void *blob, size_t n, struct host_cert *out)
{
	struct wire_in in = {blob, n, false};
	struct wire_bytes name = wire_string(&in);
	const unsigned char *fields, *end;
	struct host_cert c = {0};
	int type = type_of(name);

	if (type < 0 || n > HOST_CERT_MAX)
		return -1;
	(void)wire_string(&in); /* nonce */
	fields = in.at;
	for (int i = 0; i < types[type].fields; i++)
		(void)wire_string(&in);
	end = in.at;
	take_middle(&in, &c);
	c.signed_part = (struct key_bytes){blob, n - in.left};
	c.signature = bytes_of(wire_string(&in));
	if (in.is_broken || in.left)
		return -1;
	make_key(&c, types[type].type, fields, (size_t)(end - fields));
	*out = c;
	return 0;
}

void host_cert_release(struct host_cert *c)
{
	free(c->key);
	c->key = NULL;
}

/* ---- judging ------------------------------------------------------------------------------- */

/* strings one after the other; an empty list is for every host */
static bool is_for(struct key_bytes principals, const char *host)
{
	struct wire_in in = {principals.p, principals.n, false};

	if (!principals.n)
		return true;
	while (in.left && !in.is_broken) {
		struct wire_bytes one = wire_string(&in);

		if (!in.is_broken && one.n == strlen(host) && memcmp(one.data, host, one.n) == 0)
			return true;
	}
	return false;
}

static const struct known_key *find_authority(const struct host_cert *c, const struct known_keys *k)
{
	for (const struct known_key *a = known_keys_authority(k, NULL); a;
	     a = known_keys_authority(k, a))
		if (a->blob_bytes == c->authority.n &&
		    memcmp(a->blob, c->authority.p, c->authority.n) == 0)
			return a;
	return NULL;
}

static bool is_revoked(const struct known_keys *k, const void *blob, size_t n)
{
	const struct known_key *which;

	return known_keys_judge(k, blob, n, &which) == KNOWN_REVOKED;
}

static enum host_cert_verdict judge_content(const struct host_cert *c, const struct known_keys *k,
                                            uint64_t now_s)
{
	if (c->kind != KIND_HOST)
		return CERT_USER;
	if (is_revoked(k, c->key, c->key_bytes))
		return CERT_REVOKED_KEY;
	if (now_s < c->valid_after)
		return CERT_NOT_YET;
	if (now_s >= c->valid_before)
		return CERT_EXPIRED;
	if (!is_for(c->principals, k->host))
		return CERT_NAME;
	return c->critical.n ? CERT_CRITICAL : CERT_OK;
}

enum host_cert_verdict host_cert_judge(const struct host_cert *c, const struct known_keys *k,
                                       int64_t now_s, const struct known_key **authority)
{
	const struct known_key *a = find_authority(c, k);
	enum host_cert_verdict v;

	*authority = NULL;
	if (is_revoked(k, c->authority.p, c->authority.n))
		return CERT_REVOKED_AUTHORITY;
	if (!a)
		return CERT_AUTHORITY;
	switch (key_verify(c->authority, c->signature, c->signed_part)) {
	case KEY_SIGNED:
		break;
	case KEY_NOT_SIGNED:
		return CERT_SIGNATURE;
	case KEY_UNSUPPORTED:
		return CERT_ALGORITHM;
	}
	v = judge_content(c, k, now_s < 0 ? 0 : (uint64_t)now_s);
	if (v == CERT_OK)
		*authority = a;
	return v;
}

/* ---- telling ------------------------------------------------------------------------------- */

/* "" for a time that no calendar has. */
static const char *date_of(uint64_t seconds, char out[CLOCK_TEXT_BYTES])
{
	enum { YEAR_9999 = 253402300799 / 1000 };

	out[0] = '\0';
	return seconds / 1000 >= YEAR_9999 ? out : clock_text((int64_t)seconds * 1000, out);
}

const char *host_cert_text(const struct host_cert *c, enum host_cert_verdict v,
                           char out[HOST_CERT_TEXT])
{
	static const char *const words[] = {
#define HOST_CERT_WORDS(id, text) [id] = text,
	        HOST_CERT_VERDICTS(HOST_CERT_WORDS)
#undef HOST_CERT_WORDS
	};
	char id[64], when[CLOCK_TEXT_BYTES] = "";

	if (v == CERT_NOT_YET)
		(void)date_of(c->valid_after, when);
	if (v == CERT_EXPIRED)
		(void)date_of(c->valid_before, when);
	(void)snprintf(out, HOST_CERT_TEXT, "certificate \"%s\" serial %llu %s%s%s%s",
	               escape(c->id.p, c->id.n, id, sizeof(id)), (unsigned long long)c->serial,
	               words[v], *when ? " (" : "", when, *when ? ")" : "");
	return out;
}
