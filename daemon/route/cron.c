#include "daemon/route/cron.h"

#include <ctype.h>
#include <strings.h>

#include "daemon/base/escape.h"
#include "daemon/base/text.h"
#include "daemon/route/civil.h"

enum { TEXT_MAX_BYTES = 256, FIELDS = 5, HORIZON_DAYS = 41 * 366 };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct field {
	const char *title;
	int least, most;
	const char *const *names; /* names[0] stands for `least` */
	int name_count;
};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY };
static const struct field fields[FIELDS] = {
        [MINUTE] = {"minute", 0, 59, NULL, 0},
        [HOUR] = {"hour", 0, 23, NULL, 0},
        [DAY] = {"day of month", 1, 31, NULL, 0},
        [MONTH] = {"month", 1, 12, month_names, 12},
        [WEEKDAY] = {"day of week", 0, 7, weekday_names, 7},
};

/* One field while it is read. */
struct reader {
	const struct field *field;
	const char *from, *at, *end;
	uint64_t bits;
};

static int refuse(const struct reader *r, struct err *e, const char *why)
{
	return err_set(e, ERR_CONFIG, "CRON", 0, "%s: %s", r->field->title, why);
}

/* ---- reading a field ----------------------------------------------------------------------- */

static int read_name(struct reader *r, int *out, struct err *e)
{
	const struct field *f = r->field;
	char word[8], why[160];
	const char *nearest;
	size_t n = 0;

	for (; r->at < r->end && isalpha((unsigned char)*r->at); r->at++)
		if (n < sizeof(word) - 1)
			word[n++] = (char)tolower((unsigned char)*r->at);
	word[n] = '\0';
	for (int i = 0; i < f->name_count; i++) {
		if (strcmp(word, f->names[i]) == 0) {
			*out = f->least + i;
			return 0;
		}
	}
	if (f->name_count == 0) {
		(void)snprintf(why, sizeof(why), "\"%s\" is not a number from %d to %d", word,
		               f->least, f->most);
		return refuse(r, e, why);
	}
	nearest = text_nearest(word, f->names, (size_t)f->name_count);
	(void)snprintf(why, sizeof(why), "\"%s\" is not a name; %s%s (names are %s to %s)", word,
	               nearest ? "did you mean " : "use three letters", nearest ? nearest : "",
	               f->names[0], f->names[f->name_count - 1]);
	return refuse(r, e, why);
}

static int read_number(struct reader *r, int least, int most, int *out, struct err *e)
{
	char why[160];
	int n = 0, digits = 0;

	for (; r->at < r->end && isdigit((unsigned char)*r->at) && digits < 6; digits++)
		n = n * 10 + (*r->at++ - '0');
	if (digits == 0 && r->at == r->end)
		return refuse(r, e, "something is missing after a comma, a dash or a slash");
	if (digits == 0) {
		struct escaped tmp;

		(void)snprintf(why, sizeof(why), "\"%s\" cannot stand here",
		               escape(r->at, 1, tmp.text, sizeof(tmp.text)));
		return refuse(r, e, why);
	}
	if (n < least || n > most) {
		(void)snprintf(why, sizeof(why), "%d is out of range, %d to %d are allowed", n,
		               least, most);
		return refuse(r, e, why);
	}
	*out = n;
	return 0;
}

static int read_value(struct reader *r, int *out, struct err *e)
{
	if (r->at < r->end && isalpha((unsigned char)*r->at))
		return read_name(r, out, e);
	return read_number(r, r->field->least, r->field->most, out, e);
}

static bool take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

/* "*", "a" or "a-b". */
static int read_range(struct reader *r, int *from, int *to, struct err *e)
{
	const struct field *f = r->field;
	char why[160];

	if (take(r, '*')) {
		*from = f->least;
		*to = f == &fields[WEEKDAY] ? 6 : f->most;
		return 0;
	}
	if (read_value(r, from, e) < 0)
		return e->kind;
	if (f == &fields[WEEKDAY])
		*from %= 7;
	*to = *from;
	if (!take(r, '-'))
		return 0;
	if (read_value(r, to, e) < 0)
		return e->kind;
	if (*to < *from && f == &fields[WEEKDAY])
		*to += 7; /* over the week's end; bits wrap */
	if (*to < *from) {
		(void)snprintf(why, sizeof(why),
		               "the range %d-%d runs backwards: write %d-%d,%d-%d", *from, *to,
		               *from, f->most, f->least, *to);
		return refuse(r, e, why);
	}
	return 0;
}

static int read_item(struct reader *r, struct err *e)
{
	const struct field *f = r->field;
	const char *start = r->at;
	int from = 0, to = 0, step = 1;

	if (read_range(r, &from, &to, e) < 0)
		return e->kind;
	if (take(r, '/')) {
		if (from == to && !memchr(start, '-', (size_t)(r->at - start)))
			to = f == &fields[WEEKDAY] ? 6 : f->most;
		if (read_number(r, 1, f->most, &step, e) < 0)
			return e->kind;
	}
	for (int i = from; i <= to; i += step)
		r->bits |= UINT64_C(1) << (f == &fields[WEEKDAY] ? i % 7 : i);
	return 0;
}

static int read_field(struct reader *r, struct err *e)
{
	do {
		if (read_item(r, e) < 0)
			return e->kind;
	} while (take(r, ','));
	if (r->at != r->end) {
		struct escaped tmp;
		char why[160];

		(void)snprintf(why, sizeof(why), "\"%s\" cannot stand here",
		               escape(r->at, 1, tmp.text, sizeof(tmp.text)));
		return refuse(r, e, why);
	}
	return 0;
}

/* ---- reading all five ---------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Counts the fields; the first five are laid down in `out`. */
static int split(const char *text, struct reader out[FIELDS])
{
	int count = 0;

	for (const char *p = text; *p;) {
		const char *from;

		while (is_blank(*p))
			p++;
		if (!*p)
			break;
		from = p;
		while (*p && !is_blank(*p))
			p++;
		if (count < FIELDS)
			out[count] = (struct reader){&fields[count], from, from, p, 0};
		count++;
	}
	return count;
}

int cron_parse(const char *text, struct cron *out, struct err *e)
{
	struct reader r[FIELDS];
	struct cron c;
	int64_t found;
	int count;

	if (strlen(text) > TEXT_MAX_BYTES)
		return err_set(e, ERR_CONFIG, "CRON", 0, "longer than %d bytes", TEXT_MAX_BYTES);
	count = split(text, r);
	if (count != FIELDS)
		return err_set(e, ERR_CONFIG, "CRON", 0,
		               "%d field%s where five are needed: minute hour day-of-month month "
		               "day-of-week, as in \"*/5 8-18 * * mon-fri\"",
		               count, count == 1 ? "" : "s");
	for (int i = 0; i < FIELDS; i++)
		if (read_field(&r[i], e) < 0)
			return e->kind;
	c = (struct cron){.minutes = r[MINUTE].bits,
	                  .hours = (uint32_t)r[HOUR].bits,
	                  .days = (uint32_t)r[DAY].bits,
	                  .months = (uint32_t)r[MONTH].bits,
	                  .weekdays = (uint32_t)r[WEEKDAY].bits,
	                  .open_day = r[DAY].from[0] == '*',
	                  .open_weekday = r[WEEKDAY].from[0] == '*'};
	if (!cron_next(&c, 0, &found))
		return err_set(e, ERR_CONFIG, "CRON", 0, "no such day ever comes");
	*out = c;
	return 0;
}

/* ---- asking -------------------------------------------------------------------------------- */

bool cron_is_hourly(const struct cron *c)
{
	return c->hours == (UINT32_C(1) << 24) - 1;
}

static bool day_matches(const struct cron *c, const struct civil *t)
{
	bool day = c->days >> t->day & 1;
	bool weekday = c->weekdays >> t->weekday & 1;

	if (c->open_day || c->open_weekday)
		return day && weekday;
	return day || weekday;
}

/* The first matching minute of a day at or after minute `from` of it; -1: none. */
static int minute_of_day(const struct cron *c, int from)
{
	for (int hour = from / 60; hour < 24; hour++) {
		int least = hour == from / 60 ? from % 60 : 0;
		uint64_t left = c->minutes >> least;

		if (!(c->hours >> hour & 1) || !left)
			continue;
		return hour * 60 + least + __builtin_ctzll(left);
	}
	return -1;
}

bool cron_next(const struct cron *c, int64_t local_s, int64_t *found)
{
	int64_t minute = local_s / 60 + (local_s % 60 > 0);
	int64_t day = (minute >= 0 ? minute : minute - 1439) / 1440;
	int from = (int)(minute - day * 1440);

	for (int64_t last = day + HORIZON_DAYS; day <= last; day++, from = 0) {
		struct civil t;
		int at;

		civil_of(day * CIVIL_DAY_S, &t);
		if (!(c->months >> t.month & 1)) {
			day += civil_month_days(t.year, t.month) - t.day;
			continue;
		}
		if (!day_matches(c, &t))
			continue;
		at = minute_of_day(c, from);
		if (at < 0)
			continue;
		*found = day * CIVIL_DAY_S + at * 60;
		return true;
	}
	return false;
}
