/*
 * Any bytes as a private key file: OpenSSH's container and PEM. What is accepted has a type and a
 * fingerprint that belong to its public half, and may be asked to sign; what is refused says why;
 * nothing leaks. Key derivations that would take long are left out: here every input gets a few
 * milliseconds.
 */
#include "adapters/sftp/key_file.h"
#include "adapters/sftp/key_sign.h"
#include "adapters/sftp/openssh_key.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

static const char passphrase[] = "secret";

static void must_be_inside(const struct openssh_key *k, struct key_part part)
{
	must(part.n == 0 ||
	     (part.p >= k->decoded && part.p + part.n <= k->decoded + k->decoded_bytes));
}

/* False when opening it would take long. */
static bool check_container(const char *text, size_t n)
{
	struct openssh_key k;
	bool quick = true;

	if (openssh_key_parse(&k, text, n) < 0)
		return true;
	must_be_inside(&k, k.public_blob);
	must_be_inside(&k, k.secret);
	must_be_inside(&k, k.salt);
	must(strcmp(k.cipher, "none") == 0 || k.encrypted);
	if (k.encrypted) {
		quick = k.rounds <= 1 || k.rounds > OPENSSH_KEY_ROUNDS_MAX;
		if (quick && openssh_key_decrypt(&k, passphrase) == OPENSSH_KEY_OK)
			must(!k.encrypted);
	}
	openssh_key_wipe(&k);
	return quick;
}

static void check_made(const struct private_key *key)
{
	char type[KEY_TYPE_BYTES], fingerprint[FINGERPRINT_BYTES];

	must(key->key && key_blob_type(key->blob, key->blob_bytes, type));
	must(strcmp(type, key->type) == 0);
	must(strcmp(key_fingerprint(key->blob, key->blob_bytes, fingerprint), key->fingerprint) ==
	     0);
}

/* What the name of the key promises can be kept: it signs, or is refused (an RSA key may be too
 * small for the digest, the numbers may not fit together). */
static void sign(const struct private_key *key)
{
	bool is_rsa = strcmp(key->type, "ssh-rsa") == 0;
	struct buf out;

	if (EVP_PKEY_get_bits(key->key) > 1024)
		return; /* takes long */
	buf_init(&out, KEY_SIGNATURE_MAX);
	(void)key_sign(key->key, is_rsa ? "rsa-sha2-256" : key->type, "data", 4, &out);
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text _cleanup_free_ = mem_dup_bytes(data, size);
	bool is_container = openssh_key_is(text, size);
	struct private_key key;
	struct err e;
	int r;

	if (size > KEY_FILE_MAX || !check_container(text, size))
		return 0;
	r = key_parse("key", text, size, is_container ? passphrase : NULL, &key, &e);
	if (r == 0) {
		check_made(&key);
		sign(&key);
		private_key_wipe(&key);
		return 0;
	}
	must_tell(r, &e);
	must(r == ERR_CONFIG && strncmp(e.code, "SSH-KEY-", 8) == 0);
	return 0;
}
