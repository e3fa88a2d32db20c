/*
 * The keys of an endpoint that say how its server is reached.
 */
#include "config/load.h"

#define ALGORITHM(member) .at = offsetof(struct endpoint_form, out.algorithms.member)
#define NAMES(kind)                   \
	ALGORITHM(lists[kind].items), \
	        .count_at = offsetof(struct endpoint_form, out.algorithms.lists[kind].count)

const struct word words_address_family[] = {
        {"any", FAMILY_ANY, "IPv6 and IPv4, whichever answers first", NULL},
        {"ipv4", FAMILY_IPV4, "IPv4 only", NULL},
        {"ipv6", FAMILY_IPV6, "IPv6 only", NULL},
        {0},
};

/* ---- algorithms ---------------------------------------------------------------------------- */

#define LIST(key_name, kind, text)                                                          \
	{                                                                                   \
		key_name, KEY_TEXTS, NAMES(kind),                                           \
		        .most = 2048, .check = reach_check_algorithms,                      \
		        .fallback_doc = "what `ferryd --version` names, less what is weak", \
		        .doc = text                                                         \
	}

static const struct key algorithm_keys[] = {
        LIST("kex", ALGORITHM_KEX, "Methods of key exchange."),
        LIST("host_keys", ALGORITHM_HOST_KEYS,
             "Algorithms by which the server may prove its host key. Unless the order is told "
             "here, "
             "the types that are on record for the host come first."),
        LIST("ciphers", ALGORITHM_CIPHERS, "Ciphers, for both directions."),
        LIST("macs", ALGORITHM_MACS,
             "Message authentication codes, for both directions; ciphers that end in "
             "`-gcm@openssh.com` need none."),
        {"compression", KEY_BOOL, ALGORITHM(compression), .fallback = "false",
         .doc = "Compress what is sent (`zlib@openssh.com`), where the server can. It costs a "
                "processor more than a network below 100 Mbit/s, and gains nothing for files that "
                "are compressed already."},
        {"rsa_min_bits", KEY_INT, ALGORITHM(rsa_min_bits), .least = 1024, .most = 16384,
         .fallback = "2048", .doc = "RSA host keys with fewer bits are refused."},
        {0},
};

const struct table keys_algorithms = {
        .title = "endpoint.algorithms",
        .about = "What is offered to the server, best first. Weak algorithms are off; when a "
                 "server has nothing else, the error names the line that allows one. Each list is "
                 "as OpenSSH's: names alone stand instead of ours and in this order; `+name` adds "
                 "to ours, `-name` takes away, `^name` puts first; `*` and `?` stand for any bytes "
                 "and any one byte.",
        .keys = algorithm_keys,
};

/* ---- proxies ------------------------------------------------------------------------------- */

#define PROXY(member) .at = offsetof(struct proxy_form, member)

#define PROXY_USER                                                                         \
	{                                                                                  \
		"user", KEY_TEXT, PROXY(out.user),                                         \
		        .most = 255, .check = reach_check_login,                           \
		        .doc = "Name of the account at the proxy, where it wants a login." \
	}
#define PROXY_PASSWORD                                                          \
	{                                                                       \
		"password", KEY_ONE_OF, PROXY(password), .table = &keys_secret, \
		                                         .doc = "Its password." \
	}

static const struct key socks5_keys[] = {
        {"host", KEY_TEXT, .flags = KEY_REQUIRED, PROXY(out.host), .most = 255,
         .check = endpoint_check_host, .doc = "Name or address of the proxy."},
        {"port", KEY_INT, PROXY(out.port), .least = 1, .most = 65535, .fallback = "1080",
         .doc = "Its TCP port."},
        PROXY_USER,
        PROXY_PASSWORD,
        {0},
};

static const struct table keys_socks5 = {
        .title = "endpoint.proxy.socks5",
        .about = "A SOCKS5 proxy (RFC 1928). It looks the server's name up by itself. A password "
                 "goes to it in clear text.",
        .keys = socks5_keys,
};

static const struct key http_keys[] = {
        {"host", KEY_TEXT, .flags = KEY_REQUIRED, PROXY(out.host), .most = 255,
         .check = endpoint_check_host, .doc = "Name or address of the proxy."},
        {"port", KEY_INT, .flags = KEY_REQUIRED, PROXY(out.port), .least = 1, .most = 65535,
         .doc = "Its TCP port; 3128 and 8080 are usual."},
        PROXY_USER,
        PROXY_PASSWORD,
        {0},
};

static const struct table keys_http = {
        .title = "endpoint.proxy.http",
        .about = "An HTTP proxy that allows CONNECT to the server's port. It looks the server's "
                 "name up by itself. A password goes to it in clear text (Basic).",
        .keys = http_keys,
};

static const struct key proxy_keys[] = {
        {"command", KEY_TEXTS, PROXY(out.command.items),
         .count_at = offsetof(struct proxy_form, out.command.count), .most = 4096,
         .check = reach_check_argument, .tag = PROXY_COMMAND,
         .doc = "A program and its arguments as a list, whose standard input and output are "
                "connected to the server; absolute path, no shell. `%h` stands for the host, `%p` "
                "for the port, `%r` for the user, `%n` for the endpoint's name, `%%` for `%`. It "
                "ends with the connection."},
        {"socks5", KEY_SECTION, .table = &keys_socks5, .tag = PROXY_SOCKS5,
         .doc = "A SOCKS5 proxy."},
        {"http", KEY_SECTION, .table = &keys_http, .tag = PROXY_HTTP, .doc = "An HTTP proxy."},
        {0},
};

const struct table keys_proxy = {
        .title = "endpoint.proxy",
        .about = "What stands between us and the server; exactly one of these keys.",
        .keys = proxy_keys,
        .tag_at = offsetof(struct proxy_form, out.kind),
        .instead = "wants {command: [PROGRAM, ...]}, {socks5: {host: NAME}} or {http: {host: NAME, "
                   "port: NUMBER}}",
};

/* ---- replacing connections ----------------------------------------------------------------- */

#define RECYCLE(member) .at = offsetof(struct endpoint_form, out.member)
#define KIB             INT64_C(1024)
#define HOUR            (INT64_C(3600) * 1000)

static const struct key recycle_keys[] = {
        {"bytes", KEY_SIZE, RECYCLE(recycle_bytes), .least = 0, .most = KIB * KIB * KIB * KIB,
         .fallback = "32G",
         .doc = "With sftp: after so many bytes in both directions; 0: never. The default is half "
                "of what RFC 4344 allows one key of AES."},
        {"age", KEY_DURATION, RECYCLE(recycle_age_ms), .least = 0, .most = 30 * 24 * HOUR,
         .fallback = "0s", .doc = "After this time; 0: never."},
        {0},
};

const struct table keys_recycle = {
        .title = "endpoint.recycle",
        .about = "A connection that has carried much, or is old, takes no new file; when those "
                 "under way are done it is closed, and a new one has new keys. (An SSH server may "
                 "ask for new keys at any time; the SSH library cannot ask for them.)",
        .keys = recycle_keys,
};
