#include "adapters/sftp/algorithms.h"

#include "adapters/sftp/algorithm_list.h"
#include "daemon/base/mem.h"

/*
 * chacha20 stands last: with servers that lack strict key exchange it is open to Terrapin
 * (CVE-2023-48795), as the EtM MACs are; those are only reached when a server has no AES-GCM.
 * Not here, because weak: everything with SHA-1 or MD5, CBC, 3DES, RC4, DSA.
 */
static const struct kind {
	const char *key;
	int out, in; /* LIBSSH2_METHOD_…; in -1: the same */
	const char *ours;
} kinds[] = {
        [ALGORITHM_KEX] = {"kex", LIBSSH2_METHOD_KEX, -1,
                           "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
                           "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
                           "diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,"
                           "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512"},
        [ALGORITHM_HOST_KEYS] = {"host_keys", LIBSSH2_METHOD_HOSTKEY, -1, NULL},
        [ALGORITHM_CIPHERS] = {"ciphers", LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC,
                               "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,"
                               "aes192-ctr,aes256-ctr,chacha20-poly1305@openssh.com"},
        [ALGORITHM_MACS] = {"macs", LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC,
                            "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
                            "hmac-sha2-256,hmac-sha2-512"},
};

static const char *const judged_keys[] = {
        [ALGORITHM_KEX] = "algorithms.kex",
        [ALGORITHM_HOST_KEYS] = "algorithms.host_keys",
        [ALGORITHM_CIPHERS] = "algorithms.ciphers",
        [ALGORITHM_MACS] = "algorithms.macs",
};

/* Signature algorithm offered, type of the key it proves. */
static const struct {
	const char *algorithm, *type;
} host_key_algorithms[] = {
        {"ssh-ed25519", "ssh-ed25519"},
        {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
        {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
        {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
        {"rsa-sha2-512", "ssh-rsa"},
        {"rsa-sha2-256", "ssh-rsa"},
};

enum { HOST_KEY_ALGORITHMS = sizeof(host_key_algorithms) / sizeof(host_key_algorithms[0]) };

static void add_text(struct buf *out, const char *name)
{
	algorithm_add(out, name, strlen(name));
}

/* A certificate is as new as the server's keys; a record may be older. */
static int rank_of(const struct known_keys *known, const char *type)
{
	if (!known)
		return 0;
	if (known_keys_have_certified(known, type))
		return 2;
	return known_keys_have_type(known, type) ? 1 : 0;
}

void algorithms_host_keys(const struct known_keys *known, struct buf *out)
{
	for (int rank = 2; rank >= 0; rank--)
		for (int i = 0; i < HOST_KEY_ALGORITHMS; i++)
			if (rank_of(known, host_key_algorithms[i].type) == rank)
				add_text(out, host_key_algorithms[i].algorithm);
}

/* ---- what there is to choose from ---------------------------------------------------------- */

struct choice {
	struct buf ours; /* supported ones */
	struct buf can;  /* all supported, ours first */
};

static void take_supported(LIBSSH2_SESSION *lib, int method, const char *ours, struct choice *c)
{
	const char **supported = NULL;
	int count = libssh2_session_supported_algs(lib, method, &supported);
	struct buf all;

	buf_init(&all, ALGORITHM_LIST_BYTES);
	for (int i = 0; i < count; i++)
		add_text(&all, supported[i]);
	if (count > 0)
		libssh2_free(lib, supported);
	for (size_t n; *ours; ours += n + (ours[n] == ',')) {
		n = strcspn(ours, ",");
		if (algorithm_in(buf_text(&all), ours, n))
			algorithm_add(&c->ours, ours, n);
	}
	(void)buf_add_text(&c->can, buf_text(&c->ours));
	for (const char *p = buf_text(&all); *p;) {
		size_t n = strcspn(p, ",");

		algorithm_add(&c->can, p, n);
		p += n + (p[n] == ',');
	}
	buf_release(&all);
}

/* `known` NULL: nothing is on record. */
static void choice_init(struct choice *c, LIBSSH2_SESSION *lib, enum algorithm_kind kind,
                        const struct known_keys *known)
{
	struct buf host_keys;

	buf_init(&host_keys, ALGORITHM_LIST_BYTES);
	buf_init(&c->ours, ALGORITHM_LIST_BYTES);
	buf_init(&c->can, ALGORITHM_LIST_BYTES);
	algorithms_host_keys(known, &host_keys);
	take_supported(lib, kinds[kind].out,
	               kinds[kind].ours ? kinds[kind].ours : buf_text(&host_keys), c);
	buf_release(&host_keys);
}

static void choice_release(struct choice *c)
{
	buf_release(&c->ours);
	buf_release(&c->can);
}

static int choose(struct choice *c, const struct texts *own, struct buf *out,
                  struct algorithm_mistake *bad)
{
	return algorithm_list(&(struct algorithm_rule){.items = own->items,
	                                               .count = own->count,
	                                               .ours = buf_text(&c->ours),
	                                               .can = buf_text(&c->can)},
	                      out, bad);
}

/* ---- offering ------------------------------------------------------------------------------ */

static void prefer(struct ssh *s, int method, const char *names)
{
	if (libssh2_session_method_pref(s->lib, method, names) != 0)
		TRACE(s->trace, TRACE_ERROR, "libssh2 knows none of: %s", names);
}

static void offer(struct ssh *s, enum algorithm_kind kind, const struct known_keys *known)
{
	const struct texts *own = &s->endpoint->algorithms.lists[kind];
	struct algorithm_mistake *ignored = mem_new_of(struct algorithm_mistake);
	struct choice c;
	struct buf names;

	if (algorithm_list_is_ordered(own->items, own->count))
		known = NULL;
	buf_init(&names, ALGORITHM_LIST_BYTES);
	choice_init(&c, s->lib, kind, known);
	(void)choose(&c, own, &names, ignored); /* judged when the configuration was loaded */
	prefer(s, kinds[kind].out, buf_text(&names));
	if (kinds[kind].in >= 0)
		prefer(s, kinds[kind].in, buf_text(&names));
	choice_release(&c);
	buf_release(&names);
	free(ignored);
}

/* Delayed compression only: zlib before the login has been every server's trouble. */
static void offer_compression(struct ssh *s)
{
	const char *names = s->endpoint->algorithms.compression ? "zlib@openssh.com,none" : "none";

	if (s->endpoint->algorithms.compression)
		(void)libssh2_session_flag(s->lib, LIBSSH2_FLAG_COMPRESS, 1);
	prefer(s, LIBSSH2_METHOD_COMP_CS, names);
	prefer(s, LIBSSH2_METHOD_COMP_SC, names);
}

void algorithms_offer(struct ssh *s, const struct known_keys *known)
{
	for (int kind = 0; kind < ALGORITHM_KINDS; kind++)
		offer(s, (enum algorithm_kind)kind, known);
	offer_compression(s);
}

/* ---- judging ------------------------------------------------------------------------------- */

static bool is_good(LIBSSH2_SESSION *lib, enum algorithm_kind kind, const struct texts *own,
                    struct algorithm_mistake *bad)
{
	struct choice c;
	struct buf names;
	int r;

	buf_init(&names, ALGORITHM_LIST_BYTES);
	choice_init(&c, lib, kind, NULL);
	r = choose(&c, own, &names, bad);
	choice_release(&c);
	buf_release(&names);
	return r == 0;
}

const char *algorithms_judge(const struct endpoint_config *endpoint, const char **key)
{
	static _Thread_local struct algorithm_mistake bad;
	const char *wrong = NULL;
	LIBSSH2_SESSION *lib;

	ssh_library_init();
	lib = libssh2_session_init();
	if (!lib)
		abort(); /* as mem_new: out of memory is a crash */
	for (int kind = 0; kind < ALGORITHM_KINDS && !wrong; kind++) {
		const struct texts *own = &endpoint->algorithms.lists[kind];

		if (!own->count || is_good(lib, (enum algorithm_kind)kind, own, &bad))
			continue;
		*key = judged_keys[kind];
		wrong = bad.words;
	}
	(void)libssh2_session_free(lib); /* never connected */
	return wrong;
}

/* ---- advising ------------------------------------------------------------------------------ */

static void copy_common(const char *of, const char *among, char *out, size_t room)
{
	size_t n;
	const char *name = algorithm_common(of, among, &n);

	(void)snprintf(out, room, "%.*s", name ? (int)n : 0, name ? name : "");
}

void algorithms_advise(struct ssh *s, enum kex_list which, const char *theirs,
                       struct algorithm_advice *out)
{
	static const int of_list[] = {
	        [KEX_METHODS] = ALGORITHM_KEX,         [KEX_HOST_KEYS] = ALGORITHM_HOST_KEYS,
	        [KEX_CIPHERS_OUT] = ALGORITHM_CIPHERS, [KEX_CIPHERS_IN] = ALGORITHM_CIPHERS,
	        [KEX_MACS_OUT] = ALGORITHM_MACS,       [KEX_MACS_IN] = ALGORITHM_MACS,
	};
	enum algorithm_kind kind;
	struct choice c;

	*out = (struct algorithm_advice){0};
	if (which >= sizeof(of_list) / sizeof(of_list[0]))
		return;
	kind = (enum algorithm_kind)of_list[which];
	out->key = kinds[kind].key;
	out->is_own = s->endpoint->algorithms.lists[kind].count > 0;
	choice_init(&c, s->lib, kind, NULL);
	if (out->is_own)
		copy_common(buf_text(&c.ours), theirs, out->narrowed, sizeof(out->narrowed));
	if (!out->narrowed[0])
		copy_common(buf_text(&c.can), theirs, out->weak, sizeof(out->weak));
	choice_release(&c);
}
