/*
 * Claiming: taking a file away from its writers, and nothing else.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "adapters/names.h"
#include "tests/unit/local_rig.h"

static struct entry expect_now(struct connection *c, const char *name)
{
	struct entry entry;
	struct err e;

	check(local->stat(c, name, &entry, &e) == 0);
	return entry;
}

static int claim(struct connection *c, const char *name, const struct entry *expect, struct err *e)
{
	return local->claim(c, name, NAME_CLAIM_DIR "/7-a", expect, e);
}

static void check_untouched(const char *name, const char *text)
{
	check(holds(name, text));
	check(!exists(NAME_CLAIM_DIR "/7-a"));
}

static void body_claim(struct connection *c)
{
	struct entry expect;
	struct stat st;
	struct err e;

	drop_file("a", "hello");
	expect = expect_now(c, "a");
	check(claim(c, "a", &expect, &e) == 0);
	check(holds(NAME_CLAIM_DIR "/7-a", "hello") && !exists("a"));
	check(stat(at(NAME_CLAIM_DIR), &st) == 0 && (st.st_mode & 07777) == 0700);
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-MISSING"));
	drop_file("a", "newer");
	expect = expect_now(c, "a");
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_OBJECT, "OBJ-EXISTS"));
	check(holds("a", "newer") && holds(NAME_CLAIM_DIR "/7-a", "hello"));
}

static void test_claim__moves_the_file_where_only_we_can_reach_it(void **state)
{
	(void)state;
	local_run(body_claim);
}

static void body_other_version(struct connection *c)
{
	struct entry expect, other;
	struct err e;

	drop_file("a", "hello");
	expect = expect_now(c, "a");
	other = expect;
	other.size++;
	check(claim(c, "a", &other, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
	other = expect;
	other.mtime_ms--;
	check(claim(c, "a", &other, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
	other = expect;
	other.identity++;
	check(claim(c, "a", &other, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
	check_untouched("a", "hello");
	other = (struct entry){.size = SIZE_UNKNOWN, .mtime_ms = MTIME_UNKNOWN};
	check(claim(c, "a", &other, &e) == 0);
}

static void test_claim__takes_only_the_listed_version(void **state)
{
	(void)state;
	local_run(body_other_version);
}

static void body_writer(struct connection *c)
{
	struct entry expect;
	struct err e;
	int fd;

	drop_file("a", "hello");
	expect = expect_now(c, "a");
	fd = open(at("a"), O_WRONLY | O_CLOEXEC);
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_BUSY, "LOCAL-WRITING"));
	check_untouched("a", "hello");
	check(close(fd) == 0);
	fd = open(at("a"), O_RDONLY | O_CLOEXEC);
	check(claim(c, "a", &expect, &e) == 0); /* readers do not matter */
	check(close(fd) == 0);
}

static void test_claim__waits_for_a_writer_that_began_before_us(void **state)
{
	(void)state;
	local_run(body_writer);
}

static enum { NO_SWAP, SWAP, SWAP_AND_BLOCK, BLOCK } swap_at_rename;

/* Between the look at the name and the rename somebody else is at work. */
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	int now = (int)swap_at_rename;

	swap_at_rename = now == SWAP_AND_BLOCK ? BLOCK : NO_SWAP;
	if (now == SWAP || now == SWAP_AND_BLOCK)
		check(rename(at("other"), at("a")) == 0);
	if (now == BLOCK)
		drop_file("a", "third");
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static void body_put_back(struct connection *c)
{
	struct entry expect;
	struct err e;

	drop_file("a", "hello");
	drop_file("other", "other");
	expect = expect_now(c, "a");
	swap_at_rename = SWAP;
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_INTEGRITY, "DATA-CHANGED"));
	check_untouched("a", "other");
}

static void test_claim__puts_back_what_it_did_not_mean_to_take(void **state)
{
	(void)state;
	local_run(body_put_back);
}

static void body_stuck(struct connection *c)
{
	struct entry expect;
	struct err e;

	drop_file("a", "hello");
	drop_file("other", "other");
	expect = expect_now(c, "a");
	swap_at_rename = SWAP_AND_BLOCK;
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_LOCAL, "LOCAL-CLAIM-STUCK"));
	check(strstr(e.message, NAME_CLAIM_DIR "/7-a"));
	check(holds("a", "third") && holds(NAME_CLAIM_DIR "/7-a", "other")); /* nothing is lost */
}

static void test_claim__loses_nothing_when_there_is_no_way_back(void **state)
{
	(void)state;
	local_run(body_stuck);
}

static void check_refused(struct connection *c, const char *name, const char *code)
{
	struct entry any = {.size = SIZE_UNKNOWN, .mtime_ms = MTIME_UNKNOWN};
	struct err e;

	check(claim(c, name, &any, &e) < 0 && is_code(&e, ERR_POLICY, code));
	check(!exists(NAME_CLAIM_DIR "/7-a"));
}

static void body_hostile(struct connection *c)
{
	check(symlink("/etc/passwd", at("link")) == 0 && symlink("/etc", at("dirlink")) == 0);
	check(mkfifo(at("fifo"), 0600) == 0);
	drop_file("two", "x");
	check(link(at("two"), at("names")) == 0);
	check_refused(c, "link", "LOCAL-SYMLINK");
	check_refused(c, "dirlink/passwd", "LOCAL-SYMLINK");
	check_refused(c, "fifo", "LOCAL-NOT-REGULAR");
	check_refused(c, "names", "LOCAL-HARDLINK");
	check_refused(c, "../passwd", "LOCAL-OUTSIDE");
	check(exists("link") && exists("fifo") && exists("names"));
}

static void test_claim__refuses_what_is_not_a_plain_file(void **state)
{
	(void)state;
	local_run(body_hostile);
}

static void body_claim_dir_open(struct connection *c)
{
	struct entry expect;
	struct stat st;
	struct err e;

	drop_file("a", "hello");
	expect = expect_now(c, "a");
	check(mkdir(at(NAME_CLAIM_DIR), 0777) == 0 && chmod(at(NAME_CLAIM_DIR), 0777) == 0);
	check(claim(c, "a", &expect, &e) == 0);
	check(stat(at(NAME_CLAIM_DIR), &st) == 0 && (st.st_mode & 07777) == 0700);
}

static void test_claim__closes_its_folder_to_others(void **state)
{
	(void)state;
	local_run(body_claim_dir_open);
}

static void body_claim_dir_foreign(struct connection *c)
{
	struct entry expect;
	struct err e;

	drop_file("a", "hello");
	expect = expect_now(c, "a");
	check(mkdir(at(NAME_CLAIM_DIR), 0700) == 0);
	check(chown(at(NAME_CLAIM_DIR), 12345, 12345) == 0);
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_POLICY, "LOCAL-CLAIM-DIR"));
	check_untouched("a", "hello");
	check(rmdir(at(NAME_CLAIM_DIR)) == 0 && symlink("/tmp", at(NAME_CLAIM_DIR)) == 0);
	check(claim(c, "a", &expect, &e) < 0 && is_code(&e, ERR_POLICY, "LOCAL-SYMLINK"));
	check_untouched("a", "hello");
}

static void test_claim__refuses_a_folder_of_somebody_else(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		(void)printf("SKIP: only root can give a directory away\n");
		skip();
	}
	local_run(body_claim_dir_foreign);
}

/* The name changes hands between two files all the time: what is claimed is the one expected. */
static void body_swap(struct connection *c)
{
	int64_t until = clock_mono_ms() + 300;
	int claimed = 0;
	pid_t attacker;
	struct entry expect;
	struct err e;

	drop_file("mine", "open");
	drop_file("other", "secret");
	expect = expect_now(c, "mine");
	attacker = fork();
	if (attacker == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
		for (;;)
			(void)renameat2(AT_FDCWD, at("mine"), AT_FDCWD, at("other"),
			                RENAME_EXCHANGE);
	while (clock_mono_ms() < until) {
		if (claim(c, "mine", &expect, &e) == 0) {
			claimed++;
			check(holds(NAME_CLAIM_DIR "/7-a", "open"));
			check(local->rename(c, NAME_CLAIM_DIR "/7-a", "mine", RENAME_FAIL_IF_EXISTS,
			                    &e) == 0);
			continue;
		}
		check(e.kind == ERR_INTEGRITY || e.kind == ERR_OBJECT);
	}
	check(kill(attacker, SIGKILL) == 0 && waitpid(attacker, NULL, 0) == attacker);
	check(!exists(NAME_CLAIM_DIR "/7-a"));
	check(exists("mine") && exists("other"));
	(void)printf("claimed %d times\n", claimed);
}

static void test_claim__a_swapped_file_goes_back(void **state)
{
	(void)state;
	local_run(body_swap);
}

#define test(name) cmocka_unit_test_setup_teardown(name, local_setup, local_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        test(test_claim__moves_the_file_where_only_we_can_reach_it),
	        test(test_claim__takes_only_the_listed_version),
	        test(test_claim__waits_for_a_writer_that_began_before_us),
	        test(test_claim__puts_back_what_it_did_not_mean_to_take),
	        test(test_claim__loses_nothing_when_there_is_no_way_back),
	        test(test_claim__refuses_what_is_not_a_plain_file),
	        test(test_claim__closes_its_folder_to_others),
	        test(test_claim__refuses_a_folder_of_somebody_else),
	        test(test_claim__a_swapped_file_goes_back),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
