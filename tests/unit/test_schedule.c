#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/route/civil.h"
#include "daemon/route/cron.h"
#include "daemon/route/schedule.h"
#include "daemon/route/zone.h"
#include "daemon/route/zone_rule.h"

/* ---- verbs --------------------------------------------------------------------------------- */

/* As the C library counts. */
static int64_t seconds_of(const struct civil *c)
{
	struct tm tm = {.tm_year = c->year - 1900,
	                .tm_mon = c->month - 1,
	                .tm_mday = c->day,
	                .tm_hour = c->hour,
	                .tm_min = c->minute,
	                .tm_sec = c->second};

	return timegm(&tm);
}

/* "2026-03-29 01:30" as seconds. */
static int64_t at(const char *text)
{
	struct civil c = {0};

	assert_true(sscanf(text, "%d-%d-%d %d:%d:%d", &c.year, &c.month, &c.day, &c.hour, &c.minute,
	                   &c.second) >= 5);
	return seconds_of(&c);
}

static const char *show(int64_t s, char out[64])
{
	struct civil c;

	civil_of(s, &c);
	(void)snprintf(out, 64, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour,
	               c.minute, c.second);
	return out;
}

static void check_next(const char *cron, const char *zone, const char *now, const char *want)
{
	struct schedule *s;
	struct err e = {0};
	char got[64], wanted[64];

	if (schedule_cron(cron, zone, &s, &e) < 0)
		fail_msg("%s in %s: %s", cron, zone, e.message);
	show(schedule_next(s, at(now) * 1000) / 1000, got);
	if (strcmp(got, show(at(want), wanted)) != 0)
		fail_msg("%s in %s after %s UTC: %s, not %s", cron, zone, now, got, wanted);
	schedule_free(s);
}

static void check_refused(const char *cron, const char *word)
{
	const char *why = schedule_judge_cron(cron);

	if (!why || !strstr(why, word))
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", cron, why ? why : "(accepted)",
		         word);
}

/* How often it fires in [from, to]. */
static int count_fires(const char *cron, const char *zone, const char *from, const char *to)
{
	struct schedule *s;
	struct err e;
	int count = 0;
	int64_t end = at(to) * 1000;

	assert_int_equal(schedule_cron(cron, zone, &s, &e), 0);
	for (int64_t t = at(from) * 1000 - 1; (t = schedule_next(s, t)) <= end;)
		count++;
	schedule_free(s);
	return count;
}

/* ---- calendar ------------------------------------------------------------------------------ */

static void test_civil__there_and_back(void **state)
{
	struct civil c;
	int year;

	(void)state;
	for (int64_t s = at("1890-01-01 00:00"); s < at("2110-01-01 00:00"); s += 86399 * 7) {
		civil_of(s, &c);
		assert_int_equal(seconds_of(&c), s);
	}
	civil_of(at("2024-02-29 12:34"), &c);
	assert_int_equal(c.weekday, 4);
	assert_int_equal(c.yearday, 60);
	civil_of(at("2027-01-01 00:00"), &c);
	assert_int_equal(civil_iso_week(&c, &year), 53);
	assert_int_equal(year, 2026);
}

static void test_schedule__follows_the_fields(void **state)
{
	(void)state;
	check_next("* * * * *", "UTC", "2026-05-01 10:00:00", "2026-05-01 10:01");
	check_next("*/15 * * * *", "UTC", "2026-05-01 10:46", "2026-05-01 11:00");
	check_next("5/20 * * * *", "UTC", "2026-05-01 10:26", "2026-05-01 10:45");
	check_next("0 6 * * mon-fri", "UTC", "2026-11-20 07:00", "2026-11-23 06:00");
	check_next("0 6 * * FRI-Mon", "UTC", "2026-11-17 07:00", "2026-11-20 06:00");
	check_next("30 8,12-14 * jan,jul *", "UTC", "2026-07-31 14:30", "2027-01-01 08:30");
	check_next("0 0 29 2 *", "UTC", "2096-02-29 00:00", "2104-02-29 00:00");
	check_next("59 23 31 12 *", "UTC", "2026-12-31 23:58:59", "2026-12-31 23:59");
	check_next("0 0 * * 7", "UTC", "2026-11-20 00:00", "2026-11-22 00:00");
	check_next("0 0 * * 0", "UTC", "2026-11-20 00:00", "2026-11-22 00:00");
	check_next("0-10/5 9-10 * * *", "UTC", "2026-11-20 09:10", "2026-11-20 10:00");
	check_next("0 0 1 1 *", "UTC", "1969-06-01 00:00", "1970-01-01 00:00");
}

static void test_schedule__either_day_field_matches_when_both_are_restricted(void **state)
{
	(void)state;
	check_next("0 0 13 * fri", "UTC", "2026-11-12 01:00", "2026-11-13 00:00");
	check_next("0 0 15 * fri", "UTC", "2026-11-13 01:00", "2026-11-15 00:00");
	check_next("0 0 */2 * mon", "UTC", "2026-11-16 01:00", "2026-11-23 00:00");
}

static void test_schedule__has_no_hole_at_midnight(void **state)
{
	(void)state;
	assert_int_equal(count_fires("* * * * *", "UTC", "2026-12-31 23:50", "2027-01-01 00:10"),
	                 21);
}

/* ---- daylight saving ----------------------------------------------------------------------- */

static void test_schedule__a_skipped_time_fires_at_the_edge(void **state)
{
	(void)state;
	/* Berlin, 2026-03-29: 02:00 CET -> 03:00 CEST at 01:00 UTC */
	check_next("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00");
	check_next("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30");
	check_next("0 2 * * *", "Europe/Berlin", "2026-03-29 00:59:59", "2026-03-29 01:00");
	check_next("0 3 * * *", "Europe/Berlin", "2026-03-29 00:59:59", "2026-03-29 01:00");
	check_next("59 1 * * *", "Europe/Berlin", "2026-03-29 00:00", "2026-03-29 00:59");
	/* New York, 2026-03-08: 02:00 EST -> 03:00 EDT at 07:00 UTC */
	check_next("15 2 * * *", "America/New_York", "2026-03-08 06:00", "2026-03-08 07:00");
	check_next("15 2 * * *", "America/New_York", "2026-03-08 07:00", "2026-03-09 06:15");
	assert_int_equal(count_fires("*/10 2 * * *", "Europe/Berlin", "2026-03-29 00:00",
	                             "2026-03-29 06:00"),
	                 1);
	assert_int_equal(
	        count_fires("*/5 * * * *", "Europe/Berlin", "2026-03-29 00:00", "2026-03-29 02:00"),
	        25);
}

static void test_schedule__a_repeated_time_fires_once(void **state)
{
	(void)state;
	/* Berlin, 2026-10-25: 03:00 CEST -> 02:00 CET at 01:00 UTC */
	check_next("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30");
	check_next("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30");
	check_next("30 2 * * *", "Europe/Berlin", "2026-10-25 01:10", "2026-10-26 01:30");
	check_next("0 3 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 02:00");
	/* New York, 2026-11-01: 02:00 EDT -> 01:00 EST at 06:00 UTC */
	check_next("15 1 * * *", "America/New_York", "2026-11-01 04:00", "2026-11-01 05:15");
	check_next("15 1 * * *", "America/New_York", "2026-11-01 05:15", "2026-11-02 06:15");
	assert_int_equal(count_fires("*/10 2 * * *", "Europe/Berlin", "2026-10-24 22:00",
	                             "2026-10-25 06:00"),
	                 6);
}

static void test_schedule__every_hour_goes_on_through_the_repeated_one(void **state)
{
	(void)state;
	check_next("*/5 * * * *", "Europe/Berlin", "2026-10-25 00:55", "2026-10-25 01:00");
	check_next("*/5 * * * *", "Europe/Berlin", "2026-10-25 01:32", "2026-10-25 01:35");
	assert_int_equal(
	        count_fires("*/5 * * * *", "Europe/Berlin", "2026-10-25 00:00", "2026-10-25 03:00"),
	        37);
	assert_int_equal(count_fires("0 * * * *", "America/New_York", "2026-11-01 04:00",
	                             "2026-11-01 08:00"),
	                 5);
}

static void test_schedule__lives_with_odd_zones(void **state)
{
	(void)state;
	/* Lord Howe's half-hour change, 2026-04-05 02:00 +11 -> 01:30 +10:30 at 15:00 UTC (4th) */
	check_next("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 14:00", "2026-04-04 14:45");
	check_next("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 14:50", "2026-04-05 15:15");
	/* Samoa had no 2011-12-30: the clock went from the 29th, 24:00 -10 to the 31st, 00:00 +14
	 */
	check_next("0 12 30 * *", "Pacific/Apia", "2011-12-20 00:00", "2011-12-30 10:00");
	/* beyond the table of the file the rule in its footer holds */
	check_next("30 2 * * *", "Europe/Berlin", "2090-03-26 00:45", "2090-03-26 01:00");
	check_next("0 12 * * *", "Asia/Kolkata", "2090-07-01 00:00", "2090-07-01 06:30");
	check_next("0 12 * * *", "Australia/Sydney", "2080-01-01 02:00", "2080-01-02 01:00");
}

/* The table of zone_offset against the C library, one zone after the other in this one thread. */
static void test_zone__agrees_with_the_c_library(void **state)
{
	static const char *const names[] = {"Europe/Berlin",    "America/New_York",
	                                    "Asia/Kathmandu",   "Africa/Casablanca",
	                                    "America/Santiago", "Europe/Dublin"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct zone *z;

		assert_int_equal(zone_load(names[i], &z, &e), 0);
		setenv("TZ", names[i], 1);
		tzset();
		for (int64_t t = at("1950-01-01 00:00"); t < at("2099-01-01 00:00");
		     t += 86400 * 3) {
			time_t when = (time_t)t;
			struct tm tm;

			assert_non_null(localtime_r(&when, &tm));
			assert_int_equal(zone_offset(z, t), tm.tm_gmtoff);
		}
		zone_free(z);
	}
	unsetenv("TZ");
	tzset();
}

static void check_rule(const char *text, bool want)
{
	struct zone_rule rule;

	if (zone_rule_parse(text, strlen(text), &rule) != want)
		fail_msg("%s", text);
}

static void test_zone_rule__reads_what_posix_writes(void **state)
{
	(void)state;
	check_rule("UTC0", true);
	check_rule("CET-1CEST,M3.5.0,M10.5.0/3", true);
	check_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true);
	check_rule("IST-5:30", true);
	check_rule("ABC3DEF,J60/2,J300/2", true);
	check_rule("ABC3DEF,59,299/167", true);
	check_rule("", false);
	check_rule("CET", false);
	check_rule("CET-1CEST", false);
	check_rule("CET-1CEST,M13.5.0,M10.5.0", false);
	check_rule("CET-1CEST,M3.5.0,M10.5.0x", false);
}

static void test_zone__refuses_names_that_leave_the_folder(void **state)
{
	(void)state;
	assert_null(schedule_judge_time_zone("Europe/Berlin"));
	assert_null(schedule_judge_time_zone("UTC"));
	assert_non_null(strstr(schedule_judge_time_zone("Europe/Berlim"), "Europe/Berlim"));
	assert_non_null(schedule_judge_time_zone("../../etc/passwd"));
	assert_non_null(schedule_judge_time_zone("/etc/localtime"));
	assert_non_null(schedule_judge_time_zone(""));
	assert_non_null(schedule_judge_time_zone("Europe"));
	assert_non_null(schedule_judge_time_zone("tzdata.zi"));
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void test_cron__says_what_is_wrong(void **state)
{
	(void)state;
	assert_null(schedule_judge_cron("*/5 8-18 * * mon-fri"));
	assert_null(schedule_judge_cron("  0\t0 1,15 * *  "));
	check_refused("", "five are needed");
	check_refused("* * * *", "4 fields");
	check_refused("* * * * * *", "6 fields");
	check_refused("@hourly", "1 field where");
	check_refused("60 * * * *", "minute: 60 is out of range");
	check_refused("* 24 * * *", "hour: 24");
	check_refused("* * 0 * *", "day of month: 0");
	check_refused("* * * 13 *", "month: 13");
	check_refused("* * * * 8", "day of week: 8");
	check_refused("* * * * mom", "did you mean mon");
	check_refused("mon * * * *", "not a number from 0 to 59");
	check_refused("* 22-6 * * *", "write 22-23,0-6");
	check_refused("*/0 * * * *", "out of range");
	check_refused("1, * * * *", "missing after a comma");
	check_refused("1-2-3 * * * *", "\"-\" cannot stand here");
	check_refused("? * * * *", "\"?\" cannot stand here");
	check_refused("\x1b * * * *", "\"\\x1b\" cannot stand here");
	check_refused("0 0 31 4 *", "no such day");
	check_refused("99999999999999999999 * * * *", "out of range");
}

/* ---- intervals ----------------------------------------------------------------------------- */

static int64_t first_delay(int64_t interval_ms, const char *route)
{
	struct schedule *s;
	int64_t delay;

	schedule_every(interval_ms, route, &s);
	assert_int_equal(schedule_next(s, 1000), 1000 + interval_ms);
	delay = schedule_first(s, 5000) - 5000;
	schedule_free(s);
	return delay;
}

static void test_schedule__spreads_first_polls_by_the_routes_name(void **state)
{
	int early = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char name[32];
		int64_t delay;

		(void)snprintf(name, sizeof(name), "route-%d", i);
		delay = first_delay(30000, name);
		assert_true(delay >= 0 && delay < SCHEDULE_SPREAD_MS);
		assert_int_equal(delay, first_delay(30000, name));
		early += delay < SCHEDULE_SPREAD_MS / 2;
	}
	assert_in_range(early, 430, 570);
	assert_true(first_delay(100, "a") < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_civil__there_and_back),
	        cmocka_unit_test(test_schedule__follows_the_fields),
	        cmocka_unit_test(test_schedule__either_day_field_matches_when_both_are_restricted),
	        cmocka_unit_test(test_schedule__has_no_hole_at_midnight),
	        cmocka_unit_test(test_schedule__a_skipped_time_fires_at_the_edge),
	        cmocka_unit_test(test_schedule__a_repeated_time_fires_once),
	        cmocka_unit_test(test_schedule__every_hour_goes_on_through_the_repeated_one),
	        cmocka_unit_test(test_schedule__lives_with_odd_zones),
	        cmocka_unit_test(test_zone__agrees_with_the_c_library),
	        cmocka_unit_test(test_zone_rule__reads_what_posix_writes),
	        cmocka_unit_test(test_zone__refuses_names_that_leave_the_folder),
	        cmocka_unit_test(test_cron__says_what_is_wrong),
	        cmocka_unit_test(test_schedule__spreads_first_polls_by_the_routes_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
