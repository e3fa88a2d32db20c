#include "daemon/route/zone_rule.h"

#include <ctype.h>
#include <string.h>

#include "daemon/route/civil.h"

/* What is left to read. */
struct reader {
	const char *at, *end;
};

static bool take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static bool is_digit_next(const struct reader *r)
{
	return r->at < r->end && isdigit((unsigned char)*r->at);
}

static bool read_number(struct reader *r, int least, int most, int *out)
{
	int n = 0, digits = 0;

	for (; is_digit_next(r) && digits < 4; digits++)
		n = n * 10 + (*r->at++ - '0');
	*out = n;
	return digits > 0 && n >= least && n <= most;
}

/* "CET" or "<+03>"; the name itself is of no use to us. */
static bool read_name(struct reader *r)
{
	const char *from = r->at;

	if (take(r, '<')) {
		while (r->at < r->end && *r->at != '>')
			r->at++;
		return take(r, '>');
	}
	while (r->at < r->end && isalpha((unsigned char)*r->at))
		r->at++;
	return r->at - from >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool read_time(struct reader *r, int most_hours, int32_t *out)
{
	int h, m = 0, s = 0;
	bool negative = take(r, '-');

	if (!negative)
		(void)take(r, '+');
	if (!read_number(r, 0, most_hours, &h))
		return false;
	if (take(r, ':') && !read_number(r, 0, 59, &m))
		return false;
	if (take(r, ':') && !read_number(r, 0, 59, &s))
		return false;
	*out = (h * 3600 + m * 60 + s) * (negative ? -1 : 1);
	return true;
}

static bool read_date(struct reader *r, struct zone_day *d)
{
	if (take(r, 'J')) {
		d->form = DAY_JULIAN;
		return read_number(r, 1, 365, &d->day);
	}
	if (take(r, 'M')) {
		d->form = DAY_OF_MONTH;
		return read_number(r, 1, 12, &d->month) && take(r, '.') &&
		       read_number(r, 1, 5, &d->week) && take(r, '.') &&
		       read_number(r, 0, 6, &d->day);
	}
	d->form = DAY_OF_YEAR;
	return read_number(r, 0, 365, &d->day);
}

static bool read_day(struct reader *r, struct zone_day *d)
{
	d->at_s = 2 * 3600;
	return take(r, ',') && read_date(r, d) && (!take(r, '/') || read_time(r, 167, &d->at_s));
}

bool zone_rule_parse(const char *text, size_t bytes, struct zone_rule *out)
{
	struct reader r = {text, text + bytes};
	struct zone_rule rule;
	int32_t west;

	memset(&rule, 0, sizeof(rule));
	if (!read_name(&r) || !read_time(&r, 24, &west))
		return false;
	rule.standard_s = -west; /* POSIX counts westwards */
	if (r.at < r.end) {
		rule.has_summer = true;
		rule.summer_s = rule.standard_s + 3600;
		if (!read_name(&r))
			return false;
		if (r.at < r.end && *r.at != ',') {
			if (!read_time(&r, 24, &west))
				return false;
			rule.summer_s = -west;
		}
		if (!read_day(&r, &rule.begins) || !read_day(&r, &rule.ends) || r.at != r.end)
			return false;
	}
	*out = rule;
	return true;
}

static int64_t month_rule_day(const struct zone_day *d, int year)
{
	int64_t first = civil_days(year, d->month, 1);
	int first_weekday = (int)(((first + 4) % 7 + 7) % 7);
	int day = (d->day - first_weekday + 7) % 7 + (d->week - 1) * 7;

	while (day >= civil_month_days(year, d->month))
		day -= 7;
	return first + day;
}

/* The moment of a change in local seconds. */
static int64_t change_s(const struct zone_day *d, int year)
{
	int64_t january = civil_days(year, 1, 1);
	int64_t day;

	if (d->form == DAY_OF_MONTH)
		day = month_rule_day(d, year);
	else if (d->form == DAY_OF_YEAR)
		day = january + d->day;
	else /* February 29 is never counted */
		day = january + d->day - 1 + (d->day >= 60 && civil_month_days(year, 2) == 29);
	return day * CIVIL_DAY_S + d->at_s;
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc_s)
{
	struct civil c;
	int64_t begins, ends;
	bool summer;

	if (!r->has_summer)
		return r->standard_s;
	civil_of(utc_s + r->standard_s, &c);
	begins = change_s(&r->begins, c.year) - r->standard_s;
	ends = change_s(&r->ends, c.year) - r->summer_s;
	if (begins < ends)
		summer = utc_s >= begins && utc_s < ends;
	else /* the southern half: summer spans the new year */
		summer = utc_s >= begins || utc_s < ends;
	return summer ? r->summer_s : r->standard_s;
}
