#include "adapters/sftp/totp.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t totp_step(int64_t wall_ms, int64_t period_ms)
{
	return wall_ms > 0 ? wall_ms / period_ms : 0;
}

static const EVP_MD *digest_of(enum totp_algorithm algorithm)
{
	switch (algorithm) {
	case TOTP_SHA256:
		return EVP_sha256();
	case TOTP_SHA512:
		return EVP_sha512();
	case TOTP_SHA1:
		break;
	}
	return EVP_sha1();
}

/* RFC 4226 §5.3: four bytes, chosen by the last one, without the sign. */
static uint32_t truncate_mac(const unsigned char *mac, unsigned n)
{
	const unsigned char *p = mac + (mac[n - 1] & 0x0F);

	return ((uint32_t)p[0] & 0x7F) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void totp_code(const struct totp *t, const unsigned char *key, size_t n, int64_t step,
               char out[TOTP_CODE_BYTES])
{
	unsigned char moment[8], mac[EVP_MAX_MD_SIZE];
	uint32_t modulus = 1;
	unsigned len = 0;

	assert(t->digits >= 6 && t->digits <= 8 && n <= TOTP_KEY_MAX);
	for (int i = 0; i < 8; i++)
		moment[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i));
	for (int i = 0; i < t->digits; i++)
		modulus *= 10;
	if (!HMAC(digest_of(t->algorithm), key, (int)n, moment, sizeof(moment), mac, &len))
		abort(); /* only out of memory */
	(void)snprintf(out, TOTP_CODE_BYTES, "%0*u", t->digits, truncate_mac(mac, len) % modulus);
	OPENSSL_cleanse(mac, sizeof(mac));
}

/* ---- base32 -------------------------------------------------------------------------------- */

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

/* Only padding and blanks may follow the first "=". */
static bool is_padding(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] != '=' && text[i] != ' ')
			return false;
	return true;
}

long base32_decode(const char *text, size_t n, unsigned char *out, size_t room)
{
	size_t used = 0, digits = 0;
	uint32_t bits = 0;
	int held = 0;

	for (size_t i = 0; i < n; i++) {
		int d = digit_of(text[i]);

		if (text[i] == ' ' || text[i] == '-')
			continue;
		if (text[i] == '=' && is_padding(text + i, n - i))
			break;
		if (d < 0)
			return -1;
		digits++;
		bits = bits << 5 | (uint32_t)d;
		held += 5;
		if (held < 8)
			continue;
		if (used == room)
			return -1;
		held -= 8;
		out[used++] = (unsigned char)(bits >> held);
		bits &= (1u << held) - 1;
	}
	/* 1, 3 or 6 digits over are no whole byte (RFC 4648 §6) */
	digits %= 8;
	return digits == 1 || digits == 3 || digits == 6 ? -1 : (long)used;
}
