/*
 * An endpoint that takes settings from an ssh_config: what becomes which key, who wins, where
 * mistakes are told, which files are read, and what --explain says. "@" stands for the folder.
 */
#include "config/load.h"
#include "config/ssh_files.h"
#include "daemon/base/text.h"
#include "tests/unit/folder.h"

/* ---- verbs --------------------------------------------------------------------------------- */

#define PIN "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HEAD                                                                                     \
	"version: 1\nendpoints:\n  acme:\n    ssh_config: @/config\n    host_key: {pins: \"" PIN \
	"\"}\n"
#define USER_AUTH "    user: u\n    auth: [{password: {env: PATH}}]\n"

static struct config *load(const char *yaml, const char *ssh, struct config_report *r)
{
	char *path _cleanup_free_ = mem_printf("%s/main.yaml", folder);

	if (ssh)
		write_file("config", ssh, 0644);
	write_file("main.yaml", yaml, 0600);
	config_report_init(r);
	return config_load(path, NULL, r);
}

/* All that is said. */
static void check_told(const char *yaml, const char *ssh, const char *told)
{
	char *want _cleanup_free_ = expand(told);
	struct config_report r;
	struct config *c = load(yaml, ssh, &r);

	assert_string_equal(buf_text(&r.text), want);
	config_unref(c);
	config_report_release(&r);
}

static struct config *load_valid(const char *yaml, const char *ssh)
{
	struct config_report r;
	struct config *c = load(yaml, ssh, &r);

	if (!c || r.warnings)
		fail_msg("%s", buf_text(&r.text));
	config_report_release(&r);
	return c;
}

static void check_text(const char *got, const char *want)
{
	char *full _cleanup_free_ = expand(want);

	assert_string_equal(got, full);
}

/* ---- what becomes of a keyword ------------------------------------------------------------- */

static void test_ssh_defaults__fill_the_keys_that_are_missing(void **state)
{
	const struct endpoint_config *e;
	struct config *c;

	(void)state;
	write_file("key", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	write_file("known", "", 0644);
	write_file("global", "", 0644);
	write_file("revoked", "", 0644);
	c = load_valid("version: 1\nendpoints: {acme: {ssh_config: @/config}}\n",
	               "Host acme\n HostName sftp.%h.example\n Port 2222\n User ferry\n"
	               " IdentityFile @/key\n UserKnownHostsFile @/known\n"
	               " GlobalKnownHostsFile @/global\n StrictHostKeyChecking ask\n"
	               " HostKeyAlias acme-sftp\n RevokedHostKeys @/revoked\n"
	               " ConnectTimeout 1m30s\n ServerAliveInterval 15\n");
	e = config_endpoint(c, "acme");
	assert_string_equal(e->host, "sftp.acme.example");
	assert_int_equal(e->port, 2222);
	assert_string_equal(e->user, "ferry");
	assert_int_equal(e->auth_count, 1);
	assert_int_equal(e->auth[0].kind, AUTH_PUBLICKEY);
	check_text(e->auth[0].key_file, "@/key");
	assert_int_equal(e->host_key_check, HOST_KEY_STRICT);
	assert_int_equal(e->known_hosts_count, 2);
	check_text(e->known_hosts[0], "@/known");
	check_text(e->known_hosts[1], "@/global");
	assert_string_equal(e->host_key_alias, "acme-sftp");
	check_text(e->revoked_keys, "@/revoked");
	assert_int_equal(e->timeouts.connect_ms, 90000);
	assert_int_equal(e->keepalive_ms, 15000);
	config_unref(c);
}

static void check_list(const struct texts *t, const char *want)
{
	struct buf got;

	buf_init(&got, 1024);
	for (size_t i = 0; i < t->count; i++)
		(void)buf_printf(&got, "%s%s", i ? " " : "", t->items[i]);
	assert_string_equal(buf_text(&got), want);
	buf_release(&got);
}

static void test_ssh_defaults__say_how_the_server_is_reached(void **state)
{
	const struct endpoint_config *e;
	struct config *c;

	(void)state;
	c = load_valid(HEAD USER_AUTH
	               "  bastion: {host: b, user: u, auth: [{password: {env: PATH}}], host_key: "
	               "{pins: \"" PIN "\"}}\n",
	               "Host acme\n ProxyJump bastion\n"
	               " KexAlgorithms curve25519-sha256\n HostKeyAlgorithms ^ssh-ed25519\n"
	               " Ciphers +aes128-cbc,aes256-cbc\n MACs -hmac-sha1*\n Compression yes\n"
	               " RequiredRSASize 3072\n");
	e = config_endpoint(c, "acme");
	assert_int_equal(e->via_count, 1);
	assert_string_equal(e->via[0]->name, "bastion");
	check_list(&e->algorithms.lists[ALGORITHM_KEX], "curve25519-sha256");
	check_list(&e->algorithms.lists[ALGORITHM_HOST_KEYS], "^ssh-ed25519");
	check_list(&e->algorithms.lists[ALGORITHM_CIPHERS], "+aes128-cbc +aes256-cbc");
	check_list(&e->algorithms.lists[ALGORITHM_MACS], "-hmac-sha1*");
	assert_true(e->algorithms.compression);
	assert_int_equal(e->algorithms.rsa_min_bits, 3072);
	config_unref(c);
	c = load_valid(HEAD USER_AUTH,
	               "ProxyJump none\nBindAddress 127.0.0.1\nAddressFamily inet\n");
	e = config_endpoint(c, "acme");
	assert_int_equal(e->via_count, 0);
	assert_string_equal(e->bind_address, "127.0.0.1");
	assert_int_equal(e->address_family, FAMILY_IPV4);
	config_unref(c);
}

#define BASTION                                                                                  \
	"  bastion: {host: b, user: u, auth: [{password: {env: PATH}}], host_key: {pins: \"" PIN \
	"\"}}\n"

/* `command`: the shell's words, NULL: none. */
static void check_way(const char *keys, const char *ssh, const char *command, size_t jumps)
{
	char *yaml _cleanup_free_ = mem_printf("%s%s%s", HEAD USER_AUTH, keys, BASTION);
	struct config *c = load_valid(yaml, ssh);
	const struct endpoint_config *e = config_endpoint(c, "acme");

	assert_int_equal(e->via_count, jumps);
	assert_int_equal(e->proxy.kind, command ? PROXY_COMMAND : PROXY_NONE);
	if (command) {
		assert_int_equal(e->proxy.command.count, 3);
		assert_string_equal(e->proxy.command.items[0], "/bin/sh");
		assert_string_equal(e->proxy.command.items[1], "-c");
		assert_string_equal(e->proxy.command.items[2], command);
	}
	config_unref(c);
}

static void test_ssh_defaults__take_one_way(void **state)
{
	(void)state;
	check_way("", "HostName real\nPort 7\nProxyCommand nc -X connect %h %p # 100%%\n",
	          "exec nc -X connect real 7 # 100%%", 0);
	check_way("", "ProxyCommand a\nProxyJump bastion\n", "exec a", 0);
	check_way("", "ProxyJump bastion\nProxyCommand a\n", NULL, 1);
	check_way("", "ProxyCommand none\n", NULL, 0);
	check_way("    via: [bastion]\n", "ProxyCommand a\n", NULL, 1);
}

#define ONLY_USER HEAD "    user: u\n"

static void test_ssh_defaults__say_how_to_log_in(void **state)
{
	const struct endpoint_config *e;
	struct config *c;

	(void)state;
	write_file("one", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	write_file("two", "-----BEGIN OPENSSH PRIVATE KEY-----\n", 0600);
	write_as_it_is("two-cert.pub", "ssh-ed25519-cert-v01@openssh.com AAAA\n", 0600);
	c = load_valid(ONLY_USER, "IdentityFile @/one\nIdentityFile @/two\nRequiredRSASize 4096\n"
	                          "CertificateFile @/two-cert.pub\nIdentityAgent @/agent\n"
	                          "PreferredAuthentications publickey,password\n");
	e = config_endpoint(c, "acme");
	assert_int_equal(e->auth_count, 3);
	assert_int_equal(e->auth[0].kind, AUTH_AGENT);
	check_text(e->auth[0].agent_socket, "@/agent");
	check_text(e->auth[1].key_file, "@/one");
	assert_null(e->auth[1].certificate);
	assert_int_equal(e->auth[1].rsa_min_bits, 4096);
	check_text(e->auth[2].key_file, "@/two");
	check_text(e->auth[2].certificate, "@/two-cert.pub");
	config_unref(c);
	c = load_valid(ONLY_USER, "IdentityAgent SSH_AUTH_SOCK\n");
	e = config_endpoint(c, "acme");
	assert_int_equal(e->auth_count, 1);
	assert_int_equal(e->auth[0].kind, AUTH_AGENT);
	assert_null(e->auth[0].agent_socket);
	config_unref(c);
}

static void test_ssh_defaults__tell_what_a_login_lacks(void **state)
{
	static const char missing[] = "@/main.yaml:4:5: endpoints.acme: the key \"auth\" is "
	                              "missing: How ferryd proves who "
	                              "it is: a list of methods.\n";
	char *keys _cleanup_free_ =
	        mem_printf("%s@/config:2:1: warning: preferredauthentications: has no publickey: "
	                   "keys are left "
	                   "out, and other methods need auth: in the configuration\n",
	                   missing);
	char *agent _cleanup_free_ = mem_printf("%s@/config:2:1: warning: identitiesonly: keeps "
	                                        "the agent of identityagent from being "
	                                        "used\n",
	                                        missing);

	(void)state;
	check_told(ONLY_USER, "IdentityFile @/one\nPreferredAuthentications password\n", keys);
	check_told(ONLY_USER, "IdentityAgent @/agent\nIdentitiesOnly yes\n", agent);
	check_told(ONLY_USER "    auth: [{password: {env: PATH}}]\n",
	           "IdentityAgent ~nobody/x\nIdentityFile @/none\n", ""); /* not even looked at */
}

static void test_ssh_defaults__yaml_wins(void **state)
{
	const struct endpoint_config *e;
	struct config *c;

	(void)state;
	c = load_valid(HEAD USER_AUTH "    port: 22\n    host: acme\n    timeouts: {stall: 30s}\n",
	               "Port 2222\nUser other\nIdentityFile /none\nUserKnownHostsFile none\n"
	               "ConnectTimeout 5\n");
	e = config_endpoint(c, "acme");
	assert_int_equal(e->port, 22);
	assert_string_equal(e->user, "u");
	assert_int_equal(e->auth[0].kind, AUTH_PASSWORD);
	assert_int_equal(e->known_hosts_count, 0);
	assert_int_equal(e->timeouts.connect_ms, 5000); /* its own key of the same section */
	assert_int_equal(e->timeouts.stall_ms, 30000);
	config_unref(c);
}

/* In the file, then what becomes of it; -1: our default. */
static void check_rekey(const char *keys, const char *limit, int64_t bytes, int64_t age_ms)
{
	char *yaml _cleanup_free_ = mem_printf("%s%s", HEAD USER_AUTH, keys);
	char *ssh _cleanup_free_ = mem_printf("RekeyLimit %s\n", limit);
	struct config *c = load_valid(yaml, ssh);
	const struct endpoint_config *e = config_endpoint(c, "acme");

	assert_int_equal(e->recycle_bytes, bytes < 0 ? INT64_C(32) << 30 : bytes);
	assert_int_equal(e->recycle_age_ms, age_ms);
	config_unref(c);
}

static void test_ssh_defaults__new_keys_come_with_a_new_connection(void **state)
{
	(void)state;
	check_rekey("", "512m", 512 << 20, 0);
	check_rekey("", "4G 1h30m", INT64_C(4) << 30, 5400000);
	check_rekey("", "\"1T\" none", INT64_C(1) << 40, 0);
	check_rekey("", "1000000 600", 1000000, 600000);
	check_rekey("", "default none", -1, 0);
	check_rekey("", "Default 1d", -1, 86400000);
	check_rekey("", "0", -1, 0);
	check_rekey("    recycle: {bytes: 1M}\n", "4G 1h", 1 << 20, 3600000); /* YAML wins */
	check_rekey("    recycle: {bytes: 1M, age: 0}\n", "4G 1h", 1 << 20, 0);
}

static void test_ssh_defaults__a_wrong_rekey_limit_is_told(void **state)
{
	(void)state;
	check_told(HEAD USER_AUTH, "RekeyLimit 1P\n",
	           "@/config:1:1: rekeylimit: wants bytes such as 512M or 4G, or default\n");
	check_told(HEAD USER_AUTH, "RekeyLimit 1.5G\n",
	           "@/config:1:1: rekeylimit: wants bytes such as 512M or 4G, or default\n");
	check_told(HEAD USER_AUTH, "RekeyLimit 1G soon\n",
	           "@/config:1:1: rekeylimit: wants as its second and last value a time such as "
	           "1h, or none\n");
	check_told(HEAD USER_AUTH, "RekeyLimit 1G 1h more\n",
	           "@/config:1:1: rekeylimit: wants as its second and last value a time such as "
	           "1h, or none\n");
}

static void test_ssh_defaults__what_has_no_key_of_ours_is_told(void **state)
{
	(void)state;
	check_told(HEAD USER_AUTH, "ServerAliveCountMax 3\n",
	           "@/config:1:1: warning: serveralivecountmax: is not taken from an ssh_config, "
	           "ignoring: one sign of life (keepalive:) that is not answered within timeouts: "
	           "{request: ...} ends the connection\n");
	check_told(HEAD USER_AUTH, "PubkeyAcceptedKeyTypes ssh-ed25519\n",
	           "@/config:1:1: warning: pubkeyacceptedalgorithms: is not taken from an "
	           "ssh_config, ignoring: the keys in auth: are shown as they are, and an RSA key "
	           "signs with SHA-2 where the SSH library can\n");
}

static void check_host(const char *keys, const char *ssh, const char *host, int port)
{
	char *yaml _cleanup_free_ = mem_printf("%s%s", HEAD USER_AUTH, keys);
	struct config *c = load_valid(yaml, ssh);
	const struct endpoint_config *e = config_endpoint(c, "acme");

	assert_string_equal(e->host, host);
	assert_int_equal(e->port, port);
	config_unref(c);
}

static void test_ssh_defaults__look_up_the_name_that_is_told(void **state)
{
	static const char hosts[] = "Host acme\nPort 1\nHost other\nPort 2\nHostName real\n"
	                            "Host h\nPort 3\n";

	(void)state;
	check_host("", hosts, "acme", 1);
	check_host("    ssh_host: other\n", hosts, "real", 2);
	check_host("    host: h\n", hosts, "h", 3);
	check_host("    host: real\n    ssh_host: other\n", hosts, "real", 2);
}

static void test_ssh_defaults__none_leaves_what_ferryd_has(void **state)
{
	struct config *c;

	(void)state;
	c = load_valid(HEAD USER_AUTH, "ConnectTimeout none\nServerAliveInterval 0\n"
	                               "GlobalKnownHostsFile none\n");
	assert_int_equal(config_endpoint(c, "acme")->timeouts.connect_ms, 10000);
	assert_int_equal(config_endpoint(c, "acme")->keepalive_ms, 0);
	config_unref(c);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void test_ssh_defaults__mistakes_are_told_where_they_stand(void **state)
{
	(void)state;
	check_told(HEAD USER_AUTH, "Host acme\n  Port 99999\n",
	           "@/config:2:3: endpoints.acme.port: must be between 1 and 65535, found 99999\n");
	check_told(HEAD USER_AUTH, "HostName a/b\n",
	           "@/config:1:1: endpoints.acme.host: is neither a host name nor an address "
	           "(without brackets)\n");
	check_told(
	        HEAD USER_AUTH, "ProxyJump me@bastion:22\n",
	        "@/config:1:1: proxyjump: wants the names of endpoints: define one for each jump "
	        "host, with its user, port, auth and host_key, and name it here or in via:\n");
	check_told(HEAD USER_AUTH, "Compression maybe\n",
	           "@/config:1:1: compression: wants yes or no\n");
	check_told(HEAD USER_AUTH, "HostName %z\n",
	           "@/config:1:1: hostname: %z is not known here; %% is a percent sign\n");
	check_told(HEAD USER_AUTH, "ConnectTimeout soon\n",
	           "@/config:1:1: connecttimeout: wants a time such as 30, 45s or 1h30m\n");
	check_told(
	        HEAD "    user: u\n", "IdentityFile ~nobody/x\n",
	        "@/main.yaml:4:5: endpoints.acme: the key \"auth\" is missing: How ferryd proves "
	        "who it is: a list of methods.\n"
	        "@/config:1:1: identityfile: ~ of another user is not known here: write the "
	        "directory\n");
	check_told(HEAD "    user: u\n", "IdentityFile @/none\n",
	           "@/config:1:1: endpoints.acme.auth[0].publickey.key: @/none cannot be read: No "
	           "such file or directory; ssh-keygen -t ed25519 -f @/none makes a new pair\n");
}

static void test_ssh_defaults__tell_what_is_left_out(void **state)
{
	(void)state;
	check_told(HEAD USER_AUTH, "UserKnownHostsFile @/none\nLogLevel DEBUG\nNonsense 1\n",
	           "@/config:1:1: warning: userknownhostsfile: @/none does not exist, ignoring\n"
	           "@/config:2:1: warning: ferryd has no use for loglevel, ignoring\n"
	           "@/config:3:1: warning: Nonsense is not known, ignoring\n");
	check_told(HEAD USER_AUTH "    host: h\n", "HostName x\n",
	           "@/main.yaml:8:11: warning: endpoints.acme.host: wins over hostname x in the "
	           "ssh_config: leave host out to take that\n");
}

static void test_ssh_defaults__are_for_sftp_only(void **state)
{
	(void)state;
	check_told("version: 1\nendpoints: {a: {protocol: ftps, host: h, user: u, ssh_host: x,\n"
	           "  ssh_config: @/config, auth: [{password: {env: PATH}}]}}\n",
	           "Port 99999\n",
	           "@/main.yaml:2:51: endpoints.a.ssh_host: is for protocol: sftp; ssh's settings "
	           "are of no use to ftps and ftp\n"
	           "@/main.yaml:3:3: endpoints.a.ssh_config: is for protocol: sftp; ssh's settings "
	           "are of no use to ftps and ftp\n");
}

/* ---- files --------------------------------------------------------------------------------- */

static void test_ssh_files__follow_includes(void **state)
{
	char *sub _cleanup_free_ = mem_printf("%s/sub", folder);

	(void)state;
	assert_int_equal(mkdir(sub, 0700), 0);
	write_file("sub/a.conf", "Include b.inner\n", 0600);
	write_file("sub/b.inner", "Host acme\nPort 7\n", 0600);
	write_file("sub/c.conf", "Port 8\n", 0600);
	check_host("", "Host nobody\nInclude sub/none*.conf\nHost acme\nInclude sub/*.conf @/x*\n",
	           "acme", 7);
}

static void test_ssh_files__refuse_what_others_may_write(void **state)
{
	(void)state;
	write_file("config", "Port 1\n", 0664);
	check_told(
	        HEAD USER_AUTH "    host: h\n", NULL,
	        "@/main.yaml:4:17: endpoints.acme.ssh_config: @/config can be written by others, "
	        "who could send ferryd elsewhere: chmod go-w\n");
	write_file("b", "Port 1\n", 0606);
	check_told(HEAD USER_AUTH, "\n Include b\n",
	           "@/config:2:2: @/b can be written by others, who could send ferryd elsewhere: "
	           "chmod go-w\n");
	check_told(
	        "version: 1\nendpoints: {a: {ssh_config: @/none, host: h, user: u,\n"
	        "  auth: [{password: {env: PATH}}], host_key: {pins: \"" PIN "\"}}}\n",
	        NULL,
	        "@/main.yaml:2:29: endpoints.a.ssh_config: @/none cannot be read: No such file or "
	        "directory\n");
	check_told("version: 1\nendpoints: {a: {ssh_config: @, host: h, user: u,\n"
	           "  auth: [{password: {env: PATH}}], host_key: {pins: \"" PIN "\"}}}\n",
	           NULL, "@/main.yaml:2:29: endpoints.a.ssh_config: @ is not a regular file\n");
}

/* A chain of files, the last one of which names the port. */
static void write_chain(int files)
{
	char name[16], text[64];

	for (int i = 1; i < files; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		(void)snprintf(text, sizeof(text), i + 1 < files ? "Include f%d\n" : "Port 7\n",
		               i + 1);
		write_file(name, text, 0600);
	}
}

static void test_ssh_files__end_sixteen_deep(void **state)
{
	(void)state;
	write_chain(SSH_DEPTH_MAX);
	check_host("", "Include f1\n", "acme", 7);
	write_chain(SSH_DEPTH_MAX + 1);
	check_told(HEAD USER_AUTH, "Include f1\n",
	           "@/f15:1:1: @/f16 is included more than 16 files deep: does it include "
	           "itself?\n");
}

static void test_ssh_files__are_a_bounded_number(void **state)
{
	struct buf text;

	(void)state;
	write_file("x", "Port 7\n", 0600);
	buf_init(&text, 65536);
	for (int i = 1; i < SSH_FILES_MAX; i++)
		(void)buf_add_text(&text, "Include x\n");
	check_host("", buf_text(&text), "acme", 7);
	(void)buf_add_text(&text, "Include x\n");
	check_told(HEAD USER_AUTH, buf_text(&text),
	           "@/config:256:1: @/x is one of more than 256 files in all\n");
	buf_release(&text);
}

/* ---- --explain ----------------------------------------------------------------------------- */

/* Columns are padded: several blanks become one. */
static char *squeeze(const char *text)
{
	char *out = mem_new(strlen(text) + 1), *end = out;

	for (; *text; text++)
		if (*text != ' ' || text[1] != ' ')
			*end++ = *text;
	return out;
}

static void check_explained(const char *yaml, const char *endpoint, const char *const *lines)
{
	char *path _cleanup_free_ = mem_printf("%s/main.yaml", folder);
	struct config_report r;
	struct config *c;
	struct buf out;
	char *text;

	write_file("main.yaml", yaml, 0600);
	config_report_init(&r);
	buf_init(&out, 65536);
	c = config_explain(path, NULL, &r, endpoint, &out);
	if (!c)
		fail_msg("%s", buf_text(&r.text));
	text = squeeze(buf_text(&out));
	for (; *lines; lines++) {
		char *line _cleanup_free_ = expand(*lines);

		if (!strstr(text, line))
			fail_msg("no line \"%s\" in\n%s", line, text);
	}
	free(text);
	config_unref(c);
	buf_release(&out);
	config_report_release(&r);
}

static void test_explain__tells_where_each_value_stands(void **state)
{
	static const char *const lines[] = {
	        "endpoint acme\n",
	        " host sftp.example @/config:2\n",
	        " port 22 default\n",
	        " protocol sftp default\n",
	        " user u @/main.yaml:6\n",
	        " host_key.check strict default\n",
	        " host_key.pins " PIN " @/main.yaml:5\n",
	        " auth[0].password.env PATH @/main.yaml:7\n",
	        " auth[1].password.value (not shown) @/main.yaml:8\n",
	        " timeouts.connect 10s default\n",
	        " recycle.bytes 2G @/config:3\n",
	        " recycle.age 1h @/config:3\n",
	        " trace.mask 511 default\n",
	        NULL,
	};

	(void)state;
	write_file("config", "Host acme\n HostName sftp.example\n RekeyLimit 2g 60m\n", 0600);
	check_explained(HEAD "    user: u\n    auth: [{password: {env: PATH}},\n"
	                     "      {password: {value: geheim}}]\n",
	                "acme", lines);
}

static void test_explain__is_for_every_protocol(void **state)
{
	static const char *const ftps[] = {" tls.max 1.2 ", " data.mode passive ",
	                                   " commands.before_put - ", NULL};
	static const char *const local[] = {"endpoint local:@\n root @", " trace.when failure ",
	                                    NULL};
	static const char yaml[] =
	        "version: 1\nendpoints: {a: {protocol: ftps, host: h, user: u,\n"
	        "  auth: [{password: {env: PATH}}]}}\n"
	        "routes: {r: {from: {path: @}, to: [{endpoint: a, path: /x}]}}\n";
	char *root _cleanup_free_ = mem_printf("local:%s", folder);

	(void)state;
	check_explained(yaml, "a", ftps);
	check_explained(yaml, root, local);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	        TEST(test_ssh_defaults__fill_the_keys_that_are_missing),
	        TEST(test_ssh_defaults__say_how_the_server_is_reached),
	        TEST(test_ssh_defaults__take_one_way),
	        TEST(test_ssh_defaults__say_how_to_log_in),
	        TEST(test_ssh_defaults__tell_what_a_login_lacks),
	        TEST(test_ssh_defaults__yaml_wins),
	        TEST(test_ssh_defaults__new_keys_come_with_a_new_connection),
	        TEST(test_ssh_defaults__a_wrong_rekey_limit_is_told),
	        TEST(test_ssh_defaults__what_has_no_key_of_ours_is_told),
	        TEST(test_ssh_defaults__look_up_the_name_that_is_told),
	        TEST(test_ssh_defaults__none_leaves_what_ferryd_has),
	        TEST(test_ssh_defaults__mistakes_are_told_where_they_stand),
	        TEST(test_ssh_defaults__tell_what_is_left_out),
	        TEST(test_ssh_defaults__are_for_sftp_only),
	        TEST(test_ssh_files__follow_includes),
	        TEST(test_ssh_files__refuse_what_others_may_write),
	        TEST(test_ssh_files__end_sixteen_deep),
	        TEST(test_ssh_files__are_a_bounded_number),
	        TEST(test_explain__tells_where_each_value_stands),
	        TEST(test_explain__is_for_every_protocol),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
