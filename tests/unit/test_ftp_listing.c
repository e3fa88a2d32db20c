#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "tests/unit/ftp_listing_rig.h"

static void check_refused(const struct how *how, const char *text, const char *code)
{
	struct got g = {0};

	assert_true(parse(how, text, &g) < 0);
	assert_string_equal(g.e.code, code);
	got_clear(&g);
}

/* ---- what is not understood ---------------------------------------------------------------- */

static const char *const foreign[] = {
        "Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname", /* MVS */
        "WYOSPT 3420   2003/05/21  1  200  FB      80  8053  PS  48-MVS.FILE",
        " Name     VV.MM   Created       Changed      Size  Init   Mod   Id", /* MVS members */
        "Directory SYS$SYSROOT:[ANONYMOUS]",                                  /* VMS */
        "CII-MANUAL.TEX;1  213/216  29-JAN-1996 03:33:12  [ANONYMOUS]   (RWED,RWED,,)",
        "QSYS            77824 02/23/00 15:09:55 *DIR       QOpenSys/", /* OS/400 */
        "+i8388621.29609,m824255902,/,\tdev",                           /* EPLF */
        "<html><body>404</body></html>",
        "type=file;size=5; a",
        "31-12-99  10:00AM      12 x",
        "13-01-24  10:00AM      12 x",
        "01-31-24  13:00PM      12 x",
        "01-31-24  24:00        12 x",
        "01-31-24  10:00AM      12",
        "01-31-24  10:00AM      12 ",
        "01-31-24  10:00AM      -12 x",
        "01-31-24  10:00AM      <DIR>x",
        "01-31-24",
        "drwxr-xr-x",
        "-rw-r--r-- 1 u g 1 Jan  1 12:00",
        "-rw-r--r-- 1 u g 1 Jan  1 12:00 ",
        "-rw-r--r-- 1 u g 1 Jan 32 12:00 x",
        "-rw-r--r-- 1 u g 1 Jan  1 24:00 x",
        "-rw-r--r-- 1 u g 1 Jan  1 12:60 x",
        "-rw-r--r-- 1 u g 1 M\xe4r  1 12:00 x",
        "-rw-r--r-- 1 u g x Jan  1 12:00 x",
        "-rw-r--r-- 1 u g 9223372036854775808 Jan  1 12:00 x",
        "-rw-r--r-- 1 u g 18446744073709551616 Jan  1 12:00 x",
        "-rw-r--r-- 1 u g 1 Jan  1 99 x",
        "-rw-r--r-- 1 u g 1 2024-13-01 12:00 x",
        "-rw-r--r--x1 u g 1 Jan  1 12:00 x",
        "total ",
        "total x",
        "total 12 files",
        "150 Here comes the directory listing.",
        "x",
        " ",
        "\r\r",
};

static void test_ftp_listing__refuses_and_quotes_what_it_does_not_know(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		struct got g = {0};

		if (parse(&by_list, foreign[i], &g) != ERR_PROTOCOL ||
		    strcmp(g.e.code, "FTP-LIST-DIALECT") != 0)
			fail_msg("taken: \"%s\"", foreign[i]);
	}
}

static void test_ftp_listing__quotes_escaped(void **state)
{
	struct got g = {0};

	(void)state;
	assert_int_equal(parse(&by_list, "total 1\nVolume\x1b[2J Unit", &g), ERR_PROTOCOL);
	assert_non_null(strstr(g.e.message, "\"Volume\\x1b[2J Unit\""));
}

static const char *const no_facts[] = {
        "-rw-r--r--   1 ferry    ferry        1234 Jan 31 12:34 a.xml",
        "type=file;size=1;",
        "type=file;size=1; ",
        "type=file;size=1",
        "type=file;size=; x",
        "type=file;size=-1; x",
        "type=file;size=1x; x",
        "type=file;size=9223372036854775808; x",
        "type=file;modify=; x",
        "type=file;modify=2024; x",
        "type=file;modify=2024013111345; x",
        "type=file;modify=20240131113456Z; x",
        "type=file;modify=2024013111345x; x",
        "type=file;nothing; x",
        "=file; x",
        "; x",
        "name",
        "two words",
        " ",
};

static void test_ftp_listing__refuses_what_are_no_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(no_facts) / sizeof(*no_facts); i++) {
		struct got g = {0};

		if (parse(&by_mlsd, no_facts[i], &g) != ERR_PROTOCOL ||
		    strcmp(g.e.code, "FTP-LIST-DIALECT") != 0)
			fail_msg("taken: \"%s\"", no_facts[i]);
	}
}

static void test_ftp_listing__refuses_nul(void **state)
{
	static const char list[] = "-rw-r--r-- 1 u g 1 Jan  1 12:00 a\0b\r\n";
	static const char mlsd[] = "type=file; a\0b\r\n";
	struct got g = {0};

	(void)state;
	assert_int_equal(parse_bytes(&by_list, list, sizeof(list) - 1, &g), ERR_PROTOCOL);
	assert_int_equal(parse_bytes(&by_mlsd, mlsd, sizeof(mlsd) - 1, &g), ERR_PROTOCOL);
	assert_int_equal(g.count, 0);
}

static void test_ftp_listing__hears_ls_complain(void **state)
{
	(void)state;
	check_refused(&by_list, "ls: cannot access '/out': No such file or directory\r\n",
	              "OBJ-MISSING");
	check_refused(&by_list, "/out: No such file or directory", "OBJ-MISSING");
	check_refused(&by_list, "total 0\r\nls: .: Permission denied\r\n", "OBJ-DENIED");
}

/* ---- whole listings ------------------------------------------------------------------------ */

static const char whole_list[] = "total 1.2K\r\n"
                                 "drwxr-xr-x   3 u g 4096 Jan  1 12:00 .\r\n"
                                 "drwxr-xr-x   3 u g 4096 Jan  1 12:00 ..\r\n"
                                 "-rw-r--r--   1 u g    1 Jan  1 12:00 crlf\r\n"
                                 "\r\n"
                                 "-rw-r--r--   1 u g    1 Jan  1 12:00 lf\n"
                                 "-rw-r--r--   1 u g    1 Jan  1 12:00 cr cr\r\r\n"
                                 "07-18-00  10:16AM       <DIR>          .\n"
                                 "07-18-00  10:16AM                    7 dos\n"
                                 "-rw-r--r--   1 u g    1 Jan  1 12:00 last";

static const char whole_mlsd[] = "type=cdir;modify=20240131113456; /out\r\n"
                                 "type=pdir;modify=20240131113456; /\r\n"
                                 "Type=CDIR; .\r\n"
                                 "type=dir; ..\r\n"
                                 "type=file;size=1;modify=20240131113456;unique=1U2; a\r\n"
                                 "type=file;size=2;modify=20240131113456;unique=1U3; b\n"
                                 "type=file;size=3; last";

static void check_names(const struct got *g, const char *const *names, size_t count)
{
	assert_int_equal(g->count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(g->entries[i].name, names[i]);
}

static void test_ftp_listing__takes_entries_only(void **state)
{
	static const char *const names[] = {"crlf", "lf", "cr cr\r", "dos", "last"};
	struct got g = {0};

	(void)state;
	assert_int_equal(parse(&by_list, whole_list, &g), 0);
	check_names(&g, names, 5);
	got_clear(&g);
	assert_int_equal(parse(&by_mlsd, whole_mlsd, &g), 0);
	check_names(&g, (const char *const[]){"a", "b", "last"}, 3);
	assert_true(g.entries[0].identity && g.entries[0].identity != g.entries[1].identity);
	assert_int_equal(g.entries[2].identity, 0);
	got_clear(&g);
}

static void test_ftp_listing__of_nothing_is_empty(void **state)
{
	struct got g = {0};

	(void)state;
	assert_int_equal(parse(&by_list, "", &g), 0);
	assert_int_equal(parse(&by_list, "total 0\r\n", &g), 0);
	assert_int_equal(parse(&by_mlsd, "", &g), 0);
	assert_int_equal(g.count, 0);
}

static void check_pieces(struct how how, const char *text)
{
	struct got whole = {0};

	assert_int_equal(parse(&how, text, &whole), 0);
	for (how.piece = 1; how.piece <= strlen(text); how.piece++) {
		struct got g = {0};

		assert_int_equal(parse(&how, text, &g), 0);
		assert_int_equal(g.count, whole.count);
		for (size_t i = 0; i < g.count; i++) {
			assert_string_equal(g.entries[i].name, whole.entries[i].name);
			assert_true(g.entries[i].size == whole.entries[i].size);
			assert_true(g.entries[i].mtime_ms == whole.entries[i].mtime_ms);
			assert_true(g.entries[i].identity == whole.entries[i].identity);
			assert_int_equal(g.entries[i].type, whole.entries[i].type);
		}
		got_clear(&g);
	}
	got_clear(&whole);
}

static void test_ftp_listing__does_not_care_for_pieces(void **state)
{
	(void)state;
	check_pieces(by_list, whole_list);
	check_pieces(by_mlsd, whole_mlsd);
}

static void test_ftp_listing__stops_when_told(void **state)
{
	struct got g = {.stop_at = 2};

	(void)state;
	assert_int_equal(parse(&by_list, whole_list, &g), ERR_POLICY);
	assert_string_equal(g.e.code, "TEST-STOP");
	assert_int_equal(g.count, 1);
	got_clear(&g);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* A name of n bytes in either dialect. */
static int parse_long(enum ftp_dialect dialect, size_t n, size_t piece, struct got *g)
{
	struct how how = {.dialect = dialect, .now = NOW, .piece = piece};
	const char *head = dialect == FTP_MLSD ? "type=file; " : "-rw-r--r-- 1 u g 1 Jan  1 12:00 ";
	char *text = mem_new(n + 100);
	size_t used = strlen(head);
	int r;

	memcpy(text, head, used);
	memset(text + used, 'x', n);
	memcpy(text + used + n, "\r\n", 2);
	r = parse_bytes(&how, text, used + n + 2, g);
	free(text);
	return r;
}

static void test_ftp_listing__limits_a_line(void **state)
{
	struct got g = {0};

	(void)state;
	for (enum ftp_dialect d = FTP_MLSD; d <= FTP_LIST; d++) {
		assert_int_equal(parse_long(d, 8000, 0, &g), 0);
		assert_int_equal(g.entries[0].name_bytes, 8000);
		got_clear(&g);
		assert_int_equal(parse_long(d, 10000, 0, &g), ERR_PROTOCOL);
		assert_string_equal(g.e.code, "FTP-LIST-LINE");
		assert_int_equal(parse_long(d, 10000, 1000, &g), ERR_PROTOCOL);
		assert_string_equal(g.e.code, "FTP-LIST-LINE");
		assert_int_equal(g.count, 0);
	}
}

static void check_endless(const struct how *how, const char *line)
{
	struct buf b;

	buf_init(&b, 1024 * 1024);
	for (int i = 0; i < 1001; i++)
		assert_int_equal(buf_add_text(&b, line), 0);
	check_refused(how, buf_text(&b), "FTP-LIST-ENDLESS");
	buf_release(&b);
}

static void test_ftp_listing__limits_lines_without_entries(void **state)
{
	(void)state;
	check_endless(&by_list, "\n");
	check_endless(&by_list, "total 12\r\n");
	check_endless(&by_list, "drwxr-xr-x   3 u g 4096 Jan  1 12:00 ..\r\n");
	check_endless(&by_mlsd, "type=cdir; /out\r\n");
	check_endless(&by_mlsd, "type=file; .\r\n");
}

/* ---- the year that is not told ------------------------------------------------------------- */

static const struct {
	const char *now, *line, *want;
} years[] = {
        {"2024-01-01 00:00:30", "Jan  1 00:00", "2024-01-01 00:00:00"},
        {"2024-01-01 00:00:30", "Dec 31 23:59", "2023-12-31 23:59:00"},
        {"2023-12-31 23:59:30", "Jan  1 00:10", "2024-01-01 00:10:00"}, /* its clock is ahead */
        {"2024-03-15 12:00:00", "Sep 16 12:00", "2023-09-16 12:00:00"},
        {"2024-03-15 12:00:00", "Apr  1 12:00", "2023-04-01 12:00:00"},
        {"2024-03-15 12:00:00", "Feb 29 12:00", "2024-02-29 12:00:00"},
        {"2023-03-15 12:00:00", "Feb 29 12:00", "2020-02-29 12:00:00"},
        {"2024-02-28 13:00:00", "Feb 29 12:00", "2024-02-29 12:00:00"},
        {"1999-12-31 12:00:00", "Jan  1 11:00", "2000-01-01 11:00:00"},
};

static void test_ftp_listing__tells_the_year(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(years) / sizeof(*years); i++) {
		struct how how = {.dialect = FTP_LIST, .now = years[i].now};
		struct got g = {0};
		char line[128];

		(void)snprintf(line, sizeof(line), "-rw-r--r-- 1 u g 1 %s x", years[i].line);
		assert_int_equal(parse(&how, line, &g), 0);
		if (g.entries[0].mtime_ms != utc(years[i].want))
			fail_msg("%s, seen %s: %lld", years[i].line, years[i].now,
			         (long long)g.entries[0].mtime_ms);
		got_clear(&g);
	}
}

/* ---- single lines -------------------------------------------------------------------------- */

static void test_ftp_listing__reads_mlst(void **state)
{
	static const char line[] =
	        " modify=20240131113456;size=7;type=file;unique=1U2; /out/a b\r\n";
	static const char *const wrong[] = {"", " ", "250 End", " type=file;", "size=x; a"};
	struct entry e;
	struct err err;

	(void)state;
	assert_int_equal(ftp_mlst_parse(line, sizeof(line) - 1, &e, &err), 0);
	assert_int_equal(e.type, ENTRY_FILE);
	assert_int_equal(e.size, 7);
	assert_int_equal(e.mtime_ms, utc("2024-01-31 11:34:56"));
	assert_null(e.name);
	assert_int_equal(ftp_mlst_parse(line + 1, sizeof(line) - 2, &e, &err), 0);
	assert_int_equal(ftp_mlst_parse("type=cdir; /", 12, &e, &err), 0);
	assert_int_equal(e.type, ENTRY_DIR);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(ftp_mlst_parse(wrong[i], strlen(wrong[i]), &e, &err),
		                 ERR_PROTOCOL);
		assert_string_equal(err.code, "FTP-MLST-REPLY");
	}
}

/* The same file has one identity in MLSD and MLST. */
static void test_ftp_listing__knows_a_file_again(void **state)
{
	static const char line[] = "type=file;unique=1U2; /out/a";
	struct got g = {0};
	struct entry e;

	(void)state;
	assert_int_equal(parse(&by_mlsd, "unique=1U2;type=file; a", &g), 0);
	assert_int_equal(ftp_mlst_parse(line, sizeof(line) - 1, &e, &g.e), 0);
	assert_true(e.identity == g.entries[0].identity);
	got_clear(&g);
}

static void test_ftp_listing__reads_mdtm(void **state)
{
	static const char *const wrong[] = {"",
	                                    "213",
	                                    "213 ",
	                                    "550 a: No such file",
	                                    "213 2024013111345",
	                                    "213 20240131113456 a",
	                                    "213 19120240131113456",
	                                    "213 20240230113456",
	                                    "213 20240131113456."};
	struct err e;
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(ftp_mdtm_parse(wrong[i], strlen(wrong[i]), &ms, &e), ERR_PROTOCOL);
		assert_string_equal(e.code, "FTP-MDTM-REPLY");
	}
	assert_int_equal(ms, 7);
	assert_int_equal(ftp_mdtm_parse("213 20240131113456\r\n", 20, &ms, &e), 0);
	assert_int_equal(ms, utc("2024-01-31 11:34:56"));
	assert_int_equal(ftp_mdtm_parse("213 20240131113456.7", 20, &ms, &e), 0);
	assert_int_equal(ms, utc("2024-01-31 11:34:56.700"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ftp_listing__refuses_and_quotes_what_it_does_not_know),
	        cmocka_unit_test(test_ftp_listing__quotes_escaped),
	        cmocka_unit_test(test_ftp_listing__refuses_what_are_no_facts),
	        cmocka_unit_test(test_ftp_listing__refuses_nul),
	        cmocka_unit_test(test_ftp_listing__hears_ls_complain),
	        cmocka_unit_test(test_ftp_listing__takes_entries_only),
	        cmocka_unit_test(test_ftp_listing__of_nothing_is_empty),
	        cmocka_unit_test(test_ftp_listing__does_not_care_for_pieces),
	        cmocka_unit_test(test_ftp_listing__stops_when_told),
	        cmocka_unit_test(test_ftp_listing__limits_a_line),
	        cmocka_unit_test(test_ftp_listing__limits_lines_without_entries),
	        cmocka_unit_test(test_ftp_listing__tells_the_year),
	        cmocka_unit_test(test_ftp_listing__reads_mlst),
	        cmocka_unit_test(test_ftp_listing__knows_a_file_again),
	        cmocka_unit_test(test_ftp_listing__reads_mdtm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
