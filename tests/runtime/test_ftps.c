/*
 * The FTPS adapter against real servers that require TLS session reuse.
 */
#include "tests/runtime/ftp_rig.h"

enum { MANY = 200 };

static const char *const servers[] = {"proftpd_explicit", "proftpd_implicit", "proftpd_plain",
                                      "vsftpd_explicit",  "vsftpd_implicit",  "vsftpd_plain"};

/* Runs `what` against every server that is there. */
static void with_each(void (*what)(struct partner *p, struct connection *c))
{
	struct partner p;

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct connection *c;

		if (!ftp_peer(servers[i]))
			continue;
		partner_of(&p, servers[i]);
		c = opens(&p);
		what(&p, c);
		adapter_ftps.close(c);
	}
}

/* ---- both ways ----------------------------------------------------------------------------- */

static const uint64_t sizes[] = {0, 1, 4096, 65537, 300000, 3000001};

static void check_sizes(struct partner *p, struct connection *c)
{
	char path[512];
	struct err e;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		must(sends(c, at(p, "size", path), i, sizes[i], &e), &e);
		must(fetches(c, path, i, sizes[i], &e), &e);
	}
	check(adapter_ftps.is_alive(c));
	must(adapter_ftps.remove(c, path, &e), &e);
}

static void body_sizes(struct worker *w)
{
	(void)w;
	with_each(check_sizes);
}

static void test_ftps__carries_every_size(void **state)
{
	(void)state;
	rig_run(body_sizes);
}

static int appends(struct connection *c, const char *path, struct content content, uint64_t at,
                   struct err *e)
{
	struct put_options o = {.source = {content_make, &content, content.size - content.at},
	                        .mode = -1,
	                        .append_at = at};
	enum verification level = VERIFIED_NONE;
	int r = adapter_ftps.append(c, path, &o, &level, e);

	check(r < 0 || level == VERIFIED_SIZE);
	return r;
}

static void check_append(struct partner *p, struct connection *c)
{
	struct content rest = {.seed = 9, .at = 1000, .size = 300000}, one = {.size = 1};
	char path[512];
	struct err e;

	must(sends(c, at(p, "append", path), 9, 1000, &e), &e);
	must(appends(c, path, rest, 1000, &e), &e);
	must(fetches(c, path, 9, 300000, &e), &e);
	check(adapter_ftps.is_alive(c));
	must_fail(appends(c, path, one, 299999, &e), &e,
	          "DATA-LONG"); /* one byte was not known of */
	must_fail(appends(c, path, one, 400000, &e), &e, "DATA-SHORT");
}

static void body_append(struct worker *w)
{
	(void)w;
	with_each(check_append);
}

static void test_ftps__appends_and_counts(void **state)
{
	(void)state;
	rig_run(body_append);
}

/* In the middle, at the last byte, at the end: nothing is left to come then. */
static void check_resume(struct partner *p, struct connection *c)
{
	static const uint64_t offsets[] = {1, 150000, 299999, 300000};
	char path[512];
	struct err e;

	must(sends(c, at(p, "resume", path), 7, 300000, &e), &e);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		struct content rest = {.seed = 7, .at = offsets[i], .size = 300000};

		must(fetches_rest(c, path, rest, &e), &e);
		must(fetches(c, path, 7, 300000, &e), &e); /* the next begins at the start again */
	}
	check(adapter_ftps.is_alive(c));
}

static void body_resume(struct worker *w)
{
	(void)w;
	with_each(check_resume);
}

static void test_ftps__gets_the_rest_of_a_file(void **state)
{
	(void)state;
	rig_run(body_resume);
}

static void check_many(struct partner *p, struct connection *c)
{
	char name[32], path[512];
	int64_t began = clock_mono_ms();
	struct err e;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "many%u", i);
		must(sends(c, at(p, name, path), i, 4096, &e), &e);
	}
	print_message("%s: %d files out in %lld ms\n", p->peer->name, MANY,
	              (long long)(clock_mono_ms() - began));
	began = clock_mono_ms();
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "many%u", i);
		must(fetches(c, at(p, name, path), i, 4096, &e), &e);
	}
	print_message("%s: %d files in in %lld ms\n", p->peer->name, MANY,
	              (long long)(clock_mono_ms() - began));
	check(adapter_ftps.is_alive(c));
}

static void body_many(struct worker *w)
{
	(void)w;
	with_each(check_many);
}

static void test_ftps__carries_200_files_each_way_on_one_connection(void **state)
{
	(void)state;
	rig_run(body_many);
}

/* ---- names --------------------------------------------------------------------------------- */

struct listed {
	const char *name;
	int files, others;
	struct entry last;
};

static int count_entry(const struct entry *entry, void *arg, struct err *e)
{
	struct listed *l = arg;

	(void)e;
	check(strlen(entry->name) == entry->name_bytes);
	if (entry->type == ENTRY_FILE)
		l->files++;
	else
		l->others++;
	if (l->name && strcmp(entry->name, l->name) == 0)
		l->last = *entry;
	return 0;
}

static const struct list_limits roomy = {100000, 10000000};

static void check_names(struct partner *p, struct connection *c)
{
	static const char *const names[] = {
	        "plain.txt", "with space #%?&;.txt", "Grüße.csv", "-dash",
	        ".hidden",   "100%41.txt",           "[a]*.x"};
	char dir[512], path[1024];
	struct err e;

	must(adapter_ftps.mkdir(c, at(p, "deep/er and/deepest", dir), &e), &e);
	must(adapter_ftps.mkdir(c, dir, &e), &e); /* it stands already */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct listed l = {.name = names[i]};
		struct entry found;

		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		must(sends(c, path, i, 1000 + i, &e), &e);
		must(adapter_ftps.list(c, dir, &roomy, count_entry, &l, &e), &e);
		check(l.files == 1 && l.others == 0 && l.last.size == 1000 + i);
		must(adapter_ftps.stat(c, path, &found, &e), &e);
		check(found.type == ENTRY_FILE && found.size == l.last.size);
		check(found.mtime_ms > 0);
		check(told_agrees((struct told){found.mtime_ms, found.mtime_precision_ms},
		                  (struct told){l.last.mtime_ms, l.last.mtime_precision_ms}));
		check(found.identity == l.last.identity);
		must(fetches(c, path, i, 1000 + i, &e), &e);
		must(adapter_ftps.remove(c, path, &e), &e);
	}
	check(adapter_ftps.is_alive(c));
}

static void body_names(struct worker *w)
{
	(void)w;
	with_each(check_names);
}

static void test_ftps__names_are_bytes_and_listings_agree_with_stat(void **state)
{
	(void)state;
	rig_run(body_names);
}

static void check_missing(struct partner *p, struct connection *c)
{
	struct listed l = {0};
	struct entry found;
	char path[512];
	struct err e;

	must_fail(adapter_ftps.stat(c, at(p, "nothing", path), &found, &e), &e, "OBJ-MISSING");
	must_fail(adapter_ftps.remove(c, path, &e), &e, "OBJ-MISSING");
	check(adapter_ftps.ping(c, &e) == 0 && adapter_ftps.is_alive(c));
	must(adapter_ftps.mkdir(c, at(p, "empty", path), &e), &e);
	must(adapter_ftps.list(c, path, &roomy, count_entry, &l, &e), &e);
	check(l.files == 0 && l.others == 0);
	must_fail(adapter_ftps.remove(c, "a\r\nDELE b", &e), &e, "FTP-PATH-CONTROL");
	check(adapter_ftps.is_alive(c));
	check(adapter_ftps.list(c, at(p, "nowhere", path), &roomy, count_entry, &l, &e) < 0);
	check(e.kind == ERR_OBJECT);
}

static void body_missing(struct worker *w)
{
	(void)w;
	with_each(check_missing);
}

static void test_ftps__missing_is_told_from_empty(void **state)
{
	(void)state;
	rig_run(body_missing);
}

static void check_rename(struct partner *p, struct connection *c)
{
	char a[512], b[512];
	struct entry found;
	struct err e;

	must(sends(c, at(p, "ren a", a), 1, 10, &e), &e);
	must(sends(c, at(p, "ren b", b), 2, 20, &e), &e);
	must_fail(adapter_ftps.rename(c, a, b, RENAME_FAIL_IF_EXISTS, &e), &e, "OBJ-EXISTS");
	must(adapter_ftps.rename(c, a, b, RENAME_REPLACE, &e), &e);
	must(adapter_ftps.stat(c, b, &found, &e), &e);
	check(found.size == 10);
	must(adapter_ftps.rename(c, b, a, RENAME_FAIL_IF_EXISTS, &e), &e);
	must_fail(adapter_ftps.stat(c, b, &found, &e), &e, "OBJ-MISSING");
	check(adapter_ftps.rename(c, b, a, RENAME_REPLACE, &e) == ERR_OBJECT);
	check(adapter_ftps.is_alive(c));
}

static void body_rename(struct worker *w)
{
	(void)w;
	with_each(check_rename);
}

static void test_ftps__rename_replaces_or_refuses(void **state)
{
	(void)state;
	rig_run(body_rename);
}

/* A refused transfer may leave replies out of step: the connection must not be used on. */
static void check_refused(struct partner *p, struct connection *c)
{
	char path[512];
	struct err e;

	check(fetches(c, at(p, "not there", path), 0, 5, &e) == ERR_OBJECT);
	check(!adapter_ftps.is_alive(c));
	check(adapter_ftps.ping(c, &e) < 0);
}

static void body_refused(struct worker *w)
{
	(void)w;
	with_each(check_refused);
}

static void test_ftps__a_refused_transfer_ends_the_connection(void **state)
{
	(void)state;
	rig_run(body_refused);
}

/* The endpoint's own commands run where they belong; "*" lets one be refused. */
static void body_commands(struct worker *w)
{
	static const char *const fine[] = {"*SITE NOSUCH", "NOOP"}, *const refused[] = {
	                                                                    "SITE NOSUCH"};
	struct partner p;
	struct connection *c;
	struct stat st;
	char path[512];
	struct content content = {.seed = 1, .size = 5};
	struct put_options o = {.source = {content_make, &content, 5}, .mode = 0604};
	enum verification level;
	struct err e;

	(void)w;
	partner_of(&p, "proftpd_explicit");
	p.endpoint.ftp.commands = (struct ftp_commands){.after_login = fine,
	                                                .after_login_count = 2,
	                                                .before_put = fine,
	                                                .before_put_count = 2};
	c = opens(&p);
	must(adapter_ftps.put(c, at(&p, "mode", path), &o, &level, &e), &e);
	check(stat(path, &st) == 0 && (st.st_mode & 0777) == 0604 && st.st_size == 5);
	adapter_ftps.close(c);
	p.endpoint.ftp.commands.after_login = refused;
	p.endpoint.ftp.commands.after_login_count = 1;
	must_fail(adapter_ftps.connect(&p.endpoint, NULL, &c, &e), &e, "FTP-UNSUPPORTED");
}

static void test_ftps__sets_the_mode_and_runs_the_endpoints_commands(void **state)
{
	(void)state;
	rig_run(body_commands);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ftps__carries_every_size),
	        cmocka_unit_test(test_ftps__appends_and_counts),
	        cmocka_unit_test(test_ftps__gets_the_rest_of_a_file),
	        cmocka_unit_test(test_ftps__carries_200_files_each_way_on_one_connection),
	        cmocka_unit_test(test_ftps__names_are_bytes_and_listings_agree_with_stat),
	        cmocka_unit_test(test_ftps__missing_is_told_from_empty),
	        cmocka_unit_test(test_ftps__rename_replaces_or_refuses),
	        cmocka_unit_test(test_ftps__a_refused_transfer_ends_the_connection),
	        cmocka_unit_test(test_ftps__sets_the_mode_and_runs_the_endpoints_commands),
	};

	return peers_run("proftpd vsftpd", tests);
}
