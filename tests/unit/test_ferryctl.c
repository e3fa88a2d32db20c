#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "daemon/base/mem.h"
#include "daemon/control/options.h"
#include "daemon/control/render.h"
#include "daemon/control/shown.h"

/* ---- screens against the files beside this one --------------------------------------------- */

/* NAME.jsonl is an answer of the daemon, NAME.txt what is to be shown of it; a difference leaves
 * what was shown in the working directory. */
static char *read_golden(const char *name, const char *suffix)
{
	char path[512];
	char *text = mem_new(64 * 1024);
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/tests/unit/ferryctl/%s.%s", SOURCE_DIR, name,
	               suffix);
	f = fopen(path, "r");
	if (f) {
		text[fread(text, 1, 64 * 1024 - 1, f)] = '\0';
		(void)fclose(f);
	}
	return text;
}

static void read_answer(const char *name, json_t *items, json_t **result)
{
	char *text = read_golden(name, "jsonl"), *rest = text, *line;

	*result = NULL;
	while ((line = strsep(&rest, "\n")) && *line) {
		json_t *said = json_loads(line, 0, NULL);

		assert_non_null(said);
		if (json_object_get(said, "item"))
			(void)json_array_append(items, json_object_get(said, "item"));
		else
			*result = json_incref(json_object_get(said, "result"));
		json_decref(said);
	}
	assert_non_null(*result);
	free(text);
}

static char *show(const char *verb, const char *answer, struct style style)
{
	json_t *items = json_array(), *result;
	json_t *args = json_pack("{ss si}", "endpoint", "acme", "job", 4711);
	struct answered a = {.verb = verb, .args = args, .items = items};
	struct buf out;
	char *text;

	read_answer(answer, items, &result);
	a.result = result;
	buf_init(&out, 1024 * 1024);
	render(&a, &style, &out);
	text = mem_dup(buf_text(&out));
	buf_release(&out);
	json_decref(args);
	json_decref(items);
	json_decref(result);
	return text;
}

static void check_screen(const char *verb, const char *answer, const char *golden,
                         struct style style)
{
	char *shown = show(verb, answer, style), *want = read_golden(golden, "txt");

	if (strcmp(shown, want) != 0) {
		char path[128];
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s.txt", golden);
		f = fopen(path, "w");
		if (f) {
			(void)fputs(shown, f);
			(void)fclose(f);
		}
		fail_msg("%s is not shown as in tests/unit/ferryctl/%s.txt:\n%s", answer, golden,
		         shown);
	}
	free(shown);
	free(want);
}

static void test_render__screens(void **state)
{
	const struct style plain = {.has_colour = false, .width = 0};

	(void)state;
	check_screen("status", "status", "status", plain);
	check_screen("status", "quiet", "quiet", plain);
	check_screen("routes", "routes", "routes", plain);
	check_screen("jobs", "jobs", "jobs", plain);
	check_screen("show", "show", "show", plain);
	check_screen("ps", "ps", "ps", plain);
	check_screen("trust", "trust-look", "trust-look", plain);
	check_screen("trust", "trust-stored", "trust-stored", plain);
	check_screen("cancel", "cancel", "cancel", plain);
	check_screen("cancel", "cancel-trouble", "cancel-trouble", plain);
	check_screen("cancel", "cancel-ended", "cancel-ended", plain);
	check_screen("hold", "hold", "hold", plain);
	check_screen("hold-all", "hold-all", "hold-all", plain);
	check_screen("retry-all", "retry-all", "retry-all", plain);
	check_screen("retry-all", "retry-all-refused", "retry-all-refused", plain);
}

static void test_render__fits_the_terminal(void **state)
{
	const struct style narrow = {.has_colour = false, .width = 100};

	(void)state;
	check_screen("jobs", "jobs", "jobs-100", narrow);
	check_screen("routes", "routes", "routes-100", narrow);
}

static void test_render__has_colours_on_a_terminal(void **state)
{
	const struct style colour = {.has_colour = true, .width = 0};

	(void)state;
	check_screen("routes", "routes", "routes-colour", colour);
}

static void test_render__a_hostile_answer_harms_no_terminal(void **state)
{
	static const char *const verbs[] = {"status", "routes", "ps",      "jobs",      "show",
	                                    "reload", "poll",   "retry",   "retry-all", "trust",
	                                    "hold",   "cancel", "hold-all"};
	const struct style plain = {.has_colour = false, .width = 40};

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char *shown = show(verbs[i], "hostile", plain);

		assert_null(strchr(shown, '\x1b'));
		assert_null(strstr(shown, "\xe2\x80\xae"));
		assert_null(strstr(shown, "two\nlines"));
		free(shown);
	}
}

/* ---- values -------------------------------------------------------------------------------- */

static void check_bytes(int64_t bytes, const char *want)
{
	char got[VALUE_BYTES];

	assert_string_equal(value_bytes(bytes, got), want);
}

static void check_duration(int64_t ms, const char *want)
{
	char got[VALUE_BYTES];

	assert_string_equal(value_duration(ms, got), want);
}

static void check_age(int64_t at, int64_t now, const char *want)
{
	json_t *value = json_integer(at);
	char got[VALUE_BYTES];

	assert_string_equal(value_age(value, now, got), want);
	json_decref(value);
}

static void test_value__has_units_people_read(void **state)
{
	(void)state;
	check_bytes(0, "0 B");
	check_bytes(1023, "1023 B");
	check_bytes(1024, "1.0 KiB");
	check_bytes(1024 * 1024 - 1, "1.0 MiB");
	check_bytes(INT64_MAX, "8.0 EiB");
	check_duration(0, "0 ms");
	check_duration(59999, "59 s");
	check_duration(61000, "1 min");
	check_duration(3661000, "1 h 1 min");
	check_duration(INT64_C(86400000) * 400, "400 d 0 h");
	check_age(1000, 1500, "now");
	check_age(1000, 6000, "5 s ago");
	check_age(6000, 1000, "in 5 s");
	check_age(INT64_MIN, INT64_MAX, "");
}

static void check_shown(const char *text, const char *want)
{
	struct buf out;

	buf_init(&out, 64 * 1024);
	shown_again(&out, text);
	assert_string_equal(buf_text(&out), want);
	buf_release(&out);
}

static void test_shown__keeps_escapes_and_makes_others(void **state)
{
	char longest[2049];

	(void)state;
	check_shown("", "");
	check_shown("a\\x1bb\\", "a\\x1bb\\");
	check_shown("a\x1b[b", "a\\x1b[b");
	for (size_t i = 0; i < 1024; i++)
		memcpy(longest + 2 * i, "\xc3\xa4", 2);
	longest[2048] = '\0';
	check_shown(longest, longest); /* not cut, nor inside a character */
}

static void test_table__counts_columns_as_a_terminal(void **state)
{
	(void)state;
	assert_int_equal(text_columns("abc", 3), 3);
	assert_int_equal(text_columns("\xc3\xa4", 2), 1);
	assert_int_equal(text_columns("\xe8\xab\x8b", 3), 2);
	assert_int_equal(text_columns("a\xcc\x88", 3), 1);
	assert_int_equal(text_columns("\xf0\x9f\x9a\xa2", 4), 2);
}

/* ---- the command line ---------------------------------------------------------------------- */

/* Words are separated by single blanks. */
static enum options_result parse(const char *line, struct options *o, struct buf *out)
{
	static char words[256];
	char *argv[16] = {0}, *rest = words;
	int argc = 0;

	assert_true(strlen(line) < sizeof(words));
	memcpy(words, line, strlen(line) + 1);
	while (rest && argc < 15)
		argv[argc++] = strsep(&rest, " ");
	return options_parse(argc, argv, o, out);
}

static void check_request(const char *line, const char *want)
{
	struct options o;
	struct buf out;
	char *got;

	buf_init(&out, 64 * 1024);
	if (parse(line, &o, &out) != OPTIONS_RUN)
		fail_msg("%s: %s", line, buf_text(&out));
	got = json_dumps(o.requests, JSON_COMPACT);
	assert_string_equal(got, want);
	free(got);
	options_release(&o);
	buf_release(&out);
}

static void check_told(const char *line, enum options_result want, const char *words)
{
	struct options o;
	struct buf out;

	buf_init(&out, 64 * 1024);
	assert_int_equal(parse(line, &o, &out), want);
	if (!strstr(buf_text(&out), words))
		fail_msg("%s: \"%s\" does not say \"%s\"", line, buf_text(&out), words);
	options_release(&o);
	buf_release(&out);
}

static void test_options__become_requests(void **state)
{
	(void)state;
	check_request("ferryctl status", "[{\"v\":1,\"verb\":\"status\",\"args\":{}}]");
	check_request("ferryctl --json ps", "[{\"v\":1,\"verb\":\"ps\",\"args\":{}}]");
	check_request("ferryctl poll a",
	              "[{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"a\"}}]");
	check_request("ferryctl jobs --route a --state held --before 9",
	              "[{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":50,\"route\":\"a\","
	              "\"state\":\"held\",\"before\":9}}]");
	check_request("ferryctl jobs --json",
	              "[{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":100000}}]");
	check_request("ferryctl retry 1 22", "[{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":1}},"
	                                     "{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":22}}]");
	check_request("ferryctl retry --all --route a",
	              "[{\"v\":1,\"verb\":\"retry-all\",\"args\":{\"route\":\"a\"}}]");
	check_request("ferryctl hold 1 22", "[{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":1}},"
	                                    "{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":22}}]");
	check_request("ferryctl hold --all --route a",
	              "[{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"a\"}}]");
	check_request("ferryctl cancel 3 4", "[{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":3}},"
	                                     "{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":4}}]");
	check_request("ferryctl trust acme", "[{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":"
	                                     "\"acme\"}}]");
	check_request("ferryctl trust acme SHA256:x",
	              "[{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acme\","
	              "\"fingerprint\":\"SHA256:x\"}}]");
	check_request(
	        "ferryctl test acme --write --path /in",
	        "[{\"v\":1,\"verb\":\"test\",\"args\":{\"endpoint\":\"acme\",\"path\":\"/in\","
	        "\"write\":true}}]");
	check_request("ferryctl trace", "[{\"v\":1,\"verb\":\"traces\",\"args\":{}}]");
	check_request("ferryctl trace acme kex,auth --for 10m --file /tmp/a",
	              "[{\"v\":1,\"verb\":\"trace\",\"args\":{\"endpoint\":\"acme\",\"mask\":"
	              "\"kex,auth\",\"for_ms\":600000,\"file\":\"/tmp/a\"}}]");
	check_request("ferryctl pause \xff",
	              "[{\"v\":1,\"verb\":\"pause\",\"args\":{\"route\":\"\\\\xff\"}}]");
}

static void test_options__say_what_is_wrong(void **state)
{
	(void)state;
	check_told("ferryctl", OPTIONS_WRONG, "Usage:");
	check_told("ferryctl stauts", OPTIONS_WRONG, "did you mean \"status\"");
	check_told("ferryctl frobnicate", OPTIONS_WRONG, "\"frobnicate\"");
	check_told("ferryctl --jsno ps", OPTIONS_WRONG, "did you mean \"--json\"");
	check_told("ferryctl jobs --limit", OPTIONS_WRONG, "needs a value");
	check_told("ferryctl jobs --limit 0", OPTIONS_WRONG, "whole number");
	check_told("ferryctl jobs --limit 1e3", OPTIONS_WRONG, "whole number");
	check_told("ferryctl jobs --before 99999999999999999999", OPTIONS_WRONG, "whole number");
	check_told("ferryctl show", OPTIONS_WRONG, "job is missing");
	check_told("ferryctl show x\x1b", OPTIONS_WRONG, "\"x\\x1b\" is not the number");
	check_told("ferryctl show 1 2", OPTIONS_WRONG, "too many");
	check_told("ferryctl poll", OPTIONS_WRONG, "the route is missing");
	check_told("ferryctl retry", OPTIONS_WRONG, "job is missing");
	check_told("ferryctl retry --all 1", OPTIONS_WRONG, "too many");
	check_told("ferryctl retry 1 --route a", OPTIONS_WRONG, "goes with --all");
	check_told("ferryctl hold", OPTIONS_WRONG, "job is missing");
	check_told("ferryctl hold --all", OPTIONS_WRONG, "--all needs --route");
	check_told("ferryctl hold 1 --route a", OPTIONS_WRONG, "goes with --all");
	check_told("ferryctl hold 1 --all --route a", OPTIONS_WRONG, "too many");
	check_told("ferryctl cancel", OPTIONS_WRONG, "job is missing");
	check_told("ferryctl cancel 0", OPTIONS_WRONG, "\"0\" is not the number");
	check_told("ferryctl cancel --all", OPTIONS_WRONG, "takes no --all");
	check_told("ferryctl status --state held", OPTIONS_WRONG, "takes no --state");
	check_told("ferryctl trust", OPTIONS_WRONG, "the endpoint is missing");
	check_told("ferryctl trust acme SHA256:x y", OPTIONS_WRONG, "too many");
	check_told("ferryctl trust acme --for 10m", OPTIONS_WRONG, "takes no --for");
	check_told("ferryctl test", OPTIONS_WRONG, "the endpoint is missing");
	check_told("ferryctl test acme --all", OPTIONS_WRONG, "takes no --all");
	check_told("ferryctl explain A B", OPTIONS_WRONG, "too many");
	check_told("ferryctl trace acme", OPTIONS_WRONG, "the mask is missing");
	check_told("ferryctl trace --for 10m", OPTIONS_WRONG, "which endpoint");
	check_told("ferryctl trace acme on --for 10", OPTIONS_WRONG, "a time with its unit");
	check_told("ferryctl trace acme on --for 0s", OPTIONS_WRONG, "a time with its unit");
	check_told("ferryctl trace acme on off", OPTIONS_WRONG, "too many");
	check_told("ferryctl status --for 10m", OPTIONS_WRONG, "takes no --for");
}

static void test_options__tell_about_every_verb(void **state)
{
	static const char *const verbs[] = {
	        "status", "routes", "jobs",  "show",  "ps",      "poll", "pause", "resume",
	        "retry",  "reload", "trace", "trust", "explain", "test", "hold",  "cancel"};

	(void)state;
	check_told("ferryctl --version", OPTIONS_TOLD, "ferryctl " FERRYD_VERSION);
	check_told("ferryctl --help", OPTIONS_TOLD, "3  ferryd does not answer");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char line[64], usage[64];

		(void)snprintf(line, sizeof(line), "ferryctl %s --help", verbs[i]);
		(void)snprintf(usage, sizeof(usage), "Usage: ferryctl %s", verbs[i]);
		check_told(line, OPTIONS_TOLD, usage);
		check_told("ferryctl --help", OPTIONS_TOLD, verbs[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_render__screens),
	        cmocka_unit_test(test_render__fits_the_terminal),
	        cmocka_unit_test(test_render__has_colours_on_a_terminal),
	        cmocka_unit_test(test_render__a_hostile_answer_harms_no_terminal),
	        cmocka_unit_test(test_value__has_units_people_read),
	        cmocka_unit_test(test_shown__keeps_escapes_and_makes_others),
	        cmocka_unit_test(test_table__counts_columns_as_a_terminal),
	        cmocka_unit_test(test_options__become_requests),
	        cmocka_unit_test(test_options__say_what_is_wrong),
	        cmocka_unit_test(test_options__tell_about_every_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
