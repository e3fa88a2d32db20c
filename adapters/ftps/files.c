#include "adapters/ftps/files.h"

#include <string.h>

#include "adapters/ftps/path.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* Any answer proves that the server lives, a refusal too. */
int ftp_ping(struct ftp_session *s, struct err *e)
{
	static const char *const noop[] = {"NOOP"};
	int r = ftp_session_commands(s, "ping", NULL, noop, 1, e);

	return r == ERR_OBJECT ? 0 : r;
}

static int run_on(struct ftp_session *s, const char *verb, const char *path, const char *ftp_verb,
                  struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, path, e);
	_cleanup_free_ char *command = NULL;
	const char *commands[1];

	if (!there)
		return e->kind;
	command = mem_printf("%s %s", ftp_verb, there);
	commands[0] = command;
	return ftp_session_commands(s, verb, path, commands, 1, e);
}

int ftp_remove(struct ftp_session *s, const char *path, struct err *e)
{
	struct entry now;
	struct err ignored;
	int r = run_on(s, "remove", path, "DELE", e);

	/* some servers say only that it failed: is it there at all? */
	if (r == ERR_OBJECT && strcmp(e->code, "OBJ-FAILED") == 0 &&
	    ftp_stat(s, path, &now, &ignored) < 0 && strcmp(ignored.code, "OBJ-MISSING") == 0)
		e->code = "OBJ-MISSING";
	return r;
}

/* ---- rename -------------------------------------------------------------------------------- */

/* 1 = taken, 0 = free, negative = the server did not say */
static int is_taken(struct ftp_session *s, const char *to, struct err *e)
{
	struct entry now;
	int r = ftp_stat(s, to, &now, e);

	if (r == 0)
		return 1;
	return r == ERR_OBJECT && strcmp(e->code, "OBJ-MISSING") == 0 ? 0 : r;
}

static int ask_rename(struct ftp_session *s, const char *from, const char *to, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, from, e);
	_cleanup_free_ char *target = there ? ftp_path(s, to, e) : NULL;
	_cleanup_free_ char *rnfr = NULL, *rnto = NULL;
	const char *commands[2];

	if (!there || !target)
		return e->kind;
	rnfr = mem_printf("RNFR %s", there);
	rnto = mem_printf("RNTO %s", target);
	commands[0] = rnfr;
	commands[1] = rnto;
	return ftp_session_commands(s, "rename", from, commands, 2, e);
}

/* Unix servers call rename(2), which replaces in one step; others refuse a name that is taken. */
static int replace(struct ftp_session *s, const char *from, const char *to, struct err *e)
{
	struct err ignored;
	int r = ask_rename(s, from, to, e);

	if (r != ERR_OBJECT || ftp_session_reply(s, "RNTO").code < 400 ||
	    is_taken(s, to, &ignored) != 1)
		return r;
	s->rename_refuses_taken = true;
	r = ftp_remove(s, to, e);
	if (r < 0 && strcmp(e->code, "OBJ-MISSING") != 0)
		return err_wrap(e, "make way for the new file");
	return ask_rename(s, from, to, e);
}

/* RNTO replaces on most servers: look first. That leaves a gap too small to close from here. */
static int rename_to_free(struct ftp_session *s, const char *from, const char *to, struct err *e)
{
	struct escaped tmp;
	int r = is_taken(s, to, e);

	if (r < 0)
		return r;
	if (r == 1)
		return err_set(e, ERR_OBJECT, "OBJ-EXISTS", 0, "rename to %s: the name is taken",
		               escape_name(to, &tmp));
	return ask_rename(s, from, to, e);
}

int ftp_rename(struct ftp_session *s, const char *from, const char *to, enum rename_mode mode,
               struct err *e)
{
	return mode == RENAME_REPLACE ? replace(s, from, to, e) : rename_to_free(s, from, to, e);
}

/* ---- mkdir --------------------------------------------------------------------------------- */

/* CWD is the one question every server answers; it costs nothing, as all paths are absolute. Where
 * the login directory is not known it would be lost. */
static int is_dir(struct ftp_session *s, const char *path, struct err *e)
{
	struct entry now = {.type = ENTRY_DIR};
	int r;

	if (s->entry || path[0] == '/')
		r = run_on(s, "look for", path, "CWD", e);
	else
		r = ftp_stat(s, path, &now, e);
	if (r == 0)
		return now.type == ENTRY_DIR ? 1 : 0;
	return r == ERR_OBJECT || r == ERR_BUSY ? 0 : r;
}

/* Another may make it at the same time: what stands there in the end is what counts. */
static int make_one(struct ftp_session *s, const char *path, struct err *e)
{
	struct err ignored;
	int r = run_on(s, "make directory", path, "MKD", e);

	if (r == ERR_OBJECT && is_dir(s, path, &ignored) == 1)
		return 0;
	return r;
}

static size_t parent_bytes(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

/* path[0, n) with a NUL behind it for the time of one question. */
static int with_prefix(struct ftp_session *s, char *path, size_t n,
                       int (*ask)(struct ftp_session *, const char *, struct err *), struct err *e)
{
	char cut = path[n];
	int r;

	path[n] = '\0';
	r = ask(s, path, e);
	path[n] = cut;
	return r;
}

/* Up to the deepest directory that stands, then down again. */
static int make_path(struct ftp_session *s, char *path, size_t n, struct err *e)
{
	size_t standing = n;
	int r = 0;

	while (standing > 0 && (r = with_prefix(s, path, standing, is_dir, e)) == 0)
		standing = parent_bytes(path, standing);
	while (r >= 0 && standing < n) {
		while (path[standing] == '/')
			standing++;
		standing += strcspn(path + standing, "/");
		r = with_prefix(s, path, standing, make_one, e);
	}
	return r < 0 ? r : 0;
}

int ftp_mkdir(struct ftp_session *s, const char *path, struct err *e)
{
	_cleanup_free_ char *copy = NULL;
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	if (n == 0 || strcmp(path, ".") == 0)
		return 0; /* the root and the login directory stand */
	copy = mem_dup_bytes(path, n);
	return make_path(s, copy, n, e);
}
