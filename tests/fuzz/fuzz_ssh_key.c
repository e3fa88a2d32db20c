/*
 * Any bytes as a private key file, without a passphrase (bcrypt is no place to fuzz). Must hold: no
 * crash, no leak; a refusal says why; what is accepted has a type and a fingerprint.
 */
#include <stdint.h>

#include "adapters/sftp/key_file.h"
#include "daemon/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct private_key key;
	char *text;
	struct err e = {0};

	if (size > KEY_FILE_MAX)
		return 0;
	text = mem_dup_bytes(data, size);
	if (key_parse("fuzz", text, size, NULL, &key, &e) == 0) {
		if (!key.key || !key.blob_bytes || !key.type[0] || strlen(key.fingerprint) != 50)
			abort();
		private_key_wipe(&key);
	} else if (!e.code || !e.message[0]) {
		abort();
	}
	free(text);
	return 0;
}
