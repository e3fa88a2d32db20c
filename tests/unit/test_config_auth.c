/* `auth:` as an operator writes it, in its long and short forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/load.h"

#define FP "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct config *load_auth(const char *auth)
{
	char text[2048];
	struct config_report r;
	struct config *c;

	(void)snprintf(text, sizeof(text),
	               "version: 1\nendpoints:\n  a:\n    host: h\n    user: u\n    auth:\n%s",
	               auth);
	config_report_init(&r);
	c = config_load_text(&(struct config_text){"f", text, strlen(text)}, NULL, DISK_IGNORE, &r);
	if (!c)
		print_error("%s", buf_text(&r.text));
	assert_non_null(c);
	config_report_release(&r);
	return c;
}

static const struct auth_method *method(const struct config *c, size_t i)
{
	const struct endpoint_config *e = config_endpoint(c, "a");

	assert_true(i < e->auth_count);
	return &e->auth[i];
}

static void test_auth__takes_keys_in_their_forms(void **state)
{
	struct config *c =
	        load_auth("      - publickey: {key: /k, certificate: /c, rsa_min_bits: 3072}\n"
	                  "      - publickey: /k2\n"
	                  "      - publickey: auto\n"
	                  "      - publickey: {key: auto, passphrase: {env: P}}\n");

	(void)state;
	assert_string_equal(method(c, 0)->certificate, "/c");
	assert_int_equal(method(c, 0)->rsa_min_bits, 3072);
	assert_string_equal(method(c, 1)->key_file, "/k2");
	assert_int_equal(method(c, 1)->rsa_min_bits, 2048);
	assert_int_equal(method(c, 1)->passphrase.kind, SECRET_NONE);
	assert_int_equal(method(c, 2)->kind, AUTH_PUBLICKEY);
	assert_null(method(c, 2)->key_file);
	assert_int_equal(method(c, 2)->rsa_min_bits, 2048);
	assert_null(method(c, 3)->key_file);
	assert_int_equal(method(c, 3)->passphrase.kind, SECRET_ENV);
	config_unref(c);
}

static void test_auth__takes_agents_and_none(void **state)
{
	struct config *c = load_auth("      - agent\n"
	                             "      - agent: /run/agent.sock\n"
	                             "      - agent: {only: [" FP ", " FP "]}\n"
	                             "      - none\n");

	(void)state;
	assert_int_equal(method(c, 0)->kind, AUTH_AGENT);
	assert_null(method(c, 0)->agent_socket);
	assert_string_equal(method(c, 1)->agent_socket, "/run/agent.sock");
	assert_int_equal(method(c, 2)->kind, AUTH_AGENT);
	assert_int_equal(method(c, 2)->agent_only_count, 2);
	assert_int_equal(method(c, 3)->kind, AUTH_NONE);
	config_unref(c);
}

static void check_code(const struct auth_prompt *p, enum totp_algorithm algorithm, int digits,
                       int64_t period_ms)
{
	assert_int_equal(p->kind, PROMPT_TOTP);
	assert_int_equal(p->secret.kind, SECRET_CREDENTIAL);
	assert_string_equal(p->secret.text, "acme-totp");
	assert_int_equal(p->algorithm, algorithm);
	assert_int_equal(p->digits, digits);
	assert_int_equal(p->period_ms, period_ms);
}

static void test_auth__takes_answers_to_prompts(void **state)
{
	struct config *c =
	        load_auth("      - keyboard-interactive:\n"
	                  "          - {prompt: password, answer: {credential: acme-password}}\n"
	                  "          - {prompt: code, totp: {credential: acme-totp}}\n"
	                  "          - prompt: \"^otp\"\n"
	                  "            totp: {secret: {credential: acme-totp}, algorithm: sha512, "
	                  "digits: 8,\n"
	                  "                   period: 60s}\n"
	                  "          - {prompt: token, command: [/bin/token, a]}\n");
	const struct auth_method *m = method(c, 0);

	(void)state;
	assert_int_equal(m->kind, AUTH_KEYBOARD);
	assert_int_equal(m->prompt_count, 4);
	assert_string_equal(m->prompts[0].prompt, "password");
	assert_int_equal(m->prompts[0].kind, PROMPT_SECRET);
	assert_string_equal(m->prompts[0].secret.text, "acme-password");
	check_code(&m->prompts[1], TOTP_SHA1, 6, 30000);
	check_code(&m->prompts[2], TOTP_SHA512, 8, 60000);
	assert_int_equal(m->prompts[3].kind, PROMPT_COMMAND);
	assert_string_equal(m->prompts[3].secret.argv[1], "a");
	config_unref(c);
}

/* A reload must notice each change, or a stopped endpoint would stay stopped. */
static void test_auth__is_all_part_of_the_fingerprint(void **state)
{
	static const char *const variants[] = {
	        "      - publickey: /k\n",
	        "      - publickey: auto\n",
	        "      - publickey: {key: /k, certificate: /c}\n",
	        "      - publickey: {key: /k, rsa_min_bits: 4096}\n",
	        "      - agent\n",
	        "      - agent: /s\n",
	        "      - agent: {only: " FP "}\n",
	        "      - none\n",
	        "      - keyboard-interactive: [{prompt: a, answer: {env: X}}]\n",
	        "      - keyboard-interactive: [{prompt: b, answer: {env: X}}]\n",
	        "      - keyboard-interactive: [{prompt: a, totp: {env: X}}]\n",
	        "      - keyboard-interactive: [{prompt: a, totp: {secret: {env: X}, digits: "
	        "7}}]\n",
	        "      - keyboard-interactive: [{prompt: a, totp: {secret: {env: X}, period: "
	        "60s}}]\n",
	        "      - keyboard-interactive: [{prompt: a, totp: {secret: {env: X}, algorithm: "
	        "sha256}}]\n",
	};
	enum { COUNT = sizeof(variants) / sizeof(variants[0]) };
	struct config *c[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		c[i] = load_auth(variants[i]);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(config_endpoint(c[i], "a")->fingerprint,
			                        config_endpoint(c[k], "a")->fingerprint);
	}
	for (size_t i = 0; i < COUNT; i++)
		config_unref(c[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_auth__takes_keys_in_their_forms),
	        cmocka_unit_test(test_auth__takes_agents_and_none),
	        cmocka_unit_test(test_auth__takes_answers_to_prompts),
	        cmocka_unit_test(test_auth__is_all_part_of_the_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
