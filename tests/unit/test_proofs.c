/* The stamp of the files that a login depends on changes with each of them, and with nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapters/proofs.h"

static char folder[32];

static const char *path_of(const char *name, char out[96])
{
	(void)snprintf(out, 96, "%s/%s", folder, name);
	return out;
}

static void write_file(const char *name, const char *text)
{
	char path[96];
	FILE *f = fopen(path_of(name, path), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ferryd-proofs-XXXXXX");
	return mkdtemp(folder) && setenv("CREDENTIALS_DIRECTORY", folder, 1) == 0 &&
	                       setenv("HOME", folder, 1) == 0
	               ? 0
	               : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"file", "other", ".ssh/id_ecdsa", ".ssh"};
	char path[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(path_of(names[i], path));
	return rmdir(folder);
}

/* Written anew with the same content, longer, closed to others, replaced, removed. */
static void check_watched(const struct endpoint_config *e)
{
	char path[96], other[96];
	uint64_t before = proofs_stamp(e), now;

	write_file("file", "one");
	assert_int_not_equal(now = proofs_stamp(e), before);
	assert_int_equal(proofs_stamp(e), now); /* looking changes nothing */
	before = now;
	write_file("file", "four");
	assert_int_not_equal(now = proofs_stamp(e), before);
	before = now;
	assert_int_equal(chmod(path_of("file", path), 0600), 0);
	assert_int_not_equal(now = proofs_stamp(e), before);
	before = now;
	write_file("other", "four");
	assert_int_equal(proofs_stamp(e), before);
	assert_int_equal(rename(path_of("other", other), path_of("file", path)), 0);
	assert_int_not_equal(now = proofs_stamp(e), before);
	before = now;
	assert_int_equal(unlink(path_of("file", path)), 0);
	assert_int_not_equal(proofs_stamp(e), before);
}

static void test_proofs__each_file_counts(void **state)
{
	char path[96];
	const char *const file = path_of("file", path);
	const struct secret_ref secret = {.kind = SECRET_FILE, .text = file};
	const struct secret_ref credential = {.kind = SECRET_CREDENTIAL, .text = "file"};
	const struct auth_prompt prompt = {.secret = secret};
	const struct auth_method methods[] = {
	        {.kind = AUTH_PUBLICKEY, .key_file = file},
	        {.kind = AUTH_PUBLICKEY, .key_file = "/k", .certificate = file},
	        {.kind = AUTH_PUBLICKEY, .key_file = "/k", .passphrase = secret},
	        {.kind = AUTH_PASSWORD, .password = secret},
	        {.kind = AUTH_PASSWORD, .password = credential},
	        {.kind = AUTH_KEYBOARD, .prompts = &prompt, .prompt_count = 1},
	        {.kind = AUTH_AGENT, .agent_socket = file},
	};
	struct endpoint_config e = {.auth_count = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		e.auth = &methods[i];
		check_watched(&e);
	}
}

static void test_proofs__of_trust_and_of_jump_hosts_count(void **state)
{
	char path[96];
	const char *const file = path_of("file", path);
	const struct endpoint_config jump = {.known_hosts = &file, .known_hosts_count = 1};
	const struct endpoint_config *const via[] = {&jump};

	(void)state;
	check_watched(&jump);
	check_watched(&(struct endpoint_config){.via = via, .via_count = 1});
	check_watched(&(struct endpoint_config){.revoked_keys = file});
	check_watched(&(struct endpoint_config){.own_known_hosts = file});
	check_watched(&(struct endpoint_config){.tls.ca = file});
	check_watched(&(struct endpoint_config){.tls.certificate = file});
	check_watched(&(struct endpoint_config){.tls.key = file});
}

static void test_proofs__of_a_proxy_count(void **state)
{
	char path[96];
	const struct secret_ref secret = {.kind = SECRET_FILE, .text = path_of("file", path)};

	(void)state;
	check_watched(&(struct endpoint_config){
	        .proxy = {.kind = PROXY_HTTP, .user = "ferry", .password = secret}});
}

static void test_proofs__default_identities_count(void **state)
{
	const struct auth_method method = {.kind = AUTH_PUBLICKEY};
	const struct endpoint_config e = {.auth = &method, .auth_count = 1};
	uint64_t before = proofs_stamp(&e), now;
	char path[96];

	(void)state;
	assert_int_equal(mkdir(path_of(".ssh", path), 0700), 0);
	assert_int_not_equal(now = proofs_stamp(&e), before);
	write_file(".ssh/id_ecdsa", "key");
	assert_int_not_equal(proofs_stamp(&e), now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_proofs__each_file_counts, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(test_proofs__of_trust_and_of_jump_hosts_count,
	                                        make_folder, remove_folder),
	        cmocka_unit_test_setup_teardown(test_proofs__of_a_proxy_count, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(test_proofs__default_identities_count, make_folder,
	                                        remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
