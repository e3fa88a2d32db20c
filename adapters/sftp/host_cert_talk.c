#include "adapters/sftp/host_cert_talk.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/wire.h"
#include "daemon/base/mem.h"

enum {
	MSG_DISCONNECT = 1,
	MSG_KEXINIT = 20,
	MSG_KEX_FIRST = 30, /* KEXDH_INIT, KEX_ECDH_INIT: one number for all we offer */
	MSG_KEX_REPLY = 31,
	COOKIE_BYTES = 16,
	BLOCK_BYTES = 8,
	PADDING_LEAST = 4,
	OUT_MAX = 16 * 1024,
	DH_BYTES = 256,
};

static const char ours_identification[] = "SSH-2.0-ferryd_certificate\r\n";
static const char ours_kex[] = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
                               "diffie-hellman-group14-sha256,diffie-hellman-group14-sha1";
static const char ours_host_keys[] =
        "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,"
        "ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,"
        "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com";

/* ---- what we say --------------------------------------------------------------------------- */

/* uint32 length, byte padding, payload, padding (RFC 4253 §6) */
static void add_packet(struct cert_talk *t, struct buf *payload)
{
	static const unsigned char zeros[2 * BLOCK_BYTES];
	size_t n = buf_len(payload);
	size_t padding = BLOCK_BYTES - (n + 5) % BLOCK_BYTES;
	unsigned char head[5];
	uint32_t length;

	if (padding < PADDING_LEAST)
		padding += BLOCK_BYTES;
	length = (uint32_t)(1 + n + padding);
	for (int i = 0; i < 4; i++)
		head[i] = (unsigned char)(length >> (24 - 8 * i));
	head[4] = (unsigned char)padding;
	(void)buf_add(&t->out, head, sizeof(head)); /* two small packets: far below the limit */
	(void)buf_add(&t->out, buf_data(payload), n);
	(void)buf_add(&t->out, zeros, padding);
	buf_release(payload);
}

static void begin_payload(struct buf *b, unsigned char type)
{
	buf_init(b, OUT_MAX / 2);
	(void)buf_reserve(b, OUT_MAX / 4);
	(void)buf_add(b, &type, 1);
}

/* For what is never used (ciphers, MACs, compression) we have whatever the server has. */
static bool add_kexinit(struct cert_talk *t)
{
	static const unsigned char cookie[COOKIE_BYTES], end[5];
	size_t all = sizeof(ours_kex) + sizeof(ours_host_keys);
	struct buf b;

	for (int i = KEX_CIPHERS_OUT; i < KEX_LIST_COUNT; i++)
		all += strlen(t->theirs.list[i]) + 4;
	if (all > OUT_MAX / 4 - 64)
		return false;
	begin_payload(&b, MSG_KEXINIT);
	(void)buf_add(&b, cookie, sizeof(cookie));
	wire_put_text(&b, ours_kex);
	wire_put_text(&b, ours_host_keys);
	for (int i = KEX_CIPHERS_OUT; i < KEX_LIST_COUNT; i++)
		wire_put_text(&b, t->theirs.list[i]);
	(void)buf_add(&b, end, sizeof(end)); /* no guess, reserved */
	add_packet(t, &b);
	return true;
}

/* Public values that any server takes for valid: the base points, a number below the prime. */
static void add_first(struct cert_talk *t, const char *kex, size_t n)
{
	static const unsigned char x25519[32] = {9};
	/* SEC 2 §2.4.2, uncompressed */
	static const unsigned char nistp256[65] = {
	        0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5,
	        0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4,
	        0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A,
	        0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33,
	        0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5};
	unsigned char group14[DH_BYTES];
	struct buf b;

	begin_payload(&b, MSG_KEX_FIRST);
	if (n >= 10 && memcmp(kex, "curve25519", 10) == 0) {
		wire_put_string(&b, x25519, sizeof(x25519));
	} else if (n >= 4 && memcmp(kex, "ecdh", 4) == 0) {
		wire_put_string(&b, nistp256, sizeof(nistp256));
	} else {
		memset(group14, 0x55, sizeof(group14));
		wire_put_string(&b, group14, sizeof(group14));
	}
	add_packet(t, &b);
}

/* ---- what it says -------------------------------------------------------------------------- */

static enum cert_talk_state take_lists(struct cert_talk *t, const unsigned char *p, size_t n)
{
	const char *kex;
	size_t length;

	if (p[0] == MSG_DISCONNECT)
		return CERT_TALK_BROKEN;
	if (p[0] != MSG_KEXINIT)
		return CERT_TALK_MORE;
	if (kexinit_parse(p, n, &t->theirs) < 0)
		return CERT_TALK_BROKEN;
	if (!kex_common(ours_host_keys, t->theirs.list[KEX_HOST_KEYS], &length))
		return CERT_TALK_NONE;
	kex = kex_common(ours_kex, t->theirs.list[KEX_METHODS], &length);
	if (!kex)
		return CERT_TALK_NO_KEX;
	if (!add_kexinit(t))
		return CERT_TALK_BROKEN;
	add_first(t, kex, length);
	t->phase = TALK_REPLY;
	return CERT_TALK_MORE;
}

static enum cert_talk_state take_reply(struct cert_talk *t, const unsigned char *p, size_t n)
{
	struct wire_in in = {p + 1, n - 1, false};
	struct wire_bytes key;

	if (p[0] == MSG_DISCONNECT)
		return CERT_TALK_BROKEN;
	if (p[0] != MSG_KEX_REPLY)
		return CERT_TALK_MORE;
	key = wire_string(&in);
	if (in.is_broken || !key.n)
		return CERT_TALK_BROKEN;
	t->blob = (unsigned char *)mem_dup_bytes(key.data, key.n);
	t->blob_bytes = key.n;
	return CERT_TALK_DONE;
}

static enum cert_talk_state take_payload(struct cert_talk *t, const unsigned char *p, size_t n)
{
	if (++t->packets > CERT_TALK_PACKETS)
		return CERT_TALK_BROKEN;
	return t->phase == TALK_LISTS ? take_lists(t, p, n) : take_reply(t, p, n);
}

static enum cert_talk_state take_packets(struct cert_talk *t)
{
	for (;;) {
		const unsigned char *p = buf_data(&t->in);
		size_t have = buf_len(&t->in), n, padding;
		enum cert_talk_state s;

		if (have < 5)
			return CERT_TALK_MORE;
		n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		padding = p[4];
		if (n > CERT_TALK_PACKET_MAX || n < padding + 2)
			return CERT_TALK_BROKEN;
		if (have < n + 4)
			return CERT_TALK_MORE;
		s = take_payload(t, p + 5, n - 1 - padding);
		if (s != CERT_TALK_MORE)
			return s;
		buf_consume(&t->in, n + 4);
	}
}

/* An alert or a handshake record (RFC 8446 §5.1): no need to wait for a line that will not come. */
static bool is_tls(const struct cert_talk *t)
{
	const unsigned char *p = buf_data(&t->in);

	return !t->id.lines && buf_len(&t->in) >= 2 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3;
}

static enum cert_talk_state take_identification(struct cert_talk *t)
{
	const unsigned char *end;

	if (is_tls(t))
		return CERT_TALK_BROKEN;
	switch (identification_scan(&t->id, &t->in)) {
	case IDENTIFICATION_WANTS_MORE:
		return CERT_TALK_MORE;
	case IDENTIFICATION_FOUND:
		break;
	case IDENTIFICATION_FLOOD:
	case IDENTIFICATION_MALFORMED:
		return CERT_TALK_BROKEN;
	}
	end = memchr(buf_data(&t->in), '\n', buf_len(&t->in));
	buf_consume(&t->in, (size_t)(end + 1 - buf_data(&t->in)));
	t->phase = TALK_LISTS;
	return take_packets(t);
}

enum cert_talk_state cert_talk_feed(struct cert_talk *t, const void *data, size_t n)
{
	const unsigned char *p = data;
	enum cert_talk_state s = CERT_TALK_MORE;

	/* in parts, so that the limit on what is kept bounds a packet and not a call */
	while (n && s == CERT_TALK_MORE) {
		size_t part = n < CERT_TALK_PACKET_MAX ? n : CERT_TALK_PACKET_MAX;

		if (buf_add(&t->in, p, part) < 0)
			return CERT_TALK_BROKEN;
		s = t->phase == TALK_IDENTIFICATION ? take_identification(t) : take_packets(t);
		p += part;
		n -= part;
	}
	return s;
}

void cert_talk_init(struct cert_talk *t)
{
	memset(t, 0, sizeof(*t));
	buf_init(&t->in, 3 * CERT_TALK_PACKET_MAX);
	buf_init(&t->out, OUT_MAX);
	(void)buf_add_text(&t->out, ours_identification);
}

void cert_talk_release(struct cert_talk *t)
{
	buf_release(&t->in);
	buf_release(&t->out);
	kexinit_release(&t->theirs);
	free(t->blob);
	t->blob = NULL;
}
