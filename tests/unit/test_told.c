/*
 * Times that were told with more or less of them: are they one and the same?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/told.h"

#define S      INT64_C(1000)
#define MIN    (60 * S)
#define H      (60 * MIN)
#define D      (24 * H)
#define DAY_0  (D * 20000) /* 0 o'clock */
#define ROW(x) (sizeof(x) / sizeof((x)[0]))

static const struct row {
	const char *what;
	struct told told, known;
	enum told_likeness likeness;
	bool agrees;
} rows[] = {
        {"neither told", {-1, 0}, {-1, 0}, TOLD_SAME, true},
        {"no longer told", {-1, 0}, {DAY_0, 0}, TOLD_OTHER, true},
        {"told now", {DAY_0, TOLD_DAY_MS}, {-1, 0}, TOLD_OTHER, true},

        /* exact ones: SFTP, MLSD, MDTM */
        {"equal", {DAY_0, 0}, {DAY_0, 0}, TOLD_SAME, true},
        {"a ms apart", {DAY_0 + 1, 0}, {DAY_0, 0}, TOLD_OTHER, false},
        {"a second apart", {DAY_0 + S, S}, {DAY_0, S}, TOLD_OTHER, false},
        {"an hour apart, exactly", {DAY_0 + H, S}, {DAY_0, S}, TOLD_OTHER, false},
        {"with a fraction now", {DAY_0 + 999, 1}, {DAY_0, S}, TOLD_SAME, true},
        {"without its fraction now", {DAY_0, S}, {DAY_0 + 999, 1}, TOLD_SAME, true},
        {"the next second", {DAY_0 + S, 1}, {DAY_0, S}, TOLD_OTHER, false},

        /* the exact time of what was told in minutes */
        {"its first second", {DAY_0, S}, {DAY_0, MIN}, TOLD_SAME, true},
        {"its last second", {DAY_0 + 59 * S, S}, {DAY_0, MIN}, TOLD_SAME, true},
        {"the minute after", {DAY_0 + 60 * S, S}, {DAY_0, MIN}, TOLD_OTHER, false},
        {"the minute before", {DAY_0 - 1, S}, {DAY_0 + S, MIN}, TOLD_OTHER, false},
        {"an hour after", {DAY_0 + H, S}, {DAY_0, MIN}, TOLD_OTHER, false},

        /* minutes */
        {"the same minute", {DAY_0, MIN}, {DAY_0, MIN}, TOLD_SAME, true},
        {"another minute", {DAY_0 + MIN, MIN}, {DAY_0, MIN}, TOLD_OTHER, false},
        {"summer time", {DAY_0 + H, MIN}, {DAY_0, MIN}, TOLD_DOUBTED, false},
        {"winter time", {DAY_0 - H, MIN}, {DAY_0, MIN}, TOLD_DOUBTED, false},
        {"a quarter", {DAY_0 + 15 * MIN, MIN}, {DAY_0, MIN}, TOLD_DOUBTED, false},
        {"16 minutes", {DAY_0 + 16 * MIN, MIN}, {DAY_0, MIN}, TOLD_OTHER, false},
        {"around the world", {DAY_0 + 26 * H, MIN}, {DAY_0, MIN}, TOLD_DOUBTED, false},
        {"farther", {DAY_0 + 26 * H + 15 * MIN, MIN}, {DAY_0, MIN}, TOLD_OTHER, false},
        {"of an exact one", {DAY_0, MIN}, {DAY_0 + 59 * S, S}, TOLD_LIKELY, true},
        {"of the next one", {DAY_0, MIN}, {DAY_0 + 60 * S, S}, TOLD_OTHER, false},
        {"of one in another zone", {DAY_0 + H, MIN}, {DAY_0 + S, S}, TOLD_DOUBTED, false},

        /* days, of the server's zone */
        {"the same day", {DAY_0, D}, {DAY_0, D}, TOLD_SAME, true},
        {"the next day", {DAY_0 + D, D}, {DAY_0, D}, TOLD_DOUBTED, false},
        {"three days on", {DAY_0 + 3 * D, D}, {DAY_0, D}, TOLD_OTHER, false},
        {"a minute of it", {DAY_0, D}, {DAY_0 + 13 * H, MIN}, TOLD_LIKELY, true},
        {"a second of it", {DAY_0, D}, {DAY_0 + 13 * H + S, S}, TOLD_LIKELY, true},
        {"at UTC+14, first", {DAY_0, D}, {DAY_0 - 14 * H, MIN}, TOLD_LIKELY, true},
        {"at UTC+14, before", {DAY_0, D}, {DAY_0 - 14 * H - MIN, MIN}, TOLD_OTHER, false},
        {"at UTC-12, last", {DAY_0, D}, {DAY_0 + 36 * H - MIN, MIN}, TOLD_LIKELY, true},
        {"at UTC-12, after", {DAY_0, D}, {DAY_0 + 36 * H, MIN}, TOLD_OTHER, false},
        {"asked for it", {DAY_0 + 13 * H, S}, {DAY_0, D}, TOLD_SAME, true},
        {"asked, UTC+14", {DAY_0 - 14 * H, S}, {DAY_0, D}, TOLD_SAME, true},
        {"asked, before", {DAY_0 - 14 * H - S, S}, {DAY_0, D}, TOLD_OTHER, false},
        {"minutes again", {DAY_0 + 13 * H, MIN}, {DAY_0, D}, TOLD_LIKELY, true},

        /* minutes whose hour may be another one */
        {"no zone, equal", {DAY_0, H}, {DAY_0, H}, TOLD_SAME, true},
        {"no zone, moved", {DAY_0 + H, H}, {DAY_0, H}, TOLD_DOUBTED, false},
        {"no zone, then one", {DAY_0 + H, MIN}, {DAY_0, H}, TOLD_LIKELY, true},
        {"no zone any more", {DAY_0 + H, H}, {DAY_0, MIN}, TOLD_LIKELY, true},
        {"no zone, then old", {DAY_0, D}, {DAY_0 + 5 * H, H}, TOLD_LIKELY, true},
        {"no zone, and far", {DAY_0 + 13 * H, H}, {DAY_0, MIN}, TOLD_LIKELY, true},
        {"no zone, too far", {DAY_0 + 14 * H + MIN, H}, {DAY_0, MIN}, TOLD_OTHER, false},
};

static void test_told__compares(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW(rows); i++) {
		enum told_likeness found = told_compare(rows[i].told, rows[i].known);

		if (found != rows[i].likeness)
			fail_msg("%s: %d, want %d", rows[i].what, found, rows[i].likeness);
		if (told_agrees(rows[i].told, rows[i].known) != rows[i].agrees ||
		    told_agrees(rows[i].known, rows[i].told) != rows[i].agrees)
			fail_msg("%s: agreement is not %d", rows[i].what, rows[i].agrees);
	}
}

/* What an index is searched by. */
static void test_told__reaches_no_farther_than_it_says(void **state)
{
	static const int64_t precisions[] = {0, S, MIN, H, D};

	(void)state;
	for (size_t i = 0; i < 25; i++)
		for (int64_t apart = TOLD_REACH_MS; apart < 10 * D; apart += 15 * MIN) {
			struct told a = {DAY_0, precisions[i % 5]};
			struct told b = {DAY_0 + apart, precisions[i / 5]};

			assert_int_equal(told_compare(a, b), TOLD_OTHER);
			assert_int_equal(told_compare(b, a), TOLD_OTHER);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_told__compares),
	        cmocka_unit_test(test_told__reaches_no_farther_than_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
