#include "daemon/route/civil.h"

#include <stdbool.h>

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int civil_month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Years are counted from March, so that the leap day is a year's last: the months before then
 * have lengths that follow one linear formula. */
int64_t civil_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void date_of(int64_t days, struct civil *out)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t shifted = (5 * doy + 2) / 153;

	out->day = (int)(doy - (153 * shifted + 2) / 5 + 1);
	out->month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
	out->year = (int)(yoe + era * 400 + (out->month <= 2));
}

void civil_of(int64_t seconds, struct civil *out)
{
	const int64_t most = INT64_C(253402300799); /* 9999-12-31T23:59:59 */
	int64_t s = seconds > most ? most : seconds < -most ? -most : seconds;
	int64_t days = (s >= 0 ? s : s - (CIVIL_DAY_S - 1)) / CIVIL_DAY_S;
	int rest = (int)(s - days * CIVIL_DAY_S);

	date_of(days, out);
	out->hour = rest / 3600;
	out->minute = rest / 60 % 60;
	out->second = rest % 60;
	out->weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	out->yearday = (int)(days - civil_days(out->year, 1, 1)) + 1;
}

/* A week belongs to the year that has its Thursday. */
int civil_iso_week(const struct civil *c, int *iso_year)
{
	int monday_first = (c->weekday + 6) % 7;
	int64_t thursday = civil_days(c->year, c->month, c->day) - monday_first + 3;
	struct civil t;

	civil_of(thursday * CIVIL_DAY_S, &t);
	*iso_year = t.year;
	return (t.yearday - 1) / 7 + 1;
}
