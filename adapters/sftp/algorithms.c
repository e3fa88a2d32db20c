#include "adapters/sftp/algorithms.h"

/*
 * group14-sha1 is the last resort for old appliances (its SHA-1 is not attackable there).
 * chacha20 stands last: with servers that lack strict key exchange it is open to Terrapin
 * (CVE-2023-48795), as the EtM MACs are; those are only reached when a server has no AES-GCM.
 */
static const struct {
	const char *kex, *ciphers, *macs, *compression;
} offered = {
        .kex = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
               "ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,"
               "diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,"
               "diffie-hellman-group18-sha512,diffie-hellman-group14-sha1",
        .ciphers = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,"
                   "aes256-ctr,chacha20-poly1305@openssh.com",
        .macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,"
                "hmac-sha2-512",
        .compression = "none",
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
        {"ssh-rsa", "ssh-rsa"}, /* SHA-1: all that libssh2 1.10 has for RSA */
};

enum { HOST_KEY_ALGORITHMS = sizeof(host_key_algorithms) / sizeof(host_key_algorithms[0]) };

static void add(struct buf *out, const char *name)
{
	/* seven short names: far below any limit a caller gives */
	(void)buf_printf(out, "%s%s", buf_len(out) ? "," : "", name);
}

/* A certificate is as new as the server's keys; a record may be older. */
static int rank_of(const struct known_keys *known, const char *type)
{
	if (known_keys_have_certified(known, type))
		return 2;
	return known_keys_have_type(known, type) ? 1 : 0;
}

void algorithms_host_keys(const struct known_keys *known, struct buf *out)
{
	for (int rank = 2; rank >= 0; rank--)
		for (int i = 0; i < HOST_KEY_ALGORITHMS; i++)
			if (rank_of(known, host_key_algorithms[i].type) == rank)
				add(out, host_key_algorithms[i].algorithm);
}

static bool is_supported(const char **supported, int count, const char *name, size_t n)
{
	for (int i = 0; i < count; i++)
		if (strlen(supported[i]) == n && memcmp(supported[i], name, n) == 0)
			return true;
	return false;
}

static void keep_supported(const char *names, const char **supported, int count, struct buf *out)
{
	while (*names) {
		size_t n = strcspn(names, ",");

		if (is_supported(supported, count, names, n))
			(void)buf_printf(out, "%s%.*s", buf_len(out) ? "," : "", (int)n, names);
		names += n + (names[n] == ',');
	}
}

static void prefer(struct ssh *s, int method, const char *names)
{
	const char **supported = NULL;
	int count = libssh2_session_supported_algs(s->lib, method, &supported);
	struct buf kept;

	if (count <= 0) {
		TRACE(s->trace, TRACE_ERROR, "libssh2 names no algorithms of kind %d", method);
		return;
	}
	buf_init(&kept, 2048);
	keep_supported(names, supported, count, &kept);
	libssh2_free(s->lib, supported);
	if (!buf_len(&kept) || libssh2_session_method_pref(s->lib, method, buf_text(&kept)) != 0)
		TRACE(s->trace, TRACE_ERROR, "libssh2 knows none of: %s", names);
	buf_release(&kept);
}

void algorithms_offer(struct ssh *s, const struct known_keys *known)
{
	struct buf host_keys;

	buf_init(&host_keys, 1024);
	algorithms_host_keys(known, &host_keys);
	prefer(s, LIBSSH2_METHOD_KEX, offered.kex);
	prefer(s, LIBSSH2_METHOD_HOSTKEY, buf_text(&host_keys));
	prefer(s, LIBSSH2_METHOD_CRYPT_CS, offered.ciphers);
	prefer(s, LIBSSH2_METHOD_CRYPT_SC, offered.ciphers);
	prefer(s, LIBSSH2_METHOD_MAC_CS, offered.macs);
	prefer(s, LIBSSH2_METHOD_MAC_SC, offered.macs);
	prefer(s, LIBSSH2_METHOD_COMP_CS, offered.compression);
	prefer(s, LIBSSH2_METHOD_COMP_SC, offered.compression);
	buf_release(&host_keys);
}
