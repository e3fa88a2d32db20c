/*
 * The configuration as the daemon uses it: one immutable snapshot.
 *
 *	struct config *c = config_load("/etc/ferryd/ferryd.yaml", &judges, &report);
 *	if (!c) ... every problem is in the report, "file:line:col: path.to.key: sentence"
 *	config_ref(c); ... config_unref(c);	// any thread
 *
 * All strings and arrays live in the snapshot's arena and are never changed; whoever uses one
 * holds a reference. Durations are ms, sizes bytes. "Empty" strings are NULL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/buf.h"

struct config;

/* ---- secrets ------------------------------------------------------------------------------- */

enum secret_kind {
	SECRET_NONE,
	SECRET_CREDENTIAL,
	SECRET_FILE,
	SECRET_ENV,
	SECRET_COMMAND,
	SECRET_VALUE
};

struct secret_ref {
	enum secret_kind kind;
	const char *text;        /* name, path, variable or literal */
	const char *const *argv; /* SECRET_COMMAND: NULL-terminated, argv[0] absolute */
};

struct texts {
	const char *const *items;
	size_t count;
};

/* ---- endpoints ----------------------------------------------------------------------------- */

enum protocol { PROTOCOL_LOCAL, PROTOCOL_SFTP, PROTOCOL_FTPS, PROTOCOL_FTP };

enum auth_kind { AUTH_PUBLICKEY, AUTH_PASSWORD, AUTH_KEYBOARD, AUTH_AGENT, AUTH_NONE };
enum totp_algorithm { TOTP_SHA1, TOTP_SHA256, TOTP_SHA512 };
enum prompt_answer { PROMPT_SECRET, PROMPT_TOTP, PROMPT_COMMAND };

struct auth_prompt {
	const char *prompt; /* regular expression, sought in the server's prompt */
	enum prompt_answer kind;
	struct secret_ref secret; /* SECRET: the answer; TOTP: base32; COMMAND: what prints it */
	enum totp_algorithm algorithm;
	int digits;        /* 6..8 */
	int64_t period_ms; /* whole seconds */
};

struct auth_method {
	enum auth_kind kind;

	/* publickey; without a file: the agent, then the user's default identities */
	const char *key_file;
	const char *certificate;      /* OpenSSH user certificate for the key, NULL: none */
	struct secret_ref passphrase; /* SECRET_NONE if the key is not encrypted */
	int rsa_min_bits;

	struct secret_ref password;

	const struct auth_prompt *prompts; /* keyboard-interactive */
	size_t prompt_count;

	const char *agent_socket;      /* agent; NULL: $SSH_AUTH_SOCK */
	const char *const *agent_only; /* fingerprints, "SHA256:…"; none: every key it has */
	size_t agent_only_count;
};

/* As an operator writes them, "+", "-" and "^" included; what they mean is the adapter's. */
enum algorithm_kind {
	ALGORITHM_KEX,
	ALGORITHM_HOST_KEYS,
	ALGORITHM_CIPHERS,
	ALGORITHM_MACS,
	ALGORITHM_KINDS
};

struct algorithm_settings {
	struct texts lists[ALGORITHM_KINDS]; /* none: the adapter's own */
	bool compression;
	int rsa_min_bits; /* of host keys; 0 = any */
};

enum address_family { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 };

enum proxy_kind { PROXY_NONE, PROXY_COMMAND, PROXY_SOCKS5, PROXY_HTTP };

struct proxy_settings {
	enum proxy_kind kind;
	struct texts command; /* argv, %h %p %r %n %% in it; argv[0] absolute */
	const char *host;
	int port;
	const char *user; /* NULL: no login */
	struct secret_ref password;
};

enum host_key_check { HOST_KEY_STRICT, HOST_KEY_ACCEPT_NEW, HOST_KEY_OFF };

struct endpoint_timeouts {
	int64_t connect_ms;   /* name lookup and TCP, 10 s */
	int64_t handshake_ms; /* identification and key exchange, 30 s */
	int64_t auth_ms;      /* all of authentication, 30 s */
	int64_t request_ms;   /* one small request and its answer, 60 s */
	int64_t stall_ms;     /* no byte moved during a transfer or listing, 60 s */
};

enum tls_mode { TLS_EXPLICIT, TLS_IMPLICIT };
enum tls_version { TLS_1_2, TLS_1_3 };

struct tls_settings { /* PROTOCOL_FTPS; peer and host name are always verified */
	enum tls_mode mode;
	const char *ca;          /* PEM file or hashed directory; NULL: the system's */
	const char *const *pins; /* "sha256//base64=", of the public key; besides the chain */
	size_t pin_count;
	const char *certificate; /* ours, PEM; NULL: none */
	const char *key;         /* PEM; NULL: it is in the certificate's file */
	struct secret_ref passphrase;
	enum tls_version min, max; /* both 1.2 unless told */
	const char *ciphers;       /* OpenSSL's list for TLS 1.2; NULL: the library's */
	bool session_reuse; /* the data connection resumes the control connection's session */
};

enum ftp_data_mode { FTP_PASSIVE, FTP_ACTIVE };
enum ftp_pasv_address { FTP_PASV_IGNORE, FTP_PASV_TRUST };
enum ftp_list_by { FTP_LIST_BY_ANY, FTP_LIST_BY_MLSD, FTP_LIST_BY_LIST };

struct ftp_data {
	enum ftp_data_mode mode;
	enum ftp_pasv_address pasv_address;
	const char *address;       /* active: told to the server; NULL: the control connection's */
	int first_port, last_port; /* active: we listen on; 0: any */
};

struct ftp_commands { /* no control characters, sent as they are */
	const char *const *after_login, *const *before_put, *const *after_put;
	size_t after_login_count, before_put_count, after_put_count;
};

/* How a server writes file names. */
enum charset { CHARSET_UTF_8, CHARSET_LATIN_1 };

struct ftp_settings {              /* PROTOCOL_FTPS and PROTOCOL_FTP */
	struct secret_ref account; /* ACCT, SECRET_NONE: not sent */
	struct ftp_data data;
	enum ftp_list_by list;
	struct ftp_commands commands;
};

enum trace_when { TRACE_FAILURE, TRACE_ALWAYS, TRACE_NEVER };

enum tunnel_side { TUNNEL_HERE, TUNNEL_SERVER };

struct tunnel_config {
	enum tunnel_side side; /* who listens */
	const char *listen_host;
	int listen_port;     /* 0: chosen when it begins */
	const char *to_host; /* connected to by the other side */
	int to_port;
	int connections; /* at once */
};

struct endpoint_config {
	const char *name; /* key under endpoints:, or "local:/srv/in" */
	enum protocol protocol;
	const char *root; /* PROTOCOL_LOCAL: absolute directory; else NULL */
	const char *host;
	int port;                           /* 1..65535; 0: local */
	enum address_family address_family; /* of host; any: both, the faster one */
	const char *bind_address;           /* of ours; NULL: the system's choice */
	/* Jump hosts, the nearest first: copies of the endpoints that are named, each with those before
	 * it as its own via. None: direct. */
	const struct endpoint_config *const *via;
	size_t via_count;
	struct proxy_settings proxy; /* before the host, or before the first of via */
	const char *user;
	const struct auth_method *auth;
	size_t auth_count;
	enum host_key_check host_key_check;
	const char *const *known_hosts; /* files, in order */
	size_t known_hosts_count;
	const char *const *pins; /* as pin.h makes them: "SHA256:base64", "MD5:hex" … */
	size_t pin_count;
	bool weak_pins;
	const char *host_key_alias;  /* NULL: host and port */
	const char *revoked_keys;    /* file of public keys, NULL: none */
	bool hash_known_hosts;       /* in entries that we add */
	const char *own_known_hosts; /* read last; written when the others cannot be */
	enum charset charset;
	struct algorithm_settings algorithms; /* PROTOCOL_SFTP */
	struct ftp_settings ftp;
	struct tls_settings tls;
	int connections;        /* 1..64, at most so many at once */
	int64_t keepalive_ms;   /* idle connections, 0 = off; 60 s */
	int64_t idle_close_ms;  /* idle connection is closed after; 5 min */
	uint64_t recycle_bytes; /* on the wire, both ways; 0: never */
	int64_t recycle_age_ms; /* 0: never */
	struct endpoint_timeouts timeouts;
	unsigned trace_mask; /* resolved: endpoint's own or trace.mask */
	enum trace_when trace_when;
	const struct tunnel_config *tunnels; /* PROTOCOL_SFTP */
	size_t tunnel_count;
	const char *fingerprint; /* hex digest of everything above: equal = unchanged at a reload */
};

/* ---- routes -------------------------------------------------------------------------------- */

enum order_by { ORDER_NAME, ORDER_MTIME, ORDER_SIZE };
enum after_kind { AFTER_KEEP, AFTER_DELETE, AFTER_MOVE, AFTER_RENAME };
enum exists_policy { EXISTS_FAIL, EXISTS_REPLACE, EXISTS_SKIP, EXISTS_RENAME, EXISTS_APPEND };
enum mtime_policy { MTIME_NEW, MTIME_KEEP };
enum verify_policy { VERIFY_SIZE, VERIFY_NONE, VERIFY_DIGEST };

struct route_source {
	const struct endpoint_config *endpoint; /* never NULL */
	const char *path;         /* directory at the endpoint; "" for local (its root) */
	const char *const *match; /* globs on the file name; none = all */
	size_t match_count;
	const char *const *exclude;
	size_t exclude_count;
	bool hidden; /* names that begin with '.' */
	int recurse; /* levels below path, 0 = none, at most 32 */
	enum order_by order;
	bool order_descending;
	uint64_t min_size, max_size;    /* max: 10 GiB unless told */
	int64_t min_age_ms, max_age_ms; /* 0 = none */
	int64_t poll_ms;                /* 0 when cron */
	const char *cron;               /* five fields, NULL when poll_ms */
	const char *time_zone;          /* IANA name, NULL = local time */
	int64_t stable_for_ms; /* two equal observations at least this far apart; 0 = off */
	enum after_kind after;
	const char *after_to; /* MOVE: directory, below path unless it begins with "/" (at
	                       * a partner only); RENAME: name template */
};

struct retry_config {
	int64_t first_ms; /* 1 s */
	int64_t most_ms;  /* 5 min */
	int attempts;     /* then held; 0 = without end */
};

struct remote_command {     /* at a server: argv.count 0: none */
	struct texts argv;  /* words with {path} and the like (daemon/route/command.h) */
	struct texts env;   /* "NAME=value" */
	int64_t timeout_ms; /* 5 min */
};

struct route_dest {
	const char
	        *id; /* stable within the route: "bank:/inbox" or "local:/srv/x"; the store's key */
	const struct endpoint_config *endpoint; /* never NULL */
	const char *path;                       /* directory; "" for local (its root) */
	const char *name;                       /* template, "{name}" by default */
	enum exists_policy exists;
	int mode;   /* -1 = not set */
	bool mkdir; /* create missing directories */
	enum mtime_policy mtime;
	enum verify_policy verify;
	struct retry_config retry;
	struct remote_command before, after; /* sftp only */
};

struct route_config {
	const char *name;
	bool enabled;
	struct route_source from;
	const struct route_dest *to;
	size_t to_count;           /* 1..32 */
	struct retry_config retry; /* of the fetch */
	const char *fingerprint; /* hex digest of everything above: equal = unchanged at a reload */
};

/* ---- the whole ----------------------------------------------------------------------------- */

struct daemon_config {
	const char *state_dir; /* database and spool */
	const char *socket;
	int workers;             /* 1..64, resolved from auto */
	int64_t drain_ms;        /* how long SIGTERM waits for running transfers, 30 s */
	uint64_t min_free_bytes; /* polling stops below, 1 GiB; resumes 10 % above */
	int min_free_percent;    /* 5 */
	const char *log_level;   /* error | warning | info | debug */
};

struct trace_config {
	const char *dir;
	unsigned mask; /* bits of adapters/trace.h; 511 */
	enum trace_when when;
	uint64_t max_bytes; /* per file, 10 MiB */
	int64_t keep_ms;    /* 14 days */
};

struct config {
	struct daemon_config daemon;
	struct trace_config trace;
	const struct endpoint_config *const *endpoints; /* named ones and local roots */
	size_t endpoint_count;
	const struct route_config *const *routes;
	size_t route_count;
	const char *file;     /* the file it was loaded from */
	int64_t loaded_at_ms; /* wall */
	size_t secret_values; /* literal secrets, warned about */
};

/* What config_load has to say: one line per problem, errors first to last as they stand in the
 * files, then warnings. Text is for the operator. */
struct config_report {
	struct buf text; /* lines, each ends in '\n' */
	size_t errors, warnings;
};
void config_report_init(struct config_report *r);
void config_report_release(struct config_report *r);

/* What config cannot judge itself, because the grammar belongs to another room. Each returns NULL
 * or a sentence about what is wrong with the text (a literal or static buffer of the callee). */
struct config_judges {
	const char *(*cron)(const char *text);
	const char *(*time_zone)(const char *text);
	const char *(*name_template)(const char *text);
	const char *(*command_word)(const char *text);
	/* What this build cannot do of a partner's settings (all of them but the fingerprint are
	 * set). *key, NULL before, may be set to the key that is told, as "data.mode". */
	const char *(*endpoint)(const struct endpoint_config *e, const char **key);
};

/* Reads, binds and validates everything (files referred to must be readable; local directories
 * must exist). NULL and r->errors > 0 when anything is wrong. `judges` NULL: not judged.
 * Blocking: off the loop. */
struct config *config_load(const char *file, const struct config_judges *judges,
                           struct config_report *r);
/* As config_load(); besides, every setting of an endpoint with the file and line it comes from goes
 * into `out`, aligned lines; nothing when there is no endpoint of that name. */
struct config *config_explain(const char *file, const struct config_judges *judges,
                              struct config_report *r, const char *endpoint, struct buf *out);
struct config *config_ref(const struct config *c);
void config_unref(const struct config *c);

const struct route_config *config_route(const struct config *c, const char *name);
const struct route_dest *config_route_dest(const struct route_config *r, const char *id);
const struct endpoint_config *config_endpoint(const struct config *c, const char *name);

/* "libyaml 0.2.5" as linked. */
const char *config_library(void);

/* JSON Schema (2020-12) generated from the key tables; text ends in '\n'. */
void config_schema(struct buf *out);
/* Markdown manual of every key, from the same tables (docs/reference.md is it). */
void config_reference(struct buf *out);
