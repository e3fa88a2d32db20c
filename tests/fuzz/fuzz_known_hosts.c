/*
 * Any bytes as a known_hosts file. Must hold: no crash, no leak, no more keys than allowed; a key
 * that was read is judged known or revoked; its fingerprint can be printed.
 */
#include <stdint.h>

#include "adapters/sftp/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_keys(const struct known_keys *keys)
{
	char fingerprint[FINGERPRINT_BYTES];
	const struct known_key *which;

	require(keys->count <= KNOWN_KEYS_MAX);
	for (size_t i = 0; i < keys->count; i++) {
		const struct known_key *k = &keys->items[i];
		enum known_verdict v = known_keys_judge(keys, k->blob, k->blob_bytes, &which);

		require(v == KNOWN_OK || v == KNOWN_REVOKED || k->without_port);
		require(strlen(key_fingerprint(k->blob, k->blob_bytes, fingerprint)) == 50);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int ports[] = {22, 2222};

	for (int i = 0; i < 2; i++) {
		struct known_keys keys;
		struct buf warnings;

		buf_init(&warnings, 4096);
		known_keys_init(&keys, "sftp.acme.example", ports[i]);
		known_keys_read(&keys, "fuzz", data, size, &warnings);
		check_keys(&keys);
		known_keys_release(&keys);
		buf_release(&warnings);
	}
	return 0;
}
