#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "adapters/ftps/listing.h"
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

#define MINUTE INT64_C(60000)
#define DAY    (1440 * MINUTE)
#define HOUR   (60 * MINUTE)

/* ---- verbs ----------------------------------------------------------------------------------- */

/* "2024-01-31 12:34:56[.123]", NULL: unknown. */
static int64_t utc(const char *text)
{
	struct tm tm = {0};
	const char *rest = text ? strptime(text, "%Y-%m-%d %H:%M:%S", &tm) : NULL;

	assert_true(!text || rest);
	return text ? timegm(&tm) * INT64_C(1000) + (*rest ? strtol(rest + 1, NULL, 10) : 0)
	            : MTIME_UNKNOWN;
}

#define NOW "2024-03-15 12:00:00"

struct got {
	struct ftp_listing *listing;
	struct entry entries[64];
	int64_t precisions[64];
	size_t count;
	int stop_at; /* fails there, 0: never */
	struct err e;
};

static int keep(const struct entry *entry, void *arg, struct err *e)
{
	struct got *g = arg;

	assert_int_equal(entry->name_bytes, strlen(entry->name));
	if (g->stop_at && g->count + 1 == (size_t)g->stop_at)
		return err_set(e, ERR_POLICY, "TEST-STOP", 0, "enough");
	assert_true(g->count < 64);
	g->entries[g->count] = *entry;
	g->entries[g->count].name = mem_dup(entry->name);
	g->precisions[g->count++] = ftp_listing_precision_ms(g->listing);
	return 0;
}

static void got_clear(struct got *g)
{
	for (size_t i = 0; i < g->count; i++)
		mem_free_at(&g->entries[i].name);
	g->count = 0;
}

struct how {
	enum ftp_dialect dialect;
	const char *now;
	int64_t zone;
	size_t piece; /* bytes at a time, 0: all at once */
};

static int parse_bytes(const struct how *how, const char *text, size_t n, struct got *g)
{
	size_t piece = how->piece ? how->piece : n;
	int r = 0;

	g->listing = ftp_listing_new(how->dialect, utc(how->now), how->zone);
	for (size_t i = 0; r == 0 && i < n; i += piece)
		r = ftp_listing_feed(g->listing, text + i, i + piece < n ? piece : n - i, keep, g,
		                     &g->e);
	if (r == 0)
		r = ftp_listing_end(g->listing, keep, g, &g->e);
	ftp_listing_free(g->listing);
	return r;
}

static int parse(const struct how *how, const char *text, struct got *g)
{
	return parse_bytes(how, text, strlen(text), g);
}

static const struct how by_list = {.dialect = FTP_LIST, .now = NOW, .zone = HOUR};
static const struct how by_mlsd = {.dialect = FTP_MLSD, .now = NOW, .zone = HOUR};

static void check_refused(const struct how *how, const char *text, const char *code)
{
	struct got g = {0};

	assert_true(parse(how, text, &g) < 0);
	assert_string_equal(g.e.code, code);
	got_clear(&g);
}

/* ---- lines of servers ------------------------------------------------------------------------ */

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

static void test_ftp_listing__reads_what_servers_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(list_rows) / sizeof(*list_rows); i++)
		check_row(&by_list, &list_rows[i]);
}

static void test_ftp_listing__reads_facts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mlsd_rows) / sizeof(*mlsd_rows); i++)
		check_row(&by_mlsd, &mlsd_rows[i]);
}

/* ---- what is not understood ------------------------------------------------------------------ */

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

/* ---- whole listings -------------------------------------------------------------------------- */

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

/* ---- limits ---------------------------------------------------------------------------------- */

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

/* ---- the year that is not told --------------------------------------------------------------- */

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

/* ---- single lines ---------------------------------------------------------------------------- */

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
	        cmocka_unit_test(test_ftp_listing__reads_what_servers_list),
	        cmocka_unit_test(test_ftp_listing__reads_facts),
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
