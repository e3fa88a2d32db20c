/*
 * One case for each kind of mistake: the text, and all that is said about it. That the report is
 * compared whole shows that one mistake is told once, and leads to no others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load.h"

/* ---- verbs --------------------------------------------------------------------------------- */

struct mistake {
	const char *text, *told;
};

static const char *judge(const char *text)
{
	return strcmp(text, "bad") == 0 ? "is judged to be bad" : NULL;
}

static const struct config_judges judges = {
        .cron = judge, .time_zone = judge, .name_template = judge, .command_word = judge};

static void check_told(const struct mistake *m)
{
	struct config_text t = {"ferryd.yaml", m->text, strlen(m->text)};
	struct config_report r;
	char want[2048];

	config_report_init(&r);
	(void)snprintf(want, sizeof(want), "%s\n", m->told);
	assert_null(config_load_text(&t, &judges, DISK_IGNORE, &r));
	assert_string_equal(buf_text(&r.text), want);
	config_report_release(&r);
}

static void check_all(const struct mistake *m, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_told(&m[i]);
}

#define CHECK_ALL(table) check_all(table, sizeof(table) / sizeof((table)[0]))

/* ---- texts around a mistake: what follows stands on line 7, 8, 9 or 10 --------------------- */

#define TOP(text) "version: 1\n" text "\n"
#define ACME                                                          \
	"version: 1\nendpoints:\n  acme:\n    host: h\n    user: u\n" \
	"    auth: [{password: {credential: c}}]\n"
#define AUTH(text)     "version: 1\nendpoints: {a: {host: h, user: u, auth: " text "}}\n"
#define ENDPOINT(text) ACME "    " text "\n"
#define ROUTES(text)   ACME "routes:\n  " text "\n"
#define FROM(text)                                                                \
	ACME "routes:\n  in:\n    from: {endpoint: acme, path: /out, " text "}\n" \
	     "    to: [{path: /in}]\n"
#define LOCAL(text) ACME "routes:\n  in:\n    from: {path: /src, " text "}\n    to: [{path: /in}]\n"
#define TO(text) \
	ACME "routes:\n  in:\n    from: {endpoint: acme, path: /out}\n    to: [{" text "}]\n"

/* ---- what YAML itself gets wrong ----------------------------------------------------------- */

static const struct mistake yaml[] = {
        {"", "ferryd.yaml:1:1: the file is empty: it wants at least \"version: 1\""},
        {"# nothing\n", "ferryd.yaml:1:1: the file is empty: it wants at least \"version: 1\""},
        {TOP("---\nversion: 1"), "ferryd.yaml:2:1: a second document (---) begins here and would "
                                 "be ignored: use one file each and include:"},
        {TOP("routes:\n\tin: 1"), "ferryd.yaml:3:1: found character that cannot start any token; "
                                  "the line holds a tab: YAML wants spaces"},
        {TOP("x: \"\377\""),
         "ferryd.yaml:2:5: not valid UTF-8: save the file as UTF-8 (byte 0xff)"},
        {TOP("x: a\001b"), "ferryd.yaml:2:5: control characters are not allowed (byte 0x01)"},
        {TOP("x: \"abc"), "ferryd.yaml:3:1: found unexpected end of stream while scanning a quoted "
                          "scalar that begins on line 2; a quote is not closed"},
        {TOP("x: @a"), "ferryd.yaml:2:4: found character that cannot start any token; put values "
                       "that begin with @, `, %, & or * in quotes"},
        {TOP("x: {match: *.xml}"),
         "ferryd.yaml:2:13: did not find expected alphabetic or numeric character; put values that "
         "begin with * or & in quotes: \"*.xml\""},
        {TOP("x: [1, 2"), "ferryd.yaml:3:1: did not find expected ',' or ']' while parsing a flow "
                          "sequence that begins on line 2; a bracket or brace is not closed"},
        {TOP(" daemon: {}"),
         "ferryd.yaml:2:8: mapping values are not allowed in this context; is the line indented as "
         "its neighbours, and a value with \": \" in it quoted?"},
        {TOP("trace: *a"), "ferryd.yaml:2:8: trace: aliases (*name) are not supported: write the "
                           "value again, or quote the text"},
        {TOP("trace: &a {}"), "ferryd.yaml:2:8: trace: anchors (&name) are not supported: write "
                              "the value where it is used"},
        {TOP("trace: !!map {}"),
         "ferryd.yaml:2:8: trace: tags (!name) are not supported: write the plain value"},
        {TOP("trace: {<<: {}}"), "ferryd.yaml:2:9: trace: merge keys (<<) are not supported: write "
                                 "the keys where they are used"},
        {TOP("? [a]\n: b"), "ferryd.yaml:2:3: a key is one word, not a list or a map"},
        {TOP("trace:\n  keep: 1d\n  keep: 2d"),
         "ferryd.yaml:4:3: trace.keep: set twice, on line 3 and on line 4: keep one"},
        {TOP("trace: {dir: \"/a\\0b\"}"),
         "ferryd.yaml:2:14: trace.dir: the text holds a NUL byte (\\0)"},
        {"- version: 1\n",
         "ferryd.yaml:1:1: wants a map that begins with \"version: 1\", found a list"},
        {"hello\n",
         "ferryd.yaml:1:1: wants a map that begins with \"version: 1\", found \"hello\""},
};

static void test_config__refuses_what_yaml_allows_and_ferryd_does_not(void **state)
{
	(void)state;
	CHECK_ALL(yaml);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static const struct mistake keys[] = {
        {"daemon: {}\n",
         "ferryd.yaml:1:1: the key \"version\" is missing: Version of this vocabulary; `1`."},
        {"version: 2\n",
         "ferryd.yaml:1:10: version: must be 1, found 2: this ferryd reads version 1"},
        {"version: \"1\"\n", "ferryd.yaml:1:10: version: wants a whole number, found \"1\" in "
                             "quotes, which make it a text; this ferryd reads version 1"},
        {"version: one\n", "ferryd.yaml:1:10: version: wants a whole number, found \"one\"; this "
                           "ferryd reads version 1"},
        {TOP("deamon: {}"), "ferryd.yaml:2:1: deamon: unknown key, did you mean \"daemon\"?"},
        {TOP("zzz: {}"), "ferryd.yaml:2:1: zzz: unknown key; known here: version, daemon, trace, "
                         "include, endpoints, routes"},
        {TOP("daemon: [a]"),
         "ferryd.yaml:2:9: daemon: wants a map with the keys of \"daemon\", found a list"},
        {TOP("daemon: x"),
         "ferryd.yaml:2:9: daemon: wants a map with the keys of \"daemon\", found \"x\""},
        {TOP("\"a\\tb\": 1"), "ferryd.yaml:2:1: a\\x09b: unknown key; known here: version, daemon, "
                              "trace, include, endpoints, routes"},
};

static void test_config__tells_keys_it_does_not_know(void **state)
{
	(void)state;
	CHECK_ALL(keys);
}

/* ---- commands ------------------------------------------------------------------------------ */

#define COMMANDS(text)                                                                        \
	ACME "routes:\n  out:\n    from: {path: /src}\n    to: [{endpoint: acme, path: in,\n" \
	     "      commands: " text "}]\n"
#define COMMANDS_AT "routes.out.to[0].commands"

static const struct mistake commands[] = {
        {COMMANDS("{before: {run: []}}"),
         "ferryd.yaml:11:32: " COMMANDS_AT ".before.run: wants a program and its arguments"},
        {COMMANDS("{after: {env: [A=b]}}"),
         "ferryd.yaml:11:25: " COMMANDS_AT
         ".after: the key \"run\" is missing: The program and its arguments as a list; no shell "
         "splits or expands them. `{path}`, `{name}`, `{dir}` are the file's at the server, "
         "`{route}`, `{job}`, `{size}`, `{sha256}` tell more; `{{` and `}}` are braces."},
        {COMMANDS("{after: {run: [a], env: [1A=b, B]}}"),
         "ferryd.yaml:11:42: " COMMANDS_AT
         ".after.env[0]: wants NAME=value, the name of letters, digits and \"_\"\n"
         "ferryd.yaml:11:48: " COMMANDS_AT
         ".after.env[1]: wants NAME=value, the name of letters, digits and \"_\""},
        {COMMANDS("{after: {run: [a], timeout: 25h}}"),
         "ferryd.yaml:11:45: " COMMANDS_AT
         ".after.timeout: must be between 100ms and 1d, found 25h"},
        {ACME "routes:\n  out:\n    from: {endpoint: acme, path: /x}\n    to: [{path: /in, "
              "commands: {after: {run: [a]}}}]\n",
         "ferryd.yaml:10:22: " COMMANDS_AT
         ": runs commands at a partner's server: this directory is of this machine"},
};

static void test_config__tells_what_is_wrong_with_commands(void **state)
{
	(void)state;
	CHECK_ALL(commands);
}

/* ---- values of the wrong kind or out of range ---------------------------------------------- */

static const struct mistake scalars[] = {
        {TOP("daemon: {workers: 0}"),
         "ferryd.yaml:2:19: daemon.workers: must be between 1 and 64, found 0"},
        {TOP("daemon: {workers: 65}"),
         "ferryd.yaml:2:19: daemon.workers: must be between 1 and 64, found 65"},
        {TOP("daemon: {workers: many}"),
         "ferryd.yaml:2:19: daemon.workers: wants a whole number or \"auto\", found \"many\""},
        {TOP("daemon: {drain: 30}"),
         "ferryd.yaml:2:17: daemon.drain: 30 has no unit: write 30s (units are ms, s, m, h, d)"},
        {TOP("daemon: {drain: 30sec}"),
         "ferryd.yaml:2:17: daemon.drain: unknown unit in \"30sec\": units are ms, s, m, h, d"},
        {TOP("daemon: {drain: 1.5h}"),
         "ferryd.yaml:2:17: daemon.drain: wants a duration such as 30s: a whole number and a unit "
         "(ms, s, m, h, d), found \"1.5h\""},
        {TOP("daemon: {drain: 11m}"),
         "ferryd.yaml:2:17: daemon.drain: must be between 0 and 10m, found 11m"},
        {TOP("daemon: {drain: [1s]}"),
         "ferryd.yaml:2:17: daemon.drain: wants a duration such as 30s, found a list"},
        {TOP("daemon: {drain: 99999999999999999999s}"),
         "ferryd.yaml:2:17: daemon.drain: 99999999999999999999s is too large"},
        {TOP("daemon: {drain: }"),
         "ferryd.yaml:2:17: daemon.drain: wants a duration such as 30s, found nothing"},
        {TOP("daemon: {min_free: {bytes: 1024}}"),
         "ferryd.yaml:2:28: daemon.min_free.bytes: 1024 has no unit: write 1024B (units are B, K, "
         "M, G, T; 1K is 1024 bytes)"},
        {TOP("daemon: {min_free: {bytes: 1MB}}"),
         "ferryd.yaml:2:28: daemon.min_free.bytes: unknown unit in \"1MB\": units are B, K, M, G, "
         "T; 1K is 1024 bytes"},
        {TOP("daemon: {min_free: {percent: 100}}"),
         "ferryd.yaml:2:30: daemon.min_free.percent: must be between 0 and 99, found 100"},
        {TOP("daemon: {min_free: {percent: \"5\"}}"),
         "ferryd.yaml:2:30: daemon.min_free.percent: wants a whole number, found \"5\" in quotes, "
         "which make it a text"},
        {TOP("daemon: {log_level: warn}"), "ferryd.yaml:2:21: daemon.log_level: wants one of "
                                           "error, warning, info, debug, found \"warn\""},
        {TOP("daemon: {log_level: inof}"),
         "ferryd.yaml:2:21: daemon.log_level: unknown word \"inof\", did you mean \"info\"?"},
        {TOP("daemon: {state_dir: var/lib}"),
         "ferryd.yaml:2:21: daemon.state_dir: wants an absolute path, found \"var/lib\""},
        {TOP("daemon: {state_dir: /var/../lib}"),
         "ferryd.yaml:2:21: daemon.state_dir: must not go up with \"..\": write where it leads"},
        {TOP("daemon: {state_dir: \"\"}"), "ferryd.yaml:2:21: daemon.state_dir: must not be empty"},
        {TOP("daemon: {state_dir: \"/a\\nb\"}"),
         "ferryd.yaml:2:21: daemon.state_dir: holds a control character (line break, tab ...)"},
        {TOP("trace: {mask: 1024}"), "ferryd.yaml:2:15: trace.mask: wants a number from 0 to 1023 "
                                     "or a list of words, such as [kex, auth], found \"1024\""},
        {TOP("trace: {mask: [kexx]}"),
         "ferryd.yaml:2:16: trace.mask[0]: unknown word \"kexx\", did you mean \"kex\"?"},
        {TOP("trace: {mask: all}"), "ferryd.yaml:2:15: trace.mask: wants a number from 0 to 1023 "
                                    "or a list of words, such as [kex, auth], found \"all\""},
        {TOP("trace: {when: allways}"),
         "ferryd.yaml:2:15: trace.when: unknown word \"allways\", did you mean \"always\"?"},
        {TOP("trace: {max_size: 63K}"),
         "ferryd.yaml:2:19: trace.max_size: must be between 64K and 1G, found 63K"},
};

static void test_config__tells_values_of_the_wrong_kind_or_range(void **state)
{
	(void)state;
	CHECK_ALL(scalars);
}

/* ---- endpoints ----------------------------------------------------------------------------- */

static const struct mistake endpoint[] = {
        {TOP("endpoints: {a: x}\nroutes: {r: {from: {endpoint: a, path: p}, to: [{path: /q}]}}"),
         "ferryd.yaml:2:16: endpoints.a: wants a map with the keys of \"endpoint\", found \"x\""},
        {TOP("endpoints: [acme]"),
         "ferryd.yaml:2:12: endpoints: wants a map of names, found a list"},
        {TOP("endpoints: {local: {}}"), "ferryd.yaml:2:13: endpoints.local: \"local\" stands for "
                                        "this machine: choose another name"},
        {TOP("endpoints: {a b: {}}"), "ferryd.yaml:2:13: endpoints.a b: a name has 1 to 63 "
                                      "letters, digits, \".\", \"_\" and \"-\""},
        {TOP("endpoints: {a: {host: h, user: u}}"),
         "ferryd.yaml:2:16: endpoints.a: the key \"auth\" is missing: How ferryd proves who it is: "
         "a list of methods."},
        {TOP("endpoints: {a: {host: h, auth: [{password: {env: X}}]}}"),
         "ferryd.yaml:2:16: endpoints.a: the key \"user\" is missing: Name of the account at the "
         "server."},
        {ENDPOINT("protocol: scp"),
         "ferryd.yaml:7:15: endpoints.acme.protocol: wants one of sftp, ftps, ftp, found \"scp\""},
        {ENDPOINT("port: 0"),
         "ferryd.yaml:7:11: endpoints.acme.port: must be between 1 and 65535, found 0"},
        {ENDPOINT("port: 65536"),
         "ferryd.yaml:7:11: endpoints.acme.port: must be between 1 and 65535, found 65536"},
        {ENDPOINT("port: \"22\""), "ferryd.yaml:7:11: endpoints.acme.port: wants a whole number, "
                                   "found \"22\" in quotes, which make it a text"},
        {ENDPOINT("connections: 65"),
         "ferryd.yaml:7:18: endpoints.acme.connections: must be between 1 and 64, found 65"},
        {ENDPOINT("keepalive: off"),
         "ferryd.yaml:7:16: endpoints.acme.keepalive: wants a duration such as 30s: a whole number "
         "and a unit (ms, s, m, h, d), found \"off\""},
        {ENDPOINT("timeouts: {connect: 0}"), "ferryd.yaml:7:25: endpoints.acme.timeouts.connect: "
                                             "must be between 100ms and 1h, found 0"},
        {ENDPOINT("timeout: {}"),
         "ferryd.yaml:7:5: endpoints.acme.timeout: unknown key, did you mean \"timeouts\"?"},
        {ENDPOINT("trace: {mask: x}"),
         "ferryd.yaml:7:19: endpoints.acme.trace.mask: wants a number from 0 to 1023 or a list of "
         "words, such as [kex, auth], found \"x\""},
        {ENDPOINT("host_key: {check: no}"),
         "ferryd.yaml:7:23: endpoints.acme.host_key.check: wants one of strict, accept-new, "
         "off, found \"no\""},
        {ENDPOINT("host_key: {pins: [MD5:aa]}"),
         "ferryd.yaml:7:23: endpoints.acme.host_key.pins[0]: wants 32 hex digits behind MD5:"},
        {ENDPOINT("host_key: {pins: [abc]}"),
         "ferryd.yaml:7:23: endpoints.acme.host_key.pins[0]: wants SHA256: and 43 characters, as "
         "ssh-keygen -lf shows a fingerprint, or 64 hex digits"},
        {ENDPOINT("host_key: {pins: \"SHA256:abc\"}"),
         "ferryd.yaml:7:22: endpoints.acme.host_key.pins: wants 43 characters of base64 or 64 hex "
         "digits behind SHA256:"},
        {ENDPOINT("host_key: {pins: [\"0123456789abcdef0123456789abcdef\"]}"),
         "ferryd.yaml:7:22: endpoints.acme.host_key.pins: item 1 is an MD5 or SHA-1 fingerprint, "
         "which can be forged: pin the SHA-256 one (ssh-keygen -lf), or add weak_pins: true"},
        {ENDPOINT("host_key: {alias: \"a b\"}"),
         "ferryd.yaml:7:23: endpoints.acme.host_key.alias: is neither a host name nor an address "
         "(without brackets)"},
        {ENDPOINT("host_key: {revoked: keys}"),
         "ferryd.yaml:7:25: endpoints.acme.host_key.revoked: wants an absolute path, found "
         "\"keys\""},
        {ENDPOINT("host_key: {pins: \"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"),
         "ferryd.yaml:7:22: endpoints.acme.host_key.pins: drop the \"=\" at the end of the "
         "fingerprint"},
        {ENDPOINT("host_key: {known_hosts: known_hosts}"),
         "ferryd.yaml:7:29: endpoints.acme.host_key.known_hosts: wants an absolute path, found "
         "\"known_hosts\""},
        {TOP("endpoints: {a: {host: \"sftp://h\", user: u, auth: [{password: {env: X}}]}}"),
         "ferryd.yaml:2:23: endpoints.a.host: wants a name or an address only: protocol, port and "
         "user have their own keys"},
        {TOP("endpoints: {a: {host: u@h, user: u, auth: [{password: {env: X}}]}}"),
         "ferryd.yaml:2:23: endpoints.a.host: wants a name or an address only: the part before "
         "\"@\" belongs into user"},
        {TOP("endpoints: {a: {host: -oProxy, user: u, auth: [{password: {env: X}}]}}"),
         "ferryd.yaml:2:23: endpoints.a.host: is neither a host name nor an address (without "
         "brackets)"},
};

static void test_config__tells_mistakes_in_endpoints(void **state)
{
	(void)state;
	CHECK_ALL(endpoint);
}

/* ---- authentication and secrets ------------------------------------------------------------ */

static const struct mistake auth[] = {
        {AUTH("[]"), "ferryd.yaml:2:41: endpoints.a.auth: wants 1 to 8 items, found 0"},
        {AUTH("{password: {env: X}}"), "ferryd.yaml:2:41: endpoints.a.auth: wants a list (each "
                                       "item begins with \"- \"), found a map"},
        {AUTH("[password]"), "ferryd.yaml:2:42: endpoints.a.auth[0]: wants {publickey: {key: "
                             "PATH}}, {password: {credential: NAME}}, {keyboard-interactive: "
                             "[...]}, agent or none"},
        {AUTH("[{passwort: {env: X}}]"),
         "ferryd.yaml:2:43: endpoints.a.auth[0].passwort: unknown key, did you mean \"password\"?"},
        {AUTH("[{password: hunter2}]"),
         "ferryd.yaml:2:53: endpoints.a.auth[0].password: a secret is not written here but "
         "referred to: {credential: NAME}, {file: PATH}, {env: NAME} or {command: [...]}; {value: "
         "...} keeps it in this file and is warned about"},
        {AUTH("[{password: {env: X, file: /x}}]"),
         "ferryd.yaml:2:53: endpoints.a.auth[0].password: wants exactly one of the keys "
         "credential, file, env, command, value, found 2"},
        {AUTH("[{password: {}}]"),
         "ferryd.yaml:2:53: endpoints.a.auth[0].password: wants exactly one of the keys "
         "credential, file, env, command, value, found 0"},
        {AUTH("[{password: {file: x}}]"), "ferryd.yaml:2:60: endpoints.a.auth[0].password.file: "
                                          "wants an absolute path, found \"x\""},
        {AUTH("[{password: {credential: a/b}}]"),
         "ferryd.yaml:2:66: endpoints.a.auth[0].password.credential: the name of a credential has "
         "letters, digits, \".\", \"_\" and \"-\" only"},
        {AUTH("[{password: {command: [pass, x]}}]"),
         "ferryd.yaml:2:53: endpoints.a.auth[0].password: command: the program needs an absolute "
         "path"},
        {AUTH("[{password: {command: []}}]"), "ferryd.yaml:2:53: endpoints.a.auth[0].password: "
                                              "command: wants a program and its arguments"},
        {AUTH("[{publickey: {}}]"),
         "ferryd.yaml:2:54: endpoints.a.auth[0].publickey: the key \"key\" is missing: The private "
         "key file, with mode 0600 or less."},
        {AUTH("[{publickey: [/k]}]"), "ferryd.yaml:2:54: endpoints.a.auth[0].publickey: wants a "
                                      "map with the keys of \"auth.publickey\", found a list"},
        {AUTH("[{publickey: automatic}]"), "ferryd.yaml:2:54: endpoints.a.auth[0].publickey: wants "
                                           "an absolute path or auto, found \"automatic\""},
        {AUTH("[{publickey: {key: auto, certificate: /c}}]"),
         "ferryd.yaml:2:79: endpoints.a.auth[0].publickey.certificate: belongs to one key: name "
         "its file with `key`"},
        {AUTH("[{publickey: {key: /k, rsa_min_bits: 1023}}]"),
         "ferryd.yaml:2:78: endpoints.a.auth[0].publickey.rsa_min_bits: must be between 1024 and "
         "16384, found 1023"},
        {AUTH("[{keyboard-interactive: []}]"),
         "ferryd.yaml:2:65: endpoints.a.auth[0].keyboard-interactive: wants 1 to 16 items, found "
         "0"},
        {AUTH("[{keyboard-interactive: [{answer: {env: X}}]}]"),
         "ferryd.yaml:2:66: endpoints.a.auth[0].keyboard-interactive[0]: the key \"prompt\" is "
         "missing: A word of the server's prompt, or a regular expression (PCRE2) to look for in "
         "it; case does not matter."},
        {AUTH("[{keyboard-interactive: [{prompt: x}]}]"),
         "ferryd.yaml:2:66: endpoints.a.auth[0].keyboard-interactive[0]: wants exactly one of the "
         "keys answer, totp, command, found 0"},
        {AUTH("[{keyboard-interactive: [{prompt: x, answer: {env: X}, totp: {env: X}}]}]"),
         "ferryd.yaml:2:66: endpoints.a.auth[0].keyboard-interactive[0]: wants exactly one of the "
         "keys answer, totp, command, found 2"},
        {AUTH("[{keyboard-interactive: [{prompt: \"(x\", answer: {env: X}}]}]"),
         "ferryd.yaml:2:75: endpoints.a.auth[0].keyboard-interactive[0].prompt: is no regular "
         "expression: missing closing parenthesis (at character 3)"},
        {AUTH("[{keyboard-interactive: [{prompt: x, totp: JBSWY3DP}]}]"),
         "ferryd.yaml:2:84: endpoints.a.auth[0].keyboard-interactive[0].totp: a secret is not "
         "written here but referred to: {credential: NAME}, {file: PATH}, {env: NAME} or "
         "{command: [...]}; {value: ...} keeps it in this file and is warned about"},
        {AUTH("[{keyboard-interactive: [{prompt: x, totp: {digits: 8}}]}]"),
         "ferryd.yaml:2:84: endpoints.a.auth[0].keyboard-interactive[0].totp: the key \"secret\" "
         "is missing: The shared secret in base32, as it stands below the QR code."},
        {AUTH("[{keyboard-interactive: [{prompt: x, totp: {secret: {env: X}, digits: 9}}]}]"),
         "ferryd.yaml:2:111: endpoints.a.auth[0].keyboard-interactive[0].totp.digits: must be "
         "between 6 and 8, found 9"},
        {AUTH("[{keyboard-interactive: [{prompt: x, totp: {secret: {env: X}, period: 10500ms}}]}]"),
         "ferryd.yaml:2:84: endpoints.a.auth[0].keyboard-interactive[0].totp: period: wants whole "
         "seconds"},
        {AUTH("[{keyboard-interactive: [{prompt: x, command: [oathtool]}]}]"),
         "ferryd.yaml:2:66: endpoints.a.auth[0].keyboard-interactive[0]: command: the "
         "program needs an absolute path"},
        {AUTH("[{agent: {only: [MD5:00]}}]"),
         "ferryd.yaml:2:58: endpoints.a.auth[0].agent.only[0]: wants SHA256: and 43 characters, as "
         "ssh-add -l shows a fingerprint"},
        {AUTH("[{agent: agent.sock}]"), "ferryd.yaml:2:50: endpoints.a.auth[0].agent: wants an "
                                        "absolute path, found \"agent.sock\""},
        {AUTH("[{publickey: {key: k}}]"), "ferryd.yaml:2:60: endpoints.a.auth[0].publickey.key: "
                                          "wants an absolute path or auto, found \"k\""},
        {AUTH("[{publickey: {key: /k, passphrase: x}}]"),
         "ferryd.yaml:2:76: endpoints.a.auth[0].publickey.passphrase: a secret is not written here "
         "but referred to: {credential: NAME}, {file: PATH}, {env: NAME} or {command: [...]}; "
         "{value: ...} keeps it in this file and is warned about"},
        {AUTH("[{password: {env: A}, publickey: {key: /k}}]"),
         "ferryd.yaml:2:42: endpoints.a.auth[0]: wants exactly one of the keys publickey, "
         "password, keyboard-interactive, agent, found 2"},
};

static void test_config__tells_mistakes_in_authentication_without_the_secret(void **state)
{
	(void)state;
	CHECK_ALL(auth);
}

/* ---- where files come from ----------------------------------------------------------------- */

static const struct mistake source[] = {
        {ROUTES("in: {}"), "ferryd.yaml:8:7: routes.in: the key \"from\" is missing: Where files "
                           "come from.\nferryd.yaml:8:7: routes.in: the key \"to\" is missing: "
                           "Where they go: a list of destinations."},
        {ROUTES("a/b: {}"),
         "ferryd.yaml:8:3: routes.a/b: a name has 1 to 63 letters, digits, \".\", \"_\" and \"-\""},
        {ROUTES("in:"), "ferryd.yaml:8:6: routes.in: the key \"from\" is missing: Where files come "
                        "from.\nferryd.yaml:8:6: routes.in: the key \"to\" is missing: Where they "
                        "go: a list of destinations."},
        {ROUTES("in: {enabled: yes, from: {path: /a}, to: [{path: /b}]}"),
         "ferryd.yaml:8:17: routes.in.enabled: wants true or false (not yes, no, on, off), found "
         "\"yes\""},
        {ROUTES("in: {from: {endpoint: acne, path: /a}, to: [{path: /b}]}"),
         "ferryd.yaml:8:25: routes.in.from.endpoint: no endpoint is called \"acne\", did you mean "
         "\"acme\"?"},
        {ROUTES("in: {from: {endpoint: other, path: /a}, to: [{path: /b}]}"),
         "ferryd.yaml:8:25: routes.in.from.endpoint: no endpoint is called \"other\": define it "
         "under endpoints:"},
        {ROUTES("in: {from: {endpoint: local, path: /a}, to: [{path: /b}]}"),
         "ferryd.yaml:8:25: routes.in.from.endpoint: leave the key out for a directory of this "
         "machine"},
        {ROUTES("in: {from: {path: a}, to: [{path: /b}]}"),
         "ferryd.yaml:8:21: routes.in.from.path: wants an absolute path on this machine, found "
         "\"a\" (for a partner's directory add endpoint:)"},
        {ROUTES("in: {from: {path: ~/a}, to: [{path: /b}]}"),
         "ferryd.yaml:8:21: routes.in.from.path: \"~\" is not expanded: write the absolute path"},
        {ROUTES("in: {from: {path: /a/../b}, to: [{path: /b}]}"),
         "ferryd.yaml:8:21: routes.in.from.path: must not go up with \"..\": write where it leads"},
        {ROUTES("in: {from: {endpoint: acme, path: ../x}, to: [{path: /b}]}"),
         "ferryd.yaml:8:37: routes.in.from.path: must not go up with \"..\": write where it leads"},
        {FROM("pol: 30s"),
         "ferryd.yaml:9:40: routes.in.from.pol: unknown key, did you mean \"poll\"?"},
        {FROM("poll: 30"), "ferryd.yaml:9:46: routes.in.from.poll: 30 has no unit: write 30s "
                           "(units are ms, s, m, h, d)"},
        {FROM("poll: 99ms"),
         "ferryd.yaml:9:46: routes.in.from.poll: must be between 100ms and 7d, found 99ms"},
        {FROM("poll: 8d"),
         "ferryd.yaml:9:46: routes.in.from.poll: must be between 100ms and 7d, found 8d"},
        {FROM("poll: 5s, cron: \"* * * * *\""),
         "ferryd.yaml:9:56: routes.in.from.cron: poll and cron exclude each other: keep one"},
        {FROM("cron: bad"), "ferryd.yaml:9:46: routes.in.from.cron: is judged to be bad"},
        {FROM("time_zone: bad"), "ferryd.yaml:9:51: routes.in.from.time_zone: is judged to be bad"},
        {FROM("recurse: true"),
         "ferryd.yaml:9:49: routes.in.from.recurse: wants a whole number, found \"true\"; say how "
         "many levels below path, such as 1 (0: none, 32: the most)"},
        {FROM("recurse: 33"),
         "ferryd.yaml:9:49: routes.in.from.recurse: must be between 0 and 32, found 33"},
        {FROM("hidden: \"true\""), "ferryd.yaml:9:48: routes.in.from.hidden: wants true or false "
                                   "without quotes, found \"true\""},
        {FROM("order: sise"),
         "ferryd.yaml:9:47: routes.in.from.order: unknown word \"sise\", did you mean \"size\"?"},
        {FROM("order: 7"), "ferryd.yaml:9:47: routes.in.from.order: wants one of name, -name, "
                           "mtime, -mtime, size, -size, found \"7\""},
        {FROM("match: a/b"),
         "ferryd.yaml:9:47: routes.in.from.match: a pattern is for the file name and holds no "
         "\"/\": directories are the business of path and recurse"},
        {FROM("match: []x"),
         "ferryd.yaml:9:49: did not find expected ',' or '}'; a bracket or brace is not closed"},
        {FROM("match: [\"\"]"), "ferryd.yaml:9:48: routes.in.from.match[0]: must not be empty"},
        {FROM("match: {}"), "ferryd.yaml:9:47: routes.in.from.match: wants a text, found a map"},
        {FROM("min_size: 2K, max_size: 1K"), "ferryd.yaml:9:50: routes.in.from.min_size: is larger "
                                             "than max_size: no file would ever be taken"},
        {FROM("min_age: 2d, max_age: 1d"), "ferryd.yaml:9:49: routes.in.from.min_age: is longer "
                                           "than max_age: no file would ever be taken"},
        {FROM("max_size: 0"),
         "ferryd.yaml:9:50: routes.in.from.max_size: must be at least 1B, found 0"},
        {FROM("ready: {stable_for: 2d}"),
         "ferryd.yaml:9:60: routes.in.from.ready.stable_for: must be between 0 and 1d, found 2d"},
        {FROM("ready: 10s"), "ferryd.yaml:9:47: routes.in.from.ready: wants a map with the keys of "
                             "\"route.from.ready\", found \"10s\""},
        {ROUTES("in: {from: {path: /var/lib/ferryd/spool}, to: [{path: /b}]}"),
         "ferryd.yaml:8:21: routes.in.from.path: lies in daemon.state_dir (/var/lib/ferryd), which "
         "is ferryd's own"},
        {ROUTES("in: {from: {path: /var, recurse: 3}, to: [{path: /b}]}"),
         "ferryd.yaml:8:21: routes.in.from.path: with recurse it holds daemon.state_dir "
         "(/var/lib/ferryd), which is ferryd's own"},
};

static void test_config__tells_mistakes_in_sources(void **state)
{
	(void)state;
	CHECK_ALL(source);
}

/* ---- what happens to the source ------------------------------------------------------------ */

static const struct mistake after[] = {
        {FROM("after: remove"), "ferryd.yaml:9:47: routes.in.from.after: wants keep, delete, "
                                "{move: DIR} or {rename: TEMPLATE}"},
        {FROM("after: delet"), "ferryd.yaml:9:47: routes.in.from.after: wants keep, delete, {move: "
                               "DIR} or {rename: TEMPLATE}"},
        {FROM("after: [keep]"), "ferryd.yaml:9:47: routes.in.from.after: wants keep, delete, "
                                "{move: DIR} or {rename: TEMPLATE}"},
        {FROM("after: {move: a, rename: b}"), "ferryd.yaml:9:47: routes.in.from.after: wants "
                                              "exactly one of the keys move, rename, found 2"},
        {FROM("after: {copy: x}"),
         "ferryd.yaml:9:48: routes.in.from.after.copy: unknown key; known here: move, rename"},
        {FROM("after: {move: .}"),
         "ferryd.yaml:9:54: routes.in.from.after.move: is the directory the files come from"},
        {FROM("after: {move: /out/}"),
         "ferryd.yaml:9:54: routes.in.from.after.move: is the directory the files come from"},
        {FROM("after: {move: ../x}"), "ferryd.yaml:9:54: routes.in.from.after.move: must not go up "
                                      "with \"..\": write where it leads"},
        {FROM("after: {move: done, }, recurse: 1"),
         "ferryd.yaml:9:54: routes.in.from.after.move: lies within the levels that recurse "
         "searches (1): the moved files would be taken again"},
        {FROM("after: {rename: a/b}"),
         "ferryd.yaml:9:56: routes.in.from.after.rename: a name holds no \"/\": use move"},
        {FROM("after: {rename: \"{name}.old\"}"),
         "ferryd.yaml:9:56: routes.in.from.after.rename: the renamed files would be taken again as "
         "new ones: let match or exclude keep them out"},
        {FROM("after: {rename: bad}, match: \"*.xml\""),
         "ferryd.yaml:9:56: routes.in.from.after.rename: is judged to be bad"},
        {LOCAL("after: {move: /elsewhere}"),
         "ferryd.yaml:9:38: routes.in.from.after.move: must lie below /src, where one rename moves "
         "the file: name a directory in it, or deliver to the other one and delete here"},
        {LOCAL("after: {move: /src}"),
         "ferryd.yaml:9:38: routes.in.from.after.move: is the directory the files come from"},
        {LOCAL("after: {move: /src/a/b}, recurse: 2"),
         "ferryd.yaml:9:38: routes.in.from.after.move: lies within the levels that recurse "
         "searches (2): the moved files would be taken again"},
};

static void test_config__tells_mistakes_in_after(void **state)
{
	(void)state;
	CHECK_ALL(after);
}

/* ---- where files go ------------------------------------------------------------------------ */

static const struct mistake dest[] = {
        {ROUTES("in: {from: {path: /a}, to: []}"),
         "ferryd.yaml:8:30: routes.in.to: wants 1 to 32 items, found 0"},
        {ROUTES("in: {from: {path: /a}, to: {path: /b}}"),
         "ferryd.yaml:8:30: routes.in.to: wants a list (each item begins with \"- \"), found a "
         "map"},
        {ROUTES("in: {from: {path: /a}, to: [/b]}"),
         "ferryd.yaml:8:31: routes.in.to[0]: wants a map with the keys of \"route.to\", found "
         "\"/b\""},
        {ROUTES("in: {from: {path: /a}}"), "ferryd.yaml:8:7: routes.in: the key \"to\" is missing: "
                                           "Where they go: a list of destinations."},
        {TO("path: b"), "ferryd.yaml:10:17: routes.in.to[0].path: wants an absolute path on this "
                        "machine, found \"b\" (for a partner's directory add endpoint:)"},
        {TO("path: /b, mode: 640"),
         "ferryd.yaml:10:27: routes.in.to[0].mode: write the mode in quotes, \"0640\": unquoted it "
         "is a number, and whether an octal one depends on the reader"},
        {TO("path: /b, mode: 0640"),
         "ferryd.yaml:10:27: routes.in.to[0].mode: write the mode in quotes, \"0640\": unquoted it "
         "is a number, and whether an octal one depends on the reader"},
        {TO("path: /b, mode: \"888\""),
         "ferryd.yaml:10:27: routes.in.to[0].mode: wants a file mode of three octal digits such as "
         "\"0640\", found \"888\""},
        {TO("path: /b, mode: \"1777\""),
         "ferryd.yaml:10:27: routes.in.to[0].mode: wants a file mode of three octal digits such as "
         "\"0640\", found \"1777\""},
        {TO("path: /b, exists: overwrite"), "ferryd.yaml:10:29: routes.in.to[0].exists: wants one "
                                            "of fail, replace, skip, rename, append, found "
                                            "\"overwrite\""},
        {TO("path: /b, exists: replce"), "ferryd.yaml:10:29: routes.in.to[0].exists: unknown word "
                                         "\"replce\", did you mean \"replace\"?"},
        {TO("path: /b, verify: md5"), "ferryd.yaml:10:29: routes.in.to[0].verify: wants one of "
                                      "size, none, digest, found \"md5\""},
        {TO("path: /b, mkdir: on"), "ferryd.yaml:10:28: routes.in.to[0].mkdir: wants true or false "
                                    "(not yes, no, on, off), found \"on\""},
        {TO("path: /b, name: bad"), "ferryd.yaml:10:27: routes.in.to[0].name: is judged to be bad"},
        {TO("endpoint: acme"),
         "ferryd.yaml:10:10: routes.in.to[0]: the key \"path\" is missing: The directory the files "
         "go into; on this machine an absolute path that exists."},
        {TO("path: /var/lib/ferryd"), "ferryd.yaml:10:17: routes.in.to[0].path: lies in "
                                      "daemon.state_dir (/var/lib/ferryd), which is ferryd's own"},
        {TO("path: /b, retry: {first: 2m, most: 1m}"),
         "ferryd.yaml:10:28: routes.in.to[0].retry: first (2m) is longer than most (1m)"},
        {TO("path: /b, retry: {attempts: -1}"),
         "ferryd.yaml:10:39: routes.in.to[0].retry.attempts: must be between 0 and 1000000, found "
         "-1"},
        {TO("path: /b, retry: {first: 10m}"),
         "ferryd.yaml:10:28: routes.in.to[0].retry: first (10m) is longer than most (5m)"},
        {ROUTES("in: {from: {path: /a}, to: [{path: /b}, {path: /b/}]}"),
         "ferryd.yaml:8:50: routes.in.to[1].path: is the same directory as to[0]: a file is "
         "delivered there once"},
};

static void test_config__tells_mistakes_in_destinations(void **state)
{
	(void)state;
	CHECK_ALL(dest);
}

/* ---- files that would come back ------------------------------------------------------------ */

static const struct mistake loops[] = {
        {ROUTES("in: {from: {path: /a}, to: [{path: /a}]}"),
         "ferryd.yaml:8:38: routes.in.to[0].path: files would go round for ever: in -> in; "
         "separate the directories or the patterns"},
        {ROUTES("in: {from: {path: /a, recurse: 2}, to: [{path: /a/b/c}]}"),
         "ferryd.yaml:8:50: routes.in.to[0].path: files would go round for ever: in -> in; "
         "separate the directories or the patterns"},
        {ROUTES("in: {from: {endpoint: acme, path: a}, to: [{endpoint: acme, path: ./a/}]}"),
         "ferryd.yaml:8:69: routes.in.to[0].path: files would go round for ever: in -> in; "
         "separate the directories or the patterns"},
        {ROUTES("a: {from: {path: /a}, to: [{path: /b}]}\n  b: {from: {path: /b}, to: [{path: "
                "/c}]}\n  c: {from: {path: /c}, to: [{path: /x}, {path: /a}]}"),
         "ferryd.yaml:10:49: routes.c.to[1].path: files would go round for ever: a -> b -> c -> a; "
         "separate the directories or the patterns"},
        {ROUTES("in: {from: {path: /a, match: \"*.xml\"}, to: [{path: /a, name: "
                "\"{mtime:%Y}-{name}\"}]}"),
         "ferryd.yaml:8:54: routes.in.to[0].path: files would go round for ever: in -> in; "
         "separate the directories or the patterns"},
};

static void test_config__tells_files_that_would_come_back(void **state)
{
	(void)state;
	CHECK_ALL(loops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_config__refuses_what_yaml_allows_and_ferryd_does_not),
	        cmocka_unit_test(test_config__tells_keys_it_does_not_know),
	        cmocka_unit_test(test_config__tells_what_is_wrong_with_commands),
	        cmocka_unit_test(test_config__tells_values_of_the_wrong_kind_or_range),
	        cmocka_unit_test(test_config__tells_mistakes_in_endpoints),
	        cmocka_unit_test(test_config__tells_mistakes_in_authentication_without_the_secret),
	        cmocka_unit_test(test_config__tells_mistakes_in_sources),
	        cmocka_unit_test(test_config__tells_mistakes_in_after),
	        cmocka_unit_test(test_config__tells_mistakes_in_destinations),
	        cmocka_unit_test(test_config__tells_files_that_would_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
