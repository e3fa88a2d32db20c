/*
 * The keys of authentication: how ferryd proves who it is.
 */
#include "config/load.h"
#include "daemon/base/regex.h"

#define AUTH(member) .at = offsetof(struct auth_form, member)
#define AUTH_LIST(member, counted)                    \
	.at = offsetof(struct auth_form, out.member), \
	.count_at = offsetof(struct auth_form, out.counted)
#define PROMPT(member) .at = offsetof(struct prompt_form, member)
#define SECOND         INT64_C(1000)

/* ---- publickey ----------------------------------------------------------------------------- */

static const struct word words_key[] = {
        {"auto", 0,
         "the keys of the agent, if the service has one (`SSH_AUTH_SOCK`), then `id_ed25519`, "
         "`id_ecdsa` and `id_rsa` in `~/.ssh` of ferryd's user, with `-cert.pub` beside them",
         NULL},
        {0},
};

static const struct key publickey_keys[] = {
        {"key", KEY_PATH, .flags = KEY_REQUIRED, AUTH(out.key_file), .words = words_key,
         .doc = "The private key file, with mode 0600 or less."},
        {"passphrase", KEY_ONE_OF, AUTH(passphrase), .table = &keys_secret,
         .doc = "The key's passphrase, if it is encrypted."},
        {"certificate", KEY_PATH, AUTH(out.certificate),
         .doc = "An OpenSSH user certificate for this key, as `ssh-keygen -s` makes it "
                "(`…-cert.pub`)."},
        {"rsa_min_bits", KEY_INT, AUTH(out.rsa_min_bits), .least = 1024, .most = 16384,
         .fallback = "2048", .doc = "A smaller RSA key is refused."},
        {0},
};

static const struct table keys_publickey = {
        .title = "auth.publickey",
        .about = "Authentication with a key pair: Ed25519, ECDSA, or RSA (which needs libssh2 1.11 "
                 "with servers since OpenSSH 8.8), in OpenSSH's, PEM or PKCS#8 format. "
                 "`publickey: PATH` and `publickey: auto` are "
                 "short for a map with `key` alone.",
        .keys = publickey_keys,
        .bare = "key",
};

/* ---- keyboard-interactive ------------------------------------------------------------------ */

static const struct word words_algorithm[] = {
        {"sha1", TOTP_SHA1, "what nearly all apps and servers use", NULL},
        {"sha256", TOTP_SHA256, "HMAC-SHA-256", NULL},
        {"sha512", TOTP_SHA512, "HMAC-SHA-512", NULL},
        {0},
};

static const struct key totp_keys[] = {
        {"secret", KEY_ONE_OF, PROMPT(totp), .flags = KEY_REQUIRED, .table = &keys_secret,
         .doc = "The shared secret in base32, as it stands below the QR code."},
        {"algorithm", KEY_WORD, PROMPT(out.algorithm), .fallback = "sha1", .words = words_algorithm,
         .doc = "The hash of the codes."},
        {"digits", KEY_INT, PROMPT(out.digits), .least = 6, .most = 8, .fallback = "6",
         .doc = "How long a code is."},
        {"period", KEY_DURATION, PROMPT(out.period_ms), .least = 10 * SECOND, .most = 300 * SECOND,
         .fallback = "30s", .doc = "How long a code is valid."},
        {0},
};

static const struct table keys_totp = {
        .title = "auth.totp",
        .about = "One-time codes by time (RFC 6238). `totp: {credential: NAME}` is short for a map "
                 "with `secret` alone. A code is never sent twice: a login that comes too soon "
                 "waits for the next one.",
        .keys = totp_keys,
        .bare = "secret",
};

static const struct key prompt_keys[] = {
        {"prompt", KEY_TEXT, .flags = KEY_REQUIRED, PROMPT(out.prompt), .most = REGEX_PATTERN_MAX,
         .check = regex_check,
         .doc = "A word of the server's prompt, or a regular expression (PCRE2) to look for in it; "
                "case does not matter."},
        {"answer", KEY_ONE_OF, PROMPT(answer), .table = &keys_secret,
         .doc = "The answer is this secret."},
        {"totp", KEY_SECTION, .table = &keys_totp, .doc = "The answer is a one-time code."},
        {"command", KEY_TEXTS, PROMPT(command.items),
         .count_at = offsetof(struct prompt_form, command.count),
         .doc = "The answer is what this program prints when the server asks; a list of the "
                "program's absolute path and its arguments, no shell, at most 10 s."},
        {0},
};

static const struct table keys_prompt = {
        .title = "auth.keyboard-interactive",
        .about = "What is answered to the server's prompts. For each prompt the first item that "
                 "fits is taken, each item once; `answer`, `totp` or `command` says what to "
                 "answer. A prompt that nothing fits ends the login with its text. Demands to "
                 "change a password are told and never answered.",
        .keys = prompt_keys,
        .size = sizeof(struct prompt_form),
};

/* ---- agent --------------------------------------------------------------------------------- */

static const struct key agent_keys[] = {
        {"socket", KEY_PATH, AUTH(out.agent_socket),
         .fallback_doc = "`SSH_AUTH_SOCK` of the service", .doc = "Where the agent listens."},
        {"only", KEY_TEXTS, AUTH_LIST(agent_only, agent_only_count),
         .check = auth_check_fingerprint,
         .doc = "Fingerprints of the keys that may be used, as `ssh-add -l` shows them. Each key "
                "that is offered costs one of the server's attempts: name them where the agent "
                "holds several."},
        {0},
};

static const struct table keys_agent = {
        .title = "auth.agent",
        .about = "Authentication with keys that an SSH agent holds. `- agent` alone takes all keys "
                 "of the agent at `SSH_AUTH_SOCK`.",
        .keys = agent_keys,
        .bare = "socket",
};

/* ---- the list ------------------------------------------------------------------------------ */

const struct word words_auth[] = {
        {"agent", AUTH_AGENT, "the agent at `SSH_AUTH_SOCK`, with all its keys", NULL},
        {"none", AUTH_NONE,
         "the server lets the user in without a proof; refused unless it stands here", NULL},
        {0},
};

static const struct key auth_keys[] = {
        {"publickey", KEY_SECTION, .table = &keys_publickey, .tag = AUTH_PUBLICKEY,
         .doc = "Authenticate with a private key."},
        {"password", KEY_ONE_OF, AUTH(password), .table = &keys_secret, .tag = AUTH_PASSWORD,
         .doc = "Authenticate with a password. A server that asks for it by prompt gets it as the "
                "answer to a first prompt that hides what is typed."},
        {"keyboard-interactive", KEY_SECTIONS, AUTH(prompts), .least = 1, .most = 16,
         .table = &keys_prompt, .tag = AUTH_KEYBOARD,
         .doc = "Answer the server's prompts: passwords, one-time codes."},
        {"agent", KEY_SECTION, .table = &keys_agent, .tag = AUTH_AGENT,
         .doc = "Authenticate with keys of an SSH agent."},
        {0},
};

const struct table keys_auth = {
        .title = "auth",
        .about = "Methods in the order in which they are tried; several where the server asks for "
                 "several. Each item is one of these keys, or one of the words `agent` and `none`. "
                 "A method that the server does not offer is passed over. With ftps and ftp: one "
                 "`password`.",
        .keys = auth_keys,
        .size = sizeof(struct auth_form),
        .tag_at = offsetof(struct auth_form, out.kind),
        .instead = "wants {publickey: {key: PATH}}, {password: {credential: NAME}}, "
                   "{keyboard-interactive: [...]}, agent or none",
};
