#include "adapters/sftp/kexinit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/mem.h"

enum {
	MSG_DISCONNECT = 1,
	MSG_KEXINIT = 20,
	MSG_NEWKEYS = 21,
	COOKIE_BYTES = 16,
	PACKET_MAX = 40000, /* what libssh2 accepts; RFC 4253 §6.1 asks for 35000 */
};

static uint32_t number(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Names are printable US-ASCII without blanks (RFC 4251 §6); commas divide them. */
static bool is_name_list(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] <= 0x20 || p[i] >= 0x7F)
			return false;
	return true;
}

int kexinit_parse(const unsigned char *payload, size_t n, struct kexinit *out)
{
	size_t at = 1 + COOKIE_BYTES, used = 0;
	struct kexinit k = {0};

	if (n < at || payload[0] != MSG_KEXINIT)
		return -1;
	k.text = mem_new(n);
	for (int i = 0; i < KEX_LIST_COUNT; i++) {
		size_t len;

		if (n - at < 4)
			goto malformed;
		len = number(payload + at);
		at += 4;
		if (len > n - at || !is_name_list(payload + at, len))
			goto malformed;
		/* each list needs its length field's 4 bytes less and a NUL more: it fits in n */
		memcpy(k.text + used, payload + at, len);
		k.list[i] = k.text + used;
		used += len;
		k.text[used++] = '\0';
		at += len;
	}
	*out = k;
	return 0;
malformed:
	free(k.text);
	return -1;
}

size_t kex_list_line(const char *list)
{
	size_t at = KEX_LINE_BYTES;

	if (strlen(list) <= KEX_LINE_BYTES)
		return strlen(list);
	while (at && list[at - 1] != ',')
		at--;
	return at ? at : KEX_LINE_BYTES;
}

void kexinit_release(struct kexinit *k)
{
	free(k->text);
	memset(k, 0, sizeof(*k));
}

const char *kex_list_name(enum kex_list which)
{
	static const char *const names[] = {
#define KEX_NAME(id, words) words,
	        KEX_LISTS(KEX_NAME)
#undef KEX_NAME
	};

	return which < KEX_LIST_COUNT ? names[which] : "none";
}

static bool list_has(const char *list, const char *name, size_t n)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (len == n && memcmp(list, name, n) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

static bool is_pseudo(const char *name)
{
	return strncmp(name, "ext-info-", 9) == 0 || strncmp(name, "kex-strict-", 11) == 0;
}

const char *kex_common(const char *ours, const char *theirs, size_t *n)
{
	while (*ours) {
		size_t len = strcspn(ours, ",");

		if (len && !is_pseudo(ours) && list_has(theirs, ours, len)) {
			*n = len;
			return ours;
		}
		ours += len + (ours[len] == ',');
	}
	return NULL;
}

static bool authenticates_itself(const char *cipher, size_t n)
{
	static const char gcm[] = "-gcm@openssh.com", chacha[] = "chacha20-poly1305@openssh.com";

	if (n == sizeof(chacha) - 1 && memcmp(cipher, chacha, n) == 0)
		return true;
	return n > sizeof(gcm) - 1 &&
	       memcmp(cipher + n - (sizeof(gcm) - 1), gcm, sizeof(gcm) - 1) == 0;
}

static bool mac_is_needless(const struct kexinit *ours, const struct kexinit *theirs, int mac)
{
	int cipher = mac - KEX_MACS_OUT + KEX_CIPHERS_OUT;
	size_t n;
	const char *name = kex_common(ours->list[cipher], theirs->list[cipher], &n);

	return name && authenticates_itself(name, n);
}

enum kex_list kex_missing(const struct kexinit *ours, const struct kexinit *theirs)
{
	size_t n;

	for (int i = KEX_METHODS; i <= KEX_COMPRESSION_IN; i++) {
		if (kex_common(ours->list[i], theirs->list[i], &n))
			continue;
		if ((i == KEX_MACS_OUT || i == KEX_MACS_IN) && mac_is_needless(ours, theirs, i))
			continue;
		return (enum kex_list)i;
	}
	return KEX_LIST_COUNT;
}

void kex_tap_init(struct kex_tap *tap)
{
	memset(tap, 0, sizeof(*tap));
	buf_init(&tap->bytes, 2 * PACKET_MAX);
}

static void stop(struct kex_tap *tap)
{
	tap->done = true;
	buf_release(&tap->bytes);
	buf_init(&tap->bytes, 2 * PACKET_MAX);
}

/* byte 1, uint32 code, string description, string language */
static void read_disconnect(struct kex_tap *tap, const unsigned char *p, size_t n)
{
	size_t len;

	if (n < 9)
		return;
	tap->disconnected = true;
	tap->disconnect_code = number(p + 1);
	len = number(p + 5);
	if (len > n - 9)
		len = n - 9;
	if (len > sizeof(tap->disconnect_text) - 1)
		len = sizeof(tap->disconnect_text) - 1;
	memcpy(tap->disconnect_text, p + 9, len);
	tap->disconnect_text[len] = '\0';
}

static void read_payload(struct kex_tap *tap, const unsigned char *p, size_t n)
{
	switch (p[0]) {
	case MSG_KEXINIT:
		if (!tap->kexinit.text)
			(void)kexinit_parse(p, n, &tap->kexinit); /* malformed: stays unseen */
		break;
	case MSG_DISCONNECT:
		read_disconnect(tap, p, n);
		break;
	case MSG_NEWKEYS:
		tap->done = true;
		break;
	}
}

/* Takes one packet out of the bytes; false when there is none whole. */
static bool take_packet(struct kex_tap *tap)
{
	const unsigned char *p = buf_data(&tap->bytes);
	size_t n = buf_len(&tap->bytes), len, padding;

	if (n < 5)
		return false;
	len = number(p);
	padding = p[4];
	if (len > PACKET_MAX || len < padding + 2) {
		stop(tap);
		return false;
	}
	if (n < 4 + len)
		return false;
	if (tap->on_packet)
		tap->on_packet(tap->arg, p, 4 + len);
	read_payload(tap, p + 5, len - 1 - padding);
	buf_consume(&tap->bytes, 4 + len);
	if (tap->done)
		stop(tap);
	return !tap->done;
}

static void feed_some(struct kex_tap *tap, const unsigned char *data, size_t n)
{
	if (!tap->line_passed) {
		const unsigned char *end = memchr(data, '\n', n);

		if (!end)
			return;
		tap->line_passed = true;
		n -= (size_t)(end + 1 - data);
		data = end + 1;
	}
	if (n && buf_add(&tap->bytes, data, n) < 0) {
		stop(tap);
		return;
	}
	while (take_packet(tap))
		;
}

void kex_tap_feed(struct kex_tap *tap, const void *data, size_t n)
{
	const unsigned char *p = data;

	/* in parts, so that the limit on what is kept bounds a packet and not a call */
	while (n && !tap->done) {
		size_t part = n < PACKET_MAX / 2 ? n : PACKET_MAX / 2;

		feed_some(tap, p, part);
		p += part;
		n -= part;
	}
}

void kex_tap_release(struct kex_tap *tap)
{
	buf_release(&tap->bytes);
	kexinit_release(&tap->kexinit);
}
