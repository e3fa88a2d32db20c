/*
 * OpenSSH's client configuration, ssh_config(5), as a source of settings for a host.
 *
 *	struct ssh_lines *lines = ssh_config_parse(&input, arena, problems);
 *	... whoever reads files gives each Include its files (ssh_config_files.h)
 *	ssh_config_evaluate(lines, &who, arena, &result);
 *	const struct ssh_line *line = ssh_first(&result, SSH_PORT);	// line->args[0], line->at
 *
 * Pure: text in, values with their place out; what they mean for an endpoint is told in
 * ssh_defaults.h. Keywords in any case, `=` or space behind them, quotes and backslashes, `#`; the
 * first value of a keyword wins, IdentityFile and CertificateFile collect. Host takes patterns with
 * `*`, `?` and `!`; Match takes all, host, originalhost, user and localuser. `Match exec` is an
 * error, because it would run a command whenever the file is read. Everything is kept in the arena.
 *
 * Each file is told about once: errors for what cannot be understood, warnings for keywords that
 * are not known or that ferryd has no use for.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"
#include "config/problems.h"

enum { SSH_ARGS_MAX = 64, SSH_LINE_MAX = 8192, SSH_FILE_MAX = 256 * 1024 };

/* How a keyword is read: FIRST is one value; WORDS one line of several; ALL collects lines; RAW is
 * the rest of the line; IDLE is known, and ferryd has no use for it; the others are of their own. */
enum ssh_use { SSH_FIRST, SSH_WORDS, SSH_ALL, SSH_RAW, SSH_IDLE, SSH_BLOCK, SSH_FILES };

/* X(name, text, use); the texts in lower case */
#define SSH_KEYWORDS(X)                                                 \
	X(HOST, "host", BLOCK)                                          \
	X(MATCH, "match", BLOCK)                                        \
	X(INCLUDE, "include", FILES)                                    \
	X(HOSTNAME, "hostname", FIRST)                                  \
	X(PORT, "port", FIRST)                                          \
	X(USER, "user", FIRST)                                          \
	X(IDENTITY_FILE, "identityfile", ALL)                           \
	X(CERTIFICATE_FILE, "certificatefile", ALL)                     \
	X(IDENTITY_AGENT, "identityagent", FIRST)                       \
	X(IDENTITIES_ONLY, "identitiesonly", FIRST)                     \
	X(PROXY_JUMP, "proxyjump", FIRST)                               \
	X(PROXY_COMMAND, "proxycommand", RAW)                           \
	X(HOST_KEY_ALGORITHMS, "hostkeyalgorithms", FIRST)              \
	X(KEX_ALGORITHMS, "kexalgorithms", FIRST)                       \
	X(CIPHERS, "ciphers", FIRST)                                    \
	X(MACS, "macs", FIRST)                                          \
	X(COMPRESSION, "compression", FIRST)                            \
	X(USER_KNOWN_HOSTS_FILE, "userknownhostsfile", WORDS)           \
	X(GLOBAL_KNOWN_HOSTS_FILE, "globalknownhostsfile", WORDS)       \
	X(STRICT_HOST_KEY_CHECKING, "stricthostkeychecking", FIRST)     \
	X(HOST_KEY_ALIAS, "hostkeyalias", FIRST)                        \
	X(REVOKED_HOST_KEYS, "revokedhostkeys", FIRST)                  \
	X(CONNECT_TIMEOUT, "connecttimeout", FIRST)                     \
	X(BIND_ADDRESS, "bindaddress", FIRST)                           \
	X(ADDRESS_FAMILY, "addressfamily", FIRST)                       \
	X(SERVER_ALIVE_INTERVAL, "serveraliveinterval", FIRST)          \
	X(SERVER_ALIVE_COUNT_MAX, "serveralivecountmax", FIRST)         \
	X(PREFERRED_AUTHENTICATIONS, "preferredauthentications", FIRST) \
	X(PUBKEY_ACCEPTED, "pubkeyacceptedalgorithms", FIRST)           \
	X(REKEY_LIMIT, "rekeylimit", WORDS)                             \
	X(REQUIRED_RSA_SIZE, "requiredrsasize", FIRST)                  \
	X(ADD_KEYS_TO_AGENT, "addkeystoagent", IDLE)                    \
	X(BATCH_MODE, "batchmode", IDLE)                                \
	X(BIND_INTERFACE, "bindinterface", IDLE)                        \
	X(CANONICAL_DOMAINS, "canonicaldomains", IDLE)                  \
	X(CANONICALIZE_FALLBACK, "canonicalizefallbacklocal", IDLE)     \
	X(CANONICALIZE_HOSTNAME, "canonicalizehostname", IDLE)          \
	X(CANONICALIZE_MAX_DOTS, "canonicalizemaxdots", IDLE)           \
	X(CANONICALIZE_CNAMES, "canonicalizepermittedcnames", IDLE)     \
	X(CA_SIGNATURE, "casignaturealgorithms", IDLE)                  \
	X(CHANNEL_TIMEOUT, "channeltimeout", IDLE)                      \
	X(CHECK_HOST_IP, "checkhostip", IDLE)                           \
	X(CLEAR_ALL_FORWARDINGS, "clearallforwardings", IDLE)           \
	X(CONNECTION_ATTEMPTS, "connectionattempts", IDLE)              \
	X(CONTROL_MASTER, "controlmaster", IDLE)                        \
	X(CONTROL_PATH, "controlpath", IDLE)                            \
	X(CONTROL_PERSIST, "controlpersist", IDLE)                      \
	X(DYNAMIC_FORWARD, "dynamicforward", IDLE)                      \
	X(ENABLE_ESCAPE, "enableescapecommandline", IDLE)               \
	X(ENABLE_SSH_KEYSIGN, "enablesshkeysign", IDLE)                 \
	X(ESCAPE_CHAR, "escapechar", IDLE)                              \
	X(EXIT_ON_FORWARD_FAILURE, "exitonforwardfailure", IDLE)        \
	X(FINGERPRINT_HASH, "fingerprinthash", IDLE)                    \
	X(FORK_AFTER, "forkafterauthentication", IDLE)                  \
	X(FORWARD_AGENT, "forwardagent", IDLE)                          \
	X(FORWARD_X11, "forwardx11", IDLE)                              \
	X(FORWARD_X11_TIMEOUT, "forwardx11timeout", IDLE)               \
	X(FORWARD_X11_TRUSTED, "forwardx11trusted", IDLE)               \
	X(GATEWAY_PORTS, "gatewayports", IDLE)                          \
	X(GSSAPI_AUTHENTICATION, "gssapiauthentication", IDLE)          \
	X(GSSAPI_CLIENT, "gssapiclientidentity", IDLE)                  \
	X(GSSAPI_DELEGATE, "gssapidelegatecredentials", IDLE)           \
	X(GSSAPI_KEX, "gssapikexalgorithms", IDLE)                      \
	X(GSSAPI_KEY_EXCHANGE, "gssapikeyexchange", IDLE)               \
	X(GSSAPI_RENEWAL, "gssapirenewalforcesrekey", IDLE)             \
	X(GSSAPI_SERVER, "gssapiserveridentity", IDLE)                  \
	X(GSSAPI_TRUST_DNS, "gssapitrustdns", IDLE)                     \
	X(HASH_KNOWN_HOSTS, "hashknownhosts", IDLE)                     \
	X(HOSTBASED_ACCEPTED, "hostbasedacceptedalgorithms", IDLE)      \
	X(HOSTBASED, "hostbasedauthentication", IDLE)                   \
	X(IGNORE_UNKNOWN, "ignoreunknown", WORDS)                       \
	X(IP_QOS, "ipqos", IDLE)                                        \
	X(KBD_INTERACTIVE, "kbdinteractiveauthentication", IDLE)        \
	X(KBD_DEVICES, "kbdinteractivedevices", IDLE)                   \
	X(KNOWN_HOSTS_COMMAND, "knownhostscommand", IDLE)               \
	X(LOCAL_COMMAND, "localcommand", IDLE)                          \
	X(LOCAL_FORWARD, "localforward", IDLE)                          \
	X(LOG_LEVEL, "loglevel", IDLE)                                  \
	X(LOG_VERBOSE, "logverbose", IDLE)                              \
	X(NO_HOST_AUTH, "nohostauthenticationforlocalhost", IDLE)       \
	X(PASSWORD_PROMPTS, "numberofpasswordprompts", IDLE)            \
	X(OBSCURE_KEYSTROKES, "obscurekeystroketiming", IDLE)           \
	X(PASSWORD, "passwordauthentication", IDLE)                     \
	X(PERMIT_LOCAL_COMMAND, "permitlocalcommand", IDLE)             \
	X(PERMIT_REMOTE_OPEN, "permitremoteopen", IDLE)                 \
	X(PKCS11_PROVIDER, "pkcs11provider", IDLE)                      \
	X(PROXY_USE_FDPASS, "proxyusefdpass", IDLE)                     \
	X(PUBKEY, "pubkeyauthentication", IDLE)                         \
	X(REFUSE_CONNECTION, "refuseconnection", IDLE)                  \
	X(REMOTE_COMMAND, "remotecommand", IDLE)                        \
	X(REMOTE_FORWARD, "remoteforward", IDLE)                        \
	X(REQUEST_TTY, "requesttty", IDLE)                              \
	X(SECURITY_KEY_PROVIDER, "securitykeyprovider", IDLE)           \
	X(SEND_ENV, "sendenv", IDLE)                                    \
	X(SESSION_TYPE, "sessiontype", IDLE)                            \
	X(SET_ENV, "setenv", IDLE)                                      \
	X(STDIN_NULL, "stdinnull", IDLE)                                \
	X(STREAM_LOCAL_MASK, "streamlocalbindmask", IDLE)               \
	X(STREAM_LOCAL_UNLINK, "streamlocalbindunlink", IDLE)           \
	X(SYSLOG_FACILITY, "syslogfacility", IDLE)                      \
	X(TAG, "tag", IDLE)                                             \
	X(TCP_KEEPALIVE, "tcpkeepalive", IDLE)                          \
	X(TUNNEL, "tunnel", IDLE)                                       \
	X(TUNNEL_DEVICE, "tunneldevice", IDLE)                          \
	X(UPDATE_HOST_KEYS, "updatehostkeys", IDLE)                     \
	X(VERIFY_HOST_KEY_DNS, "verifyhostkeydns", IDLE)                \
	X(VERSION_ADDENDUM, "versionaddendum", IDLE)                    \
	X(VISUAL_HOST_KEY, "visualhostkey", IDLE)                       \
	X(WARN_WEAK_CRYPTO, "warnweakcrypto", IDLE)                     \
	X(XAUTH_LOCATION, "xauthlocation", IDLE)

enum ssh_keyword {
#define SSH_ENUM(name, text, use) SSH_##name,
	SSH_KEYWORDS(SSH_ENUM)
#undef SSH_ENUM
	        SSH_KEYWORD_COUNT
};

struct ssh_lines;

struct ssh_line {
	enum ssh_keyword keyword;
	struct place at;         /* of the keyword */
	const char *const *args; /* at least one */
	size_t count;
	struct ssh_lines **files; /* SSH_INCLUDE: what was found, in order */
	size_t file_count;
};

struct ssh_lines {
	struct ssh_line *items;
	size_t count;
};

struct ssh_config_input {
	const struct source_text *source;
	const void *bytes;
	size_t length;
};

/* Never NULL: what cannot be understood is told and left out. */
struct ssh_lines *ssh_config_parse(const struct ssh_config_input *in, struct arena *a,
                                   struct problems *p);

/* Whom the file is asked about. */
struct ssh_who {
	const char *host;       /* as a person would type it behind ssh */
	const char *user;       /* NULL: the file's, else local_user */
	const char *local_user; /* never NULL */
};

/* The lines that hold for a host; of keywords that do not collect, one at most. */
struct ssh_found {
	const struct ssh_line **items;
	size_t count;
	size_t turn; /* of the first: smaller ones came earlier */
};

struct ssh_result {
	struct ssh_found of[SSH_KEYWORD_COUNT];
	size_t turns;
};

void ssh_config_evaluate(const struct ssh_lines *lines, const struct ssh_who *who, struct arena *a,
                         struct ssh_result *out);

static inline const struct ssh_line *ssh_first(const struct ssh_result *r, enum ssh_keyword k)
{
	return r->of[k].count ? r->of[k].items[0] : NULL;
}

/* Whether `text` is one of the words of Match that name a condition we can judge. */
enum ssh_condition {
	SSH_IF_ALL,
	SSH_IF_HOST,
	SSH_IF_ORIGINAL_HOST,
	SSH_IF_USER,
	SSH_IF_LOCAL_USER,
	SSH_IF_EXEC,
	SSH_IF_NEVER /* known to OpenSSH or not: does not hold */
};
enum ssh_condition ssh_condition_of(const char *text, size_t length);

/* Whether the text is one of the patterns between commas; one with "!" that matches says no. */
enum ssh_case { SSH_CASE_KEPT, SSH_CASE_FOLDED };
bool ssh_matches(const char *patterns, const char *text, enum ssh_case fold);

/* As a keyword is written, for sentences: "identityfile". */
const char *ssh_keyword_text(enum ssh_keyword k);
