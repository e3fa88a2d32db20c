/*
 * The keys of host_key: how an SSH server proves that it is the partner.
 */
#include "config/load.h"

#define OUT(member) .at = offsetof(struct endpoint_form, out.member)
#define OUT_LIST(member, counted)                         \
	.at = offsetof(struct endpoint_form, out.member), \
	.count_at = offsetof(struct endpoint_form, out.counted)

static const struct word words_check[] = {
        {"strict", HOST_KEY_STRICT, "an unknown or changed host key ends the connection", NULL},
        {"accept-new", HOST_KEY_ACCEPT_NEW,
         "the first key of a host without a record is stored and from then on known; a changed "
         "one, or one of another type, ends the connection",
         NULL},
        {"off", HOST_KEY_OFF,
         "an unknown key is accepted with a warning, a changed one too unless a password would "
         "be sent: for tests on a private network",
         NULL},
        {0},
};

static const struct key host_key_keys[] = {
        {"check", KEY_WORD, OUT(host_key_check), .fallback = "strict", .words = words_check,
         .doc = "Whether the server must show a host key that is known. A revoked key ends the "
                "connection in any case."},
        {"known_hosts", KEY_PATHS, OUT_LIST(known_hosts, known_hosts_count),
         .fallback_doc = "`/etc/ferryd/known_hosts`, if there are no `pins`",
         .doc = "One or several files as OpenSSH keeps them, searched in this order: hashed names, "
                "`[host]:port`, wildcards, `@revoked`, and `@cert-authority`, for which the "
                "server's "
                "host certificate is fetched on a short connection of its own before each login; "
                "a host with an authority is never new to `accept-new`. "
                "`known_hosts` in `daemon.state_dir` is read after them. What `accept-new` and "
                "`ferryctl trust` add goes into the first file here if ferryd may write it, else "
                "into that one."},
        {"pins", KEY_TEXTS, OUT_LIST(pins, pin_count), .check = endpoint_check_pin,
         .doc = "Fingerprints of accepted host keys, `SHA256:` and 43 characters as `ssh-keygen "
                "-lf` shows them, or 64 hex digits; several while a server changes its key. They "
                "decide alone: known_hosts is then read for `@revoked` only."},
        {"weak_pins", KEY_BOOL, OUT(weak_pins), .fallback = "false",
         .doc = "Whether `pins` may be MD5 (32 hex digits) or SHA-1 (40), with colons or without. "
                "Somebody with much computing power may make another key with the same one."},
        {"alias", KEY_TEXT, OUT(host_key_alias), .most = 255, .check = endpoint_check_host,
         .fallback_doc = "`host`, with `port` if that is not 22",
         .doc = "The name under which the server's key is looked up and stored, without a port: "
                "for servers reached by an address, by several names or through a tunnel."},
        {"revoked", KEY_PATH, OUT(revoked_keys),
         .doc = "A file of public keys, one a line, that are never accepted, whatever else says "
                "so. OpenSSH's binary lists (KRL) are not read."},
        {"hash", KEY_BOOL, OUT(hash_known_hosts), .fallback = "false",
         .doc = "Whether the host's name is hashed in entries that ferryd adds."},
        {0},
};

const struct table keys_host_key = {
        .title = "endpoint.host_key",
        .about = "How the server proves that it is the partner.",
        .keys = host_key_keys,
};
