#include "adapters/sftp/key_blob.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/mem.h"

/* ---- base64 -------------------------------------------------------------------------------- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long base64_decode(const char *text, size_t n, unsigned char *out, size_t room)
{
	uint32_t bits = 0;
	size_t have = 0, used = 0;

	for (int pads = 0; n && text[n - 1] == '=' && pads < 2; pads++)
		n--;
	if (n % 4 == 1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int v = base64_value(text[i]);

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (used == room)
			return -1;
		out[used++] = (unsigned char)(bits >> have);
	}
	return (long)used;
}

char *base64_text(const void *data, size_t n)
{
	unsigned char *text = mem_new(4 * ((n + 2) / 3) + 1);

	(void)EVP_EncodeBlock(text, data, (int)n);
	return (char *)text;
}

/* ---- what a blob says ---------------------------------------------------------------------- */

struct field {
	const unsigned char *p;
	size_t n;
};

/* The string at the front, taken away; false when there is none whole. */
static bool take_string(struct field *rest, struct field *out)
{
	size_t len;

	if (rest->n < 4)
		return false;
	len = (size_t)rest->p[0] << 24 | (size_t)rest->p[1] << 16 | (size_t)rest->p[2] << 8 |
	      rest->p[3];
	if (len > rest->n - 4)
		return false;
	*out = (struct field){rest->p + 4, len};
	rest->p += 4 + len;
	rest->n -= 4 + len;
	return true;
}

bool key_blob_type(const void *blob, size_t n, char type[KEY_TYPE_BYTES])
{
	const unsigned char *p = blob;
	size_t len;

	if (n < 4)
		return false;
	len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (len == 0 || len > n - 4 || len >= KEY_TYPE_BYTES)
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[4 + i] <= 0x20 || p[4 + i] >= 0x7F)
			return false;
	memcpy(type, p + 4, len);
	type[len] = '\0';
	return true;
}

static int bits_of_number(struct field number)
{
	int bits;

	while (number.n && !*number.p) {
		number.p++;
		number.n--;
	}
	if (!number.n || number.n > 4096)
		return 0;
	bits = (int)(number.n - 1) * 8;
	for (unsigned first = *number.p; first; first >>= 1)
		bits++;
	return bits;
}

int key_blob_bits(const void *blob, size_t n)
{
	static const struct {
		const char *type;
		int bits;
	} fixed[] = {{"ssh-ed25519", 256},
	             {"ecdsa-sha2-nistp256", 256},
	             {"ecdsa-sha2-nistp384", 384},
	             {"ecdsa-sha2-nistp521", 521}};
	struct field rest = {blob, n}, part;
	char type[KEY_TYPE_BYTES];

	if (!key_blob_type(blob, n, type) || !take_string(&rest, &part))
		return 0;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (strcmp(type, fixed[i].type) == 0)
			return fixed[i].bits;
	if (strcmp(type, "ssh-dss") == 0) /* mpint p, … */
		return take_string(&rest, &part) ? bits_of_number(part) : 0;
	if (strcmp(type, "ssh-rsa") != 0)
		return 0;
	/* mpint e, mpint n */
	return take_string(&rest, &part) && take_string(&rest, &part) ? bits_of_number(part) : 0;
}

/* ---- fingerprints -------------------------------------------------------------------------- */

/* Bytes of the digest, 0 when the library does not have it (MD5 under FIPS). */
static size_t digest_of(const char *name, const void *blob, size_t n, unsigned char *sum)
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	unsigned bytes = 0;
	bool ok = md && EVP_Digest(blob, n, sum, &bytes, md, NULL) == 1;

	EVP_MD_free(md);
	return ok ? bytes : 0;
}

const char *key_fingerprint(const void *blob, size_t n, char out[FINGERPRINT_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t bytes = digest_of("SHA256", blob, n, sum);
	char *text = base64_text(sum, bytes);

	(void)snprintf(out, FINGERPRINT_BYTES, "SHA256:%.43s", text);
	free(text);
	return out;
}

static void hex_of(const unsigned char *sum, size_t n, const char *between, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		if (i && *between)
			*out++ = *between;
		*out++ = digits[sum[i] >> 4];
		*out++ = digits[sum[i] & 15];
	}
	*out = '\0';
}

const char *key_fingerprint_md5(const void *blob, size_t n, char out[FINGERPRINT_MD5_BYTES])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	size_t bytes = digest_of("MD5", blob, n, sum);

	(void)snprintf(out, FINGERPRINT_MD5_BYTES, "%s", bytes ? "MD5:" : "");
	hex_of(sum, bytes, ":", out + strlen(out));
	return out;
}

bool key_matches_pin(const void *blob, size_t n, const char *pin)
{
	static const char *const digests[] = {"SHA256", "SHA1", "MD5"};
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];

	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		size_t prefix = strlen(digests[i]), bytes;
		char *text;
		bool same;

		if (strncmp(pin, digests[i], prefix) != 0 || pin[prefix] != ':')
			continue;
		pin += prefix + 1;
		bytes = digest_of(digests[i], blob, n, sum);
		if (!bytes)
			return false;
		hex_of(sum, bytes, "", hex);
		text = base64_text(sum, bytes);
		text[strcspn(text, "=")] = '\0';
		same = strcmp(pin, hex) == 0 || strcmp(pin, text) == 0;
		free(text);
		return same;
	}
	return false;
}
