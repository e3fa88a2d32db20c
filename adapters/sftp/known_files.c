#include "adapters/sftp/known_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/escape.h"

enum { PIECE_BYTES = 64 * 1024 };

struct loading {
	struct known_keys *keys;
	struct buf *notes;
};

/* What reading a file into the records means for it. */
enum use { KNOWN_HOSTS, REVOKED_KEYS };

static int unreadable(const char *file, struct err *e)
{
	struct escaped tmp;

	return err_errno(e, ERR_TRUST, "SSH-HOSTKEY-UNREADABLE",
	                 "cannot read %s, so the server's key cannot be checked; make it readable "
	                 "for ferryd's user, or correct `host_key:`",
	                 escape_name(file, &tmp));
}

static int too_long(const char *file, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_TRUST, "SSH-HOSTKEY-TOO-LONG", 0,
	               "%s has more than %d MiB or %d revoked keys, so the server's key cannot be "
	               "checked; shorten it",
	               escape_name(file, &tmp), KNOWN_HOSTS_FILE_MAX >> 20, KNOWN_REVOKED_MAX);
}

static int no_file(const char *file, mode_t mode, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_TRUST, "SSH-HOSTKEY-NOT-FILE", 0,
	               "%s is %s, not a file, so the server's key cannot be checked; correct "
	               "`host_key:` of this endpoint",
	               escape_name(file, &tmp),
	               S_ISDIR(mode) ? "a directory" : "a pipe or a device");
}

static int is_krl(const char *file, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_TRUST, "SSH-HOSTKEY-KRL", 0,
	               "%s is a binary revocation list (KRL), which ferryd does not read; list the "
	               "public keys as text, one a line",
	               escape_name(file, &tmp));
}

static int read_whole(int fd, const char *file, struct buf *out, struct err *e)
{
	for (;;) {
		unsigned char *room = buf_reserve(out, PIECE_BYTES);
		ssize_t n;

		if (!room)
			return too_long(file, e);
		n = read(fd, room, PIECE_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(file, e);
		if (n == 0)
			return buf_len(out) > KNOWN_HOSTS_FILE_MAX ? too_long(file, e) : 0;
		buf_added(out, (size_t)n);
	}
}

static int take(struct loading *l, const char *file, enum use use, struct buf *text, struct err *e)
{
	struct escaped tmp;
	size_t before = l->keys->count;

	if (use == REVOKED_KEYS) {
		if (buf_len(text) >= 6 && memcmp(buf_data(text), "SSHKRL", 6) == 0)
			return is_krl(file, e);
		known_keys_read_revoked(l->keys, file, buf_data(text), buf_len(text), l->notes);
	} else {
		known_keys_read(l->keys, file, buf_data(text), buf_len(text), l->notes);
	}
	(void)buf_printf(l->notes, "%s: %zu %s\n", escape_name(file, &tmp), l->keys->count - before,
	                 use == REVOKED_KEYS ? "revoked keys" : "keys that speak of this host");
	return l->keys->is_incomplete ? too_long(file, e) : 0;
}

static int read_open(struct loading *l, const char *file, enum use use, int fd, struct err *e)
{
	struct stat st;
	struct buf text;
	int r;

	if (fstat(fd, &st) < 0)
		return unreadable(file, e);
	if (!S_ISREG(st.st_mode))
		return no_file(file, st.st_mode, e);
	buf_init(&text, KNOWN_HOSTS_FILE_MAX + 2 * PIECE_BYTES);
	r = read_whole(fd, file, &text, e);
	if (r == 0)
		r = take(l, file, use, &text, e);
	buf_release(&text);
	return r;
}

static int read_file(struct loading *l, const char *file, enum use use, struct err *e)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
	struct escaped tmp;

	if (fd < 0 && errno == ENOENT && use == KNOWN_HOSTS) {
		(void)buf_printf(l->notes, "%s does not exist\n", escape_name(file, &tmp));
		return 0;
	}
	if (fd < 0)
		return unreadable(file, e);
	r = read_open(l, file, use, fd, e);
	(void)close(fd); /* was only read */
	return r;
}

int known_files_read(const struct endpoint_config *endpoint, struct known_keys *keys,
                     struct buf *notes, struct err *e)
{
	struct loading l = {keys, notes};
	struct err later;
	int r = 0;

	for (size_t i = 0; i < endpoint->known_hosts_count; i++)
		if (read_file(&l, endpoint->known_hosts[i], KNOWN_HOSTS, r ? &later : e) < 0 && !r)
			r = e->kind;
	if (endpoint->own_known_hosts &&
	    read_file(&l, endpoint->own_known_hosts, KNOWN_HOSTS, r ? &later : e) < 0 && !r)
		r = e->kind;
	if (endpoint->revoked_keys &&
	    read_file(&l, endpoint->revoked_keys, REVOKED_KEYS, r ? &later : e) < 0 && !r)
		r = e->kind;
	keys->is_incomplete = r < 0;
	return r;
}
