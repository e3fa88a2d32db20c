/*
 * Any bytes as a host certificate. Its parts lie inside; the key it names is one of the type it says;
 * no verdict is "good" but for the very certificates that the authorities of the test have signed
 * (all seeds: a good one that is none of them would be a forgery); it is told in one visible line.
 */
#include "adapters/sftp/host_cert.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"
#include "tests/unit/host_certs.h"

static const char known_hosts[] =
        "@cert-authority * ssh-ed25519 " CA_ED "\n@cert-authority * ssh-rsa " CA_RSA
        "\n@cert-authority * ecdsa-sha2-nistp384 " CA_384
        "\n@cert-authority * ecdsa-sha2-nistp521 " CA_521 "\n";

static const char *const signed_ones[] = {SIGNED_ED, SIGNED_EC, SIGNED_RSA, SIGNED_BY521,
                                          SIGNED_SHA256};

static void must_lie_inside(struct key_bytes part, const uint8_t *data, size_t size)
{
	must(!part.n ||
	     (part.p >= data && part.n <= size && part.p - data <= (ptrdiff_t)(size - part.n)));
}

/* The signature itself may be written in more than one way. */
static bool is_signed(struct key_bytes part)
{
	bool found = false;

	for (size_t i = 0; i < sizeof(signed_ones) / sizeof(signed_ones[0]); i++) {
		size_t room = strlen(signed_ones[i]);
		unsigned char *blob = mem_new(room);
		long n = base64_decode(signed_ones[i], room, blob, room);

		found |= (size_t)n > part.n && memcmp(blob, part.p, part.n) == 0;
		free(blob);
	}
	return found;
}

static void check_verdict(const struct host_cert *c)
{
	const struct known_key *authority;
	enum host_cert_verdict v;
	struct known_keys keys;
	char text[HOST_CERT_TEXT];

	known_keys_init(&keys, "h", 22);
	known_keys_read(&keys, "file", known_hosts, strlen(known_hosts), NULL);
	v = host_cert_judge(c, &keys, 1780000000, &authority);
	must((v == CERT_OK) == (authority != NULL));
	must(v != CERT_OK || is_signed(c->signed_part));
	(void)host_cert_text(c, v, text);
	must_be_visible(text, strlen(text), sizeof(text));
	known_keys_release(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host_cert c;
	char type[KEY_TYPE_BYTES];

	if (host_cert_parse(data, size, &c) < 0)
		return 0;
	must(key_blob_type(c.key, c.key_bytes, type) && c.key_bytes < size);
	must_lie_inside(c.id, data, size);
	must_lie_inside(c.principals, data, size);
	must_lie_inside(c.critical, data, size);
	must_lie_inside(c.authority, data, size);
	must_lie_inside(c.signature, data, size);
	must_lie_inside(c.signed_part, data, size);
	check_verdict(&c);
	host_cert_release(&c);
	return 0;
}
