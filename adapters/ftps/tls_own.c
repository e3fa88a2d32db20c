#include "adapters/ftps/tls_own.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "daemon/base/escape.h"

struct asked {
	const struct secret *passphrase;
	bool was_asked;
};

static int give_passphrase(char *out, int room, int is_writing, void *arg)
{
	struct asked *a = arg;

	(void)is_writing;
	a->was_asked = true;
	if (!a->passphrase || a->passphrase->len > (size_t)room)
		return -1;
	memcpy(out, a->passphrase->bytes, a->passphrase->len);
	return (int)a->passphrase->len;
}

static BIO *open_file(const char *path, const char *code, const char *what, struct err *e)
{
	struct escaped tmp;
	BIO *file;

	errno = 0;
	file = BIO_new_file(path, "r");
	if (!file)
		(void)err_errno(e, ERR_CONFIG, code, "%s, %s", what, escape_name(path, &tmp));
	return file;
}

static X509 *read_certificate(const char *path, struct err *e)
{
	BIO *file = open_file(path, "TLS-CERTIFICATE-FILE", "our certificate (tls.certificate)", e);
	struct escaped tmp;
	X509 *cert;

	if (!file)
		return NULL;
	cert = PEM_read_bio_X509(file, NULL, NULL, NULL);
	BIO_free(file);
	if (!cert)
		err_set(e, ERR_CONFIG, "TLS-CERTIFICATE-FILE", 0,
		        "our certificate (tls.certificate), %s: holds no certificate in PEM format",
		        escape_name(path, &tmp));
	return cert;
}

static void key_failed(const char *path, const struct asked *a, struct err *e)
{
	struct escaped tmp;
	const char *name = escape_name(path, &tmp);

	if (!a->was_asked)
		err_set(e, ERR_CONFIG, "TLS-KEY-FILE", 0,
		        "our certificate's key (tls.key), %s: holds no private key in PEM format",
		        name);
	else if (!a->passphrase)
		err_set(e, ERR_CONFIG, "TLS-PASSPHRASE", 0,
		        "our certificate's key (tls.key), %s: it is encrypted; set tls.passphrase",
		        name);
	else
		err_set(e, ERR_CONFIG, "TLS-PASSPHRASE", 0,
		        "our certificate's key (tls.key), %s: the passphrase in tls.passphrase "
		        "does not "
		        "open it",
		        name);
}

static EVP_PKEY *read_key(const char *path, const struct secret *passphrase, struct err *e)
{
	BIO *file = open_file(path, "TLS-KEY-FILE", "our certificate's key (tls.key)", e);
	struct asked a = {passphrase, false};
	EVP_PKEY *key;

	if (!file)
		return NULL;
	key = PEM_read_bio_PrivateKey(file, NULL, give_passphrase, &a);
	BIO_free(file);
	if (!key)
		key_failed(path, &a, e);
	return key;
}

static int check_pair(const struct tls_settings *s, X509 *cert, EVP_PKEY *key, struct err *e)
{
	struct escaped tmp;

	if (X509_check_private_key(cert, key) == 1)
		return 0;
	return err_set(e, ERR_CONFIG, "TLS-KEY-MISMATCH", 0,
	               "our certificate's key (tls.key) does not belong to the certificate in %s",
	               escape_name(s->certificate, &tmp));
}

int tls_own_check(const struct tls_settings *s, const struct secret *passphrase, struct err *e)
{
	X509 *cert = read_certificate(s->certificate, e);
	EVP_PKEY *key = NULL;
	int r = ERR_CONFIG;

	if (cert)
		key = read_key(s->key ? s->key : s->certificate, passphrase, e);
	if (key)
		r = check_pair(s, cert, key, e);
	EVP_PKEY_free(key);
	X509_free(cert);
	ERR_clear_error(); /* of this thread of the pool */
	return r;
}
