/*
 * Any text as a fingerprint. What is read has the form that adapters compare: a prefix, then hex in
 * lower case or base64 of the digest's length; read again it is the same; a refusal has words.
 */
#include "adapters/sftp/key_blob.h"
#include "config/pin.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

static void check_form(const char *pin)
{
	size_t prefix = strcspn(pin, ":"), rest;

	must(pin[prefix] == ':');
	rest = strlen(pin + prefix + 1);
	must((strncmp(pin, "SHA256:", 7) == 0 && (rest == 64 || rest == 43)) ||
	     (strncmp(pin, "SHA1:", 5) == 0 && (rest == 40 || rest == 27)) ||
	     (strncmp(pin, "MD5:", 4) == 0 && rest == 32));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup_bytes(data, size), out[PIN_BYTES], again[PIN_BYTES];
	const char *complaint = NULL;
	enum pin_strength s = pin_read(text, out, &complaint);

	if (s == PIN_WRONG) {
		must(complaint && *complaint);
	} else {
		check_form(out);
		must(pin_read(out, again, &complaint) == s && strcmp(out, again) == 0);
		(void)key_matches_pin(data, size, out);
	}
	free(text);
	return 0;
}
