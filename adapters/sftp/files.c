#include "adapters/sftp/files.h"

#include <string.h>

#include "adapters/sftp/ask.h"
#include "adapters/sftp/errors.h"
#include "daemon/base/mem.h"

/* Any answer proves that the server lives, a refusal too. */
int sftp_ping(struct sftp_client *c, struct err *e)
{
	struct sftp_request rq;
	int r = sftp_ask(&rq, c, SFTP_LSTAT, ".", e);

	if (r == 0)
		r = sftp_request_await(&rq, sftp_client_settings(c)->request_ms, e);
	sftp_request_release(&rq);
	return r;
}

int sftp_stat(struct sftp_client *c, const char *path, struct entry *out, struct err *e)
{
	struct wire_attrs a;
	int r = sftp_path_check(path, e);

	if (r == 0)
		r = sftp_ask_attrs(c, SFTP_LSTAT, sftp_path(path), &a, e);
	if (r < 0)
		return r;
	*out = (struct entry){0};
	sftp_entry_fill(out, &a);
	return 0;
}

int sftp_remove(struct sftp_client *c, const char *path, struct err *e)
{
	int r = sftp_path_check(path, e);

	if (r == 0)
		r = sftp_ask_done(c, SFTP_REMOVE, sftp_path(path), e);
	return r == ERR_OBJECT ? sftp_explain(c, path, SFTP_WANT_FILE, e) : r;
}

/* ---- mkdir --------------------------------------------------------------------------------- */

enum standing { STANDS_DIR, STANDS_NOTHING };

/* What is at path now? A link to a directory is one. */
static int look(struct sftp_client *c, const char *path, enum standing *out, struct err *e)
{
	struct wire_attrs a;
	struct entry entry;
	int r = sftp_ask_attrs(c, SFTP_STAT, path, &a, e);

	if (r < 0 && strcmp(e->code, "OBJ-MISSING") != 0)
		return r;
	if (r < 0) {
		*out = STANDS_NOTHING;
		return 0;
	}
	sftp_entry_fill(&entry, &a);
	if (entry.type != ENTRY_DIR && entry.type != ENTRY_UNKNOWN) {
		struct sftp_failure f = {"make directory", path, SFTP_FX_NOT_A_DIRECTORY,
		                         "a file of this name is there", 28};

		return sftp_err(e, &f);
	}
	*out = STANDS_DIR;
	return 0;
}

/* Where the last component of path[0, n) begins to be its parent: the parent's length, 0 = none. */
static size_t parent_bytes(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 0 && path[n - 1] == '/')
		n--;
	return n;
}

/* Someone else may make it at the same time, and some servers refuse what is there already with
 * whatever status comes to their mind: what stands there in the end is what counts. */
static int make_one(struct sftp_client *c, const char *path, struct err *e)
{
	enum standing now = STANDS_NOTHING;
	struct err ignored;
	int r = sftp_ask_done(c, SFTP_MKDIR, path, e);

	if (r == 0 || !sftp_client_is_alive(c) || r == ERR_CANCELED)
		return r;
	if (look(c, path, &now, &ignored) == 0 && now == STANDS_DIR)
		return 0;
	return r;
}

/* Up to the deepest directory that stands, then down again. */
static int make_path(struct sftp_client *c, char *path, size_t n, struct err *e)
{
	enum standing now = STANDS_NOTHING;
	size_t standing = n;
	int r;

	for (;;) {
		char cut = path[standing];

		path[standing] = '\0';
		r = look(c, path, &now, e);
		path[standing] = cut;
		if (r < 0 || now == STANDS_DIR)
			break;
		standing = parent_bytes(path, standing);
		if (standing == 0)
			break;
	}
	while (r == 0 && standing < n) {
		char cut;

		while (path[standing] == '/')
			standing++;
		standing += strcspn(path + standing, "/");
		cut = path[standing];
		path[standing] = '\0';
		r = make_one(c, path, e);
		path[standing] = cut;
	}
	return r;
}

int sftp_mkdir(struct sftp_client *c, const char *path, struct err *e)
{
	_cleanup_free_ char *copy = NULL;
	size_t n = strlen(path);
	int r = sftp_path_check(path, e);

	while (n > 0 && path[n - 1] == '/')
		n--;
	if (r < 0 || n == 0)
		return r; /* the root and the login directory stand */
	copy = mem_dup_bytes(path, n);
	return make_path(c, copy, n, e);
}
