/*
 * Any bytes as a known_hosts file in which a host's key is replaced. The first byte chooses the port
 * and hashing. Afterwards, together with the new entry, the key is known, no other key of the host is,
 * and what other hosts have is as it was; a second time nothing changes.
 */
#include "adapters/sftp/known_edit.h"
#include "adapters/sftp/known_hosts.h"
#include "tests/fuzz/oracle.h"

enum { MOST = 16 * 1024 * 1024 };

/* Ed25519, 1 to 32 */
static const unsigned char blob[] = "\0\0\0\013ssh-ed25519\0\0\0\040"
                                    "abcdefghijklmnopqrstuvwxyzABCDEF";

static void read_as(struct known_keys *k, const char *host, int port, struct buf *text)
{
	known_keys_init(k, host, port);
	known_keys_read(k, "file", buf_data(text), buf_len(text), NULL);
}

static void check_ours(struct buf *text, int port)
{
	const struct known_key *which;
	struct known_keys k;
	enum known_state s;

	read_as(&k, "h", port, text);
	s = known_keys_judge(&k, blob, sizeof(blob) - 1, &which);
	must(s == KNOWN_OK || s == KNOWN_REVOKED || k.count == KNOWN_KEYS_MAX);
	for (size_t i = 0; i < k.count; i++)
		must(k.items[i].revoked || k.items[i].authority || k.items[i].without_port ||
		     (k.items[i].blob_bytes == sizeof(blob) - 1 &&
		      memcmp(k.items[i].blob, blob, sizeof(blob) - 1) == 0));
	known_keys_release(&k);
}

static void check_others(struct buf *before, struct buf *after, int port)
{
	struct known_keys a, b;

	read_as(&a, "other", port, before);
	read_as(&b, "other", port, after);
	must(b.count == a.count);
	for (size_t i = 0; i < a.count; i++)
		must(a.items[i].line == b.items[i].line &&
		     a.items[i].revoked == b.items[i].revoked &&
		     a.items[i].blob_bytes == b.items[i].blob_bytes);
	known_keys_release(&a);
	known_keys_release(&b);
}

static void check_again(const struct known_entry *entry, struct buf *text)
{
	struct known_edited again;
	size_t line;

	must(known_edit_has(entry, buf_text(text), buf_len(text), &line) && line >= 1);
	must(known_edit_replace(entry, buf_text(text), buf_len(text), MOST, &again) == 0);
	must(again.changes == 0 && buf_len(&again.text) == buf_len(text) &&
	     memcmp(buf_data(&again.text), buf_data(text), buf_len(text)) == 0);
	buf_release(&again.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char salt[KNOWN_SALT_BYTES] = "salt";
	struct known_entry entry = {.host = "h",
	                            .blob = blob,
	                            .blob_bytes = sizeof(blob) - 1,
	                            .comment = "fuzz 2026-11-20T14:00:00.000Z"};
	struct known_edited edited;
	struct buf before;

	if (size < 1 || size > 256 * 1024)
		return 0;
	entry.standard_port = data[0] & 1;
	entry.hash = data[0] & 2;
	entry.host_port = entry.standard_port ? "[h]:22" : "[h]:2222";
	buf_init(&before, MOST);
	must(buf_add(&before, data + 1, size - 1) == 0 && buf_add(&before, "\n", 1) == 0);
	must(known_edit_replace(&entry, buf_text(&before), buf_len(&before), MOST, &edited) == 0);
	check_others(&before, &edited.text, entry.standard_port ? 22 : 2222);
	known_edit_line(&entry, salt, &edited.text);
	check_ours(&edited.text, entry.standard_port ? 22 : 2222);
	check_again(&entry, &edited.text);
	buf_release(&edited.text);
	buf_release(&before);
	return 0;
}
