#include "config/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/secret_command.h"
#include "daemon/base/escape.h"

enum { COMMAND_MS = 10 * 1000, PAGE = 4096 };

/* ---- memory -------------------------------------------------------------------------------- */

/* Pages of its own: nothing else shares the lock, and a wipe cannot miss a copy. */
static int map(struct secret *s, size_t bytes, struct err *e)
{
	size_t mapped = (bytes + 1 + PAGE - 1) / PAGE * PAGE;
	void *p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return err_errno(e, ERR_LOCAL, "SECRET-MEMORY", "memory for a secret");
	(void)mlock(p, mapped);                  /* refused beyond RLIMIT_MEMLOCK: still wiped */
	(void)madvise(p, mapped, MADV_DONTDUMP); /* an old kernel: dumps are off anyway */
	*s = (struct secret){p, 0, mapped};
	return 0;
}

void secret_wipe(struct secret *s)
{
	if (s->bytes) {
		explicit_bzero(s->bytes, s->mapped);
		(void)munmap(s->bytes, s->mapped); /* cannot fail for a mapping of ours */
	}
	*s = (struct secret){0};
}

static int from_text(const char *text, struct secret *s, struct err *e)
{
	size_t n = strlen(text);
	int r;

	if (n > SECRET_MAX)
		return err_set(e, ERR_CONFIG, "SECRET-SIZE", 0,
		               "the secret is larger than %d bytes", SECRET_MAX);
	r = map(s, n, e);
	if (r < 0)
		return r;
	assert(s->bytes);
	memcpy(s->bytes, text, n);
	s->len = n;
	return 0;
}

/* ---- files --------------------------------------------------------------------------------- */

enum file_kind { FILE_PRIVATE, FILE_CREDENTIAL };

/* systemd guards a credential by its directory and may give the file an access list, which looks
 * like a group bit: its mode tells nothing. */
static int check_file(const struct stat *st, enum file_kind kind, const char *path, struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_CONFIG, "SECRET-MODE", 0, "%s is not a regular file", path);
	if (kind == FILE_PRIVATE && st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(e, ERR_CONFIG, "SECRET-MODE", 0,
		               "%s belongs to another user (uid %u): chown it to uid %u", path,
		               (unsigned)st->st_uid, (unsigned)geteuid());
	if (kind == FILE_PRIVATE && (st->st_mode & 077))
		return err_set(e, ERR_CONFIG, "SECRET-MODE", 0,
		               "%s can be read by others (mode %04o): chmod 600 it", path,
		               (unsigned)st->st_mode & 07777);
	if (st->st_size > SECRET_MAX)
		return err_set(e, ERR_CONFIG, "SECRET-SIZE", 0, "%s is larger than %d bytes", path,
		               SECRET_MAX);
	return 0;
}

static int read_fd(int fd, size_t size, const char *path, struct secret *s, struct err *e)
{
	ssize_t got = 1;
	int r = map(s, size, e);

	if (r < 0)
		return r;
	while (s->len < size && got > 0) {
		got = read(fd, s->bytes + s->len, size - s->len);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			s->len += (size_t)got;
	}
	if (got >= 0)
		return 0;
	r = err_errno(e, ERR_LOCAL, "SECRET-READ", "read %s", path);
	secret_wipe(s);
	return r;
}

static int open_error(int number, const char *path, struct err *e)
{
	int kind = number == EMFILE || number == ENFILE || number == EIO || number == ENOMEM
	                   ? ERR_LOCAL
	                   : ERR_CONFIG;

	errno = number;
	return err_errno(e, kind, "SECRET-OPEN", "secret file %s", path);
}

static int from_file(const char *path, enum file_kind kind, struct secret *s, struct err *e)
{
	struct escaped tmp;
	const char *shown = escape_name(path, &tmp);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0)
		return open_error(errno, shown, e);
	if (fstat(fd, &st) < 0)
		r = err_errno(e, ERR_LOCAL, "SECRET-READ", "look at %s", shown);
	else
		r = check_file(&st, kind, shown, e);
	if (r == 0)
		r = read_fd(fd, (size_t)st.st_size, shown, s, e);
	(void)close(fd); /* was only read */
	return r;
}

static int from_credential(const char *name, struct secret *s, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	int r;

	if (!dir)
		return err_set(e, ERR_CONFIG, "SECRET-CREDENTIAL", 0,
		               "credential %s: systemd gave this process no credentials; add "
		               "LoadCredential=%s:PATH to the unit and restart it",
		               name, name);
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return err_set(e, ERR_CONFIG, "SECRET-CREDENTIAL", 0, "credential path too long");
	r = from_file(path, FILE_CREDENTIAL, s, e);
	if (r < 0 && e->native == ENOENT)
		return err_set(
		        e, ERR_CONFIG, "SECRET-CREDENTIAL", ENOENT,
		        "the service has no credential %s: add LoadCredential=%s:PATH to its "
		        "unit and restart it (a reload does not read new ones)",
		        name, name);
	return r;
}

/* ---- the rest ------------------------------------------------------------------------------ */

static int from_env(const char *name, struct secret *s, struct err *e)
{
	const char *value = getenv(name);
	struct escaped tmp;

	if (!value)
		return err_set(e, ERR_CONFIG, "SECRET-ENV", 0, "the environment has no variable %s",
		               escape_name(name, &tmp));
	return from_text(value, s, e);
}

static int from_command(const char *const *argv, struct secret *s, struct err *e)
{
	struct secret_output out = {.room = SECRET_MAX};
	int r = map(s, SECRET_MAX, e);

	if (r < 0)
		return r;
	out.bytes = s->bytes;
	r = secret_command_run(argv, COMMAND_MS, &out, e);
	s->len = out.len;
	if (r < 0)
		secret_wipe(s);
	return r;
}

static int read_from(const struct secret_ref *ref, struct secret *s, struct err *e)
{
	switch (ref->kind) {
	case SECRET_CREDENTIAL:
		return from_credential(ref->text, s, e);
	case SECRET_FILE:
		return from_file(ref->text, FILE_PRIVATE, s, e);
	case SECRET_ENV:
		return from_env(ref->text, s, e);
	case SECRET_COMMAND:
		return from_command(ref->argv, s, e);
	case SECRET_VALUE:
		return from_text(ref->text, s, e);
	case SECRET_NONE:
		break;
	}
	return err_set(e, ERR_BUG, "SECRET-NONE", 0, "no secret is configured here");
}

/* An editor ends its last line; nobody means that line break as part of a password. */
static void drop_line_end(const struct secret_ref *ref, struct secret *s)
{
	bool written = ref->kind == SECRET_FILE || ref->kind == SECRET_CREDENTIAL ||
	               ref->kind == SECRET_COMMAND;

	if (written && s->len && s->bytes[s->len - 1] == '\n')
		s->len--;
	s->bytes[s->len] = '\0';
}

int secret_read(const struct secret_ref *ref, struct secret *out, struct err *e)
{
	struct secret s = {0};
	int r = read_from(ref, &s, e);

	if (r < 0)
		return r;
	assert(s.bytes);
	drop_line_end(ref, &s);
	if (!s.len) {
		secret_wipe(&s);
		return err_set(e, ERR_CONFIG, "SECRET-EMPTY", 0, "the secret is empty");
	}
	*out = s;
	return 0;
}
