#include <stdlib.h>
#include <string.h>

#include "adapters/ftps/files.h"
#include "adapters/ftps/path.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { NAMES_MOST = 1000 * 1000, NAME_BYTES_MOST = 64 * 1024 * 1024 };
/* ---- MLST ---------------------------------------------------------------------------------- */

/* 250-…, one line that begins with a space, 250 … (RFC 3659 §7.2) */
static int parse_mlst(struct ftp_reply r, struct entry *out, struct err *e)
{
	const char *line = r.lines, *end = r.lines + r.n;

	while (line < end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((stop ? stop : end) - line);

		if (n > 1 && line[0] == ' ')
			return ftp_mlst_parse(line, n, out, e);
		if (n > 5 && strncmp(line, "250-", 4) == 0 && memchr(line + 4, '=', n - 4) &&
		    memchr(line + 4, ';', n - 4))
			return ftp_mlst_parse(line + 4, n - 4, out, e); /* some forget the space */
		line += n + 1;
	}
	return err_set(e, ERR_PROTOCOL, "FTP-MLST-REPLY", 0, "the answer to MLST holds no facts");
}

static int stat_mlst(struct ftp_session *s, const char *path, const char *there, struct entry *out,
                     struct err *e)
{
	_cleanup_free_ char *mlst = mem_printf("MLST %s", there);
	const char *commands[] = {mlst};
	int r = ftp_session_commands(s, "look at", path, commands, 1, e);

	return r < 0 ? r : parse_mlst(ftp_session_reply(s, "MLST"), out, e);
}

/* ---- the line in the parent's listing ------------------------------------------------------ */

struct search {
	const char *name;
	size_t n;
	struct entry *out;
	bool is_found;
};

static int compare(const struct entry *entry, void *arg, struct err *e)
{
	struct search *w = arg;

	(void)e;
	if (entry->name_bytes == w->n && memcmp(entry->name, w->name, w->n) == 0) {
		*w->out = *entry;
		w->out->name = NULL;
		w->out->name_bytes = 0;
		w->is_found = true;
	}
	return 0;
}

static int stat_by_parent(struct ftp_session *s, const char *path, struct entry *out, struct err *e)
{
	static const struct list_limits limits = {NAMES_MOST, NAME_BYTES_MOST};
	_cleanup_free_ char *parent = ftp_path_parent(path);
	struct entry found;
	struct search w = {ftp_path_base(path), strlen(ftp_path_base(path)), &found, false};
	struct escaped tmp;
	int r;

	if (w.n == 0 || strcmp(path, ".") == 0) { /* the root has no parent that lists it */
		*out = (struct entry){
		        .type = ENTRY_DIR, .size = SIZE_UNKNOWN, .mtime_ms = MTIME_UNKNOWN};
		return 0;
	}
	r = ftp_list(s, parent, &limits, compare, &w, e);
	if (r < 0)
		return r;
	if (!w.is_found)
		return err_set(e, ERR_OBJECT, "OBJ-MISSING", 0,
		               "look at %s: it is not in the listing of its directory",
		               escape_name(path, &tmp));
	*out = found;
	return 0;
}

/* ---- SIZE and MDTM ------------------------------------------------------------------------- */

static int ask_file(struct ftp_session *s, const char *there, const char *verb, struct err *e)
{
	_cleanup_free_ char *command = mem_printf("%s %s", verb, there);
	const char *commands[] = {"TYPE I", command}; /* in TYPE A sizes are refused or wrong */
	size_t skip = s->type == 'I' || strcmp(verb, "SIZE") != 0 ? 1 : 0;

	return ftp_session_commands(s, "look at", there, commands + skip, 2 - skip, e);
}

int ftp_ask_mdtm(struct ftp_session *s, const char *there, int64_t *mtime_ms, struct err *e)
{
	int r = ask_file(s, there, "MDTM", e);
	struct ftp_reply reply = ftp_session_reply(s, "MDTM");

	return r < 0 ? r : ftp_mdtm_parse(reply.lines, reply.n, mtime_ms, e);
}

int ftp_ask_size(struct ftp_session *s, const char *there, uint64_t *size, struct err *e)
{
	int r = ask_file(s, there, "SIZE", e);
	struct ftp_reply reply = ftp_session_reply(s, "SIZE");
	_cleanup_free_ char *text = NULL;
	char *end;

	if (r < 0)
		return r;
	text = mem_dup_bytes(reply.lines, reply.n);
	*size = reply.n > 4 ? strtoull(text + 4, &end, 10) : SIZE_UNKNOWN;
	if (reply.code != 213 || reply.n < 5 || end == text + 4)
		return err_set(e, ERR_PROTOCOL, "FTP-SIZE-REPLY", reply.code,
		               "the answer to SIZE holds no number");
	return 0;
}

int ftp_mtime(struct ftp_session *s, const char *path, int64_t *mtime_ms, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, path, e);
	struct err why;
	int r;

	if (!there)
		return e->kind;
	if (!s->features.mdtm)
		return 1;
	r = ftp_ask_mdtm(s, there, mtime_ms, &why);
	if (r == 0)
		return 0;
	if (r != ERR_CANCELED && curl_loop_is_alive(s->loop))
		return 1; /* whatever it says: it is not the time */
	*e = why;
	return r;
}

/* 1 = the short way does not serve. */
static int stat_size(struct ftp_session *s, const char *there, struct entry *out, struct err *e)
{
	struct entry found = {.type = ENTRY_FILE, .mtime_precision_ms = TOLD_SECOND_MS};

	if (!s->features.size || !s->features.mdtm)
		return 1;
	if (ftp_ask_size(s, there, &found.size, e) < 0 ||
	    ftp_ask_mdtm(s, there, &found.mtime_ms, e) < 0)
		return e->kind == ERR_OBJECT || e->kind == ERR_BUSY ? 1 : e->kind;
	*out = found;
	return 0;
}

/* ProFTPD's MLST says of whatever it is that it "cannot be listed"; SIZE and listings say more. */
static int explain_mlst(struct ftp_session *s, const char *path, const char *there,
                        struct entry *out, struct err *e)
{
	struct err more;
	uint64_t size;

	if (s->features.size && ftp_ask_size(s, there, &size, &more) < 0 &&
	    strcmp(more.code, "OBJ-FAILED") != 0) {
		*e = more;
		return e->kind;
	}
	return stat_by_parent(s, path, out, e);
}

int ftp_stat(struct ftp_session *s, const char *path, struct entry *out, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, path, e);
	int r;

	if (!there)
		return e->kind;
	if (ftp_session_dialect(s) == FTP_MLSD) {
		r = stat_mlst(s, path, there, out, e);
		if (r == ERR_OBJECT && strcmp(e->code, "OBJ-FAILED") == 0)
			return explain_mlst(s, path, there, out, e);
		return r;
	}
	r = stat_size(s, there, out, e);
	return r == 1 ? stat_by_parent(s, path, out, e) : r;
}
