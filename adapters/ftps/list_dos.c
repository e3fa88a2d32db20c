/*
 * IIS in its DOS style, and who imitates it:
 *
 *	01-31-24  12:34PM       <DIR>          a directory
 *	01-31-2024  12:34PM            1234567 a file
 *
 * The month comes first. The name begins one space behind the size, which ends in the column where
 * a <DIR> and the ten spaces behind it end; further spaces are the name's.
 */
#include <string.h>

#include "adapters/ftps/line.h"
#include "adapters/ftps/stamp.h"

enum { TAG_COLUMNS = 15 };

static const char *skip_spaces(const char *p)
{
	return p + strspn(p, " ");
}

/* MM-DD-YY or MM-DD-YYYY; returns what follows, NULL: no date. */
static const char *read_date(const char *p, struct ftp_date *d)
{
	size_t n = strcspn(p, " ");

	if ((n != 8 && n != 10) || p[2] != '-' || p[5] != '-' || !ftp_digits(p, 2, &d->month) ||
	    !ftp_digits(p + 3, 2, &d->day) || !ftp_digits(p + 6, n - 6, &d->year) || d->month < 1 ||
	    d->month > 12 || d->day < 1 || d->day > 31)
		return NULL;
	if (n == 8)
		d->year += d->year < 70 ? 2000 : 1900;
	return p + n;
}

/* 12:34PM, 12:34P or 15:27. */
static const char *read_time(const char *p, struct ftp_date *d)
{
	size_t n = strcspn(p, " ");
	int half = n > 5 && (p[5] == 'P' || p[5] == 'p')   ? 12
	           : n > 5 && (p[5] == 'A' || p[5] == 'a') ? 0
	                                                   : -1;

	if (n < 5 || n > 7 || p[2] != ':' || !ftp_digits(p, 2, &d->hour) ||
	    !ftp_digits(p + 3, 2, &d->minute) || d->hour > 23 || d->minute > 59)
		return NULL;
	if (n > 5 && (half < 0 || d->hour < 1 || d->hour > 12))
		return NULL;
	if (n == 7 && p[6] != 'M' && p[6] != 'm')
		return NULL;
	if (n > 5)
		d->hour = d->hour % 12 + half;
	return p + n;
}

static enum entry_type type_of_tag(const char *p, size_t n)
{
	static const char *const links[] = {"<JUNCTION>", "<SYMLINK>", "<SYMLINKD>"};

	if (n == 5 && strncmp(p, "<DIR>", n) == 0)
		return ENTRY_DIR;
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (n == strlen(links[i]) && strncmp(p, links[i], n) == 0)
			return ENTRY_LINK;
	return ENTRY_UNKNOWN;
}

/* Size or tag; returns where the name begins, NULL: neither. */
static const char *read_size(const char *p, struct entry *e)
{
	size_t n = strcspn(p, " "), spaces = strspn(p + n, " ");

	if (!spaces)
		return NULL;
	e->size = SIZE_UNKNOWN;
	if (ftp_number(p, n, INT64_MAX, &e->size)) {
		e->type = ENTRY_FILE;
		return p + n + 1;
	}
	e->type = type_of_tag(p, n);
	if (e->type == ENTRY_UNKNOWN)
		return NULL;
	return p + n + (spaces < TAG_COLUMNS - n ? spaces : TAG_COLUMNS - n);
}

enum line_kind line_read_dos(char *line, size_t n, const struct line_clock *clock,
                             struct line_entry *out)
{
	struct ftp_date date = {0};
	struct entry *e = &out->entry;
	const char *p = read_date(line, &date);

	*out = (struct line_entry){.precision_ms = 60000};
	p = p ? read_time(skip_spaces(p), &date) : NULL;
	p = p ? read_size(skip_spaces(p), e) : NULL;
	if (!p || !*p)
		return LINE_UNKNOWN;
	e->name = p;
	e->name_bytes = n - (size_t)(p - line);
	e->mtime_ms = ftp_date_utc(&date, clock->zone_offset_ms);
	return LINE_ENTRY;
}
