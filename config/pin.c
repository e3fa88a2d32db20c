#include "config/pin.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

static const struct digest_form {
	const char *prefix;
	size_t hex, base64;
	enum pin_strength strength;
	const char *complaint;
} forms[] = {
        {"SHA256:", 64, 43, PIN_STRONG,
         "wants 43 characters of base64 or 64 hex digits behind SHA256:"},
        {"SHA1:", 40, 27, PIN_WEAK, "wants 27 characters of base64 or 40 hex digits behind SHA1:"},
        {"MD5:", 32, 0, PIN_WEAK, "wants 32 hex digits behind MD5:"},
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* Hex digits in lower case into out, colons between bytes dropped; how many, 0: it is no hex. */
static size_t read_hex(const char *text, char *out, size_t room)
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ':' && n && n % 2 == 0 && text[1] && text[1] != ':')
			continue;
		if (!isxdigit((unsigned char)*text) || n + 1 >= room)
			return 0;
		out[n++] = (char)tolower((unsigned char)*text);
	}
	out[n] = '\0';
	return n;
}

static enum pin_strength read_behind(const struct digest_form *f, const char *text,
                                     char out[PIN_BYTES], const char **complaint)
{
	char hex[PIN_BYTES] = "";

	if (read_hex(text, hex, sizeof(hex)) == f->hex) {
		(void)snprintf(out, PIN_BYTES, "%s%.64s", f->prefix, hex);
		return f->strength;
	}
	if (f->base64 && strspn(text, BASE64) == f->base64 && !text[f->base64]) {
		(void)snprintf(out, PIN_BYTES, "%s%.43s", f->prefix, text);
		return f->strength;
	}
	*complaint = f->complaint;
	if (f->base64 && strspn(text, BASE64) == f->base64 && text[f->base64] == '=')
		*complaint = "drop the \"=\" at the end of the fingerprint";
	return PIN_WRONG;
}

enum pin_strength pin_read(const char *text, char out[PIN_BYTES], const char **complaint)
{
	char hex[PIN_BYTES] = "";
	size_t n;

	for (int i = 0; i < FORMS; i++)
		if (strncasecmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0)
			return read_behind(&forms[i], text + strlen(forms[i].prefix), out,
			                   complaint);
	n = read_hex(text, hex, sizeof(hex));
	for (int i = 0; i < FORMS; i++)
		if (n == forms[i].hex)
			return read_behind(&forms[i], hex, out, complaint);
	*complaint = "wants SHA256: and 43 characters, as ssh-keygen -lf shows a fingerprint, or "
	             "64 hex digits";
	return PIN_WRONG;
}
