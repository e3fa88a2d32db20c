/* The way to a server, in the configuration: what is read, what is refused and in which words. */
#include "adapters/sftp/algorithms.h"
#include "tests/unit/config_rig.h"

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

static const struct config_judges algorithm_judges = {.endpoint = judge_endpoint};

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
	CHECK_EACH(check_refused, wrong_algorithms);
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
	CHECK_EACH(check_refused, wrong_addresses);
}

/* ---- jump hosts ---------------------------------------------------------------------------- */

#define HOST(name, text) \
	"  " name ": {host: h, user: u, auth: [{password: {credential: c}}]" text "}\n"
#define HOSTS(text) "version: 1\nendpoints:\n" text

/* The names of the hops, with blanks between. */
static void check_hops(const char *text, const char *endpoint, const char *want)
{
	struct config *c = load(text);
	const struct endpoint_config *e = config_endpoint(c, endpoint);
	char got[256] = "";

	for (size_t i = 0; i < e->via_count; i++) {
		strncat(got, i ? " " : "", sizeof(got) - strlen(got) - 1);
		strncat(got, e->via[i]->name, sizeof(got) - strlen(got) - 1);
	}
	assert_string_equal(got, want);
	config_unref(c);
}

static void test_config__knows_the_way_through_jump_hosts(void **state)
{
	(void)state;
	check_hops(HOSTS(HOST("a", "")), "a", "");
	check_hops(HOSTS(HOST("a", ", via: b") HOST("b", "")), "a", "b");
	check_hops(HOSTS(HOST("a", ", via: [b, c]") HOST("b", "") HOST("c", "")), "a", "b c");
	/* how the first hop is reached is its own business ... */
	check_hops(
	        HOSTS(HOST("a", ", via: [b, c]") HOST("b", ", via: d") HOST("c", "") HOST("d", "")),
	        "a", "d b c");
	/* ... the next one is reached from the one before */
	check_hops(
	        HOSTS(HOST("a", ", via: [b, c]") HOST("b", "") HOST("c", ", via: d") HOST("d", "")),
	        "a", "b c");
	check_hops(HOSTS(HOST("a", ", via: [b, c, d, e, f, g, i, j]") HOST("b", "") HOST("c", "")
	                         HOST("d", "") HOST("e", "") HOST("f", "") HOST("g", "")
	                                 HOST("i", "") HOST("j", "")),
	           "a", "b c d e f g i j");
	/* two that name each other, but never begin with each other */
	check_hops(HOSTS(HOST("a", ", via: [x, b]") HOST("b", ", via: [x, a]") HOST("x", "")), "a",
	           "x b");
}

static const struct mistake wrong_hops[] = {
        {HOSTS(HOST("a", ", via: bastoin") HOST("bastion", "")),
         "f:3:67: endpoints.a.via: no endpoint is called \"bastoin\", did you mean "
         "\"bastion\"?"},
        {HOSTS(HOST("a", ", via: a")),
         "f:3:67: endpoints.a.via: jump host \"a\" is reached through itself"},
        {HOSTS(HOST("a", ", via: [b, b]") HOST("b", "")),
         "f:3:67: endpoints.a.via: jump host \"b\" is reached through itself"},
        {HOSTS(HOST("a", ", via: b") HOST("b", ", protocol: ftps")),
         "f:3:67: endpoints.a.via: jump host \"b\" is no SSH server"},
        {HOSTS(HOST("a", ", protocol: ftps, via: b") HOST("b", "")),
         "f:3:78: endpoints.a.via: is for protocol: sftp"},
        {HOSTS(HOST("a", ", via: b, bind_address: 127.0.0.1") HOST("b", "")),
         "f:3:70: endpoints.a.bind_address: belongs to the first jump host"},
        {HOSTS(HOST("a", ", via: [b, c, d, e, f, g, i, j, k]") HOST("b", "") HOST("c", "")
                       HOST("d", "") HOST("e", "") HOST("f", "") HOST("g", "") HOST("i", "")
                               HOST("j", "") HOST("k", "")),
         "f:3:67: endpoints.a.via: jump host \"k\" is one too many: at most 8"},
};

static void test_config__refuses_ways_that_lead_nowhere(void **state)
{
	(void)state;
	CHECK_EACH(check_refused, wrong_hops);
}

/* Each of the three is told at its own list. */
static void test_config__refuses_ways_that_go_round(void **state)
{
	struct config_report r;
	struct config *c = load_with(
	        HOSTS(HOST("a", ", via: b") HOST("b", ", via: c") HOST("c", ", via: a")), &r);

	(void)state;
	assert_null(c);
	assert_int_equal(r.errors, 3);
	assert_non_null(strstr(buf_text(&r.text), "endpoints.c.via: jump host \"c\" is reached "
	                                          "through itself: via goes round"));
	config_report_release(&r);
	/* the one that only leads into the circle too */
	c = load_with(HOSTS(HOST("a", ", via: b") HOST("b", ", via: c") HOST("c", ", via: b")), &r);
	assert_null(c);
	assert_int_equal(r.errors, 3);
	config_report_release(&r);
}

static void test_config__a_changed_jump_host_changes_who_goes_through_it(void **state)
{
	struct config *one = load(HOSTS(HOST("a", ", via: b") HOST("b", ", port: 22"))),
	              *two = load(HOSTS(HOST("a", ", via: b") HOST("b", ", port: 23")));

	(void)state;
	assert_string_not_equal(config_endpoint(one, "a")->fingerprint,
	                        config_endpoint(two, "a")->fingerprint);
	config_unref(one);
	config_unref(two);
}

/* ---- proxies ------------------------------------------------------------------------------- */

#define PROXY(text) ENDPOINT("proxy: {" text "}")

static void test_config__reads_proxies(void **state)
{
	struct config *c = load(PROXY("command: [/usr/bin/nc, -q, \"1\", \"%h\", \"%p%%\"]"));
	const struct proxy_settings *p = &config_endpoint(c, "a")->proxy;

	(void)state;
	assert_int_equal(p->kind, PROXY_COMMAND);
	assert_int_equal(p->command.count, 5);
	assert_string_equal(p->command.items[4], "%p%%");
	config_unref(c);
	c = load(PROXY("socks5: {host: s, user: u, password: {credential: x}}"));
	p = &config_endpoint(c, "a")->proxy;
	assert_int_equal(p->kind, PROXY_SOCKS5);
	assert_string_equal(p->host, "s");
	assert_int_equal(p->port, 1080);
	assert_string_equal(p->user, "u");
	assert_int_equal(p->password.kind, SECRET_CREDENTIAL);
	config_unref(c);
	c = load(PROXY("http: {host: s, port: 3128}"));
	p = &config_endpoint(c, "a")->proxy;
	assert_int_equal(p->kind, PROXY_HTTP);
	assert_int_equal(p->port, 3128);
	assert_null(p->user);
	config_unref(c);
	c = load(ENDPOINT("port: 22"));
	assert_int_equal(config_endpoint(c, "a")->proxy.kind, PROXY_NONE);
	config_unref(c);
}

static const struct mistake wrong_proxies[] = {
        {PROXY("command: [nc, \"%h\"]"),
         AT("22: endpoints.a.proxy.command: the program must be an absolute path")},
        {PROXY("command: []"), AT("22: endpoints.a.proxy.command: ")},
        {PROXY("command: [/bin/nc, \"%j\"]"),
         AT("32: endpoints.a.proxy.command[1]: knows %h, %p, %r, %n and %% only")},
        {PROXY("command: [/bin/nc, \"100%\"]"),
         AT("32: endpoints.a.proxy.command[1]: knows %h, %p, %r, %n and %% only")},
        {PROXY("http: {host: s}"), AT("19: endpoints.a.proxy.http: ")},
        {PROXY("socks5: {port: 1080}"), AT("21: endpoints.a.proxy.socks5: ")},
        {PROXY("socks5: {host: s, port: 65536}"), AT("")},
        {PROXY("socks5: {host: s, port: 0}"), AT("")},
        {PROXY("socks5: {host: \"http://s\"}"), AT("")},
        {PROXY("socks5: {host: s, user: \"a:b\"}"), AT("")},
        {PROXY("socks5: {host: s, password: {credential: x}}"),
         AT("31: endpoints.a.proxy.socks5.password: belongs to a user: add user")},
        {PROXY("socks5: {host: s}, http: {host: s, port: 1}"), AT("")},
        {PROXY("socks4: {host: s}"), AT("")},
        {ENDPOINT("proxy: http://proxy:3128"), AT("12: endpoints.a.proxy: ")},
        {FTPS("proxy: {socks5: {host: s}}"), AT("5: endpoints.a.proxy: is for protocol: sftp")},
        {ENDPOINT("bind_address: ::1\n    proxy: {command: [/bin/nc]}"),
         AT("5: endpoints.a.bind_address: has no use with proxy: {command: ...}")},
        {HOSTS(HOST("a", ", via: b, proxy: {socks5: {host: s}}") HOST("b", "")),
         "f:3:70: endpoints.a.proxy: belongs to the first jump host"},
};

static void test_config__refuses_proxies_that_cannot_be(void **state)
{
	(void)state;
	CHECK_EACH(check_refused, wrong_proxies);
}

/* ---- recycling ----------------------------------------------------------------------------- */

static void test_config__reads_recycle(void **state)
{
	struct config *c = load(ENDPOINT("port: 22"));

	(void)state;
	assert_int_equal(config_endpoint(c, "a")->recycle_bytes, UINT64_C(32) << 30);
	assert_int_equal(config_endpoint(c, "a")->recycle_age_ms, 0);
	config_unref(c);
	c = load(ENDPOINT("recycle: {bytes: 1G, age: 1h}"));
	assert_int_equal(config_endpoint(c, "a")->recycle_bytes, UINT64_C(1) << 30);
	assert_int_equal(config_endpoint(c, "a")->recycle_age_ms, 3600000);
	config_unref(c);
	c = load(FTPS("recycle: {bytes: 0, age: 30d}"));
	assert_int_equal(config_endpoint(c, "a")->recycle_age_ms, INT64_C(30) * 24 * 3600000);
	config_unref(c);
}

static const struct mistake wrong_recycles[] = {
        {ENDPOINT("recycle: {age: 31d}"), AT("20: endpoints.a.recycle.age: ")},
        {ENDPOINT("recycle: {bytes: 2T}"), AT("22: endpoints.a.recycle.bytes: ")},
        {ENDPOINT("recycle: 1G"), AT("14: endpoints.a.recycle: ")},
};

static void test_config__refuses_odd_recycles(void **state)
{
	(void)state;
	CHECK_EACH(check_refused, wrong_recycles);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_config__has_no_list_of_algorithms_by_default),
	        cmocka_unit_test(test_config__reads_lists_of_algorithms),
	        cmocka_unit_test(test_config__refuses_algorithms_that_nobody_knows),
	        cmocka_unit_test(test_config__reads_addresses),
	        cmocka_unit_test(test_config__refuses_addresses_that_are_none),
	        cmocka_unit_test(test_config__knows_the_way_through_jump_hosts),
	        cmocka_unit_test(test_config__refuses_ways_that_lead_nowhere),
	        cmocka_unit_test(test_config__refuses_ways_that_go_round),
	        cmocka_unit_test(test_config__reads_recycle),
	        cmocka_unit_test(test_config__refuses_odd_recycles),
	        cmocka_unit_test(test_config__reads_proxies),
	        cmocka_unit_test(test_config__refuses_proxies_that_cannot_be),
	        cmocka_unit_test(test_config__a_changed_jump_host_changes_who_goes_through_it),
	};

	judges = &algorithm_judges;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
