#include "adapters/sftp/bcrypt_kdf.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>

#include "daemon/base/mem.h"

/*
 * Blowfish (Schneier 1993) begins with the digits of pi: 18 words of P, then 4 tables of 256. They
 * are computed once (some 30 ms) instead of standing here as a thousand numbers nobody can check.
 */
enum {
	P_WORDS = 18,
	S_WORDS = 256,
	PI_WORDS = P_WORDS + 4 * S_WORDS,
	GUARD_WORDS = 2,
	NUMBER_WORDS = 1 + PI_WORDS + GUARD_WORDS, /* word 0 is the integer part */
	HASH_BYTES = 32,
	STREAM_WORDS = 16, /* SHA-512 as words */
};

struct blowfish {
	uint32_t p[P_WORDS], s[4][S_WORDS];
};

/* ---- pi = 16 atan(1/5) - 4 atan(1/239), fixed point ---------------------------------------- */

static struct blowfish pi_state;
static pthread_once_t pi_once = PTHREAD_ONCE_INIT;

/* out = v / by, from word `from` on; out may be v. */
static void divide(const uint32_t *v, int from, uint32_t by, uint32_t *out)
{
	uint64_t rest = 0;

	for (int i = from; i < NUMBER_WORDS; i++) {
		rest = rest << 32 | v[i];
		out[i] = (uint32_t)(rest / by);
		rest %= by;
	}
}

static void add(uint32_t *sum, const uint32_t *v, int from)
{
	uint64_t carry = 0;

	for (int i = NUMBER_WORDS - 1; i >= 0 && (i >= from || carry); i--) {
		carry += (uint64_t)sum[i] + (i >= from ? v[i] : 0);
		sum[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

static void subtract(uint32_t *sum, const uint32_t *v, int from)
{
	uint64_t borrow = 0;

	for (int i = NUMBER_WORDS - 1; i >= 0 && (i >= from || borrow); i--) {
		uint64_t take = (i >= from ? v[i] : 0) + borrow;

		borrow = sum[i] < take;
		sum[i] = (uint32_t)(sum[i] - take);
	}
}

/* sum += sign * times * atan(1/x), by its series */
static void add_arctangent(uint32_t *sum, uint32_t times, uint32_t x, bool negative)
{
	uint32_t *term = mem_new_array(NUMBER_WORDS, sizeof(*term));
	uint32_t *part = mem_new_array(NUMBER_WORDS, sizeof(*part));
	int from = 0;

	term[0] = times;
	divide(term, 0, x, term);
	for (uint32_t k = 1;; k += 2, negative = !negative) {
		while (from < NUMBER_WORDS && !term[from])
			from++;
		if (from == NUMBER_WORDS)
			break;
		divide(term, from, k, part);
		if (negative)
			subtract(sum, part, from);
		else
			add(sum, part, from);
		divide(term, from, x * x, term);
	}
	free(term);
	free(part);
}

static void compute_pi(void)
{
	uint32_t *pi = mem_new_array(NUMBER_WORDS, sizeof(*pi));

	add_arctangent(pi, 16, 5, false);
	add_arctangent(pi, 4, 239, true);
	assert(pi[0] == 3 && pi[1] == 0x243f6a88);
	memcpy(pi_state.p, pi + 1, sizeof(pi_state.p));
	memcpy(pi_state.s, pi + 1 + P_WORDS, sizeof(pi_state.s));
	free(pi);
}

/* ---- Blowfish with bcrypt's key schedule --------------------------------------------------- */

static void encipher(const struct blowfish *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left, r = *right, swap;

	for (int i = 0; i < 16; i++) {
		l ^= b->p[i];
		r ^= ((b->s[0][l >> 24] + b->s[1][l >> 16 & 255]) ^ b->s[2][l >> 8 & 255]) +
		     b->s[3][l & 255];
		swap = l;
		l = r;
		r = swap;
	}
	*left = r ^ b->p[17];
	*right = l ^ b->p[16];
}

/* Mixes `key` into P, then replaces the whole state by a chain of encryptions into which `salt`
 * (NULL: none) is mixed word by word. */
static void expand(struct blowfish *b, const uint32_t *salt, const uint32_t *key)
{
	uint32_t l = 0, r = 0, *tables = &b->s[0][0];
	unsigned at = 0;

	for (int i = 0; i < P_WORDS; i++)
		b->p[i] ^= key[i % STREAM_WORDS];
	for (int i = 0; i < PI_WORDS; i += 2) {
		uint32_t *out = i < P_WORDS ? b->p + i : tables + (i - P_WORDS);

		if (salt) {
			l ^= salt[at++ % STREAM_WORDS];
			r ^= salt[at++ % STREAM_WORDS];
		}
		encipher(b, &l, &r);
		out[0] = l;
		out[1] = r;
	}
}

static uint32_t big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sha512_words(const void *data, size_t n, uint32_t out[STREAM_WORDS])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;
	int ok = EVP_Digest(data, n, sum, &bytes, EVP_sha512(), NULL);

	assert(ok == 1 && bytes == 4 * STREAM_WORDS);
	for (int i = 0; i < STREAM_WORDS; i++)
		out[i] = big_endian(sum + 4 * i);
	OPENSSL_cleanse(sum, sizeof(sum));
}

static void bcrypt_hash(const uint32_t *pass, const uint32_t *salt, unsigned char out[HASH_BYTES])
{
	static const unsigned char words[] = "OxychromaticBlowfishSwatDynamite";
	struct blowfish *b = mem_new_of(struct blowfish);
	uint32_t data[HASH_BYTES / 4];

	*b = pi_state;
	expand(b, salt, pass);
	for (int i = 0; i < 64; i++) {
		expand(b, NULL, salt);
		expand(b, NULL, pass);
	}
	for (int i = 0; i < HASH_BYTES / 4; i++)
		data[i] = big_endian(words + 4 * i);
	for (int i = 0; i < HASH_BYTES / 4; i += 2)
		for (int k = 0; k < 64; k++)
			encipher(b, &data[i], &data[i + 1]);
	for (int i = 0; i < HASH_BYTES; i++)
		out[i] = (unsigned char)(data[i / 4] >> 8 * (i % 4));
	OPENSSL_cleanse(b, sizeof(*b));
	free(b);
}

/* One block: the hash of the salt and its number, xor the hashes of all rounds. */
static void hash_block(const struct bcrypt_kdf *in, const uint32_t *pass, uint32_t number,
                       unsigned char out[HASH_BYTES])
{
	size_t n = in->salt_bytes + 4;
	unsigned char *salted = mem_new(n), last[HASH_BYTES];
	uint32_t salt[STREAM_WORDS];

	memcpy(salted, in->salt, in->salt_bytes);
	for (int i = 0; i < 4; i++)
		salted[in->salt_bytes + (size_t)i] = (unsigned char)(number >> (24 - 8 * i));
	sha512_words(salted, n, salt);
	bcrypt_hash(pass, salt, last);
	memcpy(out, last, HASH_BYTES);
	for (uint32_t i = 1; i < in->rounds; i++) {
		sha512_words(last, HASH_BYTES, salt);
		bcrypt_hash(pass, salt, last);
		for (int k = 0; k < HASH_BYTES; k++)
			out[k] ^= last[k];
	}
	OPENSSL_cleanse(last, sizeof(last));
	free(salted);
}

void bcrypt_kdf(const struct bcrypt_kdf *in, unsigned char *out, size_t n)
{
	size_t blocks = (n + HASH_BYTES - 1) / HASH_BYTES;
	uint32_t pass[STREAM_WORDS];
	unsigned char block[HASH_BYTES];

	assert(n >= 1 && n <= BCRYPT_KDF_MAX && in->rounds >= 1);
	(void)pthread_once(&pi_once, compute_pi);
	sha512_words(in->passphrase, strlen(in->passphrase), pass);
	/* the blocks are dealt out like cards, byte by byte */
	for (size_t b = 0; b < blocks; b++) {
		hash_block(in, pass, (uint32_t)b + 1, block);
		for (size_t i = 0; i < HASH_BYTES && i * blocks + b < n; i++)
			out[i * blocks + b] = block[i];
	}
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(pass, sizeof(pass));
}
