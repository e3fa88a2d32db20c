/*
 * `ls -l` as unix, and most other servers, print it:
 *
 *	-rw-r--r--   1 owner    group        1234 Jan 31 12:34 a name
 *	drwxr-xr-x+  2 owner    Domain Users 4096 Jan  1  2023 a directory
 *	lrwxrwxrwx   1 owner                   12 31 Jan 12:34 a link -> its target
 *	- [RWCEAFMS] owner                   1234 Jan 31 12:34    NetWare's
 *
 * Owner and group may be missing or hold spaces: what is sure is the mode in front, and a number
 * (the size) before a date. The first such place ends the columns, because what looks like another
 * one belongs to the name. One space ends the date; further ones are the name's.
 */
#include <string.h>

#include "adapters/ftps/line.h"
#include "adapters/ftps/stamp.h"

enum { WORDS_MAX = 16, MINUTE_MS = 60 * 1000, DAY_MS = 24 * 60 * MINUTE_MS };

struct word {
	const char *text;
	size_t n;
};

struct columns {
	struct word words[WORDS_MAX]; /* of what follows the mode */
	size_t count;
	size_t first, last; /* words of the date */
	struct ftp_date date;
	int64_t precision_ms;
	int64_t offset_ms; /* of full-iso's own zone */
	bool has_offset;
};

/* ---- the mode ------------------------------------------------------------------------------ */

static enum entry_type type_of(char c)
{
	return c == '-' ? ENTRY_FILE : c == 'd' ? ENTRY_DIR : c == 'l' ? ENTRY_LINK : ENTRY_OTHER;
}

/* NetWare: "- [RWCEAFMS] " or "d[R----F--] ". */
static size_t netware_rights(const char *p)
{
	size_t space = *p == ' ', n;

	if (p[space] != '[')
		return 0;
	n = strspn(p + space + 1, "RWCEAFMSDHPIXTY-");
	return n && p[space + 1 + n] == ']' ? space + n + 2 : 0;
}

/* Bytes of the type, the rights and a mark (+ ACL, . label, @ attributes); 0: no mode. */
static size_t read_mode(const char *line)
{
	size_t n = strspn(line, "-dlbcpsDPCMnhw?") ? netware_rights(line + 1) : 0;

	if (n)
		return line[1 + n] == ' ' ? 1 + n : 0;
	if (!strspn(line, "-dlbcpsDPCMnhw?") || strspn(line + 1, "rwxsStTlL-") < 9)
		return 0;
	n = line[10] && strchr("+.@*", line[10]) ? 11 : 10;
	return line[n] == ' ' ? n : 0;
}

/* ---- the date ------------------------------------------------------------------------------ */

static const struct word *word_at(const struct columns *c, size_t i)
{
	static const struct word none = {"", 0};

	return i < c->count ? &c->words[i] : &none;
}

/* H:MM, HH:MM, HH:MM:SS or HH:MM:SS.fraction; how precise in ms, 0: no time of day. */
static int read_time(const struct word *w, struct ftp_date *d)
{
	const char *p = w->text, *end = w->text + w->n;
	const char *colon = memchr(p, ':', w->n);
	uint64_t ignored;

	if (!colon || colon - p > 2 || end - colon < 3 ||
	    !ftp_digits(p, (size_t)(colon - p), &d->hour) || !ftp_digits(colon + 1, 2, &d->minute))
		return 0;
	p = colon + 3;
	if (d->hour > 23 || d->minute > 59)
		return 0;
	if (p == end)
		return MINUTE_MS;
	if (*p != ':' || end - p < 3 || !ftp_digits(p + 1, 2, &d->second) || d->second > 60)
		return 0;
	p += 3;
	if (p == end)
		return 1000;
	if (*p != '.' || !ftp_number(p + 1, (size_t)(end - p - 1), UINT64_MAX, &ignored))
		return 0;
	d->ms = ftp_fraction_ms(p + 1, (size_t)(end - p - 1));
	return 1;
}

static bool read_year(const struct word *w, struct ftp_date *d)
{
	return w->n == 4 && ftp_digits(w->text, 4, &d->year) && d->year >= 1900;
}

static bool read_day(const struct word *w, struct ftp_date *d)
{
	return w->n <= 2 && ftp_digits(w->text, w->n, &d->day) && d->day >= 1 && d->day <= 31;
}

/* "Jan 31 12:34", "31 Jan  2023", "Jan 31 12:34:56 2024"; words taken, 0: no date. */
static size_t read_named_month(struct columns *c, size_t i)
{
	const struct word *a = word_at(c, i), *b = word_at(c, i + 1), *time = word_at(c, i + 2);
	const struct word *day = ftp_month(a->text, a->n) ? b : a;
	const struct word *month = day == b ? a : b;
	int precision;

	c->date = (struct ftp_date){.month = ftp_month(month->text, month->n)};
	if (!c->date.month || !read_day(day, &c->date))
		return 0;
	c->precision_ms = DAY_MS;
	if (read_year(time, &c->date))
		return 3;
	precision = read_time(time, &c->date);
	c->precision_ms = precision;
	if (precision == MINUTE_MS)
		return 3;
	return precision == 1000 && read_year(word_at(c, i + 3), &c->date) ? 4 : 0;
}

/* "+0130" */
static bool read_zone(const struct word *w, int64_t *offset_ms)
{
	int hours, minutes;

	if (w->n != 5 || (*w->text != '+' && *w->text != '-') ||
	    !ftp_digits(w->text + 1, 2, &hours) || !ftp_digits(w->text + 3, 2, &minutes) ||
	    hours > 14 || minutes > 59)
		return false;
	*offset_ms = (hours * 60 + minutes) * (*w->text == '-' ? -MINUTE_MS : MINUTE_MS);
	return true;
}

/* "2024-01-31 12:34", "2024-01-31 12:34:56.000000000 +0100" (GNU ls --time-style=long-iso,
 * full-iso). */
static size_t read_iso(struct columns *c, size_t i)
{
	const struct word *w = word_at(c, i);
	struct ftp_date *d = &c->date;

	*d = (struct ftp_date){0};
	if (w->n != 10 || w->text[4] != '-' || w->text[7] != '-' ||
	    !ftp_digits(w->text, 4, &d->year) || !ftp_digits(w->text + 5, 2, &d->month) ||
	    !ftp_digits(w->text + 8, 2, &d->day) || d->month < 1 || d->month > 12)
		return 0;
	c->precision_ms = read_time(word_at(c, i + 1), d);
	if (!c->precision_ms || c->precision_ms == MINUTE_MS)
		return c->precision_ms ? 2 : 0;
	c->has_offset = read_zone(word_at(c, i + 2), &c->offset_ms);
	return c->has_offset ? 3 : 2;
}

/* The first number with a date behind it. */
static bool find_date(struct columns *c)
{
	uint64_t ignored;

	for (size_t i = 1; i < c->count; i++) {
		const struct word *size = word_at(c, i - 1);
		size_t taken;

		if (!ftp_number(size->text, size->n, INT64_MAX, &ignored))
			continue;
		taken = read_named_month(c, i);
		if (!taken)
			taken = read_iso(c, i);
		if (!taken)
			continue;
		c->first = i;
		c->last = i + taken - 1;
		return true;
	}
	return false;
}

static void split(struct columns *c, const char *p)
{
	c->count = 0;
	while (c->count < WORDS_MAX && *(p += strspn(p, " "))) {
		size_t n = strcspn(p, " ");

		c->words[c->count++] = (struct word){p, n};
		p += n;
	}
}

static int64_t mtime_of(struct columns *c, const struct line_clock *clock)
{
	int64_t offset = c->has_offset ? c->offset_ms : clock->zone_offset_ms;

	if (c->date.year == YEAR_UNTOLD)
		ftp_date_tell_year(&c->date, clock->now_ms + offset);
	return ftp_date_utc(&c->date, offset);
}

/* ---- the name ------------------------------------------------------------------------------ */

/* Names and targets may hold arrows too; a link's size is the length of its target, which tells
 * which arrow it is. Where no arrow fits, it is the first one. */
static void cut_target(char *name, size_t n, struct entry *e)
{
	char *first = NULL, *arrow = name;

	while ((arrow = memmem(arrow, n - (size_t)(arrow - name), " -> ", 4))) {
		if (!first || n - (size_t)(arrow - name) - 4 == e->size)
			first = arrow;
		if (n - (size_t)(arrow - name) - 4 == e->size)
			break;
		arrow++;
	}
	if (first && first > name) {
		*first = 0;
		e->name_bytes = (size_t)(first - name);
	}
}

static bool take_name(char *line, size_t n, const struct columns *c, struct entry *e)
{
	const struct word *last = &c->words[c->last];
	size_t at = (size_t)(last->text - line) + last->n;
	bool is_netware = line[1] == '[' || line[2] == '[';

	at += is_netware ? strspn(line + at, " ") : (line[at] == ' ');
	if (at >= n)
		return false;
	e->name = line + at;
	e->name_bytes = n - at;
	if (e->type == ENTRY_LINK)
		cut_target(line + at, n - at, e);
	return true;
}

/* ---- the line ------------------------------------------------------------------------------ */

/* A device has "major, minor" in place of the size. */
static uint64_t size_of(const struct columns *c)
{
	const struct word *size = word_at(c, c->first - 1);
	const struct word *major = c->first > 1 ? word_at(c, c->first - 2) : size;
	uint64_t out = SIZE_UNKNOWN;

	if (!major->n || major->text[major->n - 1] != ',')
		(void)ftp_number(size->text, size->n, INT64_MAX, &out); /* find_date has tried */
	return out;
}

static bool ends_in(const char *line, size_t n, const char *end)
{
	size_t length = strlen(end);

	return n > length && memcmp(line + n - length, end, length) == 0;
}

/* What is no entry: "total 12", or ls itself complaining where its listing should be. */
static enum line_kind read_remark(const char *line, size_t n)
{
	if (ends_in(line, n, ": No such file or directory"))
		return LINE_MISSING;
	if (ends_in(line, n, ": Permission denied"))
		return LINE_DENIED;
	if (strncmp(line, "total ", 6) != 0)
		return LINE_UNKNOWN;
	line += 6 + strspn(line + 6, " ");
	n = strspn(line, "0123456789.,");
	n += n && line[n] && strchr("KMGT", line[n]);
	return n && !line[n] ? LINE_SILENT : LINE_UNKNOWN;
}

enum line_kind line_read_unix(char *line, size_t n, const struct line_clock *clock,
                              struct line_entry *out)
{
	size_t mode = read_mode(line);
	struct columns c = {.count = 0};

	if (!mode)
		return read_remark(line, n);
	split(&c, line + mode);
	if (!find_date(&c))
		return read_remark(line, n);
	*out = (struct line_entry){.entry = {.type = type_of(*line), .size = size_of(&c)}};
	if (!take_name(line, n, &c, &out->entry))
		return LINE_UNKNOWN;
	out->entry.mtime_ms = mtime_of(&c, clock);
	out->precision_ms = c.precision_ms;
	return LINE_ENTRY;
}
