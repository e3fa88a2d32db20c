/* The verbs of the control socket: what is asked, what is answered, what is refused. */
#include "tests/runtime/control_rig.h"

/* ---- verbs --------------------------------------------------------------------------------- */

static void ask_every_verb(void)
{
	check_code("{\"v\":1,\"verb\":\"status\"}", "");
	check_code("{\"v\":1,\"verb\":\"routes\",\"args\":{}}", "");
	check_code("{\"v\":1,\"verb\":\"ps\"}", "");
	check_code("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"state\":\"held\",\"limit\":3}}", "");
	check_code("{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":777}}", "STORE-NO-JOB");
	check_code("{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"route-1\"}}", "");
	check_code("{\"v\":1,\"verb\":\"poll\",\"args\":{\"route\":\"rotue-1\"}}",
	           "CONTROL-NO-ROUTE");
	check_code("{\"v\":1,\"verb\":\"pause\",\"args\":{\"route\":\"route-1\"}}", "");
	check_code("{\"v\":1,\"verb\":\"resume\",\"args\":{\"route\":\"route-1\"}}", "");
	check_code("{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"retry\",\"args\":{\"job\":70}}", "STORE-STATE");
	check_code("{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":70}}", "STORE-STATE");
	check_code("{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"a\"}}", "");
	check_code("{\"v\":1,\"verb\":\"hold-all\"}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":7}}", "");
	check_code("{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":70}}", "STORE-STATE");
	check_code("{\"v\":1,\"verb\":\"reload\"}", "");
	check_code("{\"v\":1,\"verb\":\"traces\"}", "");
}

static void asks_who_it_is(void)
{
	json_t *end, *r;

	end = ask("{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acme\"}}", NULL);
	r = json_object_get(end, "result");
	check(strcmp(json_string_value(json_object_get(r, "type")), "ssh-ed25519\\x1b") == 0);
	check(strcmp(json_string_value(json_object_get(r, "state")), "changed") == 0);
	check(json_is_null(json_object_get(r, "stored")));
	json_decref(end);
	end = ask("{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acme\","
	          "\"fingerprint\":\"SHA256:x\"}}",
	          NULL);
	r = json_object_get(end, "result");
	check(json_integer_value(json_object_get(json_object_get(r, "stored"), "line")) == 4);
	r = json_array_get(json_object_get(r, "replaced"), 0);
	check(json_is_true(json_object_get(r, "left")));
	json_decref(end);
	check_code("{\"v\":1,\"verb\":\"trust\",\"args\":{\"endpoint\":\"acne\"}}",
	           "CONTROL-NO-ENDPOINT");
	check_code("{\"v\":1,\"verb\":\"trust\"}", "CONTROL-ARGUMENT");
}

static void test_control__tells_who_a_server_is(void **state)
{
	(void)state;
	with_server(asks_who_it_is);
}

static void order_traces(void)
{
	json_t *items = json_array();

#define ORDER(rest) "{\"v\":1,\"verb\":\"trace\",\"args\":{\"endpoint\":\"acme\"," rest "}}"
	check_code(ORDER("\"mask\":\"kex,auth\",\"for_ms\":600000,\"file\":\"/tmp/a\""), "");
	check(paper.has_order && paper.order.mask == 12);
	check(strcmp(paper.order.file, "/tmp/a") == 0);
	json_decref(ask("{\"v\":1,\"verb\":\"traces\"}", items));
	check(json_array_size(items) == 1);
	check_code(ORDER("\"mask\":\"default\""), "");
	check(!paper.has_order);
	check_code(ORDER("\"mask\":\"kx\""), "TRACE-MASK");
	check_code(ORDER("\"mask\":\"on\",\"for_ms\":-1"), "TRACE-TIME");
	check_code(ORDER("\"mask\":\"on\",\"for_ms\":31622400000"), "");
	check_code(ORDER("\"mask\":\"on\",\"for_ms\":31622400001"), "TRACE-TIME");
	check_code(ORDER("\"mask\":\"on\",\"file\":\"a\""), "TRACE-FILE");
	check_code("{\"v\":1,\"verb\":\"trace\",\"args\":{\"endpoint\":\"acne\",\"mask\":\"on\"}}",
	           "CONTROL-NO-ENDPOINT");
#undef ORDER
	json_decref(items);
}

static void walk(void)
{
	json_t *items = json_array();
	json_t *end =
	        ask("{\"v\":1,\"verb\":\"test\",\"args\":{\"endpoint\":\"acme\",\"write\":true}}",
	            items);
	const json_t *result = json_object_get(end, "result"), *step = json_array_get(items, 1);

	check(json_array_size(items) == 2);
	check(json_is_false(json_object_get(result, "passed")));
	check(json_is_true(json_object_get(result, "stops")));
	check(json_is_null(json_object_get(json_array_get(items, 0), "error")));
	check(json_is_object(json_object_get(step, "error")));
	json_decref(end);
	json_decref(items);
	check_code("{\"v\":1,\"verb\":\"test\"}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"test\",\"args\":{\"endpoint\":\"acme\",\"write\":false}}",
	           "CONTROL-ARGUMENT");
}

static void test_control__tells_each_step_of_a_test(void **state)
{
	(void)state;
	with_server(walk);
}

static void test_control__orders_traces(void **state)
{
	(void)state;
	with_server(order_traces);
}

static void test_control__carries_out_every_verb(void **state)
{
	(void)state;
	with_server(ask_every_verb);
	assert_int_equal(paper.polls, 1);
	assert_int_equal(paper.pauses, 1);
	assert_int_equal(paper.resumes, 1);
	assert_int_equal(paper.retries, 1);
	assert_int_equal(paper.reloads, 1);
}

static void ask_wrongly(void)
{
	check_code("", "CONTROL-REQUEST");
	check_code("hello", "CONTROL-REQUEST");
	check_code("[1]", "CONTROL-REQUEST");
	check_code("{\"v\":1}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"verb\":\"ps\"}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"args\":[]}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"more\":1}", "CONTROL-REQUEST");
	check_code("{\"v\":1,\"verb\":\"ps\",\"args\":[[[[[[[[1]]]]]]]]}", "CONTROL-REQUEST");
	check_code("{\"verb\":\"ps\"}", "CONTROL-VERSION");
	check_code("{\"v\":2,\"verb\":\"ps\"}", "CONTROL-VERSION");
	check_code("{\"v\":1,\"verb\":\"stauts\"}", "CONTROL-VERB");
	check_code("{\"v\":1,\"verb\":\"show\"}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"show\",\"args\":{\"job\":\"7\"}}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"ps\",\"args\":{\"x\":1}}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":0}}", "CONTROL-ARGUMENT");
	check_code("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"state\":\"hold\"}}", "CONTROL-STATE");
}

static void test_control__refuses_with_words(void **state)
{
	(void)state;
	with_server(ask_wrongly);
}

static void list_all(void)
{
	json_t *items = json_array(), *end;

	end = ask("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":1000}}", items);
	check(json_array_size(items) == JOBS);
	check(json_integer_value(json_object_get(json_array_get(items, JOBS - 1), "id")) == 1);
	check(json_is_null(json_object_get(json_object_get(end, "result"), "next_before")));
	json_decref(end);
	(void)json_array_clear(items);
	end = ask("{\"v\":1,\"verb\":\"jobs\",\"args\":{\"limit\":60}}", items);
	check(json_array_size(items) == 60);
	check(json_integer_value(json_object_get(json_object_get(end, "result"), "next_before")) ==
	      JOBS - 59);
	json_decref(end);
	(void)json_array_clear(items);
	json_decref(ask("{\"v\":1,\"verb\":\"routes\"}", items));
	check(json_array_size(items) == 1000);
	json_decref(items);
}

static void test_control__streams_long_lists(void **state)
{
	(void)state;
	with_server(list_all);
}

static void retry_all(void)
{
	json_t *end = ask("{\"v\":1,\"verb\":\"retry-all\"}", NULL);
	const json_t *result = json_object_get(end, "result");

	const json_t *why = json_object_get(result, "reason");

	check(json_integer_value(json_object_get(result, "retried")) == JOBS - JOBS / 5);
	check(json_integer_value(json_object_get(result, "refused")) == JOBS / 10);
	check(strcmp(json_string_value(json_object_get(why, "message")), "no route for 125") == 0);
	json_decref(end);
}

static void test_control__retries_all_that_still_need_it(void **state)
{
	(void)state;
	with_server(retry_all);
	assert_int_equal(paper.retries, JOBS - JOBS / 5);
}

static int64_t result_of(const char *request, const char *key)
{
	json_t *end = ask(request, NULL);
	const json_t *value = json_object_get(json_object_get(end, "result"), key);
	int64_t n = json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);

	if (json_is_object(value))
		n = (int64_t)json_object_size(value);
	json_decref(end);
	return n;
}

/* claimed, stored, delivered; and the held ones that have something under way */
enum { ALL_HALTED = 3 * (JOBS - JOBS / 10) + JOBS / 2 - JOBS / 10 };

static void halt_some(void)
{
	static const char seven[] = "{\"v\":1,\"verb\":\"cancel\",\"args\":{\"job\":7}}";
	static const char nine[] = "{\"v\":1,\"verb\":\"hold\",\"args\":{\"job\":9}}";
	static const char all[] = "{\"v\":1,\"verb\":\"hold-all\",\"args\":{\"route\":\"r\"}}";

	check(result_of(seven, "canceled") == 1 && result_of(seven, "interrupted") == 1);
	check(result_of(seven, "put_back") && !result_of(seven, "running"));
	check(result_of(seven, "dropped") == 3);
	check(result_of(nine, "held") == 1 && result_of(nine, "trouble") == 2);
	check(result_of(all, "held") == ALL_HALTED);
	check(result_of(all, "interrupted") == 3 * JOBS / 2);
}

static void test_control__tells_what_holding_and_canceling_did(void **state)
{
	(void)state;
	with_server(halt_some);
	assert_int_equal(paper.halts, 5 + 2 + 2 * ALL_HALTED);
}

static void reload_refused(void)
{
	json_t *items = json_array();
	json_t *end = ask("{\"v\":1,\"verb\":\"reload\"}", items);

	check(strcmp(code_of(end), "CONFIG-REFUSED") == 0);
	check(json_array_size(items) == 2);
	json_decref(items);
	json_decref(end);
}

static void test_control__a_refused_reload_brings_its_report(void **state)
{
	(void)state;
	paper.refuse_reload = true;
	with_server(reload_refused);
}

static void look_at_names(void)
{
	json_t *items = json_array();
	const json_t *endpoint;

	json_decref(ask("{\"v\":1,\"verb\":\"status\"}", items));
	endpoint = json_array_get(items, 1);
	check(strcmp(json_string_value(json_object_get(endpoint, "name")), "acme\\x1b[2J") == 0);
	endpoint = json_object_get(endpoint, "error");
	check(strcmp(json_string_value(json_object_get(endpoint, "message")),
	             "refused \\xc3 here") == 0);
	json_decref(items);
}

static void test_control__shows_names_escaped(void **state)
{
	(void)state;
	with_server(look_at_names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        with_folder(test_control__carries_out_every_verb),
	        with_folder(test_control__orders_traces),
	        with_folder(test_control__tells_each_step_of_a_test),
	        with_folder(test_control__tells_who_a_server_is),
	        with_folder(test_control__refuses_with_words),
	        with_folder(test_control__streams_long_lists),
	        with_folder(test_control__retries_all_that_still_need_it),
	        with_folder(test_control__tells_what_holding_and_canceling_did),
	        with_folder(test_control__a_refused_reload_brings_its_report),
	        with_folder(test_control__shows_names_escaped),
	};

	work_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
