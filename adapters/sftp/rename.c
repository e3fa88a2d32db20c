/*
 * Renaming on servers that differ in what a rename does to a name that is taken.
 *
 * REPLACE	posix-rename@openssh.com: one step. Without it: plain RENAME, which serves where the
 *		name is free; if it is taken, REMOVE it and RENAME again. Between these two the
 *		final name is missing, but never is the new content: it has its temporary name until
 *		the end. capabilities.atomic_replace tells which it is.
 *
 * FAIL_IF_EXISTS	plain RENAME must fail if the name is taken (draft §6.5), and OpenSSH's does
 * in one step (link, then unlink). Other servers overwrite silently, so they are asked first with
 * LSTAT: one round trip, which leaves a gap too small to close from here. OpenSSH is known by
 * lsetstat@openssh.com and limits@openssh.com, which its own server brought, and is not asked.
 */
#include <string.h>

#include "adapters/sftp/ask.h"
#include "adapters/sftp/errors.h"
#include "adapters/sftp/files.h"
#include "daemon/base/escape.h"

static int ask_rename(struct sftp_client *c, enum sftp_op op, const char *from, const char *to,
                      struct err *e)
{
	struct sftp_request rq;
	int r;

	sftp_request_init(&rq, c, op, from);
	r = sftp_request_begin(&rq, e);
	if (r == 0) {
		wire_put_text(sftp_client_out(c), from);
		wire_put_text(sftp_client_out(c), to);
		sftp_request_send(&rq);
		r = sftp_request_finish(&rq, sftp_client_settings(c)->request_ms, e);
	}
	sftp_request_release(&rq);
	return r;
}

/* 1 = taken, 0 = free, negative = the server did not say */
static int is_taken(struct sftp_client *c, const char *to, struct err *e)
{
	struct wire_attrs a;
	int r = sftp_ask_attrs(c, SFTP_LSTAT, to, &a, e);

	if (r == 0)
		return 1;
	return r == ERR_OBJECT && strcmp(e->code, "OBJ-MISSING") == 0 ? 0 : r;
}

static int taken(const char *to, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_OBJECT, "OBJ-EXISTS", SFTP_FX_FILE_ALREADY_EXISTS,
	               "rename to %s: the name is taken", escape_name(to, &tmp));
}

/* After SSH_FX_FAILURE: was it because of the name? */
static bool failed_for_name(struct sftp_client *c, const char *to, const struct err *e)
{
	struct err ignored;

	if (e->kind != ERR_OBJECT || strcmp(e->code, "OBJ-FAILED") != 0)
		return strcmp(e->code, "OBJ-EXISTS") == 0;
	return is_taken(c, to, &ignored) == 1;
}

static bool refuses_taken_names(const struct sftp_client *c)
{
	return sftp_client_offers(c, SFTP_EXT_LSETSTAT) && sftp_client_offers(c, SFTP_EXT_LIMITS);
}

static int rename_to_free(struct sftp_client *c, const char *from, const char *to, struct err *e)
{
	struct err failure;
	int r = 0;

	if (!refuses_taken_names(c))
		r = is_taken(c, to, e);
	if (r < 0)
		return r;
	if (r == 1)
		return taken(to, e);
	r = ask_rename(c, SFTP_RENAME, from, to, &failure);
	if (r == 0)
		return 0;
	if (failed_for_name(c, to, &failure))
		return taken(to, e);
	*e = failure;
	return r;
}

static int replace_in_steps(struct sftp_client *c, const char *from, const char *to, struct err *e)
{
	struct err failure;
	int r = ask_rename(c, SFTP_RENAME, from, to, &failure);

	if (r == 0)
		return 0;
	if (!failed_for_name(c, to, &failure)) {
		*e = failure;
		return r;
	}
	r = sftp_remove(c, to, e);
	if (r < 0 && strcmp(e->code, "OBJ-MISSING") != 0)
		return err_wrap(e, "make way for the new file");
	return ask_rename(c, SFTP_RENAME, from, to, e);
}

static int replace(struct sftp_client *c, const char *from, const char *to, struct err *e)
{
	struct err failure;
	int r;

	if (!sftp_client_offers(c, SFTP_EXT_POSIX_RENAME))
		return replace_in_steps(c, from, to, e);
	r = ask_rename(c, SFTP_POSIX_RENAME, from, to, &failure);
	if (r == 0)
		return 0;
	if (failure.native == SFTP_FX_OP_UNSUPPORTED) {
		sftp_client_drop_extension(c, SFTP_EXT_POSIX_RENAME);
		return replace_in_steps(c, from, to, e);
	}
	*e = failure;
	return r == ERR_OBJECT ? sftp_explain(c, to, SFTP_WANT_FILE, e) : r;
}

int sftp_rename(struct sftp_client *c, const char *from, const char *to, enum rename_mode mode,
                struct err *e)
{
	int r = sftp_path_check(from, e);

	if (r == 0)
		r = sftp_path_check(to, e);
	if (r < 0)
		return r;
	return mode == RENAME_REPLACE ? replace(c, sftp_path(from), sftp_path(to), e)
	                              : rename_to_free(c, sftp_path(from), sftp_path(to), e);
}
