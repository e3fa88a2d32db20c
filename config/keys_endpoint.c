/*
 * The keys of an endpoint and of secrets.
 */
#include "config/load.h"

#define AT(member)  .at = offsetof(struct endpoint_form, member)
#define OUT(member) .at = offsetof(struct endpoint_form, out.member)
#define OUT_LIST(member, counted)                         \
	.at = offsetof(struct endpoint_form, out.member), \
	.count_at = offsetof(struct endpoint_form, out.counted)
#define SECRET(member) .at = offsetof(struct secret_form, member)
#define SECOND         INT64_C(1000)

/* ---- secrets ------------------------------------------------------------------------------- */

static const char *check_credential(const char *name)
{
	if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") !=
	            strlen(name) ||
	    *name == '.')
		return "the name of a credential has letters, digits, \".\", \"_\" and \"-\" only";
	return NULL;
}

static const char *check_variable(const char *name)
{
	return strchr(name, '=') ? "the name of a variable holds no \"=\"" : NULL;
}

static const struct key secret_keys[] = {
        {"credential", KEY_TEXT, SECRET(ref.text), .most = 255, .tag = SECRET_CREDENTIAL,
         .check = check_credential,
         .doc = "A systemd credential of the service (`LoadCredential=`, "
                "`LoadCredentialEncrypted=`); the best place. systemd reads credentials at the "
                "start of the service only."},
        {"file", KEY_PATH, SECRET(ref.text), .tag = SECRET_FILE,
         .doc = "A file that holds the secret and nothing else; one line break at its end is "
                "dropped. It must belong to the service's user or root, with mode 0600 or less."},
        {"env", KEY_TEXT, SECRET(ref.text), .most = 255, .tag = SECRET_ENV, .check = check_variable,
         .doc = "An environment variable of the service. Other processes of the same user can "
                "read it."},
        {"command", KEY_TEXTS, SECRET(argv),
         .count_at = offsetof(struct secret_form, argv) + offsetof(struct texts, count),
         .tag = SECRET_COMMAND,
         .doc = "A program and its arguments as a list; its standard output is the secret. "
                "Absolute "
                "path, no shell, at most 10 s."},
        {"value", KEY_TEXT, .flags = KEY_RAW, SECRET(ref.text), .tag = SECRET_VALUE,
         .doc = "The secret itself. It works and is warned about: configuration files are read, "
                "copied and mailed."},
        {0},
};

const struct table keys_secret = {
        .title = "a secret",
        .about =
                "Secrets are references; exactly one of these keys says where the secret is. It is "
                "read when a connection needs it, and never logged.",
        .keys = secret_keys,
        .tag_at = offsetof(struct secret_form, ref.kind),
        .instead =
                "a secret is not written here but referred to: {credential: NAME}, {file: PATH}, "
                "{env: NAME} or {command: [...]}; {value: ...} keeps it in this file and is "
                "warned about",
};

/* ---- the endpoint -------------------------------------------------------------------------- */

static const struct word words_protocol[] = {
        {"sftp", PROTOCOL_SFTP, "SFTP over SSH", NULL},
        {"ftps", PROTOCOL_FTPS, "FTP over TLS, explicit or implicit", NULL},
        {"ftp", PROTOCOL_FTP, "FTP in clear text; warned about", NULL},
        {0},
};

static const struct word words_charset[] = {
        {"utf-8", CHARSET_UTF_8,
         "names go as they are; an FTP server is asked for UTF-8 where it offers it", NULL},
        {"latin-1", CHARSET_LATIN_1, "ISO 8859-1, of older servers", NULL},
        {0},
};

static const char *check_user(const char *user)
{
	return strchr(user, '@') == user ? "a user name does not begin with \"@\"" : NULL;
}

#define TIMEOUT(key_name, member, value, text)                                                     \
	{                                                                                          \
		key_name, KEY_DURATION, OUT(timeouts.member), .least = 100, .most = 3600 * SECOND, \
		                                              .fallback = value, .doc = text       \
	}

static const struct key timeout_keys[] = {
        TIMEOUT("connect", connect_ms, "10s", "Name lookup and TCP connection."),
        TIMEOUT("handshake", handshake_ms, "30s",
                "Identification and key exchange; with ftps the TLS handshake."),
        TIMEOUT("auth", auth_ms, "30s", "All of authentication; with ftps and ftp the login."),
        TIMEOUT("request", request_ms, "60s", "One request and its answer: rename, remove, stat."),
        TIMEOUT("stall", stall_ms, "60s", "No byte moved during a transfer or a listing."),
        {0},
};

static const struct table keys_timeouts = {
        .title = "endpoint.timeouts",
        .about = "Nothing waits without an end.",
        .keys = timeout_keys,
};

static const struct key endpoint_trace_keys[] = {
        {"mask", KEY_FLAGS, OUT(trace_mask), .most = 1023, .words = words_trace,
         .fallback_doc = "`trace.mask`", .doc = "What is recorded of this endpoint's connections."},
        {"when", KEY_WORD, OUT(trace_when), .words = words_trace_when,
         .fallback_doc = "`trace.when`", .doc = "When it is written to a file."},
        {0},
};

static const struct table keys_endpoint_trace = {
        .title = "endpoint.trace",
        .about = "As the section `trace`, for this endpoint only.",
        .keys = endpoint_trace_keys,
};

static const struct key endpoint_keys[] = {
        {"protocol", KEY_WORD, OUT(protocol), .fallback = "sftp", .words = words_protocol,
         .doc = "How the partner is spoken to."},
        {"host", KEY_TEXT, .flags = KEY_REQUIRED, OUT(host), .most = 255,
         .check = endpoint_check_host, .doc = "Name or address of the server."},
        {"port", KEY_INT, OUT(port), .least = 1, .most = 65535,
         .fallback_doc = "22 with sftp, 21 with ftps and ftp, 990 with `tls: {mode: implicit}`",
         .doc = "TCP port of the server."},
        {"address_family", KEY_WORD, OUT(address_family), .fallback = "any",
         .words = words_address_family,
         .doc = "Which of the host's addresses are tried. They are tried a quarter of a second "
                "after each other, IPv6 and IPv4 in turn, and the first that answers is taken."},
        {"bind_address", KEY_TEXT, OUT(bind_address), .most = 45, .check = reach_check_address,
         .fallback_doc = "the system's choice",
         .doc = "The address of this machine that connections come from, where the partner's "
                "firewall knows only one."},
        {"via", KEY_TEXTS, AT(via.items),
         .count_at = offsetof(struct endpoint_form, via) + offsetof(struct texts, count),
         .check = endpoint_check_name,
         .doc = "With sftp: jump hosts, as names of other endpoints, the nearest first. Each has "
                "its own login and its own host key; the bytes of the next go through it. How the "
                "first one is reached is its own business (its `via` too); the following are "
                "reached from the one before."},
        {"proxy", KEY_ONE_OF, AT(proxy), .table = &keys_proxy,
         .doc = "With sftp: what stands between us and the server (or its first jump host)."},
        {"user", KEY_TEXT, .flags = KEY_REQUIRED, OUT(user), .most = 255, .check = check_user,
         .doc = "Name of the account at the server."},
        {"ssh_config", KEY_PATH, AT(ssh_config),
         .doc = "With sftp: a file as ssh_config(5) describes it, from which keys that are not "
                "written here are taken: HostName, Port, User, IdentityFile, CertificateFile, "
                "IdentityAgent, IdentitiesOnly, PreferredAuthentications, ProxyCommand, ProxyJump "
                "(names of "
                "endpoints), BindAddress, AddressFamily, ConnectTimeout, ServerAliveInterval, "
                "UserKnownHostsFile, GlobalKnownHostsFile, StrictHostKeyChecking, HostKeyAlias, "
                "RevokedHostKeys, HostKeyAlgorithms, KexAlgorithms, Ciphers, MACs, Compression, "
                "RequiredRSASize and RekeyLimit (as `recycle`: new keys come with a new "
                "connection); others are told and left out, among them ServerAliveCountMax (one "
                "sign of life that is not answered within `timeouts: {request: ...}` ends a "
                "connection) and PubkeyAcceptedAlgorithms (the keys in `auth` are shown as they "
                "are). Host, Match (all, host, "
                "originalhost, user, localuser) and Include are followed; `Match exec` is refused. "
                "What is written here wins. `ferryd --check --explain ENDPOINT` shows each value "
                "and where it comes from."},
        {"ssh_host", KEY_TEXT, AT(ssh_host), .most = 255, .check = endpoint_check_host,
         .fallback_doc = "`host` if it is written, else the endpoint's name",
         .doc = "The host that is looked up in the file of `ssh_config`, as it would be typed "
                "behind `ssh`."},
        {"auth", KEY_ONE_OFS, .flags = KEY_REQUIRED, AT(auth), .least = 1, .most = 8,
         .words = words_auth, .table = &keys_auth,
         .doc = "How ferryd proves who it is: a list of methods."},
        {"host_key", KEY_SECTION, .table = &keys_host_key,
         .doc = "With sftp: how the server proves that it is the partner."},
        {"algorithms", KEY_SECTION, .table = &keys_algorithms,
         .doc = "With sftp: which algorithms are offered."},
        {"tls", KEY_SECTION, .table = &keys_tls,
         .doc = "With ftps: versions, certificates and pins."},
        {"account", KEY_ONE_OF, AT(account), .table = &keys_secret,
         .doc = "With ftps and ftp: what the server is told when it asks for an account after the "
                "password (ACCT)."},
        {"data", KEY_SECTION, .table = &keys_ftp_data,
         .doc = "With ftps and ftp: how connections for files and listings are opened."},
        {"charset", KEY_WORD, OUT(charset), .fallback = "utf-8", .words = words_charset,
         .doc = "How the server writes file names, also in commands and their variables. Names of "
                "this machine are bytes, UTF-8 where they are converted."},
        {"list", KEY_WORD, OUT(ftp.list), .fallback = "auto", .words = words_ftp_list,
         .doc = "With ftps and ftp: by which command directories are listed."},
        {"commands", KEY_SECTION, .table = &keys_ftp_commands,
         .doc = "With ftps and ftp: commands that a server needs besides the usual ones."},
        {"connections", KEY_INT, OUT(connections), .least = 1, .most = 64, .fallback = "4",
         .doc = "At most so many connections at once, over all routes. With sftp one carries many "
                "files at a time, with ftps and ftp one file. When the server takes fewer (\"too "
                "many connections\") the work goes on over those, and one more is tried after a "
                "minute, later at longer intervals; `ferryctl status` shows it."},
        {"keepalive", KEY_DURATION, OUT(keepalive_ms), .least = 0, .most = 3600 * SECOND,
         .fallback = "60s",
         .doc = "An idle connection is asked for a sign of life so often; 0: "
                "never."},
        {"idle_close", KEY_DURATION, OUT(idle_close_ms), .least = 1 * SECOND,
         .most = 24 * 3600 * SECOND, .fallback = "5m",
         .doc = "A connection without work is closed after this time."},
        {"tunnels", KEY_SECTIONS, AT(tunnels), .least = 1, .most = 16, .table = &keys_tunnels,
         .doc = "With sftp: ports that are carried through the server."},
        {"recycle", KEY_SECTION, .table = &keys_recycle,
         .doc = "When a connection that works is replaced by a new one."},
        {"timeouts", KEY_SECTION, .table = &keys_timeouts, .doc = "Nothing waits without an end."},
        {"trace", KEY_SECTION, .table = &keys_endpoint_trace,
         .doc = "As the section `trace`, for this endpoint only."},
        {0},
};

const struct table keys_endpoint = {
        .title = "endpoint",
        .about = "A partner's server. Its name has 1 to 63 letters, digits, `.`, `_` and `-`.",
        .keys = endpoint_keys,
        .size = sizeof(struct endpoint_form),
        .check_name = endpoint_check_name,
};
