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
