/*
 * What holds for a configuration as a whole: limits, fingerprints, references, generated texts.
 */
#include <pthread.h>

#include "daemon/base/text.h"
#include "tests/unit/config_rig.h"

/* ---- limits -------------------------------------------------------------------------------- */

static void check_size(size_t size, const char *told)
{
	char *text _cleanup_free_ = mem_new(size + 1);
	struct config_report r;
	struct config *c;

	memset(text, '#', size);
	memcpy(text, "version: 1\n", 11);
	c = load_bytes(text, size, DISK_IGNORE, &r);
	assert_string_equal(buf_text(&r.text), told);
	assert_int_equal(c != NULL, !*told);
	config_unref(c);
	config_report_release(&r);
}

static void test_node__has_a_largest_file(void **state)
{
	(void)state;
	check_size(NODE_BYTES_MAX, "");
	check_size(NODE_BYTES_MAX + 1, "f: larger than 1 MiB: split it with include:\n");
}

/* What is told of `text`, up to the first line break. */
static void check_parse(const char *text, size_t budget, const char *told)
{
	struct source_text source = {"f", 1};
	struct node_input in = {&source, text, strlen(text), &budget};
	struct config_report r;
	struct problems p;
	struct arena a;

	arena_init(&a);
	problems_init(&p);
	config_report_init(&r);
	assert_int_equal(node_parse(&in, &a, &p) != NULL, !*told);
	problems_write(&p, &r);
	assert_string_equal(buf_text(&r.text), told);
	config_report_release(&r);
	problems_release(&p);
	arena_release(&a);
}

static void test_node__has_a_depth(void **state)
{
	(void)state;
	check_parse("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", 100, "");
	check_parse("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", 100,
	            "f:1:17: nested deeper than 16 levels\n");
}

static void test_node__has_a_number_of_values(void **state)
{
	(void)state;
	check_parse("[a, b, c]", 4, "");
	check_parse("[a, b, c]", 3,
	            "f:1:8: more than 100,000 values in all files together: split the service\n");
}

static void test_node__finds_duplicates_among_many_keys(void **state)
{
	struct config_report r;
	struct buf text;

	(void)state;
	buf_init(&text, NODE_BYTES_MAX);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(buf_printf(&text, "k%d: 1\n", i), 0);
	assert_int_equal(buf_add_text(&text, "k7: 1\n"), 0);
	assert_null(load_bytes(buf_text(&text), buf_len(&text), DISK_IGNORE, &r));
	assert_int_equal(r.errors, 20002); /* unknown, twice, and no version */
	assert_true(text_ends(buf_text(&r.text), "... and 19802 more\n"));
	config_report_release(&r);
	buf_release(&text);
}

/* ---- fingerprints -------------------------------------------------------------------------- */

#define ROUTE                                                            \
	"version: 1\n"                                                   \
	"endpoints:\n"                                                   \
	"  a: {host: h, user: u, auth: [{password: {credential: c}}]}\n" \
	"routes:\n"                                                      \
	"  r:\n"                                                         \
	"    from: {endpoint: a, path: /x, match: \"*.xml\"}\n"          \
	"    to: [{path: /y}]\n"

/* ROUTE with its one `from` replaced by `to`. */
static char *with(const char *from, const char *to)
{
	const char *at = strstr(ROUTE, from);

	assert_non_null(at);
	return mem_printf("%.*s%s%s", (int)(at - ROUTE), ROUTE, to, at + strlen(from));
}

static bool changes(const char *text)
{
	struct config *before = load(ROUTE), *after = load(text);
	bool changed = strcmp(config_route(before, "r")->fingerprint,
	                      config_route(after, "r")->fingerprint) != 0;

	config_unref(before);
	config_unref(after);
	return changed;
}

static const char *const settings[][2] = {
        {"host: h", "host: i"},
        {"host: h", "host: h, port: 23"},
        {"host: h", "host: h, connections: 5"},
        {"host: h", "host: h, keepalive: 61s"},
        {"host: h", "host: h, idle_close: 6m"},
        {"host: h", "host: h, timeouts: {connect: 11s}"},
        {"host: h", "host: h, timeouts: {handshake: 11s}"},
        {"host: h", "host: h, timeouts: {auth: 11s}"},
        {"host: h", "host: h, timeouts: {request: 11s}"},
        {"host: h", "host: h, timeouts: {stall: 11s}"},
        {"host: h", "host: h, trace: {mask: 1}"},
        {"host: h", "host: h, trace: {when: never}"},
        {"host: h", "host: h, host_key: {check: off}"},
        {"host: h", "host: h, host_key: {check: accept-new}"},
        {"host: h", "host: h, host_key: {known_hosts: /k}"},
        {"host: h", "host: h, host_key: {alias: a}"},
        {"host: h", "host: h, host_key: {revoked: /r}"},
        {"host: h", "host: h, host_key: {hash: true}"},
        {"host: h", "host: h, host_key: {weak_pins: true}"},
        {"host: h", "host: h, host_key: {pins: "
                    "\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {"user: u", "user: v"},
        {"host: h", "host: h, protocol: ftps"},
        {"credential: c", "credential: d"},
        {"credential: c", "env: c"},
        {"credential: c", "command: [/c]"},
        {"{password: {credential: c}}", "{publickey: {key: /k}}"},
        {"version: 1", "version: 1\ntrace: {mask: 1}"},
        {"r:\n", "r:\n    enabled: false\n"},
        {"r:\n", "r:\n    retry: {first: 2s}\n"},
        {"path: /x", "path: /z"},
        {"path: /x", "path: /x, exclude: a"},
        {"path: /x", "path: /x, hidden: true"},
        {"path: /x", "path: /x, recurse: 1"},
        {"path: /x", "path: /x, order: size"},
        {"path: /x", "path: /x, order: -name"},
        {"path: /x", "path: /x, min_size: 1B"},
        {"path: /x", "path: /x, max_size: 1G"},
        {"path: /x", "path: /x, min_age: 1s"},
        {"path: /x", "path: /x, max_age: 1s"},
        {"path: /x", "path: /x, poll: 61s"},
        {"path: /x", "path: /x, cron: \"* * * * *\""},
        {"path: /x", "path: /x, time_zone: UTC"},
        {"path: /x", "path: /x, ready: {stable_for: 0}"},
        {"path: /x", "path: /x, after: delete"},
        {"path: /x", "path: /x, after: {move: a}"},
        {"*.xml", "*.csv"},
        {"path: /y", "path: /w"},
        {"path: /y", "path: /y, endpoint: a"},
        {"path: /y", "path: /y, name: \"{name}.x\""},
        {"path: /y", "path: /y, exists: replace"},
        {"path: /y", "path: /y, mode: \"0640\""},
        {"path: /y", "path: /y, mkdir: true"},
        {"path: /y", "path: /y, verify: none"},
        {"path: /y", "path: /y, retry: {attempts: 1}"},
        {"{path: /y}", "{path: /y}, {path: /w}"},
};

static void test_fingerprint__changes_with_every_setting(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char *text _cleanup_free_ = with(settings[i][0], settings[i][1]);

		if (!changes(text))
			fail_msg("no difference: %s", settings[i][1]);
	}
}

static void test_fingerprint__does_not_see_how_it_is_written(void **state)
{
	static const char *const cases[][2] = {
	        {"version: 1", "# comment\nversion: 1\ndaemon: {drain: 1s}"},
	        {"host: h", "host: h, port: 22, protocol: sftp"},
	        {"host: h", "\"host\": 'h'"},
	        {"path: /x", "poll: 1m, path: /x//"},
	        {"match: \"*.xml\"", "match: [\"*.xml\"]"},
	        {"path: /y", "exists: fail, path: /./y/, retry: {first: 1000ms}"},
	        {"routes:", "  b: {host: h, user: u, auth: [{password: {env: x}}]}\nroutes:\n"
	                    "  q: {from: {path: /p}, to: [{endpoint: b, path: /p}]}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text _cleanup_free_ = with(cases[i][0], cases[i][1]);

		if (changes(text))
			fail_msg("a difference: %s", cases[i][1]);
	}
}

/* ---- routes that are fine ------------------------------------------------------------------ */

static void test_loops__let_relays_and_sorting_pass(void **state)
{
	static const char *const routes[] = {
	        /* a relay, and its way back over other names */
	        "  a: {from: {path: /a}, to: [{path: /b}]}\n"
	        "  b: {from: {path: /b}, to: [{path: /c}]}\n",
	        "  a: {from: {path: /a, match: \"*.xml\"}, to: [{path: /b}]}\n"
	        "  b: {from: {path: /b, match: \"*.ack\"}, to: [{path: /a}]}\n",
	        /* into a directory below, which is not searched */
	        "  a: {from: {path: /a}, to: [{path: /a/done}]}\n",
	        "  a: {from: {path: /a, recurse: 1}, to: [{path: /a/b/c}]}\n",
	        /* names that are not selected again */
	        "  a: {from: {path: /a, match: \"*.xml\"}, to: [{path: /a, name: "
	        "\"{name}.ok\"}]}\n",
	        "  a: {from: {path: /a, exclude: \"x-*\"}, to: [{path: /a, name: \"x-{name}\"}]}\n",
	        "  a: {from: {path: /a}, to: [{path: /a, name: \".{name}\"}]}\n",
	        "  a: {from: {path: /a, match: \"*.x\", after: {rename: \"{name}.y\"}}, "
	        "to: [{path: /b}]}\n",
	        "  a: {from: {path: /a, recurse: 3, after: {move: .done}}, to: [{path: /b}]}\n",
	        /* a route that does not run */
	        "  a: {enabled: false, from: {path: /a}, to: [{path: /a}]}\n",
	        /* neighbours by name only */
	        "  a: {from: {path: /a, recurse: 9}, to: [{path: /ab}]}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		char *text _cleanup_free_ = mem_printf("version: 1\nroutes:\n%s", routes[i]);

		config_unref(load(text));
	}
}

static size_t count_warnings(const char *routes)
{
	char *text _cleanup_free_ = mem_printf("version: 1\nroutes:\n%s", routes);
	struct config_report r;
	struct config *c = load_with(text, &r);
	size_t warnings = r.warnings;

	assert_non_null(c);
	config_unref(c);
	config_report_release(&r);
	return warnings;
}

#define TWO(first, second)                                                                   \
	"  a: {from: {" first "}, to: [{path: /x}]}\n  b: {from: {" second "}, to: [{path: " \
	"/y}]}\n"

static void test_overlaps__warn_when_a_route_takes_what_another_removes(void **state)
{
	(void)state;
	assert_int_equal(1, count_warnings(TWO("path: /a", "path: /a, after: delete")));
	assert_int_equal(1,
	                 count_warnings(TWO("path: /a/s, after: delete", "path: /a, recurse: 1")));
	assert_int_equal(0, count_warnings(TWO("path: /a", "path: /a")));
	assert_int_equal(0, count_warnings(TWO("path: /a, after: delete, match: \"*.x\"",
	                                       "path: /a, after: delete, match: \"*.y\"")));
}

/* ---- references ---------------------------------------------------------------------------- */

static void *use_and_leave(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		struct config *c = config_ref(arg);

		if (strcmp(c->routes[0]->name, "r") != 0)
			abort(); /* cmocka fails in its own thread only */
		config_unref(c);
	}
	config_unref(arg);
	return NULL;
}

static void test_config__lives_as_long_as_its_last_reference(void **state)
{
	struct config *c = load(ROUTE);
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_and_leave, config_ref(c)),
		                 0);
	config_unref(c);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- generated texts ----------------------------------------------------------------------- */

static void check_generated(const char *file, void (*generate)(struct buf *out))
{
	char *path _cleanup_free_ = mem_printf("%s/%s", SOURCE_DIR, file);
	char *text _cleanup_free_ = mem_new(1 << 20);
	FILE *f = fopen(path, "re");
	struct buf out;

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	assert_int_equal(fclose(f), 0);
	buf_init(&out, 1 << 20);
	generate(&out);
	if (strcmp(buf_text(&out), text) != 0)
		fail_msg("%s is older than the key tables: generate it again", file);
	buf_release(&out);
}

static void test_schema__is_the_one_in_the_tree(void **state)
{
	(void)state;
	check_generated("schema/ferryd.schema.json", config_schema);
}

static void test_reference__is_the_one_in_the_tree(void **state)
{
	(void)state;
	check_generated("docs/reference.md", config_reference);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_node__has_a_largest_file),
	        cmocka_unit_test(test_node__has_a_depth),
	        cmocka_unit_test(test_node__has_a_number_of_values),
	        cmocka_unit_test(test_node__finds_duplicates_among_many_keys),
	        cmocka_unit_test(test_fingerprint__changes_with_every_setting),
	        cmocka_unit_test(test_fingerprint__does_not_see_how_it_is_written),
	        cmocka_unit_test(test_loops__let_relays_and_sorting_pass),
	        cmocka_unit_test(test_overlaps__warn_when_a_route_takes_what_another_removes),
	        cmocka_unit_test(test_config__lives_as_long_as_its_last_reference),
	        cmocka_unit_test(test_schema__is_the_one_in_the_tree),
	        cmocka_unit_test(test_reference__is_the_one_in_the_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
