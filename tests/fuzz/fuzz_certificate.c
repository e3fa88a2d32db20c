/*
 * Any bytes as a certificate: as the line of a .pub file, and as the blob an agent gives. What is
 * taken has a type of the known ones and the fingerprint of a key; what it says is one line of
 * visible text at any time; a refusal says why.
 */
#include "adapters/sftp/certificate.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

static void check_words(const struct certificate *c, int64_t wall_ms)
{
	char words[CERTIFICATE_WORDS];

	certificate_words(c, wall_ms, words);
	must(strlen(words) < sizeof(words));
	for (const char *p = words; *p; p++)
		must((unsigned char)*p >= 0x20 && *p != 0x7F);
}

static void check_taken(struct certificate *c)
{
	struct private_key other = {.fingerprint = "SHA256:other"};
	struct err e;
	int r = certificate_check(c, &other, "file", &e);

	must(strstr(c->type, CERTIFICATE_SUFFIX) && strncmp(c->fingerprint, "SHA256:", 7) == 0);
	must_tell(r, &e);
	check_words(c, -1);
	check_words(c, 0);
	check_words(c, 1800000000000);
	check_words(c, INT64_MAX);
	certificate_release(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text _cleanup_free_ = mem_dup_bytes(data, size);
	struct certificate c;
	struct err e;
	int r;

	if (size > KEY_FILE_MAX)
		return 0;
	if (certificate_from_blob(text, size, &c) == 0)
		check_taken(&c);
	r = certificate_parse("file", text, size, &c, &e);
	if (r == 0) {
		check_taken(&c);
		return 0;
	}
	must_tell(r, &e);
	must(r == ERR_CONFIG && strcmp(e.code, "SSH-CERT-FORMAT") == 0);
	return 0;
}
