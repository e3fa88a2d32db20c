/*
 * Lists of algorithms against real sshds: what is off by default is named when a server needs it,
 * what the operator left out is told as such, and what is asked for is agreed upon.
 */
#include <libssh2.h>
#include <string.h>

#include "tests/runtime/ssh_peers.h"

static bool has_libssh2_1_11(void)
{
	return libssh2_version(0x010b00) != NULL;
}

struct wish {
	struct partner partner;
	const char *items[4];
};

static void wish_init(struct wish *w, const char *peer)
{
	memset(w->items, 0, sizeof(w->items));
	partner_init(&w->partner, peer);
	partner_key(&w->partner, "reach", NULL);
}

static void wish_for(struct wish *w, enum algorithm_kind kind, const char *first)
{
	w->items[0] = first;
	w->partner.endpoint.algorithms.lists[kind] = (struct texts){.items = w->items, .count = 1};
}

static void opens_with(struct wish *w, const char *words)
{
	struct session *s = partner_opens(&w->partner);
	struct stream *stream;
	struct err e;

	if (!strstr(session_algorithms(s), words))
		(void)fprintf(stderr, "lacks \"%s\": %s\n", words, session_algorithms(s));
	check(strstr(session_algorithms(s), words));
	check(session_open_subsystem(s, "sftp", &stream, &e) == 0);
	session_close(s);
}

/* ---- weak ones ----------------------------------------------------------------------------- */

static const struct weak {
	const char *peer;
	enum algorithm_kind kind;
	const char *code, *key, *name;
} weak[] = {
        {"cbc_only", ALGORITHM_CIPHERS, "SSH-KEX-NO-CIPHER", "ciphers", "aes256-cbc"},
        {"sha1_mac", ALGORITHM_MACS, "SSH-KEX-NO-MAC", "macs", "hmac-sha1"},
        {"group14_sha1", ALGORITHM_KEX, "SSH-KEX-NO-KEX", "kex", "diffie-hellman-group14-sha1"},
        {"rsa_old", ALGORITHM_HOST_KEYS, "SSH-KEX-NO-HOSTKEY", "host_keys", "ssh-rsa"},
};

static void weak_is_named(const struct weak *row)
{
	char line[96], plus[64];
	struct wish w;
	struct err e;

	(void)snprintf(plus, sizeof(plus), "+%s", row->name);
	(void)snprintf(line, sizeof(line), "`algorithms: {%s: [\"+%s\"]}`", row->key, row->name);
	wish_init(&w, row->peer);
	check_code(&w.partner, &e, row->code);
	check(says(&e, "weak and off") && says(&e, line) && says(&e, "the server (SSH-2.0-Op"));
	wish_for(&w, row->kind, "*");
	w.items[0] = row->kind == ALGORITHM_CIPHERS ? "aes128-ctr"
	             : row->kind == ALGORITHM_MACS  ? "hmac-sha2-256"
	             : row->kind == ALGORITHM_KEX   ? "curve25519-sha256"
	                                            : "ssh-ed25519";
	check_code(&w.partner, &e, row->code);
	(void)snprintf(line, sizeof(line), "add \"+%s\" to `algorithms: {%s: ...}`", row->name,
	               row->key);
	check(says(&e, line));
	wish_for(&w, row->kind, plus);
	opens_with(&w, row->name);
}

static void all_weak_are_named(struct worker *w)
{
	(void)w;
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		weak_is_named(&weak[i]);
}

static void test_algorithms__weak_ones_are_named_with_their_line(void **state)
{
	(void)state;
	rig_run(all_weak_are_named);
}

/* ---- the operator's own lists -------------------------------------------------------------- */

static void own_list_is_the_cause(struct worker *worker)
{
	struct wish w;
	struct err e;

	(void)worker;
	wish_init(&w, "aes256_only");
	wish_for(&w, ALGORITHM_CIPHERS, "-aes256*");
	check_code(&w.partner, &e, "SSH-KEX-NO-CIPHER");
	check(says(&e, "`algorithms: {ciphers: ...}` of this endpoint leaves out aes256-ctr"));
	wish_for(&w, ALGORITHM_CIPHERS, "aes256-ctr");
	opens_with(&w, "out aes256-ctr");
	wish_init(&w, "plain");
	wish_for(&w, ALGORITHM_CIPHERS, "^aes192-ctr");
	opens_with(&w, "out aes192-ctr");
	wish_for(&w, ALGORITHM_MACS, "hmac-sha2-512");
	w.partner.endpoint.algorithms.lists[ALGORITHM_CIPHERS].count = 0;
	opens_with(&w, has_libssh2_1_11() ? "gcm" : "hmac-sha2-512");
}

static void test_algorithms__own_list_is_told_as_the_cause(void **state)
{
	(void)state;
	rig_run(own_list_is_the_cause);
}

/* ---- what libssh2 1.10 cannot do ----------------------------------------------------------- */

static void needs_a_newer_library(const char *peer, const char *code, const char *words)
{
	struct wish w;
	struct err e;

	wish_init(&w, peer);
	if (has_libssh2_1_11()) {
		opens_with(&w, words);
		return;
	}
	check_code(&w.partner, &e, code);
	check(says(&e, "libssh2 1.11"));
}

static void narrow_servers(struct worker *w)
{
	(void)w;
	needs_a_newer_library("gcm_only", "SSH-KEX-NO-CIPHER", "aes128-gcm@openssh.com");
	needs_a_newer_library("etm_only", "SSH-KEX-NO-MAC", "-etm@openssh.com");
	needs_a_newer_library("rsa_only", "SSH-KEX-NO-HOSTKEY", "rsa-sha2-512");
}

static void test_algorithms__narrow_servers_connect_or_are_explained(void **state)
{
	(void)state;
	rig_run(narrow_servers);
}

/* ---- size ---------------------------------------------------------------------------------- */

/* ssh-keygen makes RSA keys of 3072 bits. */
static void rsa_of_3072_bits(struct worker *worker)
{
	struct wish w;
	struct err e;

	(void)worker;
	wish_init(&w, "rsa_old");
	wish_for(&w, ALGORITHM_HOST_KEYS, "+ssh-rsa");
	w.partner.endpoint.algorithms.rsa_min_bits = 3073;
	check_code(&w.partner, &e, "SSH-HOSTKEY-WEAK");
	check(says(&e, "of 3072 bits, 3073 are wanted") && says(&e, "{rsa_min_bits: 3072}"));
	w.partner.endpoint.algorithms.rsa_min_bits = 3072;
	opens_with(&w, "ssh-rsa");
}

static void test_algorithms__rsa_host_keys_have_a_least_size(void **state)
{
	(void)state;
	rig_run(rsa_of_3072_bits);
}

/* ---- compression --------------------------------------------------------------------------- */

static void compresses(struct worker *worker)
{
	struct wish w;

	(void)worker;
	wish_init(&w, "compressing");
	opens_with(&w, " none, in");
	w.partner.endpoint.algorithms.compression = true;
	opens_with(&w, "zlib@openssh.com, in");
	wish_init(&w, "not_compressing");
	w.partner.endpoint.algorithms.compression = true;
	opens_with(&w, " none, in");
}

static void test_algorithms__compression_where_the_server_has_it(void **state)
{
	(void)state;
	rig_run(compresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_algorithms__weak_ones_are_named_with_their_line),
	        cmocka_unit_test(test_algorithms__own_list_is_told_as_the_cause),
	        cmocka_unit_test(test_algorithms__narrow_servers_connect_or_are_explained),
	        cmocka_unit_test(test_algorithms__rsa_host_keys_have_a_least_size),
	        cmocka_unit_test(test_algorithms__compression_where_the_server_has_it),
	};

	return peers_run("reach", tests);
}
