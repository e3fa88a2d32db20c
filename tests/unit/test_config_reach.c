/* The way to a server, in the configuration: what is read, what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "adapters/sftp/algorithms.h"
#include "config/load.h"
#include "daemon/base/mem.h"

/* What follows stands on line 7. */
#define ENDPOINT(text)                                                    \
	"version: 1\nendpoints:\n  a:\n    protocol: sftp\n    host: h\n" \
	"    user: u\n    " text "\n    auth: [{password: {credential: c}}]\n"
#define FTPS(text)                                                        \
	"version: 1\nendpoints:\n  a:\n    protocol: ftps\n    host: h\n" \
	"    user: u\n    " text "\n    auth: [{password: {credential: c}}]\n"
#define ALGORITHMS(text) ENDPOINT("algorithms: {" text "}")

static const char *judge_endpoint(const struct endpoint_config *e, const char **key)
{
	return e->protocol == PROTOCOL_SFTP ? algorithms_judge(e, key) : NULL;
}

static const struct config_judges judges = {.endpoint = judge_endpoint};

static struct config *load_with(const char *text, struct config_report *r)
{
	struct config_text t = {"f", text, strlen(text)};

	config_report_init(r);
	return config_load_text(&t, &judges, DISK_IGNORE, r);
}

static struct config *load(const char *text)
{
	struct config_report r;
	struct config *c = load_with(text, &r);

	if (!c)
		fail_msg("%s\n%s", buf_text(&r.text), text);
	config_report_release(&r);
	return c;
}

/* The one thing that is told of `text` begins so. */
static void check_refused(const char *text, const char *told)
{
	struct config_report r;
	struct config *c = load_with(text, &r);

	if (strncmp(buf_text(&r.text), told, strlen(told)) != 0 || r.errors != 1)
		fail_msg("told:\n%snot: %s\n%s", buf_text(&r.text), told, text);
	assert_null(c);
	config_report_release(&r);
}

struct mistake {
	const char *text, *told;
};

#define CHECK_ALL(table)                                                \
	for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) \
	check_refused((table)[i].text, (table)[i].told)

/* ---- algorithms ---------------------------------------------------------------------------- */

static void test_config__has_no_list_of_algorithms_by_default(void **state)
{
	struct config *c = load(ENDPOINT("port: 22"));
	const struct algorithm_settings *a = &config_endpoint(c, "a")->algorithms;

	(void)state;
	for (int i = 0; i < ALGORITHM_KINDS; i++)
		assert_int_equal(a->lists[i].count, 0);
	assert_false(a->compression);
	assert_int_equal(a->rsa_min_bits, 2048);
	config_unref(c);
}

static void test_config__reads_lists_of_algorithms(void **state)
{
	struct config *c =
	        load(ALGORITHMS("ciphers: [+aes256-cbc, \"-*192*\"], macs: hmac-sha2-256, "
	                        "kex: \"curve25519-sha256,ecdh-*\", host_keys: "
	                        "[^ecdsa-sha2-nistp256], compression: true, "
	                        "rsa_min_bits: 1024"));
	const struct algorithm_settings *a = &config_endpoint(c, "a")->algorithms;

	(void)state;
	assert_int_equal(a->lists[ALGORITHM_CIPHERS].count, 2);
	assert_string_equal(a->lists[ALGORITHM_CIPHERS].items[1], "-*192*");
	assert_string_equal(a->lists[ALGORITHM_MACS].items[0], "hmac-sha2-256");
	assert_string_equal(a->lists[ALGORITHM_KEX].items[0], "curve25519-sha256,ecdh-*");
	assert_string_equal(a->lists[ALGORITHM_HOST_KEYS].items[0], "^ecdsa-sha2-nistp256");
	assert_true(a->compression);
	assert_int_equal(a->rsa_min_bits, 1024);
	config_unref(c);
}

#define AT(list) "f:7:" list

static const struct mistake wrong_algorithms[] = {
        {ALGORITHMS("ciphers: [aes256-crt]"),
         AT("27: endpoints.a.algorithms.ciphers: names \"aes256-crt\", which the SSH library "
            "here does not know; it knows: ")},
        {ALGORITHMS("kex: \"-*\""), AT("23: endpoints.a.algorithms.kex: leaves nothing to offer")},
        {ALGORITHMS("macs: [+hmac-none]"), AT("")},
        {ALGORITHMS("host_keys: ssh-ed25518"), AT("")},
        {ALGORITHMS("macs: \"\""), AT("24: endpoints.a.algorithms.macs: ")},
        {ALGORITHMS("macs: \"+\""),
         AT("24: endpoints.a.algorithms.macs: wants the name of an algorithm, such as")},
        {ALGORITHMS("macs: \"a b\""),
         AT("24: endpoints.a.algorithms.macs: names of algorithms hold no blanks")},
        {ALGORITHMS("macs: \"\\u00e4\""),
         AT("24: endpoints.a.algorithms.macs: names of algorithms hold no blanks")},
        {ALGORITHMS("rsa_min_bits: 1023"), AT("32: endpoints.a.algorithms.rsa_min_bits: ")},
        {ALGORITHMS("rsa_min_bits: 16385"), AT("32: endpoints.a.algorithms.rsa_min_bits: ")},
        {ALGORITHMS("cipher: [aes256-ctr]"), AT("18: endpoints.a.algorithms.cipher: ")},
        {FTPS("algorithms: {}"),
         AT("5: endpoints.a.algorithms: is for protocol: sftp; for ftps see tls: {ciphers: ...}")},
};

static void test_config__refuses_algorithms_that_nobody_knows(void **state)
{
	(void)state;
	CHECK_ALL(wrong_algorithms);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void test_config__reads_addresses(void **state)
{
	struct config *c = load(ENDPOINT("address_family: ipv6\n    bind_address: ::1"));
	const struct endpoint_config *e = config_endpoint(c, "a");

	(void)state;
	assert_int_equal(e->address_family, FAMILY_IPV6);
	assert_string_equal(e->bind_address, "::1");
	config_unref(c);
	c = load(FTPS("address_family: ipv4"));
	e = config_endpoint(c, "a");
	assert_int_equal(e->address_family, FAMILY_IPV4);
	assert_null(e->bind_address);
	config_unref(c);
	c = load(ENDPOINT("bind_address: 192.0.2.1"));
	assert_int_equal(config_endpoint(c, "a")->address_family, FAMILY_ANY);
	config_unref(c);
}

static const struct mistake wrong_addresses[] = {
        {ENDPOINT("bind_address: eth0"),
         AT("19: endpoints.a.bind_address: is no IPv4 or IPv6 address of this machine")},
        {ENDPOINT("bind_address: \"[::1]\""), AT("19: endpoints.a.bind_address: is no IPv4 or")},
        {ENDPOINT("address_family: ipv5"), AT("21: endpoints.a.address_family: ")},
        {ENDPOINT("bind_address: ::1\n    address_family: ipv4"),
         AT("19: endpoints.a.bind_address: is no address of the family that address_family")},
        {ENDPOINT("bind_address: 10.0.0.1\n    address_family: ipv6"),
         AT("19: endpoints.a.bind_address: is no address of the family that address_family")},
};

static void test_config__refuses_addresses_that_are_none(void **state)
{
	(void)state;
	CHECK_ALL(wrong_addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_config__has_no_list_of_algorithms_by_default),
	        cmocka_unit_test(test_config__reads_lists_of_algorithms),
	        cmocka_unit_test(test_config__refuses_algorithms_that_nobody_knows),
	        cmocka_unit_test(test_config__reads_addresses),
	        cmocka_unit_test(test_config__refuses_addresses_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
