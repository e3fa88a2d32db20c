#include "adapters/sftp/abilities.h"

#include <string.h>

#include "adapters/sftp/ssh.h"

static void list(LIBSSH2_SESSION *s, int method, const char *what, struct buf *out)
{
	const char **names = NULL;
	int n = libssh2_session_supported_algs(s, method, &names);

	(void)buf_printf(out, "    %s:", what);
	for (int i = 0; i < n; i++)
		(void)buf_printf(out, " %s", names[i]);
	(void)buf_add_text(out, "\n");
	if (n > 0)
		libssh2_free(s, names);
}

void abilities_describe(struct buf *out)
{
	LIBSSH2_SESSION *s;

	(void)buf_printf(out, "  %s\n", ssh_library());
	if (!ssh_has_rsa_sha2())
		(void)buf_add_text(out, "    RSA keys sign with SHA-1 only, which current servers "
		                        "refuse: use ed25519 or ecdsa keys\n");
	ssh_library_init();
	s = libssh2_session_init();
	if (!s)
		return;
	list(s, LIBSSH2_METHOD_KEX, "key exchange", out);
	list(s, LIBSSH2_METHOD_HOSTKEY, "host keys", out);
	list(s, LIBSSH2_METHOD_CRYPT_CS, "ciphers", out);
	list(s, LIBSSH2_METHOD_MAC_CS, "macs", out);
	(void)libssh2_session_free(s); /* never connected */
}
