/* The SFTP client against OpenSSH's own server: every operation, and what is said when it fails. */
#include "tests/runtime/sftp_files.h"

/* ---- every operation ----------------------------------------------------------------------- */

static void body_operations(struct worker *w)
{
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct entry entry;
	struct err e;

	(void)w;
	check(sftp_ping(c, &e) == 0);
	check(sftp_mkdir(c, "a/b/c", &e) == 0);
	check(sftp_mkdir(c, "a/b/c/", &e) == 0);
	check(sftp_mkdir(c, "/", &e) == 0);
	for (uint64_t size = 0; size < 700000; size = size * 3 + 1) {
		struct tally out = {.size = size}, in = {0}, blind = {0};

		check(put(c, "a/b/c/file", &out, &e) == 0);
		check(get(c, "a/b/c/file", &in, size, &e) == 0);
		check(get(c, "a/b/c/file", &blind, SIZE_UNKNOWN, &e) == 0);
		check(in.seen == size && blind.seen == size && !in.is_wrong && !blind.is_wrong);
	}
	check(sftp_stat(c, "a/b/c", &entry, &e) == 0 && entry.type == ENTRY_DIR);
	check(sftp_rename(c, "a/b/c/file", "a/x", RENAME_FAIL_IF_EXISTS, &e) == 0);
	check(sftp_stat(c, "a/x", &entry, &e) == 0 && entry.type == ENTRY_FILE);
	write_file("a/y", "y", 1);
	check(sftp_rename(c, "a/x", "a/y", RENAME_REPLACE, &e) == 0);
	check(file_size("a/y") != 1 && file_size("a/x") == SIZE_UNKNOWN);
	check(count_names(c, "a") == 2 && count_names(c, "a/b/c") == 0);
	check(sftp_remove(c, "a/y", &e) == 0);
	check(sftp_client_in_flight(c) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__does_every_operation(void **state)
{
	(void)state;
	rig_run(body_operations);
}

static void body_errors(struct worker *w)
{
	static const char missing[] = "No such file (SSH_FX_NO_SUCH_FILE 2)";
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct tally t = {0}, ten = {.size = 10};
	struct entry entry;
	size_t n = 0;
	struct err e;

	(void)w;
	make_dir("dir");
	write_file("one", "1", 1);
	write_file("two", "22", 2);
	check(get(c, "no\nne", &t, 1, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "open no\\x0ane: the server says: ");
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", missing);
	check(get(c, "dir", &t, SIZE_UNKNOWN, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "it is a directory");
	check(get(c, "two", &t, 3, &e) < 0);
	check_err(&e, ERR_INTEGRITY, "DATA-SHORT", "read two: the file ends before the 3 bytes");
	check(get(c, "two", &t, 1, &e) < 0);
	check_err(&e, ERR_INTEGRITY, "DATA-LONG", "longer than the 1 bytes");
	check(put(c, "none/x", &ten, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "the directory it belongs into does not exist");
	check(put(c, "dir", &ten, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "create dir");
	check(sftp_list(c, "none", &plenty, count_entry, &n, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "list none");
	check(sftp_list(c, "one", &plenty, count_entry, &n, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "it is not a directory");
	check(sftp_stat(c, "none", &entry, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "look at none");
	check(sftp_remove(c, "none", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "remove none");
	check(sftp_remove(c, "dir", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "it is a directory");
	check(sftp_rename(c, "one", "two", RENAME_FAIL_IF_EXISTS, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-EXISTS", "rename to two: the name is taken");
	check(sftp_rename(c, "none", "three", RENAME_FAIL_IF_EXISTS, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "rename none");
	check(sftp_rename(c, "none", "three", RENAME_REPLACE, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-MISSING", "rename none");
	check(sftp_mkdir(c, "one/two", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-NOT-DIR", "a file of this name is there");
	check(file_size("one") == 1 && file_size("two") == 2);
	check(sftp_client_is_alive(c) && sftp_ping(c, &e) == 0);
	check(sftp_client_in_flight(c) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__says_what_went_wrong(void **state)
{
	(void)state;
	rig_run(body_errors);
}

static void body_denied(struct worker *w)
{
	static const char *const read_only[] = {"-R", NULL};
	struct sftp_peer peer;
	struct sftp_client *c = peer_start_with(&peer, root, read_only);
	struct tally ten = {.size = 10};
	struct err e;

	(void)w;
	check(put(c, "new", &ten, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-DENIED", "(SSH_FX_PERMISSION_DENIED 3)");
	check(sftp_remove(c, "one", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-DENIED", "Permission denied");
	check(sftp_mkdir(c, "newdir", &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-DENIED", "make directory newdir");
	check(sftp_mkdir(c, "dir", &e) == 0);
	peer_stop(&peer, c);
}

static void test_sftp__knows_refused_from_missing(void **state)
{
	(void)state;
	rig_run(body_denied);
}

/* Without posix-rename, and without what tells OpenSSH from others. */
static void body_plain_rename(struct worker *w)
{
	static const char *const old[] = {"-P", "posix-rename,limits,fsync,statvfs", NULL};
	struct sftp_peer peer;
	struct sftp_client *c = peer_start_with(&peer, root, old);
	struct err e;

	(void)w;
	sftp_client_drop_extension(c, SFTP_EXT_POSIX_RENAME);
	sftp_client_drop_extension(c, SFTP_EXT_LSETSTAT);
	write_file("from", "new", 3);
	write_file("to", "older", 5);
	check(sftp_rename(c, "from", "to", RENAME_FAIL_IF_EXISTS, &e) < 0);
	check_err(&e, ERR_OBJECT, "OBJ-EXISTS", "the name is taken");
	check(file_size("to") == 5);
	check(sftp_rename(c, "none", "to", RENAME_REPLACE, &e) < 0);
	check(file_size("to") == 5);
	check(sftp_rename(c, "from", "to", RENAME_REPLACE, &e) == 0);
	check(file_size("to") == 3 && file_size("from") == SIZE_UNKNOWN);
	peer_stop(&peer, c);
}

static void test_sftp__replaces_without_posix_rename(void **state)
{
	(void)state;
	rig_run(body_plain_rename);
}

/* ---- changed files ------------------------------------------------------------------------- */

static void body_changed(struct worker *w)
{
	struct sftp_peer peer;
	struct sftp_client *c = peer_start(&peer, root);
	struct tally t = {0};
	struct get_options o = {.sink = {count_in, &t}, .expect_size = 3, .max_size = 100};
	struct entry entry;
	struct err e;

	(void)w;
	write_file("changed", "abc", 3);
	check(sftp_stat(c, "changed", &entry, &e) == 0);
	o.expect_mtime_ms = entry.mtime_ms;
	check(sftp_get(c, "changed", &o, &e) == 0);
	o.expect_mtime_ms -= 1000;
	check(sftp_get(c, "changed", &o, &e) < 0);
	check_err(&e, ERR_INTEGRITY, "DATA-CHANGED", "its time is");
	o.max_size = 2;
	check(sftp_get(c, "changed", &o, &e) < 0);
	check_err(&e, ERR_POLICY, "FILE-TOO-LARGE", "larger than the 2 bytes");
	o.expect_size = SIZE_UNKNOWN;
	check(sftp_get(c, "changed", &o, &e) < 0);
	check_err(&e, ERR_POLICY, "FILE-TOO-LARGE", "larger than the 2 bytes");
	peer_stop(&peer, c);
}

static void test_sftp__notices_a_changed_file(void **state)
{
	(void)state;
	rig_run(body_changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_sftp__does_every_operation),
	        cmocka_unit_test(test_sftp__says_what_went_wrong),
	        cmocka_unit_test(test_sftp__knows_refused_from_missing),
	        cmocka_unit_test(test_sftp__replaces_without_posix_rename),
	        cmocka_unit_test(test_sftp__notices_a_changed_file),
	};

	return sftp_files_run(tests);
}
