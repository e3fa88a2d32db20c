/*
 * Any bytes as a known_hosts file. The first byte chooses the host and the port. Each key on record
 * is whole and is found again; a revoked one is never taken; reading the file in two parts, cut at
 * a line, gives the same; warnings are one line each.
 */
#include "adapters/sftp/known_hosts.h"
#include "tests/fuzz/oracle.h"

static void begin(struct known_keys *k, uint8_t which)
{
	static const char *const hosts[] = {"sftp.acme.example", "10.0.0.7", "::1", "A*b?,!|1|"};

	known_keys_init(k, hosts[which & 3], which & 4 ? 2222 : 22);
}

static void check_key(const struct known_keys *k, const struct known_key *key)
{
	const struct known_key *by;
	enum known_state v = known_keys_judge(k, key->blob, key->blob_bytes, &by);
	char type[KEY_TYPE_BYTES], text[FINGERPRINT_BYTES];

	must(key_blob_type(key->blob, key->blob_bytes, type) && strcmp(type, key->type) == 0);
	must(strlen(key_fingerprint(key->blob, key->blob_bytes, text)) == FINGERPRINT_BYTES - 2 ||
	     strlen(text) == FINGERPRINT_BYTES - 1);
	must(key->line >= 1);
	if (key->authority)
		return; /* says nothing about a host's own key */
	if (key->revoked)
		must(v == KNOWN_REVOKED && by->revoked);
	else if (!key->without_port)
		must(v == KNOWN_OK || v == KNOWN_REVOKED);
	if (v == KNOWN_OK)
		must(!by->revoked && !by->authority && by->blob_bytes == key->blob_bytes &&
		     memcmp(by->blob, key->blob, key->blob_bytes) == 0);
	must(key->revoked || known_keys_have_type(k, type));
}

static void check_warnings(struct buf *warnings)
{
	const char *p = buf_text(warnings);

	must_be_visible(p, buf_len(warnings), SIZE_MAX);
	while (*p) {
		const char *end = strchr(p, '\n');

		must(end && strncmp(p, "file:", 5) == 0);
		p = end + 1;
	}
}

static void check_parts(uint8_t which, const uint8_t *text, size_t size,
                        const struct known_keys *whole)
{
	const uint8_t *cut = size ? memchr(text + size / 2, '\n', size - size / 2) : NULL;
	size_t first = cut ? (size_t)(cut + 1 - text) : size;
	struct known_keys k;

	begin(&k, which);
	known_keys_read(&k, "file", text, first, NULL);
	known_keys_read(&k, "file", text + first, size - first, NULL);
	must(k.count == whole->count);
	for (size_t i = 0; i < k.count; i++)
		must(k.items[i].blob_bytes == whole->items[i].blob_bytes &&
		     k.items[i].revoked == whole->items[i].revoked);
	known_keys_release(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct known_key *by;
	struct known_keys k;
	struct buf warnings;

	if (size < 1)
		return 0;
	buf_init(&warnings, 1 << 20);
	begin(&k, data[0]);
	known_keys_read(&k, "file", data + 1, size - 1, &warnings);
	must(k.count <= KNOWN_KEYS_MAX);
	for (size_t i = 0; i < k.count; i++)
		check_key(&k, &k.items[i]);
	must(known_keys_judge(&k, data + 1, size - 1, &by) != KNOWN_OK || by);
	check_warnings(&warnings);
	check_parts(data[0], data + 1, size - 1, &k);
	known_keys_release(&k);
	buf_release(&warnings);
	return 0;
}
