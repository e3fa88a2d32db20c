/*
 * What a configuration refers to on disk: included files, keys, secrets, directories. Each test has
 * a folder of its own, "@" in a text stands for it.
 */
#include "config/load.h"
#include "daemon/base/text.h"
#include "tests/unit/folder.h"

/* ---- verbs --------------------------------------------------------------------------------- */

static struct config *load(const char *main_text, struct config_report *r)
{
	char *path _cleanup_free_ = mem_printf("%s/main.yaml", folder);

	write_file("main.yaml", main_text, 0600);
	config_report_init(r);
	return config_load(path, NULL, r);
}

static struct config *load_valid(const char *main_text)
{
	struct config_report r;
	struct config *c = load(main_text, &r);

	if (!c)
		fail_msg("%s", buf_text(&r.text));
	config_report_release(&r);
	return c;
}

/* All that is said, each line with the folder shown as "@". */
static void check_told(const char *main_text, const char *told)
{
	char *want _cleanup_free_ = expand(told);
	struct config_report r;

	assert_null(load(main_text, &r));
	assert_string_equal(buf_text(&r.text), want);
	config_report_release(&r);
}

/* ---- include ------------------------------------------------------------------------------- */

#define ENDPOINT(name)                                                                      \
	"  " name ": {host: h, user: u, auth: [{password: {env: PATH}}], host_key: {pins: " \
	"\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}}\n"

static void test_include__brings_in_files_by_pattern_in_order(void **state)
{
	struct config *c;

	(void)state;
	make_dir("d");
	write_file("d/b.yaml", "endpoints:\n" ENDPOINT("b"), 0600);
	write_file("d/a.yaml", "version: 1\nendpoints:\n" ENDPOINT("a"), 0600);
	write_file("d/.c.yaml", "not read", 0600);
	write_file("d/d.yaml.disabled", "not read", 0600);
	c = load_valid("version: 1\ninclude: [\"d/*.yaml\", d/a.yaml, \"none/*.yaml\"]\n");
	assert_int_equal(c->endpoint_count, 2);
	assert_string_equal(c->endpoints[0]->name, "a");
	assert_string_equal(c->endpoints[1]->name, "b");
	config_unref(c);
}

static void test_include__is_relative_to_the_file_it_stands_in(void **state)
{
	struct config *c;

	(void)state;
	make_dir("d");
	make_dir("d/e");
	write_file("d/a.yaml", "include: e/b.yaml\n", 0600);
	write_file("d/e/b.yaml", "endpoints:\n" ENDPOINT("b"), 0600);
	c = load_valid("version: 1\ninclude: d/a.yaml\n");
	assert_non_null(config_endpoint(c, "b"));
	config_unref(c);
}

static void test_include__tells_what_it_cannot_read(void **state)
{
	(void)state;
	make_dir("d");
	check_told("version: 1\ninclude: [x.yaml, d]\n",
	           "@/main.yaml:2:11: include[0]: @/x.yaml: cannot be read: No such file or "
	           "directory\n"
	           "@/main.yaml:2:19: include[1]: @/d: not a regular file\n");
}

static void test_include__tells_loops(void **state)
{
	(void)state;
	write_file("a.yaml", "include: main.yaml\n", 0600);
	check_told("version: 1\ninclude: a.yaml\n",
	           "@/a.yaml:1:10: include: @/main.yaml: a file that includes itself, here or on "
	           "the way\n");
}

static void include_chain(int files)
{
	for (int i = 1; i <= files; i++) {
		char name[32], text[64];

		(void)snprintf(name, sizeof(name), "%d.yaml", i);
		(void)snprintf(text, sizeof(text), i < files ? "include: %d.yaml\n" : "routes:\n",
		               i + 1);
		write_file(name, text, 0600);
	}
}

static void test_include__has_a_depth(void **state)
{
	(void)state;
	include_chain(7);
	config_unref(load_valid("version: 1\ninclude: 1.yaml\n"));
	include_chain(8);
	check_told("version: 1\ninclude: 1.yaml\n",
	           "@/7.yaml:1:10: include: @/8.yaml: included more than 8 files deep\n");
}

static void test_include__tells_every_file_and_both_places_of_a_name(void **state)
{
	(void)state;
	write_file("a.yaml", "endpoints:\n" ENDPOINT("x"), 0600);
	write_file("b.yaml", "endpoints:\n" ENDPOINT("x") "daemon: {}\n", 0600);
	write_file("c.yaml", "routes: [\n", 0600);
	check_told("version: 1\ninclude: [a.yaml, b.yaml, c.yaml]\nzzzz: 1\n",
	           "@/main.yaml:3:1: zzzz: unknown key; known here: version, daemon, trace, "
	           "include, endpoints, routes\n"
	           "@/b.yaml:2:3: endpoints.x: defined before, in @/a.yaml on line 2: rename one\n"
	           "@/b.yaml:3:1: daemon: belongs into the main file, not into an included one\n"
	           "@/c.yaml:2:1: did not find expected node content; a value or a bracket is "
	           "missing\n");
}

static void test_config__tells_that_the_main_file_is_missing(void **state)
{
	char *path _cleanup_free_ = mem_printf("%s/none.yaml", folder);
	struct config_report r;

	(void)state;
	config_report_init(&r);
	assert_null(config_load(path, NULL, &r));
	assert_true(text_ends(buf_text(&r.text),
	                      "/none.yaml: cannot be read: No such file or directory\n"));
	config_report_release(&r);
}

/* ---- directories --------------------------------------------------------------------------- */

static void test_files__directories_must_exist(void **state)
{
	(void)state;
	make_dir("in");
	write_file("file", "", 0600);
	check_told("version: 1\nroutes:\n  r:\n    from: {path: @/in}\n    to:\n"
	           "      - path: @/out\n      - {path: \"@/a b\", mkdir: true}\n"
	           "      - path: @/file\n",
	           "@/main.yaml:6:15: routes.r.to[0].path: the directory does not exist: mkdir -p "
	           "@/out && chown ferryd: @/out\n"
	           "@/main.yaml:7:16: routes.r.to[1].path: the directory does not exist: mkdir -p "
	           "'@/a b' && chown ferryd: '@/a b'\n"
	           "@/main.yaml:8:15: routes.r.to[2].path: @/file is not a directory\n");
}

static void test_files__a_disabled_route_needs_no_directories(void **state)
{
	(void)state;
	config_unref(load_valid("version: 1\nroutes:\n  r: {enabled: false, from: {path: @/a}, "
	                        "to: [{path: @/b}]}\n"));
}

/* ---- keys, known hosts, secrets ------------------------------------------------------------ */

#define KEY_AT(path)                                                                       \
	"version: 1\nendpoints:\n  a:\n    host: h.example\n    user: u\n    port: 2022\n" \
	"    host_key: {known_hosts: @/known_hosts}\n"                                     \
	"    auth: [{publickey: {key: " path "}}]\n"
#define TOLD_AT_KEY "@/main.yaml:8:30: endpoints.a.auth[0].publickey.key: "

static void test_files__a_key_must_be_a_private_key_of_ours(void **state)
{
	(void)state;
	write_file("known_hosts", "", 0644);
	write_file("good", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	write_file("open", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0640);
	write_file("pub", "ssh-ed25519 AAAA\n", 0600);
	write_file("putty", "PuTTY-User-Key-File-3: ssh-ed25519\n", 0600);
	write_file("empty", "", 0600);
	config_unref(load_valid(KEY_AT("@/good")));
	check_told(KEY_AT("@/none"),
	           TOLD_AT_KEY "@/none cannot be read: No such file or directory; "
	                       "ssh-keygen -t ed25519 -f @/none makes a new "
	                       "pair\n");
	check_told(KEY_AT("@/open"), TOLD_AT_KEY "@/open can be read by others (mode 0640): chmod "
	                                         "600 @/open\n");
	check_told(KEY_AT("@/pub"), TOLD_AT_KEY "@/pub is the public half of a key: name the "
	                                        "private one, usually without .pub\n");
	check_told(KEY_AT("@/putty"), TOLD_AT_KEY "@/putty has PuTTY's format: puttygen @/putty -O "
	                                          "private-openssh -o NEW converts it\n");
	check_told(KEY_AT("@/empty"), TOLD_AT_KEY "@/empty is empty\n");
	check_told(KEY_AT("@"), TOLD_AT_KEY "@ is not a regular file\n");
}

static void test_files__known_hosts_must_exist(void **state)
{
	(void)state;
	write_file("good", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	check_told(KEY_AT("@/good"),
	           "@/main.yaml:7:29: endpoints.a.host_key.known_hosts: @/known_hosts cannot be "
	           "read: No such file or directory; ssh-keyscan -p 2022 h.example >> "
	           "@/known_hosts makes it; then compare ssh-keygen -lf @/known_hosts with the "
	           "fingerprint the partner names\n");
}

#define TRUST_BY(keys)                                                                       \
	"version: 1\nendpoints:\n  a:\n    host: h\n    user: u\n    host_key: {" keys "}\n" \
	"    auth: [{publickey: {key: @/good}}]\n"

static void test_files__files_of_trust(void **state)
{
	(void)state;
	write_file("good", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	write_file("krl", "SSHKRL\n", 0600);
	write_file("list", "", 0600);
	config_unref(load_valid(TRUST_BY("revoked: @/list")));
	check_told(TRUST_BY("revoked: @/krl"),
	           "@/main.yaml:6:25: endpoints.a.host_key.revoked: @/krl is a binary revocation "
	           "list (KRL), which ferryd does not read: list the public keys, one a line\n");
	check_told(TRUST_BY("revoked: @/none"),
	           "@/main.yaml:6:25: endpoints.a.host_key.revoked: @/none cannot be read: No such "
	           "file or directory; an empty file is a good beginning\n");
	check_told(
	        TRUST_BY("check: accept-new, known_hosts: @/none, x: 1"),
	        "@/main.yaml:6:78: endpoints.a.host_key.x: unknown key; known here: check, "
	        "known_hosts, pins, weak_pins, alias, revoked, hash\n"
	        "@/main.yaml:6:23: warning: endpoints.a.host_key.check: whoever answers the first "
	        "connection is trusted from then on: compare the stored fingerprint with the "
	        "partner\n");
}

#define PASSWORD(secret)                                                                       \
	"version: 1\nendpoints:\n  a:\n    host: h\n    user: u\n    host_key: {check: off}\n" \
	"    auth: [{password: " secret "}]\n"
#define OFF                                                                                  \
	"@/main.yaml:6:23: warning: endpoints.a.host_key.check: host keys are not checked: " \
	"anybody on the way can read and change files\n"

static void test_files__secrets_must_be_private(void **state)
{
	(void)state;
	write_file("good", "x", 0400);
	write_file("open", "x", 0604);
	config_unref(load_valid(PASSWORD("{file: @/good}")));
	check_told(PASSWORD("{file: @/open}"),
	           "@/main.yaml:7:30: endpoints.a.auth[0].password.file: @/open can be read by "
	           "others (mode 0604): chmod 600 @/open\n" OFF);
	check_told(PASSWORD("{command: [@/none]}"),
	           "@/main.yaml:7:23: endpoints.a.auth[0].password: command: @/none cannot be run: "
	           "No such file or directory\n" OFF);
}

static void check_warned(const char *text, const char *warned)
{
	char *want _cleanup_free_ = expand(warned);
	struct config_report r;
	struct config *c = load(text, &r);

	assert_non_null(c);
	assert_string_equal(buf_text(&r.text), want);
	assert_int_equal(r.errors, 0);
	assert_true(r.warnings > 0);
	config_unref(c);
	config_report_release(&r);
}

static void test_files__what_is_unwise_is_warned_about(void **state)
{
	(void)state;
	check_warned(PASSWORD("{value: hunter2}"),
	             OFF "@/main.yaml:7:23: warning: endpoints.a.auth[0].password: the secret "
	                 "itself stands in the configuration; {credential: NAME} or {file: PATH} "
	                 "keep it out of it\n");
	check_warned(PASSWORD("{env: FERRYD_NO_SUCH}"),
	             OFF "@/main.yaml:7:23: warning: endpoints.a.auth[0].password: the "
	                 "environment has no variable FERRYD_NO_SUCH\n");
	(void)setenv("CREDENTIALS_DIRECTORY", folder, 1);
	check_warned(PASSWORD("{credential: none}"),
	             OFF "@/main.yaml:7:23: warning: endpoints.a.auth[0].password: the service has "
	                 "no credential none: add LoadCredential=none:PATH to its unit (systemctl "
	                 "edit ferryd) and restart it\n");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
}

/* ---- what is installed --------------------------------------------------------------------- */

static void test_config__the_installed_file_is_valid(void **state)
{
	struct config_report r;
	struct config *c;

	(void)state;
	config_report_init(&r);
	c = config_load(SOURCE_DIR "/config/ferryd.yaml", NULL, &r);
	assert_string_equal(buf_text(&r.text), "");
	assert_non_null(c);
	assert_int_equal(c->route_count, 0);
	config_unref(c);
	config_report_release(&r);
}

/* Only what it names is missing here: keys, known hosts, directories. */
static void test_config__the_example_is_valid_but_for_its_files(void **state)
{
	char text[8192] = "version: 1\n";
	FILE *f = fopen(SOURCE_DIR "/config/routes.d/example.yaml.disabled", "re");
	struct config_text t = {"example", text, 0};
	struct config_report r;
	struct config *c;

	(void)state;
	assert_non_null(f);
	assert_true(fread(text + 11, 1, sizeof(text) - 12, f) > 0);
	assert_int_equal(fclose(f), 0);
	t.length = strlen(text);
	config_report_init(&r);
	c = config_load_text(&t, NULL, DISK_IGNORE, &r);
	assert_string_equal(buf_text(&r.text), "");
	assert_int_equal(c->route_count, 2);
	config_unref(c);
	config_report_release(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_include__brings_in_files_by_pattern_in_order),
	        TEST(test_include__is_relative_to_the_file_it_stands_in),
	        TEST(test_include__tells_what_it_cannot_read),
	        TEST(test_include__tells_loops),
	        TEST(test_include__has_a_depth),
	        TEST(test_include__tells_every_file_and_both_places_of_a_name),
	        TEST(test_config__tells_that_the_main_file_is_missing),
	        TEST(test_files__directories_must_exist),
	        TEST(test_files__a_disabled_route_needs_no_directories),
	        TEST(test_files__a_key_must_be_a_private_key_of_ours),
	        TEST(test_files__known_hosts_must_exist),
	        TEST(test_files__files_of_trust),
	        TEST(test_files__secrets_must_be_private),
	        TEST(test_files__what_is_unwise_is_warned_about),
	        TEST(test_config__the_installed_file_is_valid),
	        TEST(test_config__the_example_is_valid_but_for_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
