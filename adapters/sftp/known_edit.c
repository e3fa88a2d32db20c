#include "adapters/sftp/known_edit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sftp/known_hosts.h"
#include "adapters/sftp/known_line.h"
#include "daemon/base/mem.h"

static const char *name_of(const struct known_entry *k)
{
	return k->standard_port ? k->host : k->host_port;
}

/* ---- an entry ------------------------------------------------------------------------------ */

static void add_hashed(const char *name, const unsigned char *salt, struct buf *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *salt_text, *sum_text;

	(void)HMAC(EVP_sha1(), salt, KNOWN_SALT_BYTES, (const unsigned char *)name, strlen(name),
	           sum, &n);
	salt_text = base64_text(salt, KNOWN_SALT_BYTES);
	sum_text = base64_text(sum, n);
	(void)buf_printf(out, "|1|%s|%s", salt_text, sum_text);
	free(salt_text);
	free(sum_text);
}

void known_edit_line(const struct known_entry *k, const unsigned char salt[KNOWN_SALT_BYTES],
                     struct buf *out)
{
	char type[KEY_TYPE_BYTES] = "";
	char *key = base64_text(k->blob, k->blob_bytes);

	(void)key_blob_type(k->blob, k->blob_bytes, type);
	if (k->hash)
		add_hashed(name_of(k), salt, out);
	else
		(void)buf_add_text(out, name_of(k));
	(void)buf_printf(out, " %s %s %s\n", type, key, k->comment);
	free(key);
}

/* ---- lines --------------------------------------------------------------------------------- */

static bool names_us(const struct known_entry *k, struct word hosts)
{
	return known_line_names(hosts, k->host_port) ||
	       (k->standard_port && known_line_names(hosts, k->host));
}

static bool holds_our_key(const struct known_entry *k, struct word text)
{
	size_t room = text.n / 4 * 3 + 3;
	unsigned char *blob = mem_new(room);
	long n = base64_decode(text.p, text.n, blob, room);
	bool same =
	        n >= 0 && (size_t)n == k->blob_bytes && memcmp(blob, k->blob, k->blob_bytes) == 0;

	free(blob);
	return same;
}

/* A record of a key of the host, be it ours or another. */
static bool is_record(const struct known_entry *k, struct word text, struct known_line *line)
{
	return text.n <= KNOWN_LINE_MAX && !known_line_split(text, line) && line->hosts.n &&
	       line->marker == MARKER_NONE && names_us(k, line->hosts);
}

static struct word take_line(const char **p, size_t *n)
{
	const char *end = memchr(*p, '\n', *n);
	struct word line = {*p, end ? (size_t)(end - *p) : *n};

	*p += line.n + (end ? 1 : 0);
	*n -= line.n + (end ? 1 : 0);
	return line;
}

bool known_edit_has(const struct known_entry *k, const char *text, size_t n, size_t *line)
{
	struct known_line parts;

	for (size_t number = 1; n; number++) {
		struct word w = take_line(&text, &n);

		if (!is_record(k, w, &parts) || !holds_our_key(k, parts.key))
			continue;
		*line = number;
		return true;
	}
	return false;
}

/* ---- replacing ----------------------------------------------------------------------------- */

static bool is_ours_alone(const struct known_entry *k, struct word hosts)
{
	if (known_line_is_hashed(hosts))
		return true;
	return !memchr(hosts.p, ',', hosts.n) && !memchr(hosts.p, '*', hosts.n) &&
	       !memchr(hosts.p, '?', hosts.n) && names_us(k, hosts);
}

static int exclude(const struct known_entry *k, struct word hosts, struct buf *out)
{
	if (known_line_names(hosts, k->host_port) && buf_printf(out, "!%s,", k->host_port) < 0)
		return -1;
	if (k->standard_port && known_line_names(hosts, k->host))
		return buf_printf(out, "!%s,", k->host);
	return 0;
}

static int copy_line(const struct known_entry *k, struct word w, size_t number,
                     struct known_edited *out)
{
	struct known_line line;

	if (is_record(k, w, &line) && !holds_our_key(k, line.key)) {
		int r = is_ours_alone(k, line.hosts)
		                ? buf_printf(&out->text, "# replaced, %s: ", k->comment)
		                : exclude(k, line.hosts, &out->text);

		if (r < 0)
			return -1;
		if (out->changes < KNOWN_EDITS_SHOWN)
			out->lines[out->changes] = number;
		out->changes++;
	}
	return buf_add(&out->text, w.p, w.n);
}

int known_edit_replace(const struct known_entry *k, const char *text, size_t n, size_t limit,
                       struct known_edited *out)
{
	memset(out, 0, sizeof(*out));
	buf_init(&out->text, limit);
	for (size_t number = 1; n; number++) {
		const char *from = text;
		struct word w = take_line(&text, &n);

		if (copy_line(k, w, number, out) < 0 ||
		    ((size_t)(text - from) > w.n && buf_add(&out->text, "\n", 1) < 0)) {
			buf_release(&out->text);
			return -1;
		}
	}
	return 0;
}
