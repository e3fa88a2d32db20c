/* What both sides say in clear: identification lines, KEXINIT, DISCONNECT; any bytes, in any parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/sftp/identification.h"
#include "adapters/sftp/kexinit.h"

/* ---- building packets ---------------------------------------------------------------------- */

static void put_u32(struct buf *b, size_t n)
{
	unsigned char p[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
	                      (unsigned char)(n >> 8), (unsigned char)n};

	assert_int_equal(buf_add(b, p, 4), 0);
}

static void put_text(struct buf *b, const char *text)
{
	put_u32(b, strlen(text));
	assert_int_equal(buf_add_text(b, text), 0);
}

static void put_packet(struct buf *b, const struct buf *payload)
{
	static const unsigned char padding[4];

	put_u32(b, buf_len(payload) + 1 + 4);
	assert_int_equal(buf_add(b, "\x04", 1), 0);
	assert_int_equal(buf_add(b, buf_data(payload), buf_len(payload)), 0);
	assert_int_equal(buf_add(b, padding, sizeof(padding)), 0);
}

static void build_kexinit(struct buf *payload, const char *first)
{
	static const unsigned char cookie[16];

	buf_init(payload, 4096);
	assert_int_equal(buf_add(payload, "\x14", 1), 0);
	assert_int_equal(buf_add(payload, cookie, sizeof(cookie)), 0);
	put_text(payload, first);
	for (int i = 1; i < KEX_LIST_COUNT; i++)
		put_text(payload, i < KEX_COMPRESSION_OUT ? "x,y"
		                  : i < KEX_LANGUAGES_OUT ? "none"
		                                          : "");
	assert_int_equal(buf_add(payload, "\0\0\0\0\0", 5), 0);
}

static void build_stream(struct buf *out)
{
	struct buf p;

	buf_init(out, 8192);
	assert_int_equal(buf_add_text(out, "SSH-2.0-x\r\n"), 0);
	build_kexinit(&p, "curve,group");
	put_packet(out, &p);
	buf_clear(&p);
	assert_int_equal(buf_add(&p, "\x01", 1), 0);
	put_u32(&p, 12);
	put_text(&p, "too many");
	put_text(&p, "");
	put_packet(out, &p);
	buf_release(&p);
}

/* ---- the tap ------------------------------------------------------------------------------- */

static void test_kex_tap__reads_a_stream_in_any_parts(void **state)
{
	struct buf stream;

	(void)state;
	build_stream(&stream);
	for (size_t part = 1; part < 300; part += 7) {
		struct kex_tap tap;

		kex_tap_init(&tap);
		for (size_t at = 0; at < buf_len(&stream); at += part) {
			size_t left = buf_len(&stream) - at;

			kex_tap_feed(&tap, buf_data(&stream) + at, left < part ? left : part);
		}
		assert_string_equal(tap.kexinit.list[KEX_METHODS], "curve,group");
		assert_string_equal(tap.kexinit.list[KEX_COMPRESSION_IN], "none");
		assert_true(tap.disconnected);
		assert_int_equal(tap.disconnect_code, 12);
		assert_string_equal(tap.disconnect_text, "too many");
		kex_tap_release(&tap);
	}
	buf_release(&stream);
}

struct seen {
	int packets;
	size_t bytes;
	unsigned char last;
};

static void count_packet(void *arg, const unsigned char *packet, size_t n)
{
	struct seen *s = arg;

	s->packets++;
	s->bytes += n;
	s->last = packet[5];
}

/* What follows NEWKEYS is never handed out, however the bytes come. */
static void test_kex_tap__hands_out_packets_up_to_newkeys(void **state)
{
	struct buf stream, p;
	size_t clear;

	(void)state;
	build_stream(&stream);
	buf_init(&p, 64);
	assert_int_equal(buf_add(&p, "\x15", 1), 0);
	put_packet(&stream, &p);
	clear = buf_len(&stream) - strlen("SSH-2.0-x\r\n");
	assert_int_equal(buf_add_text(&p, "secret"), 0);
	put_packet(&stream, &p);
	buf_release(&p);
	for (size_t part = 1; part < 600; part += 7) {
		struct seen seen = {0};
		struct kex_tap tap;

		kex_tap_init(&tap);
		tap.on_packet = count_packet;
		tap.arg = &seen;
		for (size_t at = 0; at < buf_len(&stream); at += part) {
			size_t left = buf_len(&stream) - at;

			kex_tap_feed(&tap, buf_data(&stream) + at, left < part ? left : part);
		}
		assert_int_equal(seen.packets, 3);
		assert_int_equal(seen.bytes, clear);
		assert_int_equal(seen.last, 21);
		kex_tap_release(&tap);
	}
	buf_release(&stream);
}

static void test_kexinit__refuses_what_is_cut_or_dirty(void **state)
{
	struct kexinit k = {0};
	struct buf p;

	(void)state;
	build_kexinit(&p, "abc");
	for (size_t n = 0; n < buf_len(&p) - 5; n++)
		assert_int_equal(kexinit_parse(buf_data(&p), n, &k), -1);
	assert_int_equal(kexinit_parse(buf_data(&p), buf_len(&p), &k), 0);
	kexinit_release(&k);
	buf_data(&p)[22] = '\x1b';
	assert_int_equal(kexinit_parse(buf_data(&p), buf_len(&p), &k), -1);
	buf_release(&p);
}

static void test_kex_tap__gives_up_on_nonsense(void **state)
{
	static const unsigned char nonsense[] = "SSH-2.0-x\n\xff\xff\xff\xff\x04more";
	struct kex_tap tap;

	(void)state;
	kex_tap_init(&tap);
	kex_tap_feed(&tap, nonsense, sizeof(nonsense));
	assert_true(tap.done);
	assert_null(tap.kexinit.text);
	kex_tap_release(&tap);
}

/* ---- common algorithms --------------------------------------------------------------------- */

static void test_kex_common__takes_the_clients_first(void **state)
{
	static const struct {
		const char *ours, *theirs, *common;
	} rows[] = {
	        {"a,b,c", "c,b", "b"},
	        {"a", "b", NULL},
	        {"aa,a", "a", "a"},
	        {"", "", NULL},
	        {"a,", ",a", "a"},
	        {"ext-info-c,x", "ext-info-c,y", NULL},
	        {"kex-strict-c-v00@openssh.com", "kex-strict-c-v00@openssh.com", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = 0;
		const char *got = kex_common(rows[i].ours, rows[i].theirs, &n);

		if (!rows[i].common)
			assert_null(got);
		else
			assert_memory_equal(got, rows[i].common, n);
	}
}

static struct kexinit lists(const char *cipher, const char *mac)
{
	struct kexinit k = {0};

	for (int i = 0; i < KEX_LIST_COUNT; i++)
		k.list[i] = "none";
	k.list[KEX_CIPHERS_OUT] = k.list[KEX_CIPHERS_IN] = cipher;
	k.list[KEX_MACS_OUT] = k.list[KEX_MACS_IN] = mac;
	return k;
}

static void test_kex_missing__knows_ciphers_that_need_no_mac(void **state)
{
	struct kexinit ours = lists("aes128-gcm@openssh.com,aes128-ctr", "hmac-a");
	struct kexinit gcm = lists("aes128-gcm@openssh.com", "hmac-b");
	struct kexinit ctr = lists("aes128-ctr", "hmac-b"), cbc = lists("aes128-cbc", "hmac-a");

	(void)state;
	assert_int_equal(kex_missing(&ours, &gcm), KEX_LIST_COUNT);
	assert_int_equal(kex_missing(&ours, &ctr), KEX_MACS_OUT);
	assert_int_equal(kex_missing(&ours, &cbc), KEX_CIPHERS_OUT);
}

/* ---- identification ------------------------------------------------------------------------ */

static enum identification_state scan(const char *text, size_t part, struct identification *id,
                                      struct buf *in)
{
	enum identification_state s = IDENTIFICATION_WANTS_MORE;
	size_t n = strlen(text);

	memset(id, 0, sizeof(*id));
	buf_init(in, 64 * 1024);
	for (size_t at = 0; at < n && s == IDENTIFICATION_WANTS_MORE; at += part) {
		assert_int_equal(buf_add(in, text + at, n - at < part ? n - at : part), 0);
		s = identification_scan(id, in);
	}
	return s;
}

static void test_identification__passes_over_lines_before_it(void **state)
{
	struct identification id;
	struct buf in;

	(void)state;
	for (size_t part = 1; part < 40; part++) {
		assert_int_equal(scan("\r\nwelcome\nSSH-2.0-Open_1 x\r\nrest", part, &id, &in),
		                 IDENTIFICATION_FOUND);
		assert_string_equal(id.text, "SSH-2.0-Open_1 x");
		assert_int_equal(id.lines, 2);
		assert_memory_equal(buf_data(&in), "SSH-2.0-Open_1 x\r\n", 18);
		buf_release(&in);
	}
}

static void test_identification__refuses_floods_and_old_versions(void **state)
{
	struct identification id = {0};
	struct buf in;

	(void)state;
	assert_int_equal(scan("SSH-1.5-old\n", 99, &id, &in), IDENTIFICATION_MALFORMED);
	buf_release(&in);
	assert_int_equal(scan("SSH-1.99-both\n", 99, &id, &in), IDENTIFICATION_FOUND);
	buf_release(&in);
	memset(&id, 0, sizeof(id));
	buf_init(&in, 64 * 1024);
	for (int i = 0; i <= IDENTIFICATION_LINES; i++)
		assert_int_equal(buf_add_text(&in, "hello\n"), 0);
	assert_int_equal(identification_scan(&id, &in), IDENTIFICATION_FLOOD);
	buf_release(&in);
}

static void test_identification__sees_that_bytes_are_no_text(void **state)
{
	struct identification id = {0};
	struct buf in;

	(void)state;
	buf_init(&in, 100);
	assert_int_equal(buf_add(&in, "\x15\x03\x01\x00\x02", 5), 0);
	assert_true(identification_is_binary(&id, &in));
	buf_clear(&in);
	assert_int_equal(buf_add(&in, "220 ", 4), 0);
	assert_false(identification_is_binary(&id, &in));
	buf_release(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_kex_tap__reads_a_stream_in_any_parts),
	        cmocka_unit_test(test_kex_tap__hands_out_packets_up_to_newkeys),
	        cmocka_unit_test(test_kexinit__refuses_what_is_cut_or_dirty),
	        cmocka_unit_test(test_kex_tap__gives_up_on_nonsense),
	        cmocka_unit_test(test_kex_common__takes_the_clients_first),
	        cmocka_unit_test(test_kex_missing__knows_ciphers_that_need_no_mac),
	        cmocka_unit_test(test_identification__passes_over_lines_before_it),
	        cmocka_unit_test(test_identification__refuses_floods_and_old_versions),
	        cmocka_unit_test(test_identification__sees_that_bytes_are_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
