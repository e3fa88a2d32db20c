#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load.h"

/* ---- verbs --------------------------------------------------------------------------------- */

static struct config *load(const char *text, struct config_report *r)
{
	struct config_text t = {"ferryd.yaml", text, strlen(text)};

	config_report_init(r);
	return config_load_text(&t, NULL, DISK_IGNORE, r);
}

static struct config *load_valid(const char *text)
{
	struct config_report r;
	struct config *c = load(text, &r);

	if (!c)
		fail_msg("%s", buf_text(&r.text));
	assert_int_equal(r.errors, 0);
	config_report_release(&r);
	return c;
}

/* What every test with an endpoint begins with. */
#define ACME                            \
	"version: 1\n"                  \
	"endpoints:\n"                  \
	"  acme:\n"                     \
	"    host: sftp.acme.example\n" \
	"    user: ferry\n"             \
	"    auth: [{password: {credential: acme}}]\n"

static const char full[] =
        "version: 1\n"
        "daemon:\n"
        "  state_dir: /var/lib/x/\n"
        "  socket: /run/x.sock\n"
        "  workers: 3\n"
        "  drain: 1m\n"
        "  min_free: {bytes: 2G, percent: 7}\n"
        "  log_level: debug\n"
        "trace: {dir: /var/log/x, mask: [kex, auth], when: always, max_size: 1M, keep: 2d}\n"
        "endpoints:\n"
        "  acme:\n"
        "    protocol: sftp\n"
        "    host: sftp.acme.example\n"
        "    port: 2222\n"
        "    user: ferry\n"
        "    auth:\n"
        "      - publickey: {key: /etc/k, passphrase: {file: /etc/p}}\n"
        "      - password: {command: [/bin/pass, acme]}\n"
        "    host_key:\n"
        "      known_hosts: [/etc/a, /etc/b]\n"
        "      pins: \"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n"
        "    connections: 2\n"
        "    keepalive: 0\n"
        "    idle_close: 10m\n"
        "    timeouts: {connect: 1s, handshake: 2s, auth: 3s, request: 4s, stall: 5s}\n"
        "    trace: {mask: 0x40, when: never}\n"
        "routes:\n"
        "  in:\n"
        "    from:\n"
        "      endpoint: acme\n"
        "      path: /out//going/\n"
        "      match: [\"*.xml\", \"*.csv\"]\n"
        "      exclude: a*\n"
        "      hidden: true\n"
        "      recurse: 2\n"
        "      order: -mtime\n"
        "      min_size: 1B\n"
        "      max_size: 1GiB\n"
        "      min_age: 1s\n"
        "      max_age: 1d\n"
        "      cron: \"*/5 8-18 * * mon-fri\"\n"
        "      time_zone: Europe/Berlin\n"
        "      ready: {stable_for: 7s}\n"
        "      after: {move: .done}\n"
        "    to:\n"
        "      - {path: /srv/in, name: \"x-{name}\", exists: replace, mode: \"0640\", mkdir: "
        "true,\n"
        "         verify: digest, retry: {attempts: 3}}\n"
        "      - {endpoint: acme, path: copies}\n"
        "    retry: {first: 2s, most: 1m, attempts: 9}\n"
        "  out:\n"
        "    enabled: false\n"
        "    from: {path: /srv/in/}\n"
        "    to: [{endpoint: acme, path: /in}]\n";

/* ---- values -------------------------------------------------------------------------------- */

static void test_config__reads_daemon_and_trace(void **state)
{
	struct config *c = load_valid(full);

	(void)state;
	assert_string_equal(c->daemon.state_dir, "/var/lib/x");
	assert_string_equal(c->daemon.socket, "/run/x.sock");
	assert_int_equal(c->daemon.workers, 3);
	assert_int_equal(c->daemon.drain_ms, 60000);
	assert_int_equal(c->daemon.min_free_bytes, UINT64_C(2) << 30);
	assert_int_equal(c->daemon.min_free_percent, 7);
	assert_string_equal(c->daemon.log_level, "debug");
	assert_int_equal(c->trace.mask, 12);
	assert_int_equal(c->trace.when, TRACE_ALWAYS);
	assert_int_equal(c->trace.max_bytes, 1 << 20);
	assert_int_equal(c->trace.keep_ms, 2 * 24 * 3600 * 1000);
	config_unref(c);
}

static void test_config__reads_an_endpoint(void **state)
{
	struct config *c = load_valid(full);
	const struct endpoint_config *e = config_endpoint(c, "acme");

	(void)state;
	assert_int_equal(e->protocol, PROTOCOL_SFTP);
	assert_int_equal(e->port, 2222);
	assert_int_equal(e->auth_count, 2);
	assert_int_equal(e->auth[0].kind, AUTH_PUBLICKEY);
	assert_string_equal(e->auth[0].key_file, "/etc/k");
	assert_int_equal(e->auth[0].passphrase.kind, SECRET_FILE);
	assert_int_equal(e->auth[1].kind, AUTH_PASSWORD);
	assert_string_equal(e->auth[1].password.argv[1], "acme");
	assert_null(e->auth[1].password.argv[2]);
	assert_int_equal(e->known_hosts_count, 2);
	assert_int_equal(e->pin_count, 1);
	assert_int_equal(e->connections, 2);
	assert_int_equal(e->keepalive_ms, 0);
	assert_int_equal(e->idle_close_ms, 600000);
	assert_int_equal(e->timeouts.stall_ms, 5000);
	assert_int_equal(e->trace_mask, 64);
	assert_int_equal(e->trace_when, TRACE_NEVER);
	config_unref(c);
}

static void test_config__reads_a_source(void **state)
{
	struct config *c = load_valid(full);
	const struct route_source *s = &config_route(c, "in")->from;

	(void)state;
	assert_ptr_equal(s->endpoint, config_endpoint(c, "acme"));
	assert_string_equal(s->path, "/out/going");
	assert_int_equal(s->match_count, 2);
	assert_string_equal(s->exclude[0], "a*");
	assert_true(s->hidden);
	assert_int_equal(s->recurse, 2);
	assert_int_equal(s->order, ORDER_MTIME);
	assert_true(s->order_descending);
	assert_int_equal(s->max_size, 1 << 30);
	assert_int_equal(s->max_age_ms, 24 * 3600 * 1000);
	assert_int_equal(s->poll_ms, 0);
	assert_string_equal(s->cron, "*/5 8-18 * * mon-fri");
	assert_int_equal(s->stable_for_ms, 7000);
	assert_int_equal(s->after, AFTER_MOVE);
	assert_string_equal(s->after_to, ".done");
	config_unref(c);
}

static void test_config__reads_destinations(void **state)
{
	struct config *c = load_valid(full);
	const struct route_config *r = config_route(c, "in");

	(void)state;
	assert_int_equal(r->to_count, 2);
	assert_string_equal(r->to[0].id, "local:/srv/in");
	assert_string_equal(r->to[0].path, "");
	assert_string_equal(r->to[0].name, "x-{name}");
	assert_int_equal(r->to[0].exists, EXISTS_REPLACE);
	assert_int_equal(r->to[0].mode, 0640);
	assert_true(r->to[0].mkdir);
	assert_int_equal(r->to[0].verify, VERIFY_DIGEST);
	assert_int_equal(r->to[0].retry.attempts, 3);
	assert_int_equal(r->to[0].retry.first_ms, 2000);
	assert_string_equal(r->to[1].id, "acme:copies");
	assert_string_equal(r->to[1].name, "{name}");
	assert_int_equal(r->to[1].mode, -1);
	config_unref(c);
}

static void test_config__shares_one_endpoint_for_equal_directories(void **state)
{
	struct config *c = load_valid(full);

	(void)state;
	assert_ptr_equal(config_route(c, "in")->to[0].endpoint,
	                 config_route(c, "out")->from.endpoint);
	assert_string_equal(config_endpoint(c, "local:/srv/in")->root, "/srv/in");
	assert_int_equal(c->endpoint_count, 2);
	config_unref(c);
}

static void test_config__has_safe_defaults(void **state)
{
	struct config *c = load_valid(ACME "routes:\n"
	                                   "  in: {from: {endpoint: acme, path: .},\n"
	                                   "       to: [{path: /srv/in}]}\n"
	                                   "  out: {from: {path: /srv/out},\n"
	                                   "        to: [{endpoint: acme, path: in}]}\n");
	const struct route_config *in = config_route(c, "in"), *out = config_route(c, "out");
	const struct endpoint_config *e = in->from.endpoint;

	(void)state;
	assert_string_equal(c->daemon.state_dir, "/var/lib/ferryd");
	assert_in_range(c->daemon.workers, 1, 64);
	assert_int_equal(e->host_key_check, HOST_KEY_STRICT);
	assert_string_equal(e->known_hosts[0], "/etc/ferryd/known_hosts");
	assert_int_equal(e->trace_mask, 511);
	assert_int_equal(e->timeouts.connect_ms, 10000);
	assert_int_equal(config_endpoint(c, "local:/srv/in")->timeouts.stall_ms, 60000);
	assert_int_equal(in->from.poll_ms, 60000);
	assert_int_equal(in->from.stable_for_ms, 10000);
	assert_int_equal(out->from.stable_for_ms, 0);
	assert_int_equal(in->from.after, AFTER_KEEP);
	assert_int_equal(in->from.max_size, UINT64_C(10) << 30);
	assert_int_equal(in->to[0].exists, EXISTS_FAIL);
	assert_int_equal(in->to[0].verify, VERIFY_SIZE);
	assert_int_equal(in->retry.first_ms, 1000);
	assert_int_equal(in->to[0].retry.most_ms, 300000);
	assert_true(in->enabled);
	config_unref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_config__reads_daemon_and_trace),
	        cmocka_unit_test(test_config__reads_an_endpoint),
	        cmocka_unit_test(test_config__reads_a_source),
	        cmocka_unit_test(test_config__reads_destinations),
	        cmocka_unit_test(test_config__shares_one_endpoint_for_equal_directories),
	        cmocka_unit_test(test_config__has_safe_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
