#include "adapters/sftp/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/sftp/openssh_key.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

enum { USER_CERTIFICATE = 1 };

static const struct {
	const char *type;
	int parts; /* strings of the public key */
} kinds[] = {
        {"ssh-ed25519" CERTIFICATE_SUFFIX, 1},
        {"ecdsa-sha2-nistp256" CERTIFICATE_SUFFIX, 2},
        {"ecdsa-sha2-nistp384" CERTIFICATE_SUFFIX, 2},
        {"ecdsa-sha2-nistp521" CERTIFICATE_SUFFIX, 2},
        {"ssh-rsa" CERTIFICATE_SUFFIX, 2},
};

static int parts_of(const char *type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].parts;
	return 0;
}

/* ---- inside -------------------------------------------------------------------------------- */

static bool take_u64(struct key_part *rest, uint64_t *out)
{
	uint32_t high, low;

	if (!key_part_number(rest, &high) || !key_part_number(rest, &low))
		return false;
	*out = (uint64_t)high << 32 | low;
	return true;
}

/* The plain key inside: its type without the suffix, and the same parts. */
static bool take_key(struct key_part *rest, struct certificate *c)
{
	size_t type_bytes = strlen(c->type) - strlen(CERTIFICATE_SUFFIX);
	unsigned char length[4] = {0, 0, 0, (unsigned char)type_bytes};
	struct key_part from = *rest, part;
	struct buf blob;
	bool ok;

	for (int i = parts_of(c->type); i > 0; i--)
		if (!key_part_string(rest, &part))
			return false;
	buf_init(&blob, KEY_FILE_MAX);
	ok = buf_add(&blob, length, sizeof(length)) == 0 &&
	     buf_add(&blob, c->type, type_bytes) == 0 &&
	     buf_add(&blob, from.p, (size_t)(rest->p - from.p)) == 0;
	if (ok)
		key_fingerprint(buf_data(&blob), buf_len(&blob), c->fingerprint);
	buf_release(&blob);
	return ok;
}

static bool take_principals(struct key_part all, struct certificate *c)
{
	size_t used = 0;
	struct key_part name;
	char text[CERTIFICATE_NAMES];

	while (all.n) {
		if (!key_part_string(&all, &name))
			return false;
		escape(name.p, name.n, text, sizeof(text));
		if (used < sizeof(c->principals))
			used += (size_t)snprintf(c->principals + used, sizeof(c->principals) - used,
			                         "%s%s", used ? ", " : "", text);
	}
	text_drop_cut(c->principals);
	return true;
}

/* string nonce, the key, uint64 serial, uint32 type, string id, string principals, uint64 after,
 * uint64 before, … */
static bool take_all(struct key_part rest, struct certificate *c)
{
	struct key_part type, nonce, id, principals;
	uint64_t serial;
	uint32_t kind;

	if (!key_part_string(&rest, &type) || !key_part_string(&rest, &nonce) ||
	    !take_key(&rest, c) || !take_u64(&rest, &serial) || !key_part_number(&rest, &kind) ||
	    !key_part_string(&rest, &id) || !key_part_string(&rest, &principals) ||
	    !take_principals(principals, c) || !take_u64(&rest, &c->after_s) ||
	    !take_u64(&rest, &c->before_s))
		return false;
	c->is_user = kind == USER_CERTIFICATE;
	escape(id.p, id.n, c->id, sizeof(c->id));
	return true;
}

/* Takes the blob. */
static int keep(unsigned char *blob, size_t n, struct certificate *out)
{
	struct certificate c = {.blob = blob, .blob_bytes = n};

	if (!key_blob_type(blob, n, c.type) || !parts_of(c.type) ||
	    !take_all((struct key_part){blob, n}, &c)) {
		certificate_release(&c);
		return -1;
	}
	*out = c;
	return 0;
}

int certificate_from_blob(const void *blob, size_t n, struct certificate *out)
{
	return keep((unsigned char *)mem_dup_bytes(blob, n), n, out);
}

void certificate_release(struct certificate *c)
{
	free(c->blob);
	memset(c, 0, sizeof(*c));
}

/* ---- the file ------------------------------------------------------------------------------ */

/* "type base64 comment" */
int certificate_parse(const char *path, const char *text, size_t n, struct certificate *out,
                      struct err *e)
{
	const char *end = memchr(text, '\n', n) ?: text + n;
	const char *blank = memchr(text, ' ', (size_t)(end - text));
	const char *body = blank ? blank + 1 : end;
	const char *stop = memchr(body, ' ', (size_t)(end - body)) ?: end;
	size_t room = (size_t)(stop - body) / 4 * 3 + 3;
	unsigned char *blob = mem_new(room);
	struct escaped tmp;
	long got;

	if (stop > body && stop[-1] == '\r')
		stop--;
	got = base64_decode(body, (size_t)(stop - body), blob, room);
	if (got > 0 && keep(blob, (size_t)got, out) == 0)
		return 0;
	if (got <= 0)
		free(blob);
	return err_set(e, ERR_CONFIG, "SSH-CERT-FORMAT", 0,
	               "%s is no OpenSSH certificate that ferryd knows (Ed25519, ECDSA, RSA): "
	               "`ssh-keygen -L -f` tells what it is; get it again from whoever signed it",
	               escape_name(path, &tmp));
}

static int unreadable(const char *path, struct err *e)
{
	struct escaped tmp;

	return err_errno(e, ERR_CONFIG, "SSH-CERT-MISSING",
	                 "certificate %s cannot be read: put it there, readable by ferryd's user, "
	                 "or correct `certificate:`",
	                 escape_name(path, &tmp));
}

int certificate_read(const char *path, struct certificate *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
	char *text _cleanup_free_ = NULL;
	ssize_t got;

	if (fd < 0)
		return unreadable(path, e);
	text = mem_new(KEY_FILE_MAX + 1);
	got = read(fd, text, KEY_FILE_MAX);
	r = got < 0 ? unreadable(path, e) : certificate_parse(path, text, (size_t)got, out, e);
	(void)close(fd); /* was only read */
	return r;
}

/* ---- what it says -------------------------------------------------------------------------- */

int certificate_check(const struct certificate *c, const struct private_key *key, const char *path,
                      struct err *e)
{
	struct escaped tmp;

	if (!c->is_user)
		return err_set(e, ERR_CONFIG, "SSH-CERT-KEY", 0,
		               "certificate %s is for a host: ask for one made for users "
		               "(`ssh-keygen -s` without -h)",
		               escape_name(path, &tmp));
	if (strcmp(c->fingerprint, key->fingerprint) != 0)
		return err_set(
		        e, ERR_CONFIG, "SSH-CERT-KEY", 0,
		        "certificate %s belongs to another key (%s) than `key:` (%s): name the "
		        "key it was made for, or have this one signed",
		        escape_name(path, &tmp), c->fingerprint, key->fingerprint);
	return 0;
}

static const char *time_text(uint64_t s, char out[CLOCK_TEXT_BYTES])
{
	const uint64_t year_9999_s = 253402300799u;

	clock_text((int64_t)(s < year_9999_s ? s : year_9999_s) * 1000, out);
	(void)snprintf(out + 19, CLOCK_TEXT_BYTES - 19, "Z"); /* no fraction */
	return out;
}

const char *certificate_words(const struct certificate *c, int64_t wall_ms,
                              char out[CERTIFICATE_WORDS])
{
	uint64_t now_s = wall_ms > 0 ? (uint64_t)wall_ms / 1000 : 0;
	char when[CLOCK_TEXT_BYTES];
	int used = snprintf(out, CERTIFICATE_WORDS, "certificate \"%s\" for %s", c->id,
	                    c->principals[0] ? c->principals : "any user");
	size_t room = CERTIFICATE_WORDS - (size_t)used;

	if (now_s < c->after_s)
		(void)snprintf(out + used, room, ", not valid before %s",
		               time_text(c->after_s, when));
	else if (now_s >= c->before_s)
		(void)snprintf(out + used, room, ", expired %s", time_text(c->before_s, when));
	else if (c->before_s != UINT64_MAX)
		(void)snprintf(out + used, room, ", valid until %s", time_text(c->before_s, when));
	return out;
}
