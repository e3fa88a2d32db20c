/* Host certificates: which are good for whom, and how a server is asked for its. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/host_cert.h"
#include "adapters/sftp/host_cert_talk.h"
#include "adapters/sftp/wire.h"
#include "daemon/base/mem.h"
#include "tests/unit/host_certs.h"

enum { IN_2026 = 1780000000, BEFORE = 1767225599, FROM = 1767225600, UNTIL = 1798761600 };

#define BY(type, key) "@cert-authority h,i " type " " key "\n"
#define BY_ED         BY("ssh-ed25519", CA_ED)
#define BY_RSA        BY("ssh-rsa", CA_RSA)
#define BY_SHORT      BY("ssh-rsa", CA_SHORT)
#define BY_256        BY("ecdsa-sha2-nistp256", CA_256)
#define BY_384        BY("ecdsa-sha2-nistp384", CA_384)
#define BY_521        BY("ecdsa-sha2-nistp521", CA_521)

struct bytes {
	unsigned char *p;
	size_t n;
};

static struct bytes decode(const char *text)
{
	struct bytes b = {mem_new(strlen(text)), 0};
	long n = base64_decode(text, strlen(text), b.p, strlen(text));

	assert_true(n > 0);
	b.n = (size_t)n;
	return b;
}

static enum host_cert_verdict judge_bytes(const struct bytes *b, const char *known_hosts,
                                          const char *host, int64_t now)
{
	const struct known_key *authority;
	enum host_cert_verdict v;
	struct known_keys keys;
	struct host_cert cert;

	assert_int_equal(host_cert_parse(b->p, b->n, &cert), 0);
	known_keys_init(&keys, host, 22);
	known_keys_read(&keys, "kh", known_hosts, strlen(known_hosts), NULL);
	v = host_cert_judge(&cert, &keys, now, &authority);
	assert_int_equal(v == CERT_OK, authority != NULL);
	known_keys_release(&keys);
	host_cert_release(&cert);
	return v;
}

/* ---- verdicts ------------------------------------------------------------------------------ */

static void test_host_cert__verdicts(void **state)
{
	static const struct {
		const char *cert, *known_hosts, *host;
		int64_t now;
		enum host_cert_verdict v;
	} rows[] = {
	        {SIGNED_ED, BY_ED, "h", IN_2026, CERT_OK},
	        {SIGNED_ED, BY_ED, "I", IN_2026, CERT_OK}, /* names of hosts have no case */
	        {SIGNED_ED, BY_RSA BY_ED, "i", IN_2026, CERT_OK},
	        {SIGNED_ED, BY_ED, "h", BEFORE, CERT_NOT_YET},
	        {SIGNED_ED, BY_ED, "h", FROM, CERT_OK},
	        {SIGNED_ED, BY_ED, "h", UNTIL - 1, CERT_OK},
	        {SIGNED_ED, BY_ED, "h", UNTIL, CERT_EXPIRED},
	        {SIGNED_ED, BY_ED, "h", -1, CERT_NOT_YET},
	        {SIGNED_ED, BY_RSA, "h", IN_2026, CERT_AUTHORITY},
	        {SIGNED_ED, "", "h", IN_2026, CERT_AUTHORITY},
	        {SIGNED_ED, "h ssh-ed25519 " CA_ED, "h", IN_2026, CERT_AUTHORITY},
	        {SIGNED_ED, BY_ED, "other", IN_2026, CERT_AUTHORITY}, /* not its authority */
	        {SIGNED_ED, "@cert-authority * ssh-ed25519 " CA_ED, "other", IN_2026, CERT_NAME},
	        {SIGNED_ED, "@cert-authority * ssh-ed25519 " CA_ED, "hi", IN_2026, CERT_NAME},
	        {SIGNED_ED, BY_ED "@revoked * ssh-ed25519 " CA_ED, "h", IN_2026,
	         CERT_REVOKED_AUTHORITY},
	        {SIGNED_ED, BY_ED "@revoked * ssh-ed25519 " HOST_ED, "h", IN_2026,
	         CERT_REVOKED_KEY},
	        {SIGNED_EC, BY_RSA, "h", IN_2026, CERT_OK},
	        {SIGNED_EC, "@cert-authority * ssh-rsa " CA_RSA, "any", 4000000000, CERT_OK},
	        {SIGNED_RSA, BY_384, "h", IN_2026, CERT_OK},
	        {SIGNED_BY256, BY_256, "h", IN_2026, CERT_OK},
	        {SIGNED_BY521, BY_521, "h", IN_2026, CERT_OK},
	        {SIGNED_SHA256, BY_RSA, "h", IN_2026, CERT_OK},
	        {SIGNED_SHA1, BY_RSA, "h", IN_2026, CERT_ALGORITHM},
	        {SIGNED_SHORT, BY_SHORT, "h", IN_2026, CERT_ALGORITHM},
	        {SIGNED_USER, BY_ED, "h", IN_2026, CERT_USER},
	        {SIGNED_CRITICAL, BY_ED, "h", IN_2026, CERT_CRITICAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes b = decode(rows[i].cert);
		enum host_cert_verdict v =
		        judge_bytes(&b, rows[i].known_hosts, rows[i].host, rows[i].now);

		if (v != rows[i].v)
			fail_msg("row %zu: %d, not %d", i, v, rows[i].v);
		free(b.p);
	}
}

/* Whatever byte is another one, the authority has not signed it. */
static void test_host_cert__every_byte_counts(void **state)
{
	static const char *const all[][2] = {{SIGNED_ED, BY_ED},
	                                     {SIGNED_EC, BY_RSA},
	                                     {SIGNED_RSA, BY_384},
	                                     {SIGNED_BY521, BY_521}};

	(void)state;
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		struct bytes b = decode(all[k][0]);

		for (size_t i = 0; i < b.n; i++) {
			struct host_cert cert;

			b.p[i] ^= 1;
			if (host_cert_parse(b.p, b.n, &cert) == 0) {
				host_cert_release(&cert);
				assert_int_not_equal(judge_bytes(&b, all[k][1], "h", IN_2026),
				                     CERT_OK);
			}
			b.p[i] ^= 1;
		}
		assert_int_equal(judge_bytes(&b, all[k][1], "h", IN_2026), CERT_OK);
		free(b.p);
	}
}

static void test_host_cert__is_whole_or_none(void **state)
{
	struct bytes b = decode(SIGNED_RSA);
	struct host_cert cert;

	(void)state;
	for (size_t n = 0; n < b.n; n++) {
		unsigned char *part = (unsigned char *)mem_dup_bytes(b.p, n);

		assert_int_equal(host_cert_parse(part, n, &cert), -1);
		free(part);
	}
	b.p = mem_grow(b.p, b.n + 1);
	b.p[b.n] = 0;
	assert_int_equal(host_cert_parse(b.p, b.n + 1, &cert), -1);
	free(b.p);
	b = decode(HOST_ED);
	assert_int_equal(host_cert_parse(b.p, b.n, &cert), -1);
	free(b.p);
}

static void test_host_cert__names_the_plain_key(void **state)
{
	static const char *const all[][2] = {
	        {SIGNED_ED, HOST_ED}, {SIGNED_EC, HOST_EC}, {SIGNED_RSA, HOST_RSA}};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct bytes b = decode(all[i][0]), key = decode(all[i][1]);
		struct host_cert cert;

		assert_int_equal(host_cert_parse(b.p, b.n, &cert), 0);
		assert_int_equal(cert.key_bytes, key.n);
		assert_memory_equal(cert.key, key.p, key.n);
		host_cert_release(&cert);
		free(b.p);
		free(key.p);
	}
}

static void test_host_cert__is_told_in_words(void **state)
{
	struct bytes b = decode(SIGNED_ED);
	char text[HOST_CERT_TEXT];
	struct host_cert cert;

	(void)state;
	assert_int_equal(host_cert_parse(b.p, b.n, &cert), 0);
	assert_string_equal(host_cert_text(&cert, CERT_EXPIRED, text),
	                    "certificate \"ed\" serial 7 has expired (2027-01-01T00:00:00.000Z)");
	assert_string_equal(host_cert_text(&cert, CERT_NAME, text),
	                    "certificate \"ed\" serial 7 is not for this name");
	host_cert_release(&cert);
	free(b.p);
}

/* A key that is certified counts like one on record, under the authority's line. */
static void test_host_cert__certifies_a_record(void **state)
{
	struct bytes cert = decode(SIGNED_ED), key = decode(HOST_ED), other = decode(HOST_EC);
	const struct known_key *which;
	struct known_keys keys;

	(void)state;
	known_keys_init(&keys, "h", 22);
	known_keys_read(&keys, "kh", "\n" BY_ED, strlen("\n" BY_ED), NULL);
	assert_int_equal(known_keys_judge(&keys, key.p, key.n, &which), KNOWN_OTHER);
	known_keys_certify(&keys, known_keys_authority(&keys, NULL), key.p, key.n);
	assert_int_equal(known_keys_judge(&keys, key.p, key.n, &which), KNOWN_OK);
	assert_true(which->certified && which->line == 2);
	assert_true(known_keys_have_certified(&keys, "ssh-ed25519"));
	assert_false(known_keys_have_certified(&keys, "ecdsa-sha2-nistp256"));
	assert_int_equal(known_keys_judge(&keys, other.p, other.n, &which), KNOWN_OTHER);
	known_keys_release(&keys);
	free(cert.p);
	free(key.p);
	free(other.p);
}

/* ---- asking -------------------------------------------------------------------------------- */

#define CERTS "ssh-ed25519-cert-v01@openssh.com"

static void add_packet(struct buf *out, const struct buf *payload)
{
	size_t n = buf_len(payload), padding = 12;

	wire_put_u32(out, (uint32_t)(1 + n + padding));
	(void)buf_add(out, "\014", 1);
	(void)buf_add(out, buf_data(payload), n);
	(void)buf_add(out, "............", padding);
}

static void add_kexinit(struct buf *out, const char *kex, const char *host_keys)
{
	struct buf b;

	buf_init(&b, 4096);
	(void)buf_add(&b, "\024................", 17);
	(void)buf_reserve(&b, 2048);
	wire_put_text(&b, kex);
	wire_put_text(&b, host_keys);
	for (int i = 0; i < 8; i++)
		wire_put_text(&b, i < 6 ? "none" : "");
	(void)buf_add(&b, "\0\0\0\0\0", 5);
	add_packet(out, &b);
	buf_release(&b);
}

static void add_reply(struct buf *out, const struct bytes *cert)
{
	struct buf b;

	buf_init(&b, 8192);
	(void)buf_reserve(&b, 4096);
	(void)buf_add(&b, "\002....", 5); /* IGNORE */
	add_packet(out, &b);
	buf_clear(&b);
	(void)buf_add(&b, "\037", 1);
	wire_put_string(&b, cert->p, cert->n);
	wire_put_text(&b, "f");
	wire_put_text(&b, "signature");
	add_packet(out, &b);
	buf_release(&b);
}

static void begin_server(struct buf *b, const char *kex, const char *host_keys)
{
	buf_init(b, 64 * 1024);
	(void)buf_add_text(b, "a banner\r\nSSH-2.0-test\r\n");
	(void)buf_reserve(b, 16 * 1024);
	add_kexinit(b, kex, host_keys);
}

static enum cert_talk_state feed_by(struct cert_talk *t, const struct buf *b, size_t step)
{
	enum cert_talk_state s = CERT_TALK_MORE;

	for (size_t i = 0; i < buf_len(b) && s == CERT_TALK_MORE; i += step)
		s = cert_talk_feed(t, buf_data(b) + i,
		                   step < buf_len(b) - i ? step : buf_len(b) - i);
	return s;
}

static void test_cert_talk__gets_the_certificate_however_it_is_cut(void **state)
{
	static const char *const methods[] = {
	        "sntrup761x25519-sha512@openssh.com,curve25519-sha256", "ecdh-sha2-nistp256",
	        "diffie-hellman-group14-sha1"};
	static const size_t steps[] = {1, 7, 100000};
	struct bytes cert = decode(SIGNED_ED);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct cert_talk t;
		struct buf b;

		begin_server(&b, methods[i], "ssh-ed25519," CERTS);
		add_reply(&b, &cert);
		cert_talk_init(&t);
		assert_memory_equal(buf_data(&t.out), "SSH-2.0-", 8);
		assert_int_equal(feed_by(&t, &b, steps[i]), CERT_TALK_DONE);
		assert_int_equal(t.blob_bytes, cert.n);
		assert_memory_equal(t.blob, cert.p, cert.n);
		assert_non_null(memmem(buf_data(&t.out), buf_len(&t.out), CERTS, strlen(CERTS)));
		cert_talk_release(&t);
		buf_release(&b);
	}
	free(cert.p);
}

static void check_talk(const struct buf *b, enum cert_talk_state want)
{
	struct cert_talk t;

	cert_talk_init(&t);
	assert_int_equal(feed_by(&t, b, 100), want);
	assert_null(t.blob);
	cert_talk_release(&t);
}

static void test_cert_talk__tells_why_there_is_none(void **state)
{
	struct bytes empty = {(unsigned char *)"", 0};
	struct buf b;

	(void)state;
	begin_server(&b, "curve25519-sha256", "ssh-ed25519,rsa-sha2-512");
	check_talk(&b, CERT_TALK_NONE);
	buf_release(&b);
	begin_server(&b, "diffie-hellman-group-exchange-sha256", CERTS);
	check_talk(&b, CERT_TALK_NO_KEX);
	buf_release(&b);
	begin_server(&b, "curve25519-sha256", CERTS);
	check_talk(&b, CERT_TALK_MORE);
	add_reply(&b, &empty);
	check_talk(&b, CERT_TALK_BROKEN);
	buf_release(&b);
	buf_init(&b, 4096);
	(void)buf_add_text(&b, "SSH-2.0-test\r\n\x7f\xff\xff\xff\4");
	check_talk(&b, CERT_TALK_BROKEN);
	buf_clear(&b);
	(void)buf_add(&b, "\x15\3\1\0\2", 5); /* TLS */
	check_talk(&b, CERT_TALK_BROKEN);
	buf_release(&b);
}

/* 64 packets that mean nothing are passed over, the 65th ends it. */
static void test_cert_talk__does_not_listen_for_ever(void **state)
{
	struct buf b, ignore;

	(void)state;
	buf_init(&b, 64 * 1024);
	buf_init(&ignore, 64);
	(void)buf_add_text(&b, "SSH-2.0-test\r\n");
	(void)buf_reserve(&b, 16 * 1024);
	(void)buf_add(&ignore, "\002....", 5);
	for (int i = 0; i < CERT_TALK_PACKETS; i++)
		add_packet(&b, &ignore);
	check_talk(&b, CERT_TALK_MORE);
	add_packet(&b, &ignore);
	check_talk(&b, CERT_TALK_BROKEN);
	buf_release(&b);
	buf_release(&ignore);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_host_cert__verdicts),
	        cmocka_unit_test(test_host_cert__every_byte_counts),
	        cmocka_unit_test(test_host_cert__is_whole_or_none),
	        cmocka_unit_test(test_host_cert__names_the_plain_key),
	        cmocka_unit_test(test_host_cert__is_told_in_words),
	        cmocka_unit_test(test_host_cert__certifies_a_record),
	        cmocka_unit_test(test_cert_talk__gets_the_certificate_however_it_is_cut),
	        cmocka_unit_test(test_cert_talk__tells_why_there_is_none),
	        cmocka_unit_test(test_cert_talk__does_not_listen_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
