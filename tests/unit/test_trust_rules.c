/* Every cell of the table that decides who may go on to the login. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/sftp/trust_rules.h"

/* strict, accept-new, off without a password, off with one: + go on, s store, w warn, - refuse */
static const struct {
	enum known_state state;
	const char *name, *cells;
} rows[] = {
        {KNOWN_OK, "ok", "++++"},
        {KNOWN_CHANGED, "changed", "--w-"},
        {KNOWN_OTHER, "other", "--w-"},
        {KNOWN_UNKNOWN, "unknown", "-sww"},
        {KNOWN_NOT_FOUND, "not found", "-sww"},
        {KNOWN_ERROR, "error", "--ww"},
        {KNOWN_REVOKED, "revoked", "----"},
};

static void test_trust_rules__every_cell(void **state)
{
	static const struct {
		enum host_key_check check;
		enum trust_login login;
	} columns[] = {{HOST_KEY_STRICT, LOGIN_BY_KEY},
	               {HOST_KEY_ACCEPT_NEW, LOGIN_BY_KEY},
	               {HOST_KEY_OFF, LOGIN_BY_KEY},
	               {HOST_KEY_OFF, LOGIN_BY_PASSWORD}};
	static const char letters[] = {
	        [TRUST_GO_ON] = '+', [TRUST_STORE] = 's', [TRUST_WARN] = 'w', [TRUST_REFUSE] = '-'};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), KNOWN_STATE_COUNT);
	for (int i = 0; i < KNOWN_STATE_COUNT; i++) {
		assert_int_equal(rows[i].state, i);
		assert_string_equal(known_state_name(rows[i].state), rows[i].name);
		for (int c = 0; c < 4; c++) {
			enum trust_decision d =
			        trust_decide(rows[i].state, columns[c].check, columns[c].login);

			if (letters[d] != rows[i].cells[c])
				fail_msg("%s, column %d: %c", rows[i].name, c, letters[d]);
		}
	}
}

/* With the check on, what the login would send makes no difference. */
static void test_trust_rules__the_login_counts_with_off_only(void **state)
{
	(void)state;
	for (int s = 0; s < KNOWN_STATE_COUNT; s++)
		for (int c = HOST_KEY_STRICT; c <= HOST_KEY_ACCEPT_NEW; c++)
			assert_int_equal(trust_decide((enum known_state)s, (enum host_key_check)c,
			                              LOGIN_BY_KEY),
			                 trust_decide((enum known_state)s, (enum host_key_check)c,
			                              LOGIN_BY_PASSWORD));
}

static void test_trust_rules__one_password_among_keys_counts(void **state)
{
	struct auth_method methods[] = {
	        {.kind = AUTH_NONE}, {.kind = AUTH_AGENT}, {.kind = AUTH_PUBLICKEY}, {0}};
	struct endpoint_config e = {.auth = methods, .auth_count = 3};

	(void)state;
	assert_int_equal(trust_login_of(&e), LOGIN_BY_KEY);
	e.auth_count = 4;
	methods[3].kind = AUTH_PASSWORD;
	assert_int_equal(trust_login_of(&e), LOGIN_BY_PASSWORD);
	methods[3].kind = AUTH_KEYBOARD;
	assert_int_equal(trust_login_of(&e), LOGIN_BY_PASSWORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_trust_rules__every_cell),
	        cmocka_unit_test(test_trust_rules__the_login_counts_with_off_only),
	        cmocka_unit_test(test_trust_rules__one_password_among_keys_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
