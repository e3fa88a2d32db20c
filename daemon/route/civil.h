/*
 * Calendar arithmetic in the proleptic Gregorian calendar, without time zones: seconds since
 * 1970-01-01T00:00:00 of whatever clock the caller means (UTC, or the local time of a zone).
 *
 * Pure. Years from -9999 to 9999 are exact; times beyond are the caller's mistake (civil_of
 * clamps).
 */
#pragma once
#include <stdint.h>

enum { CIVIL_DAY_S = 86400 };

struct civil {
	int year;
	int month; /* 1..12 */
	int day;   /* 1..31 */
	int hour, minute, second;
	int weekday; /* 0 = Sunday */
	int yearday; /* 1..366 */
};

/* Days since 1970-01-01 of a date that exists. */
int64_t civil_days(int year, int month, int day);
void civil_of(int64_t seconds, struct civil *out);
int civil_month_days(int year, int month); /* 28..31 */
/* ISO 8601 week number 1..53; *iso_year is the year that week belongs to. */
int civil_iso_week(const struct civil *c, int *iso_year);
