#include "adapters/ftps/listing.h"

#include <assert.h>
#include <string.h>

#include "adapters/ftps/line.h"
#include "adapters/ftps/stamp.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { LINE_BYTES_MAX = 8 * 1024, SILENT_LINES_MAX = 1000, QUOTE_ROOM = 320 };

struct ftp_listing {
	enum ftp_dialect dialect;
	struct line_clock clock;
	struct line_entry last;
	size_t silent; /* lines without an entry so far */
	size_t used;
	char line[LINE_BYTES_MAX + 1];
};

struct ftp_listing *ftp_listing_new(enum ftp_dialect d, int64_t now_ms, int64_t zone_offset_ms)
{
	struct ftp_listing *l = mem_new_of(struct ftp_listing);

	l->dialect = d;
	l->clock = (struct line_clock){now_ms, zone_offset_ms};
	return l;
}

void ftp_listing_free(struct ftp_listing *l)
{
	free(l);
}

int64_t ftp_listing_precision_ms(const struct ftp_listing *l)
{
	return l->last.entry.mtime_ms == MTIME_UNKNOWN ? 0 : l->last.precision_ms;
}

/* ---- errors -------------------------------------------------------------------------------- */

static int refuse_line(const struct ftp_listing *l, struct err *e)
{
	char quote[QUOTE_ROOM];

	return err_set(e, ERR_PROTOCOL, "FTP-LIST-DIALECT", 0,
	               l->dialect == FTP_MLSD
	                       ? "the server's MLSD sent a line that is not understood: \"%s\"; "
	                         "`list: list` asks for a listing of the older kind"
	                       : "the server's LIST sent a line that is neither unix nor DOS "
	                         "style: \"%s\"; set the server to unix style, or `list: mlsd` "
	                         "if it knows MLSD",
	               escape(l->line, l->used, quote, sizeof(quote)));
}

static int refuse_length(const struct ftp_listing *l, struct err *e)
{
	char quote[64];

	return err_set(e, ERR_PROTOCOL, "FTP-LIST-LINE", 0,
	               "the server's listing has a line of more than %d bytes, beginning with "
	               "\"%s\"",
	               LINE_BYTES_MAX, escape(l->line, l->used, quote, sizeof(quote)));
}

static int tell_complaint(const struct ftp_listing *l, enum line_kind kind, struct err *e)
{
	char quote[QUOTE_ROOM];

	return err_set(e, ERR_OBJECT, kind == LINE_MISSING ? "OBJ-MISSING" : "OBJ-DENIED", 0,
	               "the server says in place of a listing: %s",
	               escape(l->line, l->used, quote, sizeof(quote)));
}

/* ---- lines --------------------------------------------------------------------------------- */

static enum line_kind read_line(struct ftp_listing *l)
{
	enum line_kind kind = LINE_UNKNOWN;

	if (!l->used)
		return LINE_SILENT;
	if (memchr(l->line, 0, l->used))
		return LINE_UNKNOWN;
	if (l->dialect == FTP_MLSD)
		return line_read_mlsd(l->line, l->used, &l->last);
	if (l->line[0] >= '0' && l->line[0] <= '9')
		kind = line_read_dos(l->line, l->used, &l->clock, &l->last);
	return kind == LINE_UNKNOWN ? line_read_unix(l->line, l->used, &l->clock, &l->last) : kind;
}

static bool is_dots(const struct entry *entry)
{
	return strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0;
}

static int count_silent(struct ftp_listing *l, struct err *e)
{
	if (++l->silent <= SILENT_LINES_MAX)
		return 0;
	return err_set(e, ERR_PROTOCOL, "FTP-LIST-ENDLESS", 0,
	               "the server's listing has more than %d lines that name no file",
	               SILENT_LINES_MAX);
}

/* The line is whole. A second CR is the name's: the gate refuses it with a better reason. */
static int take_line(struct ftp_listing *l, list_fn *each, void *arg, struct err *e)
{
	enum line_kind kind;
	int r = 0;

	if (l->used && l->line[l->used - 1] == '\r')
		l->used--;
	l->line[l->used] = 0;
	kind = read_line(l);
	if (kind == LINE_UNKNOWN)
		r = refuse_line(l, e);
	else if (kind == LINE_MISSING || kind == LINE_DENIED)
		r = tell_complaint(l, kind, e);
	else if (kind == LINE_SILENT || is_dots(&l->last.entry))
		r = count_silent(l, e);
	else
		r = each(&l->last.entry, arg, e);
	l->used = 0;
	return r;
}

int ftp_listing_feed(struct ftp_listing *l, const void *data, size_t n, list_fn *each, void *arg,
                     struct err *e)
{
	const char *p = data, *end = p + n;
	int r = 0;

	while (r == 0 && p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t part = (size_t)((stop ? stop : end) - p);
		size_t room = LINE_BYTES_MAX - l->used;

		memcpy(l->line + l->used, p, part < room ? part : room);
		l->used += part < room ? part : room;
		if (part > room)
			return refuse_length(l, e);
		p += part + (stop ? 1 : 0);
		if (stop)
			r = take_line(l, each, arg, e);
	}
	return r;
}

int ftp_listing_end(struct ftp_listing *l, list_fn *each, void *arg, struct err *e)
{
	return l->used ? take_line(l, each, arg, e) : 0;
}

/* ---- single lines -------------------------------------------------------------------------- */

static size_t without_line_end(const char *line, size_t n)
{
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	return n;
}

int ftp_mlst_parse(const char *line, size_t n, struct entry *out, struct err *e)
{
	struct line_entry found;
	char quote[QUOTE_ROOM];
	bool is_self;
	size_t facts;

	n = without_line_end(line, n);
	if (n && *line == ' ') {
		line++;
		n--;
	}
	facts = memchr(line, 0, n) ? 0 : line_read_facts(line, n, &found, &is_self);
	if (!facts || facts == n)
		return err_set(e, ERR_PROTOCOL, "FTP-MLST-REPLY", 0,
		               "the server's MLST sent a line that is not understood: \"%s\"",
		               escape(line, n, quote, sizeof(quote)));
	*out = found.entry;
	return 0;
}

int ftp_mdtm_parse(const char *reply, size_t n, int64_t *mtime_ms, struct err *e)
{
	int64_t precision, ms = MTIME_UNKNOWN;
	char quote[QUOTE_ROOM];

	n = without_line_end(reply, n);
	if (n < 4 || memcmp(reply, "213 ", 4) != 0 ||
	    !ftp_stamp_parse(reply + 4, n - 4, &ms, &precision) || ms == MTIME_UNKNOWN)
		return err_set(e, ERR_PROTOCOL, "FTP-MDTM-REPLY", 0,
		               "the server's MDTM sent a time that is not understood: \"%s\"",
		               escape(reply, n, quote, sizeof(quote)));
	*mtime_ms = ms;
	return 0;
}
