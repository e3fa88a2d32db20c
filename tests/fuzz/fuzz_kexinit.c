/*
 * Any bytes as the clear beginning of an SSH connection, in parts given by the first byte. Must
 * hold: no crash, no leak; a list that was read is printable text; what is not consumed by the
 * identification is still there.
 */
#include <stdint.h>

#include "adapters/sftp/identification.h"
#include "adapters/sftp/kexinit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_lists(const struct kexinit *k)
{
	size_t n;

	for (int i = 0; i < KEX_LIST_COUNT; i++)
		for (const char *p = k->list[i]; *p; p++)
			require(*p > 0x20 && *p < 0x7F);
	(void)kex_missing(k, k);
	(void)kex_common(k->list[KEX_METHODS], "curve25519-sha256", &n);
}

static void scan(const uint8_t *data, size_t size)
{
	struct identification id = {0};
	struct buf in;

	buf_init(&in, 1024 * 1024);
	if (buf_add(&in, data, size) == 0) {
		enum identification_state s = identification_scan(&id, &in);

		require(id.bytes + buf_len(&in) == size);
		require(s != IDENTIFICATION_FOUND || memcmp(id.text, "SSH-", 4) == 0);
		(void)identification_is_binary(&id, &in);
	}
	buf_release(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kex_tap tap;
	struct kexinit k;
	size_t part;

	if (!size)
		return 0;
	part = data[0] + 1u;
	scan(data + 1, size - 1);
	if (kexinit_parse(data + 1, size - 1, &k) == 0) {
		check_lists(&k);
		kexinit_release(&k);
	}
	kex_tap_init(&tap);
	for (size_t at = 1; at < size; at += part)
		kex_tap_feed(&tap, data + at, size - at < part ? size - at : part);
	if (tap.kexinit.text)
		check_lists(&tap.kexinit);
	kex_tap_release(&tap);
	return 0;
}
