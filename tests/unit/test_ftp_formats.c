#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/ftp_listing_rig.h"

#define MINUTE INT64_C(60000)
#define DAY    (1440 * MINUTE)

/* ---- lines of servers ---------------------------------------------------------------------- */

struct row {
	const char *server, *line, *name;
	enum entry_type type;
	uint64_t size;
	const char *mtime; /* UTC; the listing's clock is an hour ahead */
	int64_t precision;
};

#define NONE SIZE_UNKNOWN
static const struct row list_rows[] = {
        {"ProFTPD", "-rw-r--r--   1 ferry    ferry        1234 Jan 31 12:34 a.xml", "a.xml",
         ENTRY_FILE, 1234, "2024-01-31 11:34:00", MINUTE},
        {"ProFTPD, old", "drwxr-xr-x   2 ferry    (null)       4096 Jan  1  2023 archive",
         "archive", ENTRY_DIR, 4096, "2022-12-31 23:00:00", DAY},
        {"ProFTPD, link", "lrwxrwxrwx   1 ferry    ferry           5 Mar 14 09:00 now -> a.xml",
         "now", ENTRY_LINK, 5, "2024-03-14 08:00:00", MINUTE},
        {"vsftpd", "-rw-r--r--    1 1000     1000     10737418240 Dec 24 18:05 big file.bin",
         "big file.bin", ENTRY_FILE, 10737418240, "2023-12-24 17:05:00", MINUTE},
        {"vsftpd, sticky", "drwxrwxrwt    2 0        0            4096 Sep 30  1999 tmp", "tmp",
         ENTRY_DIR, 4096, "1999-09-29 23:00:00", DAY},
        {"Pure-FTPd", "-rw-r--r--    1 1001       ferry               42 Mar 15 10:59 b", "b",
         ENTRY_FILE, 42, "2024-03-15 09:59:00", MINUTE},
        {"Pure-FTPd, short", "-rw------- 1 u g 0 Mar 1 00:00 0", "0", ENTRY_FILE, 0,
         "2024-02-29 23:00:00", MINUTE},
        {"wu-ftpd", "-r--r--r--   1 root     other        531 Jan 29 03:26 README", "README",
         ENTRY_FILE, 531, "2024-01-29 02:26:00", MINUTE},
        {"wu-ftpd, no group", "dr-xr-xr-x   2 root            512 Apr  8  1994 etc", "etc",
         ENTRY_DIR, 512, "1994-04-07 23:00:00", DAY},
        {"wu-ftpd, link", "lrwxrwxrwx   1 root     other          7 Jan 25 00:17 bin -> usr/bin",
         "bin", ENTRY_LINK, 7, "2024-01-24 23:17:00", MINUTE},
        {"IIS, unix", "-rwxrwxrwx   1 owner    group          262144 Feb 10 16:39 Order 7.csv",
         "Order 7.csv", ENTRY_FILE, 262144, "2024-02-10 15:39:00", MINUTE},
        {"IIS, unix, dir", "drwxrwxrwx   1 owner    group               0 Nov 30  2021 in", "in",
         ENTRY_DIR, 0, "2021-11-29 23:00:00", DAY},
        {"IIS, DOS", "02-10-24  04:39PM               262144 Order 7.csv", "Order 7.csv",
         ENTRY_FILE, 262144, "2024-02-10 15:39:00", MINUTE},
        {"IIS, DOS, dir", "07-18-00  10:16AM       <DIR>          home", "home", ENTRY_DIR, NONE,
         "2000-07-18 09:16:00", MINUTE},
        {"IIS, DOS, long year", "12-31-1999  12:01AM                    7 y2k", "y2k", ENTRY_FILE,
         7, "1999-12-30 23:01:00", MINUTE},
        {"IIS, DOS, noon", "03-01-24  12:00PM                    7 n", "n", ENTRY_FILE, 7,
         "2024-03-01 11:00:00", MINUTE},
        {"IIS, DOS, junction", "03-01-24  12:00PM       <JUNCTION>     j", "j", ENTRY_LINK, NONE,
         "2024-03-01 11:00:00", MINUTE},
        {"IIS, DOS, two spaces", "07-18-00  10:16AM       <DIR>            home", "  home",
         ENTRY_DIR, NONE, "2000-07-18 09:16:00", MINUTE},
        {"Windows CE, 24 h", "06-05-03  15:19       <DIR>          d", "d", ENTRY_DIR, NONE,
         "2003-06-05 14:19:00", MINUTE},
        {"FileZilla Server", "-rw-r--r-- 1 ftp ftp         123456 Jan 31 12:00 file with space",
         "file with space", ENTRY_FILE, 123456, "2024-01-31 11:00:00", MINUTE},
        {"FileZilla, old", "drwxr-xr-x 1 ftp ftp              0 May 20  2019 in box", "in box",
         ENTRY_DIR, 0, "2019-05-19 23:00:00", DAY},
        {"Serv-U", "-rw-rw-rw-   1 user     group        73728 Feb 29 23:59 leap.dat", "leap.dat",
         ENTRY_FILE, 73728, "2024-02-29 22:59:00", MINUTE},
        {"Serv-U, dir", "drw-rw-rw-   1 user     group            0 Jan  2 03:04 sub", "sub",
         ENTRY_DIR, 0, "2024-01-02 02:04:00", MINUTE},
        {"GlobalSCAPE EFT", "-rw-rw-rw-   1 user     group        1171 Nov 26 12:25 invoice-1.pgp",
         "invoice-1.pgp", ENTRY_FILE, 1171, "2023-11-26 11:25:00", MINUTE},
        {"Titan", "-rw-rw-rw-   1 ftp      ftp          9999 Jan 01  2020 zero padded",
         "zero padded", ENTRY_FILE, 9999, "2019-12-31 23:00:00", DAY},
        {"CrushFTP", "drwxrwxrwx   1 owner    group            0 Mar 05 07:08 Outbound", "Outbound",
         ENTRY_DIR, 0, "2024-03-05 06:08:00", MINUTE},
        {"AIX", "-rw-r-----    1 appl     staff       2048 Mar 13 22:10 batch.001", "batch.001",
         ENTRY_FILE, 2048, "2024-03-13 21:10:00", MINUTE},
        {"AIX, ACL", "-rw-r-----+   1 appl     staff       2048 Mar 13 22:10 acl", "acl",
         ENTRY_FILE, 2048, "2024-03-13 21:10:00", MINUTE},
        {"Solaris", "-rw-r--r--   1 oracle   dba      4294967296 Aug 15  2023 exp.dmp", "exp.dmp",
         ENTRY_FILE, 4294967296, "2023-08-14 23:00:00", DAY},
        {"Solaris, mandatory lock", "-rw-r-lr--   1 u        g             1 Aug 15  2023 l", "l",
         ENTRY_FILE, 1, "2023-08-14 23:00:00", DAY},
        {"HP-UX", "-rw-rw-rw-   1 mqm        mqm           8192 Jan 15 05:06 queue", "queue",
         ENTRY_FILE, 8192, "2024-01-15 04:06:00", MINUTE},
        {"NetWare", "- [RWCEAFMS] rhesus                   214059       Oct 20 15:27    cx.exe",
         "cx.exe", ENTRY_FILE, 214059, "2023-10-20 14:27:00", MINUTE},
        {"NetWare, dir", "d [R----F--] supervisor            512       Jan 16 18:53    login",
         "login", ENTRY_DIR, 512, "2024-01-16 17:53:00", MINUTE},
        {"NetWare, no space", "d[RWCEAFMS] 1 admin          512 Jan 16 2019 sys", "sys", ENTRY_DIR,
         512, "2019-01-15 23:00:00", DAY},
        {"NetPresenz", "-------r--         326  1391972  1392298 Nov 22  1995 MegaPhone.sit",
         "MegaPhone.sit", ENTRY_FILE, 1392298, "1995-11-21 23:00:00", DAY},
        {"NetPresenz, dir", "drwxrwxr-x               folder        2 May 10  1996 network",
         "network", ENTRY_DIR, 2, "1996-05-09 23:00:00", DAY},
        {"Windows groups", "-rw-r--r--   1 ACME\\ferry Domain Users   77 Mar  2 08:00 d.txt",
         "d.txt", ENTRY_FILE, 77, "2024-03-02 07:00:00", MINUTE},
        {"day first", "-rw-r--r--   1 u g   77 2 Mar 8:00 d.txt", "d.txt", ENTRY_FILE, 77,
         "2024-03-02 07:00:00", MINUTE},
        {"BSD ls -T", "-rw-r--r--  1 u  g  77 Mar  2 08:00:09 2022 d.txt", "d.txt", ENTRY_FILE, 77,
         "2022-03-02 07:00:09", 1000},
        {"GNU long-iso", "-rw-r--r-- 1 u g 77 2022-03-02 08:00 d.txt", "d.txt", ENTRY_FILE, 77,
         "2022-03-02 07:00:00", MINUTE},
        {"GNU full-iso", "-rw-r--r--. 1 u g 77 2022-03-02 08:00:09.123456789 -0230 d.txt", "d.txt",
         ENTRY_FILE, 77, "2022-03-02 10:30:09.123", 1},
        {"device", "crw-rw-rw-   1 root     root       1,   3 Jan  1 12:00 null", "null",
         ENTRY_OTHER, NONE, "2024-01-01 11:00:00", MINUTE},
        {"fifo", "prw-rw-rw-   1 root     root       0 Jan  1 12:00 p", "p", ENTRY_OTHER, 0,
         "2024-01-01 11:00:00", MINUTE},
        /* names */
        {"leading spaces", "-rw-r--r-- 1 u g 1 Jan  1 12:00   two", "  two", ENTRY_FILE, 1,
         "2024-01-01 11:00:00", MINUTE},
        {"trailing space", "-rw-r--r-- 1 u g 1 Jan  1 12:00 two ", "two ", ENTRY_FILE, 1,
         "2024-01-01 11:00:00", MINUTE},
        {"a date as a name", "-rw-r--r-- 1 u g 1 Jan  1 12:00 9 Jan  2 13:00 x", "9 Jan  2 13:00 x",
         ENTRY_FILE, 1, "2024-01-01 11:00:00", MINUTE},
        {"a date as an owner", "-rw-r--r-- 1 May 31 12 Jan  1 12:00 x", "x", ENTRY_FILE, 12,
         "2024-01-01 11:00:00", MINUTE},
        {"arrow in a file", "-rw-r--r-- 1 u g 1 Jan  1 12:00 a -> b", "a -> b", ENTRY_FILE, 1,
         "2024-01-01 11:00:00", MINUTE},
        {"arrow in a link's name", "lrwxrwxrwx 1 u g 1 Jan  1 12:00 a -> b -> c", "a -> b",
         ENTRY_LINK, 1, "2024-01-01 11:00:00", MINUTE},
        {"arrow in a link's target", "lrwxrwxrwx 1 u g 6 Jan  1 12:00 a -> b -> c", "a", ENTRY_LINK,
         6, "2024-01-01 11:00:00", MINUTE},
        {"link of another size", "lrwxrwxrwx 1 u g 99 Jan  1 12:00 a -> b -> c", "a", ENTRY_LINK,
         99, "2024-01-01 11:00:00", MINUTE},
        {"link without target", "lrwxrwxrwx 1 u g 99 Jan  1 12:00 a", "a", ENTRY_LINK, 99,
         "2024-01-01 11:00:00", MINUTE},
        {"Latin-1", "-rw-r--r-- 1 u g 1 Jan  1 12:00 gr\xfc\xdf", "gr\xfc\xdf", ENTRY_FILE, 1,
         "2024-01-01 11:00:00", MINUTE},
        {"like a complaint", "-rw-r--r-- 1 u g 1 Jan  1 12:00 x: Permission denied",
         "x: Permission denied", ENTRY_FILE, 1, "2024-01-01 11:00:00", MINUTE},
        {"slashes and control bytes", "-rw-r--r-- 1 u g 1 Jan  1 12:00 ../a\rb\x1b[0m",
         "../a\rb\x1b[0m", ENTRY_FILE, 1, "2024-01-01 11:00:00", MINUTE},
        /* numbers and dates at the edge */
        {"the largest size", "-rw-r--r-- 1 u g 9223372036854775807 Jan  1 12:00 x", "x", ENTRY_FILE,
         INT64_MAX, "2024-01-01 11:00:00", MINUTE},
        {"half a day ahead", "-rw-r--r-- 1 u g 1 Mar 16 12:30 x", "x", ENTRY_FILE, 1,
         "2024-03-16 11:30:00", MINUTE},
        {"ahead by more than a day", "-rw-r--r-- 1 u g 1 Mar 16 13:01 x", "x", ENTRY_FILE, 1,
         "2023-03-16 12:01:00", MINUTE},
        {"no such day", "-rw-r--r-- 1 u g 1 Feb 30 12:30 x", "x", ENTRY_FILE, 1, NULL, 0},
        {"no such leap day", "-rw-r--r-- 1 u g 1 Feb 29  2023 x", "x", ENTRY_FILE, 1, NULL, 0},
        {"before 1970", "-rw-r--r-- 1 u g 1 Jan  1  1970 x", "x", ENTRY_FILE, 1, NULL, 0},
};

static const struct row mlsd_rows[] = {
        {"ProFTPD",
         "modify=20240131113456;perm=adfrw;size=1234;type=file;unique=FD01U2604F1;UNIX.group=1000;"
         "UNIX.mode=0644;UNIX.owner=1000; a.xml",
         "a.xml", ENTRY_FILE, 1234, "2024-01-31 11:34:56", 1000},
        {"ProFTPD, link",
         "modify=20240131113456;perm=adfrw;type=OS.unix=slink:/srv/a b;unique=1; l", "l",
         ENTRY_LINK, NONE, "2024-01-31 11:34:56", 1000},
        {"Pure-FTPd",
         "type=file;siz=7;size=77;modify=20220302070009;UNIX.mode=0644;unique=800g2; d.txt",
         "d.txt", ENTRY_FILE, 77, "2022-03-02 07:00:09", 1000},
        {"Pure-FTPd, dir", "type=dir;sizd=4096;modify=20220302070009;UNIX.mode=0755; in", "in",
         ENTRY_DIR, NONE, "2022-03-02 07:00:09", 1000},
        {"FileZilla Server", "type=file;modify=20240131110000.123;size=123456;perms=awr; x y z",
         "x y z", ENTRY_FILE, 123456, "2024-01-31 11:00:00.123", 1},
        {"Serv-U", "Type=file;Size=73728;Modify=20240229225959.5; leap.dat", "leap.dat", ENTRY_FILE,
         73728, "2024-02-29 22:59:59.500", 1},
        {"GlobalSCAPE EFT", "Type=dir;Modify=20231126112500.000;Perm=cdeflmp; Sub Dir", "Sub Dir",
         ENTRY_DIR, NONE, "2023-11-26 11:25:00", 1},
        {"CrushFTP", "Type=file;Modify=20240305060809;Perm=radfw;Size=0;UNIX.owner=u; 0 bytes",
         "0 bytes", ENTRY_FILE, 0, "2024-03-05 06:08:09", 1000},
        {"Titan", "TYPE=FILE;SIZE=9;MODIFY=20191231230000; upper", "upper", ENTRY_FILE, 9,
         "2019-12-31 23:00:00", 1000},
        {"pyftpdlib", "modify=20240131113456;perm=radfwMT;size=5;type=file;unique=80102; 1", "1",
         ENTRY_FILE, 5, "2024-01-31 11:34:56", 1000},
        {"RFC 3659, device", "Type=OS.unix=chr-13/29;Modify=20240131113456; tape", "tape",
         ENTRY_OTHER, NONE, "2024-01-31 11:34:56", 1000},
        {"RFC 3659, no facts", " bare name", "bare name", ENTRY_UNKNOWN, NONE, NULL, 0},
        {"no last semicolon", "type=file;size=5 a;b", "a;b", ENTRY_FILE, 5, NULL, 0},
        {"symlink without target", "type=OS.unix=symlink;size=5; s", "s", ENTRY_LINK, 5, NULL, 0},
        {"leading and trailing spaces", "type=file;   x  ", "  x  ", ENTRY_FILE, NONE, NULL, 0},
        {"equals and semicolons", "type=file; a=b;c=d", "a=b;c=d", ENTRY_FILE, NONE, NULL, 0},
        {"the largest size", "type=file;size=9223372036854775807; x", "x", ENTRY_FILE, INT64_MAX,
         NULL, 0},
        {"leap second", "type=file;modify=20161231235960; x", "x", ENTRY_FILE, NONE,
         "2017-01-01 00:00:00", 1000},
        {"no such date", "type=file;modify=00000000000000; x", "x", ENTRY_FILE, NONE, NULL, 0},
        {"no such month", "type=file;modify=20241301000000; x", "x", ENTRY_FILE, NONE, NULL, 0},
        {"before 1970", "type=file;modify=19691231235959.999; x", "x", ENTRY_FILE, NONE, NULL, 0},
        {"no precision", "type=file;modify=20240131113456.; x", NULL, ENTRY_FILE, NONE, NULL, 0},
};

static void check_row(const struct how *how, const struct row *row)
{
	struct got g = {0};
	int r = parse(how, row->line, &g);

	if (!row->name) {
		assert_int_equal(r, ERR_PROTOCOL);
		return;
	}
	if (r < 0 || g.count != 1)
		fail_msg("%s: %s", row->server, r < 0 ? g.e.message : "no entry");
	if (strcmp(g.entries[0].name, row->name) != 0 || g.entries[0].type != row->type ||
	    g.entries[0].size != row->size || g.entries[0].mtime_ms != utc(row->mtime) ||
	    g.precisions[0] != row->precision)
		fail_msg("%s: \"%s\" type %d size %llu mtime %lld (want %lld) precision %lld",
		         row->server, g.entries[0].name, g.entries[0].type,
		         (unsigned long long)g.entries[0].size, (long long)g.entries[0].mtime_ms,
		         (long long)utc(row->mtime), (long long)g.precisions[0]);
	got_clear(&g);
}

static void test_ftp_formats__list(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(list_rows) / sizeof(*list_rows); i++)
		check_row(&by_list, &list_rows[i]);
}

static void test_ftp_formats__mlsd(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mlsd_rows) / sizeof(*mlsd_rows); i++)
		check_row(&by_mlsd, &mlsd_rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ftp_formats__list),
	        cmocka_unit_test(test_ftp_formats__mlsd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
