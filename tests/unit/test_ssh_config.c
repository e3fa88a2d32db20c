/*
 * ssh_config as text: words, blocks, which line holds, what is told; and what ~, % and ${} become.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "config/ssh_config.h"
#include "config/ssh_expand.h"
#include "daemon/base/mem.h"

/* ---- verbs --------------------------------------------------------------------------------- */

static const struct source_text file = {"f", 1};

struct read {
	struct arena arena;
	struct problems problems;
	struct ssh_lines *lines;
	struct ssh_result result;
};

static void read_bytes(struct read *r, const char *text, size_t length)
{
	struct ssh_config_input in = {&file, text, length};

	arena_init(&r->arena);
	problems_init(&r->problems);
	r->lines = ssh_config_parse(&in, &r->arena, &r->problems);
}

static void release(struct read *r)
{
	problems_release(&r->problems);
	arena_release(&r->arena);
}

/* The values of a keyword, with "|" between lines and "," between the words of one; "-": none. */
static void check_values(const char *text, const struct ssh_who *who, enum ssh_keyword k,
                         const char *want)
{
	struct read r;
	struct buf got;

	read_bytes(&r, text, strlen(text));
	ssh_config_evaluate(r.lines, who, &r.arena, &r.result);
	buf_init(&got, 65536);
	for (size_t i = 0; i < r.result.of[k].count; i++)
		for (size_t n = 0; n < r.result.of[k].items[i]->count; n++)
			(void)buf_printf(&got, "%s%s",
			                 n   ? ","
			                 : i ? "|"
			                     : "",
			                 r.result.of[k].items[i]->args[n]);
	if (!r.result.of[k].count)
		(void)buf_add_text(&got, "-");
	assert_string_equal(buf_text(&got), want);
	buf_release(&got);
	release(&r);
}

static const struct ssh_who acme = {"acme", NULL, "ferryd"};

static void check_port(const char *text, const char *want)
{
	check_values(text, &acme, SSH_PORT, want);
}

static void check_told_bytes(const char *text, size_t length, const char *want)
{
	struct config_report report;
	struct read r;

	read_bytes(&r, text, length);
	config_report_init(&report);
	problems_write(&r.problems, &report);
	assert_string_equal(buf_text(&report.text), want);
	config_report_release(&report);
	release(&r);
}

static void check_told(const char *text, const char *want)
{
	check_told_bytes(text, strlen(text), want);
}

/* ---- words --------------------------------------------------------------------------------- */

static void test_ssh_config__reads_keywords_as_openssh_does(void **state)
{
	static const char *const same[] = {
	        "Port 22",     "port 22",          "PORT\t22",    " Port  22 ",
	        "Port=22",     "Port = 22",        "Port =22",    "Port \"22\"",
	        "Port '22'",   "Port 22 # said",   "Port 2\"2\"", "Port=\"22\"",
	        "Port 22\r\n", "#Port 1\nPort 22", "\n\nPort 22", "Port 22\nPort 23",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		check_port(same[i], "22");
}

static void test_ssh_config__quotes_and_backslashes_keep_spaces(void **state)
{
	(void)state;
	check_values("IdentityFile \"/a b\"", &acme, SSH_IDENTITY_FILE, "/a b");
	check_values("IdentityFile /a\\ b", &acme, SSH_IDENTITY_FILE, "/a b");
	check_values("IdentityFile '/a\\ b'", &acme, SSH_IDENTITY_FILE, "/a\\ b");
	check_values("IdentityFile \"/a\\\"b\\\\\"", &acme, SSH_IDENTITY_FILE, "/a\"b\\");
	check_values("IdentityFile /a\\b", &acme, SSH_IDENTITY_FILE, "/a\\b");
	check_values("IdentityFile /a#b", &acme, SSH_IDENTITY_FILE, "/a#b");
	check_values("UserKnownHostsFile /a \"/b c\" # d", &acme, SSH_USER_KNOWN_HOSTS_FILE,
	             "/a,/b c");
	check_values("ProxyCommand nc -X \"connect\" %h %p # kept", &acme, SSH_PROXY_COMMAND,
	             "nc -X \"connect\" %h %p # kept");
}

static void test_ssh_config__first_value_wins_and_identities_collect(void **state)
{
	static const char text[] = "IdentityFile /a\nUserKnownHostsFile /k\nCertificateFile /a-c\n"
	                           "IdentityFile /b\nUserKnownHostsFile /l\nIdentityFile /a\n"
	                           "CertificateFile /b-c\n";

	(void)state;
	check_values(text, &acme, SSH_IDENTITY_FILE, "/a|/b");
	check_values(text, &acme, SSH_CERTIFICATE_FILE, "/a-c|/b-c");
	check_values(text, &acme, SSH_USER_KNOWN_HOSTS_FILE, "/k");
	check_values("PubkeyAcceptedKeyTypes a", &acme, SSH_PUBKEY_ACCEPTED, "a");
}

/* ---- blocks -------------------------------------------------------------------------------- */

static void test_ssh_config__host_takes_patterns(void **state)
{
	static const struct {
		const char *patterns;
		bool holds;
	} table[] = {
	        {"acme", true},     {"ACME", false},       {"acm", false},     {"acmes", false},
	        {"*", true},        {"a*", true},          {"*e", true},       {"*x*", false},
	        {"a**e", true},     {"?cme", true},        {"acme?", false},   {"????", true},
	        {"x acme y", true}, {"!acme", false},      {"!acme *", false}, {"* !acme", false},
	        {"!other", false},  {"!other *", true},    {"\"acme\"", true}, {"=acme", true},
	        {"a*c*m*e", true},  {"acme,other", false},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		(void)snprintf(text, sizeof(text), "Host %s\nPort 1\nHost *\nPort 2",
		               table[i].patterns);
		check_port(text, table[i].holds ? "1" : "2");
	}
}

static void test_ssh_config__match_takes_conditions(void **state)
{
	static const struct {
		const char *condition;
		bool holds;
	} table[] = {
	        {"all", true},
	        {"host real.example", true},
	        {"host REAL.*", true},
	        {"host acme", false},
	        {"originalhost acme", true},
	        {"originalhost ACME,other", true},
	        {"originalhost x,!acme,*", false},
	        {"!originalhost acme", false},
	        {"!originalhost other", true},
	        {"user ferry", true},
	        {"user Ferry", false},
	        {"localuser ferryd", true},
	        {"localuser root", false},
	        {"host real.* user f* localuser ferryd", true},
	        {"host real.* user root", false},
	        {"host=real.example", true},
	        {"final all", false},
	        {"canonical", false},
	        {"localnetwork 10.0.0.0/8", false},
	        {"!tagged x", false},
	};
	char text[160];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		(void)snprintf(text, sizeof(text),
		               "HostName real.example\nUser ferry\nMatch %s\nPort 1\n"
		               "Match all\nPort 2\n",
		               table[i].condition);
		check_port(text, table[i].holds ? "1" : "2");
	}
}

static void test_ssh_config__match_sees_only_what_stands_above(void **state)
{
	const struct ssh_who named = {"acme", "mine", "ferryd"};

	(void)state;
	check_port("Match host real.example\nPort 1\nMatch all\nHostName real.example\n", "-");
	check_port("HostName %h.example\nMatch host acme.example\nPort 1\n", "1");
	check_port("Match user ferryd\nPort 1\n", "1");
	check_values("User other\nMatch user mine\nPort 1\n", &named, SSH_PORT, "1");
}

static void test_ssh_config__a_block_that_is_refused_lends_nothing(void **state)
{
	(void)state;
	check_port("Host acme\nHost \"x\nPort 1\nHost *\nPort 2\n", "2");
	check_port("Host acme\nMatch exec true\nPort 1\nMatch all\nPort 2\n", "2");
	check_port("Host acme\nMatch nonsense\nPort 1\n", "-");
}

static void test_ssh_config__includes_hold_where_they_stand(void **state)
{
	struct read inner, outer;
	struct ssh_lines *files[1];
	static const char in[] = "Port 1\nHost other\nUser in\n",
	                  out[] = "Host %s\nInclude x\nUser out\n";
	char text[64];

	(void)state;
	for (int holds = 0; holds < 2; holds++) {
		(void)snprintf(text, sizeof(text), out, holds ? "acme" : "nobody");
		read_bytes(&inner, in, strlen(in));
		read_bytes(&outer, text, strlen(text));
		files[0] = inner.lines;
		outer.lines->items[1].files = files;
		outer.lines->items[1].file_count = 1;
		ssh_config_evaluate(outer.lines, &acme, &outer.arena, &outer.result);
		assert_int_equal(ssh_first(&outer.result, SSH_PORT) != NULL, holds);
		assert_int_equal(ssh_first(&outer.result, SSH_USER) != NULL, holds);
		if (holds) /* the block inside ends with its file */
			assert_string_equal(ssh_first(&outer.result, SSH_USER)->args[0], "out");
		release(&inner);
		release(&outer);
	}
}

/* ---- what is told -------------------------------------------------------------------------- */

static void test_ssh_config__tells_mistakes_at_their_place(void **state)
{
	(void)state;
	check_told("Port", "f:1:1: wants a value behind the keyword\n");
	check_told("\n  Port =", "f:2:3: wants a value behind the keyword\n");
	check_told("Port 22 23",
	           "f:1:1: wants one value, found more: quote it if it holds spaces\n");
	check_told("User \"a b", "f:1:6: a quote has no end\n");
	check_told("User \"\"", "f:1:6: an empty value\n");
	check_told("Host a\nMatch host", "f:2:1: Match wants patterns behind its last word\n");
	check_told("Match all user x", "f:1:1: Match all stands alone\n");
	check_told("User a\x01", "f:1:1: holds control characters, or bytes that are not UTF-8\n");
	check_told("User a\xFF", "f:1:1: holds control characters, or bytes that are not UTF-8\n");
	check_told("# a comment may hold \xFF", "");
	check_told_bytes("User a\0b", 8, "f:1:1: holds a NUL byte\n");
}

static void test_ssh_config__refuses_match_exec_and_says_why(void **state)
{
	static const char told[] =
	        "f:1:1: Match exec is refused: it would run a command with the service's rights "
	        "whenever the file is read. Write the case as a Host block, or leave it out of "
	        "ferryd's file\n";

	(void)state;
	check_told("Match exec \"test -f /x\"", told);
	check_told("Match host x !exec true", told);
	check_told("Match EXEC=true", told);
}

static void test_ssh_config__lists_what_it_does_not_take(void **state)
{
	(void)state;
	check_told("Hostnme x",
	           "f:1:1: warning: Hostnme is not known, did you mean \"hostname\"?, ignoring\n");
	check_told("Frobnicate x", "f:1:1: warning: Frobnicate is not known, ignoring\n");
	check_told("IgnoreUnknown Use*,Frob*\nFrobnicate x\nUseKeychain yes\n", "");
	check_told("ForwardAgent yes\nHost x\nForwardAgent no\n",
	           "f:1:1: warning: ferryd has no use for forwardagent, ignoring\n");
	check_told("Match final host x",
	           "f:1:1: warning: Match final is not judged: the block does not apply\n");
}

/* ---- limits -------------------------------------------------------------------------------- */

static void check_length(size_t length, const char *told)
{
	char *text _cleanup_free_ = mem_new(length + 1);

	memset(text, 'x', length);
	memcpy(text, "User ", 5);
	check_told(text, told);
}

static void test_ssh_config__bounds_lines_values_and_files(void **state)
{
	char *text _cleanup_free_ = mem_new(SSH_FILE_MAX + 2);
	struct buf words;

	(void)state;
	check_length(SSH_LINE_MAX, "");
	check_length(SSH_LINE_MAX + 1, "f:1:1: a line of more than 8,192 bytes\n");
	memset(text, '#', SSH_FILE_MAX);
	check_told(text, "");
	text[SSH_FILE_MAX] = '#';
	check_told(text, "f: larger than 256 KiB: is it an ssh_config?\n");
	buf_init(&words, 4096);
	(void)buf_add_text(&words, "Host");
	for (int i = 0; i < SSH_ARGS_MAX; i++)
		(void)buf_add_text(&words, " x");
	check_told(buf_text(&words), "");
	(void)buf_add_text(&words, " x");
	check_told(buf_text(&words), "f:1:134: more than 64 values on one line\n");
	buf_release(&words);
}

/* ---- expansion ----------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
	return strcmp(name, "KEYS") == 0 ? "/keys" : NULL;
}

static const struct ssh_tokens tokens = {
        .home = "/home/f",
        .host = "real.example",
        .original_host = "acme",
        .alias = "alias",
        .user = "ferry",
        .port = "2222",
        .jumps = "bastion",
        .local_user = "ferryd",
        .local_host = "box.example",
        .user_id = "990",
        .environment = environment,
};

static void check_expansion(const char *text, const char *want, const char *told)
{
	const char *wrong = NULL, *got;
	struct arena a;

	arena_init(&a);
	got = ssh_expand(&a, text, &tokens, &wrong);
	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
	if (told)
		assert_string_equal(wrong, told);
	else
		assert_null(wrong);
	arena_release(&a);
}

static void test_ssh_expand__knows_the_tokens(void **state)
{
	(void)state;
	check_expansion("~/.ssh/id", "/home/f/.ssh/id", NULL);
	check_expansion("~", "/home/f", NULL);
	check_expansion("/a~b", "/a~b", NULL);
	check_expansion("%d/%h_%n_%k_%p_%r_%u_%i",
	                "/home/f/real.example_acme_alias_2222_ferry_"
	                "ferryd_990",
	                NULL);
	check_expansion("%l %L %j %%h", "box.example box bastion %h", NULL);
	check_expansion("${KEYS}/%r", "/keys/ferry", NULL);
	check_expansion("$KEYS", "$KEYS", NULL);
}

static void test_ssh_expand__refuses_what_it_does_not_know(void **state)
{
	char *text _cleanup_free_ = mem_new(SSH_EXPAND_MAX + 2);

	(void)state;
	check_expansion("%z", NULL, "%z is not known here; %% is a percent sign");
	check_expansion("a%", NULL, "% is not known here; %% is a percent sign");
	check_expansion("%C", NULL,
	                "%C is not known here: it names the socket of a shared connection");
	check_expansion("~root/x", NULL,
	                "~ of another user is not known here: write the directory");
	check_expansion("${NONE}", NULL, "the environment has no variable NONE");
	check_expansion("${KEYS", NULL, "${ wants the name of a variable and }");
	check_expansion("${}", NULL, "${ wants the name of a variable and }");
	memset(text, 'x', SSH_EXPAND_MAX);
	check_expansion(text, text, NULL);
	text[SSH_EXPAND_MAX] = 'x';
	check_expansion(text, NULL, "is longer than 4,096 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ssh_config__reads_keywords_as_openssh_does),
	        cmocka_unit_test(test_ssh_config__quotes_and_backslashes_keep_spaces),
	        cmocka_unit_test(test_ssh_config__first_value_wins_and_identities_collect),
	        cmocka_unit_test(test_ssh_config__host_takes_patterns),
	        cmocka_unit_test(test_ssh_config__match_takes_conditions),
	        cmocka_unit_test(test_ssh_config__match_sees_only_what_stands_above),
	        cmocka_unit_test(test_ssh_config__a_block_that_is_refused_lends_nothing),
	        cmocka_unit_test(test_ssh_config__includes_hold_where_they_stand),
	        cmocka_unit_test(test_ssh_config__tells_mistakes_at_their_place),
	        cmocka_unit_test(test_ssh_config__refuses_match_exec_and_says_why),
	        cmocka_unit_test(test_ssh_config__lists_what_it_does_not_take),
	        cmocka_unit_test(test_ssh_config__bounds_lines_values_and_files),
	        cmocka_unit_test(test_ssh_expand__knows_the_tokens),
	        cmocka_unit_test(test_ssh_expand__refuses_what_it_does_not_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
