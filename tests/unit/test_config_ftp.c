/*
 * Endpoints of ftps and ftp: what is read, what is refused and in which words, what is looked for
 * on disk.
 */
#include "tests/unit/config_rig.h"
#include "tests/unit/folder.h"

/* ---- verbs --------------------------------------------------------------------------------- */

/* What follows stands on line 7. */
#define ENDPOINT(protocol_text, auth_text, text)                                       \
	"version: 1\nendpoints:\n  a:\n    protocol: " protocol_text "\n    host: h\n" \
	"    user: u\n    " text "\n    auth: [" auth_text "]\n"
#define PASSWORD   "{password: {credential: c}}"
#define FTPS(text) ENDPOINT("ftps", PASSWORD, text)
#define FTP(text)  ENDPOINT("ftp", PASSWORD, text)
#define SFTP(text) ENDPOINT("sftp", PASSWORD, text)
#define TLS(text)  FTPS("tls: {" text "}")
#define DATA(text) FTPS("data: {" text "}")
#define TO(text)   FTPS("port: 2121") "routes: {r: {from: {path: /x}, to: [{" text "}]}}\n"
#define PIN        "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SSH_PIN    "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define CLEAR_TEXT                                                                             \
	"f:4:15: warning: endpoints.a.protocol: password and files go over the network in "    \
	"clear text, and anybody on the way can read and change them: protocol: ftps, if the " \
	"partner's server knows it"

static const char *judge_endpoint(const struct endpoint_config *e, const char **key)
{
	if (e->protocol != PROTOCOL_FTPS || e->ftp.data.mode != FTP_ACTIVE)
		return NULL;
	*key = "data.mode";
	return "is judged to be bad";
}

static const struct config_judges usual_judges = {.endpoint = judge_endpoint};

/* ---- what is read -------------------------------------------------------------------------- */

static void test_config__has_safe_defaults_for_ftps(void **state)
{
	struct config *c = load(FTPS("connections: 1"));
	const struct endpoint_config *e = config_endpoint(c, "a");

	(void)state;
	assert_int_equal(e->protocol, PROTOCOL_FTPS);
	assert_int_equal(e->port, 21);
	assert_int_equal(e->tls.mode, TLS_EXPLICIT);
	assert_null(e->tls.ca);
	assert_int_equal(e->tls.pin_count, 0);
	assert_null(e->tls.certificate);
	assert_int_equal(e->tls.passphrase.kind, SECRET_NONE);
	assert_int_equal(e->tls.min, TLS_1_2);
	assert_int_equal(e->tls.max, TLS_1_2);
	assert_null(e->tls.ciphers);
	assert_true(e->tls.session_reuse);
	assert_int_equal(e->ftp.account.kind, SECRET_NONE);
	assert_int_equal(e->ftp.data.mode, FTP_PASSIVE);
	assert_int_equal(e->ftp.data.pasv_address, FTP_PASV_IGNORE);
	assert_int_equal(e->ftp.data.first_port, 0);
	assert_int_equal(e->charset, CHARSET_UTF_8);
	assert_int_equal(e->ftp.list, FTP_LIST_BY_ANY);
	assert_int_equal(e->ftp.commands.after_login_count, 0);
	assert_int_equal(e->known_hosts_count, 0);
	config_unref(c);
}

static void test_config__reads_tls(void **state)
{
	struct config *c = load(TLS("mode: implicit, ca: /ca, pins: [" PIN ", " PIN "], "
	                            "certificate: /c, key: /k, passphrase: {env: P}, min: 1.2, "
	                            "max: \"1.3\", ciphers: ECDHE+AESGCM, session_reuse: false"));
	const struct endpoint_config *e = config_endpoint(c, "a");

	(void)state;
	assert_int_equal(e->port, 990);
	assert_int_equal(e->tls.mode, TLS_IMPLICIT);
	assert_string_equal(e->tls.ca, "/ca");
	assert_int_equal(e->tls.pin_count, 2);
	assert_string_equal(e->tls.pins[1], PIN);
	assert_string_equal(e->tls.certificate, "/c");
	assert_string_equal(e->tls.key, "/k");
	assert_int_equal(e->tls.passphrase.kind, SECRET_ENV);
	assert_string_equal(e->tls.passphrase.text, "P");
	assert_int_equal(e->tls.min, TLS_1_2);
	assert_int_equal(e->tls.max, TLS_1_3);
	assert_string_equal(e->tls.ciphers, "ECDHE+AESGCM");
	assert_false(e->tls.session_reuse);
	config_unref(c);
}

static void test_config__reads_ftp(void **state)
{
	struct config *c = load(
	        FTP("data: {mode: active, address: 192.0.2.1, ports: 40000-40100}\n"
	            "    charset: latin-1\n    list: mlsd\n    account: {command: [/a, b]}\n"
	            "    commands: {after_login: [SITE UMASK 027, \"*OPTS X\"], before_put: NOOP, "
	            "after_put: site x}"));
	const struct ftp_settings *f = &config_endpoint(c, "a")->ftp;

	(void)state;
	assert_int_equal(config_endpoint(c, "a")->port, 21);
	assert_int_equal(f->data.mode, FTP_ACTIVE);
	assert_string_equal(f->data.address, "192.0.2.1");
	assert_int_equal(f->data.first_port, 40000);
	assert_int_equal(f->data.last_port, 40100);
	assert_int_equal(config_endpoint(c, "a")->charset, CHARSET_LATIN_1);
	assert_int_equal(f->list, FTP_LIST_BY_MLSD);
	assert_string_equal(f->account.argv[1], "b");
	assert_int_equal(f->commands.after_login_count, 2);
	assert_string_equal(f->commands.after_login[1], "*OPTS X");
	assert_string_equal(f->commands.before_put[0], "NOOP");
	assert_string_equal(f->commands.after_put[0], "site x");
	config_unref(c);
}

static void test_config__knows_the_ports(void **state)
{
	static const struct {
		const char *text;
		int port;
	} rows[] = {
	        {SFTP("connections: 1"), 22},
	        {FTP("connections: 1"), 21},
	        {FTPS("tls: {mode: explicit}"), 21},
	        {FTPS("tls: {mode: implicit}"), 990},
	        {FTPS("tls: {mode: implicit}\n    port: 2121"), 2121},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = load(rows[i].text);

		assert_int_equal(config_endpoint(c, "a")->port, rows[i].port);
		config_unref(c);
	}
}

static void test_config__reads_ports_of_active_mode(void **state)
{
	struct config *c = load(FTP("data: {mode: active, ports: 40000}"));

	(void)state;
	assert_int_equal(config_endpoint(c, "a")->ftp.data.first_port, 40000);
	assert_int_equal(config_endpoint(c, "a")->ftp.data.last_port, 40000);
	config_unref(c);
}

static void test_config__reads_append(void **state)
{
	struct config *c = load(TO("endpoint: a, path: /y, exists: append"));

	(void)state;
	assert_int_equal(config_route(c, "r")->to[0].exists, EXISTS_APPEND);
	config_unref(c);
}

/* ---- warnings ------------------------------------------------------------------------------ */

static void test_config__warns_of_clear_text(void **state)
{
	(void)state;
	check_told(
	        FTP("connections: 1"),
	        "f:4:15: warning: endpoints.a.protocol: password and files go over the network "
	        "in clear text, and anybody on the way can read and change them: protocol: ftps, "
	        "if the partner's server knows it");
	check_told(FTPS("connections: 1"), "");
}

static void test_config__warns_of_weak_ciphers(void **state)
{
	(void)state;
	check_told(
	        TLS("ciphers: \"DEFAULT@SECLEVEL=1\""),
	        "f:7:20: warning: endpoints.a.tls.ciphers: a SECLEVEL below 2 lets weak keys and "
	        "signatures pass: the partner's server should be renewed");
	check_told(TLS("ciphers: \"DEFAULT@SECLEVEL=2\""), "");
}

/* ---- keys of another protocol -------------------------------------------------------------- */

static const struct mistake foreign[] = {
        {FTPS("host_key: {check: off}"),
         "f:7:5: endpoints.a.host_key: is for protocol: sftp; an ftps server proves itself by its "
         "certificate: see tls"},
        {FTP("host_key: {check: off}"),
         "f:7:5: endpoints.a.host_key: is for protocol: sftp; an ftp server cannot prove who it "
         "is\n" CLEAR_TEXT},
        {FTP("tls: {mode: explicit}"),
         "f:7:5: endpoints.a.tls: is for protocol: ftps; if the partner's server knows TLS, use "
         "that\n" CLEAR_TEXT},
        {SFTP("tls: {mode: explicit}"),
         "f:7:5: endpoints.a.tls: is for protocol: ftps; sftp has TLS nowhere: see host_key"},
        {SFTP("data: {mode: passive}"),
         "f:7:5: endpoints.a.data: is for protocol: ftps and ftp; sftp has no use for it"},
        {SFTP("account: {env: X}"),
         "f:7:5: endpoints.a.account: is for protocol: ftps and ftp; sftp has no use for it"},
        {SFTP("list: mlsd"),
         "f:7:5: endpoints.a.list: is for protocol: ftps and ftp; sftp has no use for it"},
        {SFTP("commands: {after_login: NOOP}"),
         "f:7:5: endpoints.a.commands: is for protocol: ftps and ftp; sftp has no use for it"},
        /* a wrong word is told alone */
        {ENDPOINT("ftpz", PASSWORD, "tls: {mode: explicit}"),
         "f:4:15: endpoints.a.protocol: unknown word \"ftpz\", did you mean \"ftps\"?"},
        {ENDPOINT("ftps", "{publickey: {key: /k}}", "port: 1"),
         "f:8:12: endpoints.a.auth[0]: is for protocol: sftp; ftps wants a password, and takes a "
         "certificate besides: tls: {certificate: PATH, key: PATH}"},
        {ENDPOINT("ftp", "{publickey: {key: /k}}", "port: 1"),
         "f:8:12: endpoints.a.auth[0]: is for protocol: sftp; ftp wants a password\n" CLEAR_TEXT},
        {ENDPOINT("ftps", PASSWORD ", " PASSWORD, "port: 1"),
         "f:8:11: endpoints.a.auth: wants one password with protocol: ftps, found 2 methods"},
};

/* ---- TLS ----------------------------------------------------------------------------------- */

#define OLD                                                                                   \
	"TLS before 1.2 is broken, and the TLS libraries of Debian refuse it: the partner's " \
	"server must be able to do 1.2"
#define PIN_WANTS "wants 44 characters of base64 behind sha256//, the last one \"=\""

static const struct mistake tls[] = {
        {FTPS("tls: explicit"),
         "f:7:10: endpoints.a.tls: wants a map with the keys of \"endpoint.tls\", found "
         "\"explicit\""},
        {TLS("mode: try"),
         "f:7:17: endpoints.a.tls.mode: wants one of explicit, implicit, found \"try\""},
        {TLS("verify: false"),
         "f:7:11: endpoints.a.tls.verify: unknown key; known here: mode, ca, pins, certificate, "
         "key, passphrase, min, max, ciphers, session_reuse"},
        {TLS("ca: ca.pem"), "f:7:15: endpoints.a.tls.ca: wants an absolute path, found \"ca.pem\""},
        {TLS("pins: " SSH_PIN), "f:7:17: endpoints.a.tls.pins: is the fingerprint of an SSH key: "
                                "wants sha256// and 44 characters"},
        {TLS("pins: [AB]"), "f:7:18: endpoints.a.tls.pins[0]: wants sha256// and the base64 of the "
                            "public key's SHA-256"},
        {TLS("pins: sha256//AAAA="), "f:7:17: endpoints.a.tls.pins: " PIN_WANTS},
        {TLS("pins: " PIN "="), "f:7:17: endpoints.a.tls.pins: " PIN_WANTS},
        {TLS("key: /k"),
         "f:7:11: endpoints.a.tls.key: belongs to a certificate: add certificate: PATH"},
        {TLS("passphrase: {env: X}"),
         "f:7:11: endpoints.a.tls.passphrase: belongs to a certificate: add certificate: PATH"},
        {TLS("min: \"1.1\""), "f:7:16: endpoints.a.tls.min: " OLD},
        {TLS("max: 1.0"), "f:7:16: endpoints.a.tls.max: " OLD},
        {TLS("min: tlsv1"), "f:7:16: endpoints.a.tls.min: wants one of 1.2, 1.3, found \"tlsv1\""},
        {TLS("min: \"1.3\""),
         "f:7:16: endpoints.a.tls.min: is above max, which is \"1.2\" unless told: add max: "
         "\"1.3\" (the reference says what speaks against it)"},
        {TLS("ciphers: \"a;b\""),
         "f:7:20: endpoints.a.tls.ciphers: is no list of ciphers as `openssl ciphers` takes it"},
        {TLS("ciphers: TLS_AES_128_GCM_SHA256"),
         "f:7:20: endpoints.a.tls.ciphers: names ciphers of TLS 1.3, which are not chosen: this "
         "list is for TLS 1.2"},
        {TLS("session_reuse: yes"), "f:7:26: endpoints.a.tls.session_reuse: wants true or false "
                                    "(not yes, no, on, off), found \"yes\""},
};

/* ---- data connections and commands --------------------------------------------------------- */

#define PORTS_WANTS "wants two ports with \"-\" between them, such as 40000-40100"
#define OURS                                                                        \
	"this command is ferryd's own business: it would not know what the server " \
	"does then"

static const struct mistake data[] = {
        {DATA("mode: activ"),
         "f:7:18: endpoints.a.data.mode: unknown word \"activ\", did you mean \"active\"?"},
        {DATA("mode: active"), "f:7:18: endpoints.a.data.mode: is judged to be bad"},
        {DATA("pasv_address: auto"),
         "f:7:26: endpoints.a.data.pasv_address: wants one of ignore, trust, found \"auto\""},
        {DATA("address: 192.0.2.1"), "f:7:12: endpoints.a.data.address: is for mode: active; with "
                                     "mode: passive the server chooses"},
        {DATA("ports: 40000-40100"), "f:7:12: endpoints.a.data.ports: is for mode: active; with "
                                     "mode: passive the server chooses"},
        {FTP("data: {mode: active, pasv_address: trust}"),
         "f:7:26: endpoints.a.data.pasv_address: is for mode: passive; with mode: active the "
         "server connects\n" CLEAR_TEXT},
        {FTP("data: {mode: active, address: h.example}"),
         "f:7:35: endpoints.a.data.address: is no IPv4 or IPv6 address (without "
         "brackets)\n" CLEAR_TEXT},
        {FTP("data: {mode: active, ports: any}"),
         "f:7:33: endpoints.a.data.ports: " PORTS_WANTS "\n" CLEAR_TEXT},
        {FTP("data: {mode: active, ports: 40000-}"),
         "f:7:33: endpoints.a.data.ports: " PORTS_WANTS "\n" CLEAR_TEXT},
        {FTP("data: {mode: active, ports: 40000-40100-1}"),
         "f:7:33: endpoints.a.data.ports: " PORTS_WANTS "\n" CLEAR_TEXT},
        {FTP("data: {mode: active, ports: 20-40000}"),
         "f:7:33: endpoints.a.data.ports: ports must be between 1024 and 65535\n" CLEAR_TEXT},
        {FTP("data: {mode: active, ports: 40000-65536}"),
         "f:7:33: endpoints.a.data.ports: ports must be between 1024 and 65535\n" CLEAR_TEXT},
        {FTP("data: {mode: active, ports: 41000-40000}"),
         "f:7:33: endpoints.a.data.ports: the first port is larger than the last\n" CLEAR_TEXT},
        {FTPS("charset: utf8"),
         "f:7:14: endpoints.a.charset: unknown word \"utf8\", did you mean \"utf-8\"?"},
        {FTPS("list: nlst"),
         "f:7:11: endpoints.a.list: unknown word \"nlst\", did you mean \"mlsd\"?"},
        {FTPS("account: 4711"),
         "f:7:14: endpoints.a.account: a secret is not written here but referred to: {credential: "
         "NAME}, {file: PATH}, {env: NAME} or {command: [...]}; {value: ...} keeps it in this file "
         "and is warned about"},
        {FTPS("commands: {after_login: \"NOOP\\r\\nDELE x\"}"),
         "f:7:29: endpoints.a.commands.after_login: holds a control character (line break, tab "
         "...)"},
        {FTPS("commands: {before_get: NOOP}"),
         "f:7:16: endpoints.a.commands.before_get: unknown key, did you mean \"before_put\"?"},
        {FTPS("commands: {before_put: \"\"}"),
         "f:7:28: endpoints.a.commands.before_put: must not be empty"},
        {FTPS("commands: {before_put: 250 x}"),
         "f:7:28: endpoints.a.commands.before_put: wants an FTP command, such as SITE UMASK 027"},
        {FTPS("commands: {before_put: \"** NOOP\"}"),
         "f:7:28: endpoints.a.commands.before_put: wants an FTP command, such as SITE UMASK 027"},
        {FTPS("commands: {after_login: [NOOP, prot C]}"),
         "f:7:36: endpoints.a.commands.after_login[1]: " OURS},
        {FTPS("commands: {after_put: \"*STOR x\"}"),
         "f:7:27: endpoints.a.commands.after_put: " OURS},
};

static void test_config__refuses_keys_of_another_protocol(void **state)
{
	(void)state;
	CHECK_EACH(check_told, foreign);
}

static void test_config__tells_mistakes_in_tls(void **state)
{
	(void)state;
	CHECK_EACH(check_told, tls);
}

static void test_config__tells_mistakes_in_data_and_commands(void **state)
{
	(void)state;
	CHECK_EACH(check_told, data);
}

/* The judge names a key that is not written: the nearest one above it is told. */
static const char *judge_ciphers(const struct endpoint_config *e, const char **key)
{
	(void)e;
	*key = "tls.ciphers";
	return "are unknown";
}

static void test_config__tells_what_is_judged_where_it_is_written(void **state)
{
	static const struct config_judges strict = {.endpoint = judge_ciphers};
	static const struct mistake rows[] = {
	        {FTPS("port: 1"), "f:4:5: endpoints.a: are unknown"},
	        {TLS("min: 1.2"), "f:7:10: endpoints.a.tls: are unknown"},
	        {TLS("ciphers: X"), "f:7:20: endpoints.a.tls.ciphers: are unknown"},
	};

	(void)state;
	judges = &strict;
	CHECK_EACH(check_told, rows);
	judges = &usual_judges;
}

/* ---- fingerprints -------------------------------------------------------------------------- */

static const char *const settings[] = {
        "tls: {mode: implicit}",
        "tls: {ca: /ca}",
        "tls: {pins: [" PIN "]}",
        "tls: {certificate: /c}",
        "tls: {certificate: /c, key: /k}",
        "tls: {certificate: /c, passphrase: {env: X}}",
        "tls: {max: \"1.3\"}",
        "tls: {min: \"1.3\", max: \"1.3\"}",
        "tls: {ciphers: HIGH}",
        "tls: {session_reuse: false}",
        "account: {env: X}",
        "data: {pasv_address: trust}",
        "charset: latin-1",
        "list: mlsd",
        "list: list",
        "commands: {after_login: NOOP}",
        "commands: {before_put: NOOP}",
        "commands: {after_put: NOOP}",
        "commands: {after_put: [NOOP, NOOP]}",
};

static const char *const active_settings[] = {
        "data: {mode: passive}",
        "data: {mode: active}",
        "data: {mode: active, address: 192.0.2.1}",
        "data: {mode: active, ports: 40000-40001}",
        "data: {mode: active, ports: 40000-40002}",
        "data: {mode: active, ports: 39999-40002}",
};

/* Each setting gives a fingerprint that no other gives. */
static void check_all_differ(const char *protocol, const char *const *texts, size_t count)
{
	struct config *c[32];

	assert_true(count <= 32);
	for (size_t i = 0; i < count; i++) {
		char *text _cleanup_free_ = mem_printf(
		        "version: 1\nendpoints: {a: {protocol: %s, host: h, user: u, auth: "
		        "[{password: {env: X}}], %s}}\n",
		        protocol, texts[i]);

		c[i] = load(text);
		for (size_t k = 0; k < i; k++)
			if (strcmp(c[i]->endpoints[0]->fingerprint,
			           c[k]->endpoints[0]->fingerprint) == 0)
				fail_msg("no difference: %s, %s", texts[i], texts[k]);
	}
	for (size_t i = 0; i < count; i++)
		config_unref(c[i]);
}

static void test_fingerprint__changes_with_settings_of_ftp(void **state)
{
	(void)state;
	check_all_differ("ftps", settings, sizeof(settings) / sizeof(settings[0]));
	check_all_differ("ftp", active_settings,
	                 sizeof(active_settings) / sizeof(active_settings[0]));
}

/* ---- on disk ------------------------------------------------------------------------------- */

/* "@" stands for the folder, in both texts. */
static void check_on_disk(const char *text, const char *told)
{
	char *full _cleanup_free_ = expand(text), *want _cleanup_free_ = expand(told);

	check_told_by(DISK_CHECK, full, want);
}

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
#define KEY         "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"

static void test_config__looks_at_the_authority(void **state)
{
	(void)state;
	write_file("ca.pem", "# comment\n" CERTIFICATE, 0644);
	write_file("ca.der", "0\x82\x01", 0644);
	write_file("ca.txt", "hello", 0644);
	make_dir("plain");
	make_dir("hashed");
	write_file("hashed/5ed36f99.0", CERTIFICATE, 0644);
	check_on_disk(TLS("ca: @/ca.pem"), "");
	check_on_disk(TLS("ca: @/hashed"), "");
	check_on_disk(
	        TLS("ca: @/none"),
	        "f:7:15: endpoints.a.tls.ca: @/none cannot be read: No such file or directory");
	check_on_disk(TLS("ca: @/plain"),
	              "f:7:15: endpoints.a.tls.ca: no certificate can be found in the directory by "
	              "its hash: openssl rehash @/plain");
	check_on_disk(TLS("ca: @/ca.der"),
	              "f:7:15: endpoints.a.tls.ca: @/ca.der is in DER format: openssl x509 -inform "
	              "der -in @/ca.der -out NEW converts it");
	check_on_disk(TLS("ca: @/ca.txt"), "f:7:15: endpoints.a.tls.ca: @/ca.txt holds no "
	                                   "certificate (\"-----BEGIN CERTIFICATE\")");
}

static void test_config__looks_at_our_certificate(void **state)
{
	(void)state;
	write_file("both", CERTIFICATE KEY, 0600);
	write_file("open", CERTIFICATE KEY, 0644);
	write_file("one", CERTIFICATE, 0644);
	write_file("key", KEY, 0600);
	write_file("key-open", KEY, 0640);
	check_on_disk(TLS("certificate: @/both"), "");
	check_on_disk(TLS("certificate: @/one, key: @/key"), "");
	check_on_disk(TLS("certificate: @/one"),
	              "f:7:24: endpoints.a.tls.certificate: the file holds "
	              "no private key: add key: PATH");
	check_on_disk(
	        TLS("certificate: @/open"),
	        "f:7:24: endpoints.a.tls.certificate: @/open can be read by others (mode 0644): "
	        "chmod 600 @/open");
	check_on_disk(TLS("key: @/key-open, certificate: @/one"),
	              "f:7:16: endpoints.a.tls.key: @/key-open can be read by others (mode 0640): "
	              "chmod 600 @/key-open");
	check_on_disk(
	        TLS("key: @/one, certificate: @/one"),
	        "f:7:16: endpoints.a.tls.key: @/one can be read by others (mode 0644): chmod 600 "
	        "@/one\nf:7:16: endpoints.a.tls.key: @/one holds no private key in PEM format");
	check_on_disk(
	        TLS("key: @/none, certificate: @/both"),
	        "f:7:16: endpoints.a.tls.key: @/none cannot be read: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_config__has_safe_defaults_for_ftps),
	        cmocka_unit_test(test_config__reads_tls),
	        cmocka_unit_test(test_config__reads_ftp),
	        cmocka_unit_test(test_config__knows_the_ports),
	        cmocka_unit_test(test_config__reads_ports_of_active_mode),
	        cmocka_unit_test(test_config__reads_append),
	        cmocka_unit_test(test_config__warns_of_clear_text),
	        cmocka_unit_test(test_config__warns_of_weak_ciphers),
	        cmocka_unit_test(test_config__refuses_keys_of_another_protocol),
	        cmocka_unit_test(test_config__tells_mistakes_in_tls),
	        cmocka_unit_test(test_config__tells_mistakes_in_data_and_commands),
	        cmocka_unit_test(test_config__tells_what_is_judged_where_it_is_written),
	        cmocka_unit_test(test_fingerprint__changes_with_settings_of_ftp),
	        cmocka_unit_test_setup_teardown(test_config__looks_at_the_authority, make_folder,
	                                        remove_folder),
	        cmocka_unit_test_setup_teardown(test_config__looks_at_our_certificate, make_folder,
	                                        remove_folder),
	};

	judges = &usual_judges;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
