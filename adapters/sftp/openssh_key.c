#include "adapters/sftp/openssh_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "adapters/sftp/bcrypt_kdf.h"
#include "adapters/sftp/known_hosts.h"
#include "daemon/base/mem.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END   "-----END OPENSSH PRIVATE KEY-----"

static const char magic[] = "openssh-key-v1"; /* with its NUL */

bool openssh_key_is(const char *text, size_t n)
{
	return memmem(text, n, BEGIN, strlen(BEGIN)) != NULL;
}

/* ---- reading ------------------------------------------------------------------------------- */

bool key_part_number(struct key_part *rest, uint32_t *out)
{
	const unsigned char *p = rest->p;

	if (rest->n < 4)
		return false;
	*out = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	rest->p += 4;
	rest->n -= 4;
	return true;
}

bool key_part_string(struct key_part *rest, struct key_part *out)
{
	uint32_t n;

	if (!key_part_number(rest, &n) || n > rest->n)
		return false;
	*out = (struct key_part){rest->p, n};
	rest->p += n;
	rest->n -= n;
	return true;
}

static bool take_word(struct key_part *rest, char *out, size_t room)
{
	struct key_part s;

	if (!key_part_string(rest, &s) || s.n >= room || (s.n && memchr(s.p, '\0', s.n)))
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

/* The base64 between the two lines, without its line ends. */
static bool decode_body(struct openssh_key *k, const char *text, size_t n)
{
	const char *from = memmem(text, n, BEGIN, strlen(BEGIN)), *to;
	size_t bytes = 0;
	char *packed;
	long got;

	if (!from)
		return false;
	from += strlen(BEGIN);
	to = memmem(from, n - (size_t)(from - text), END, strlen(END));
	if (!to)
		return false;
	packed = mem_new((size_t)(to - from) + 1);
	for (const char *p = from; p < to; p++)
		if (*p != '\n' && *p != '\r' && *p != ' ' && *p != '\t')
			packed[bytes++] = *p;
	k->decoded_bytes = bytes / 4 * 3 + 3;
	k->decoded = mem_new(k->decoded_bytes);
	got = base64_decode(packed, bytes, k->decoded, k->decoded_bytes);
	OPENSSL_cleanse(packed, bytes);
	free(packed);
	if (got < 0)
		return false;
	k->decoded_bytes = (size_t)got;
	return true;
}

static bool take_kdf(struct openssh_key *k, struct key_part *rest)
{
	struct key_part options;

	if (!take_word(rest, k->cipher, sizeof(k->cipher)) ||
	    !take_word(rest, k->kdf, sizeof(k->kdf)) || !key_part_string(rest, &options))
		return false;
	k->encrypted = strcmp(k->cipher, "none") != 0;
	if (strcmp(k->kdf, "bcrypt") != 0)
		return true;
	return key_part_string(&options, &k->salt) && key_part_number(&options, &k->rounds);
}

static bool take_parts(struct openssh_key *k)
{
	struct key_part rest = {k->decoded, k->decoded_bytes};
	uint32_t keys;

	if (rest.n < sizeof(magic) || memcmp(rest.p, magic, sizeof(magic)) != 0)
		return false;
	rest.p += sizeof(magic);
	rest.n -= sizeof(magic);
	return take_kdf(k, &rest) && key_part_number(&rest, &keys) && keys == 1 &&
	       key_part_string(&rest, &k->public_blob) && key_part_string(&rest, &k->secret);
}

int openssh_key_parse(struct openssh_key *k, const char *text, size_t n)
{
	memset(k, 0, sizeof(*k));
	if (decode_body(k, text, n) && take_parts(k))
		return 0;
	openssh_key_wipe(k);
	return OPENSSH_KEY_MALFORMED;
}

void openssh_key_wipe(struct openssh_key *k)
{
	if (k->decoded)
		OPENSSL_cleanse(k->decoded, k->decoded_bytes);
	free(k->decoded);
	memset(k, 0, sizeof(*k));
}

/* ---- decrypting ---------------------------------------------------------------------------- */

static const EVP_CIPHER *cipher_of(const struct openssh_key *k)
{
	static const struct {
		const char *name;
		const EVP_CIPHER *(*cipher)(void);
	} known[] = {
	        {"aes256-ctr", EVP_aes_256_ctr}, {"aes192-ctr", EVP_aes_192_ctr},
	        {"aes128-ctr", EVP_aes_128_ctr}, {"aes256-cbc", EVP_aes_256_cbc},
	        {"aes192-cbc", EVP_aes_192_cbc}, {"aes128-cbc", EVP_aes_128_cbc},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, k->cipher) == 0)
			return known[i].cipher();
	return NULL;
}

/* In place; lengths of whole blocks are the caller's care. */
static bool decrypt_secret(struct openssh_key *k, const EVP_CIPHER *cipher,
                           const unsigned char *key_iv)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const unsigned char *iv = key_iv + EVP_CIPHER_get_key_length(cipher);
	int n = 0;
	bool ok = ctx && EVP_DecryptInit_ex(ctx, cipher, NULL, key_iv, iv) == 1 &&
	          EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	          EVP_DecryptUpdate(ctx, k->secret.p, &n, k->secret.p, (int)k->secret.n) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return ok && (size_t)n == k->secret.n;
}

/* The secret part begins with the same random number twice. */
static bool is_decrypted(const struct openssh_key *k)
{
	return k->secret.n >= 8 && memcmp(k->secret.p, k->secret.p + 4, 4) == 0;
}

int openssh_key_decrypt(struct openssh_key *k, const char *passphrase)
{
	const EVP_CIPHER *cipher = cipher_of(k);
	unsigned char key_iv[EVP_MAX_KEY_LENGTH + EVP_MAX_IV_LENGTH];
	size_t n;
	bool ok;

	if (!cipher || strcmp(k->kdf, "bcrypt") != 0)
		return OPENSSH_KEY_CIPHER;
	if (!k->salt.n || !k->rounds || k->rounds > OPENSSH_KEY_ROUNDS_MAX || !k->secret.n ||
	    k->secret.n % 16 || k->secret.n > 64 * 1024)
		return OPENSSH_KEY_MALFORMED;
	n = (size_t)EVP_CIPHER_get_key_length(cipher) + (size_t)EVP_CIPHER_get_iv_length(cipher);
	bcrypt_kdf(&(struct bcrypt_kdf){.passphrase = passphrase,
	                                .salt = k->salt.p,
	                                .salt_bytes = k->salt.n,
	                                .rounds = k->rounds},
	           key_iv, n);
	ok = decrypt_secret(k, cipher, key_iv) && is_decrypted(k);
	OPENSSL_cleanse(key_iv, sizeof(key_iv));
	if (!ok)
		return OPENSSH_KEY_PASSPHRASE;
	k->encrypted = false;
	return 0;
}
