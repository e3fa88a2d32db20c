/*
 * Tunnels of an endpoint: what is read, what is refused and in which words.
 */
#include "tests/unit/config_rig.h"

/* ---- verbs --------------------------------------------------------------------------------- */

/* The tunnels stand on line 7. */
#define ENDPOINT(protocol_text, text)                                                  \
	"version: 1\nendpoints:\n  a:\n    protocol: " protocol_text "\n    host: h\n" \
	"    user: u\n    tunnels: [" text "]\n    auth: [{password: {credential: c}}]\n"
#define SFTP(text) ENDPOINT("sftp", text)

/* ---- what is read -------------------------------------------------------------------------- */

static void test_tunnels__are_off_unless_written(void **state)
{
	struct config *c = load("version: 1\nendpoints: {a: {host: h, user: u, auth: [{password: "
	                        "{credential: c}}]}}\n");

	(void)state;
	assert_int_equal(config_endpoint(c, "a")->tunnel_count, 0);
	config_unref(c);
}

static void test_tunnels__are_read(void **state)
{
	struct config *c = load(SFTP("{listen: \"127.0.0.1:15432\", to: \"db.inner:5432\"}, "
	                             "{remote_listen: \"[::1]:0\", to: \"[2001:db8::1]:80\", "
	                             "connections: 3}, "
	                             "{listen: \"0.0.0.0:99\", public: true, to: \"h:1\"}"));
	const struct endpoint_config *e = config_endpoint(c, "a");

	(void)state;
	assert_int_equal(e->tunnel_count, 3);
	assert_int_equal(e->tunnels[0].side, TUNNEL_HERE);
	assert_string_equal(e->tunnels[0].listen_host, "127.0.0.1");
	assert_int_equal(e->tunnels[0].listen_port, 15432);
	assert_string_equal(e->tunnels[0].to_host, "db.inner");
	assert_int_equal(e->tunnels[0].to_port, 5432);
	assert_int_equal(e->tunnels[0].connections, 16);
	assert_int_equal(e->tunnels[1].side, TUNNEL_SERVER);
	assert_string_equal(e->tunnels[1].listen_host, "::1");
	assert_int_equal(e->tunnels[1].listen_port, 0);
	assert_string_equal(e->tunnels[1].to_host, "2001:db8::1");
	assert_int_equal(e->tunnels[1].connections, 3);
	assert_string_equal(e->tunnels[2].listen_host, "0.0.0.0");
	config_unref(c);
}

static void test_tunnels__make_a_difference(void **state)
{
	struct config *a = load(SFTP("{listen: \"127.0.0.1:1\", to: \"h:1\"}"));
	struct config *b = load(SFTP("{listen: \"127.0.0.1:1\", to: \"h:2\"}"));

	(void)state;
	assert_string_not_equal(config_endpoint(a, "a")->fingerprint,
	                        config_endpoint(b, "a")->fingerprint);
	config_unref(a);
	config_unref(b);
}

/* ---- what is refused ----------------------------------------------------------------------- */

#define AT           "endpoints.a.tunnels[0]"
#define PLACE        "wants host and port, such as \"127.0.0.1:15432\" or \"[::1]:15432\""
#define TO_H1        ", to: \"h:1\"}"
#define LISTEN(text) SFTP("{listen: \"" text "\"" TO_H1)

static void test_tunnels__want_places(void **state)
{
	static const char *const wrong[] = {
	        "127.0.0.1", ":80",  "127.0.0.1:", "h:65536", "h:123456", "::1:80", "[::1]80",
	        "[::1:80",   "h:-1", "h:8o",       "a b:80",  "/run/s:1", "[]:80"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *text _cleanup_free_ = mem_printf(LISTEN("%s"), wrong[i]);

		check_told(text, "f:7:24: " AT ".listen: " PLACE);
	}
	check_told(SFTP("{listen: \"127.0.0.1:0\", to: \"h:0\"}"),
	           "f:7:43: " AT ".to: wants a port from 1 to 65535");
}

static void test_tunnels__listen_at_one_side(void **state)
{
	(void)state;
	check_told(SFTP("{to: \"h:1\"}"),
	           "f:7:15: " AT ": wants exactly one of listen and remote_listen");
	check_told(SFTP("{listen: \"127.0.0.1:0\", remote_listen: \"127.0.0.1:0\"" TO_H1),
	           "f:7:15: " AT ": wants exactly one of listen and remote_listen");
	check_told(SFTP("{listen: \"127.0.0.1:0\"}"),
	           "f:7:15: " AT ": the key \"to\" is missing: Where the tunnel leads, host and "
	           "port, as the side sees it that connects.");
}

static void test_tunnels__let_nobody_in_unless_told(void **state)
{
	static const char *const open[] = {"0.0.0.0", "[::]", "192.0.2.1", "box.example",
	                                   "127.box.example"};
	static const char *const closed[] = {"127.0.0.1", "127.9.9.9", "localhost", "[::1]",
	                                     "127.0.0.2"};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		char *here _cleanup_free_ = mem_printf(LISTEN("%s:1"), open[i]);
		char *there _cleanup_free_ =
		        mem_printf(SFTP("{remote_listen: \"%s:1\"" TO_H1), open[i]);
		char *fine _cleanup_free_ = mem_printf(LISTEN("%s:1"), closed[i]);
		char *host = mem_dup(open[i] + (*open[i] == '[')), *told;

		host[strcspn(host, "]")] = '\0';
		told = mem_printf("f:7:15: " AT
		                  ": would let everybody in who reaches %s: listen on "
		                  "127.0.0.1, or say public: true",
		                  host);
		check_told(here, told);
		check_told(there, told);
		check_told(fine, "");
		free(host);
		free(told);
	}
}

static void test_tunnels__have_limits(void **state)
{
	struct buf many;

	(void)state;
	check_told(SFTP("{listen: \"127.0.0.1:0\", connections: 256" TO_H1), "");
	check_told(SFTP("{listen: \"127.0.0.1:0\", connections: 257" TO_H1),
	           "f:7:52: " AT ".connections: must be between 1 and 256, found 257");
	for (int count = 16; count <= 17; count++) {
		char *text;

		buf_init(&many, 4096);
		for (int i = 0; i < count; i++)
			(void)buf_printf(&many, "%s{listen: \"127.0.0.1:0\"%s", i ? ", " : "",
			                 TO_H1);
		text = mem_printf(SFTP("%s"), buf_text(&many));
		check_told(text, count == 16 ? ""
		                             : "f:7:14: endpoints.a.tunnels: wants 1 to 16 items, "
		                               "found 17");
		free(text);
		buf_release(&many);
	}
}

static void test_tunnels__do_not_listen_twice_in_one_place(void **state)
{
	(void)state;
	check_told(SFTP("{listen: \"127.0.0.1:1\"" TO_H1 ", {listen: \"127.0.0.1:1\"" TO_H1),
	           "f:7:51: endpoints.a.tunnels[1]: listens where tunnels[0] does");
	check_told(SFTP("{listen: \"127.0.0.1:1\"" TO_H1 ", {remote_listen: \"127.0.0.1:1\"" TO_H1),
	           "");
	check_told(SFTP("{listen: \"127.0.0.1:0\"" TO_H1 ", {listen: \"127.0.0.1:0\"" TO_H1), "");
}

static void test_tunnels__are_for_sftp_only(void **state)
{
	(void)state;
	check_told(ENDPOINT("ftps", "{listen: \"127.0.0.1:0\"" TO_H1),
	           "f:7:5: endpoints.a.tunnels: is for protocol: sftp; ftps and ftp carry no other "
	           "connections");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_tunnels__are_off_unless_written),
	        cmocka_unit_test(test_tunnels__are_read),
	        cmocka_unit_test(test_tunnels__make_a_difference),
	        cmocka_unit_test(test_tunnels__want_places),
	        cmocka_unit_test(test_tunnels__listen_at_one_side),
	        cmocka_unit_test(test_tunnels__let_nobody_in_unless_told),
	        cmocka_unit_test(test_tunnels__have_limits),
	        cmocka_unit_test(test_tunnels__do_not_listen_twice_in_one_place),
	        cmocka_unit_test(test_tunnels__are_for_sftp_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
