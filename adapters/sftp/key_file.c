#include "adapters/sftp/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/sftp/openssh_key.h"
#include "adapters/sftp/openssh_pkey.h"
#include "daemon/base/buf.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

/* ---- what is wrong, with its cure ---------------------------------------------------------- */

static int wrong_format(const char *path, const char *what, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_CONFIG, "SSH-KEY-FORMAT", 0, "key file %s %s",
	               escape_name(path, &tmp), what);
}

static int encrypted(const char *path, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_CONFIG, "SSH-KEY-ENCRYPTED", 0,
	               "key file %s is encrypted and no passphrase is configured: give "
	               "`passphrase:` beside `key:`, or use a key without one",
	               escape_name(path, &tmp));
}

static int wrong_passphrase(const char *path, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_CONFIG, "SSH-KEY-PASSPHRASE", 0,
	               "the passphrase does not open key file %s: check it with `ssh-keygen -y -f`",
	               escape_name(path, &tmp));
}

/* ---- the public half of an OpenSSL key, as SSH writes it (RFC 4253 §6.6, 5656 §3.1, 8709 §4)  */

static void put(struct buf *out, const void *data, size_t n)
{
	unsigned char length[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
	                           (unsigned char)(n >> 8), (unsigned char)n};

	/* a public key of a file of 64 KiB fits the limit its caller gave */
	(void)buf_add(out, length, sizeof(length));
	(void)buf_add(out, data, n);
}

static bool put_number(struct buf *out, EVP_PKEY *key, const char *name)
{
	BIGNUM *n = NULL;
	unsigned char *bytes;
	int len;

	if (EVP_PKEY_get_bn_param(key, name, &n) != 1)
		return false;
	bytes = mem_new((size_t)BN_num_bytes(n) + 1);
	len = BN_bn2bin(n, bytes + 1);
	/* mpint: a leading zero keeps it positive */
	if (len && bytes[1] & 0x80)
		put(out, bytes, (size_t)len + 1);
	else
		put(out, bytes + 1, (size_t)len);
	free(bytes);
	BN_free(n);
	return true;
}

static bool put_curve_key(struct buf *out, EVP_PKEY *key)
{
	static const struct {
		const char *group, *curve;
	} curves[] = {
	        {"prime256v1", "nistp256"}, {"secp384r1", "nistp384"}, {"secp521r1", "nistp521"}};
	char group[64], type[64];
	unsigned char point[256];
	size_t n = 0;

	if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
	                                   NULL) != 1 ||
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
	                                    &n) != 1)
		return false;
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(group, curves[i].group) != 0)
			continue;
		(void)snprintf(type, sizeof(type), "ecdsa-sha2-%s", curves[i].curve);
		put(out, type, strlen(type));
		put(out, curves[i].curve, strlen(curves[i].curve));
		put(out, point, n);
		return true;
	}
	return false;
}

static bool put_public(struct buf *out, EVP_PKEY *key)
{
	unsigned char raw[32];
	size_t n = sizeof(raw);

	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		put(out, "ssh-rsa", 7);
		return put_number(out, key, OSSL_PKEY_PARAM_RSA_E) &&
		       put_number(out, key, OSSL_PKEY_PARAM_RSA_N);
	case EVP_PKEY_EC:
		return put_curve_key(out, key);
	case EVP_PKEY_ED25519:
		put(out, "ssh-ed25519", 11);
		if (EVP_PKEY_get_raw_public_key(key, raw, &n) != 1)
			return false;
		put(out, raw, n);
		return true;
	}
	return false;
}

/* ---- the result ---------------------------------------------------------------------------- */

void private_key_wipe(struct private_key *k)
{
	EVP_PKEY_free(k->key); /* clears the private numbers */
	free(k->blob);
	memset(k, 0, sizeof(*k));
}

/* Takes the key. */
static int keep(const char *path, EVP_PKEY *key, struct private_key *out, struct err *e)
{
	struct buf blob;
	bool ok;

	out->key = key;
	buf_init(&blob, KEY_FILE_MAX);
	ok = put_public(&blob, key) && key_blob_type(buf_data(&blob), buf_len(&blob), out->type);
	if (ok) {
		out->blob_bytes = buf_len(&blob);
		out->blob = (unsigned char *)mem_dup_bytes(buf_data(&blob), out->blob_bytes);
		key_fingerprint(out->blob, out->blob_bytes, out->fingerprint);
	}
	buf_release(&blob);
	if (ok)
		return 0;
	return wrong_format(path,
	                    "holds a kind of key SSH does not use here: take RSA, ECDSA (NIST "
	                    "curves) or Ed25519",
	                    e);
}

/* ---- PEM and PKCS#8 ------------------------------------------------------------------------ */

struct asked {
	const char *passphrase;
	bool was_asked;
};

static int give_passphrase(char *out, int room, int writing, void *arg)
{
	struct asked *a = arg;
	size_t n = a->passphrase ? strlen(a->passphrase) : 0;

	(void)writing;
	a->was_asked = true;
	if (!n || n > (size_t)room)
		return -1;
	memcpy(out, a->passphrase, n);
	return (int)n;
}

static int parse_pem(const char *path, const char *text, size_t n, const char *passphrase,
                     struct private_key *out, struct err *e)
{
	struct asked asked = {.passphrase = passphrase};
	BIO *memory = BIO_new_mem_buf(text, (int)n);
	EVP_PKEY *key =
	        memory ? PEM_read_bio_PrivateKey(memory, NULL, give_passphrase, &asked) : NULL;

	BIO_free(memory);
	ERR_clear_error();
	if (key)
		return keep(path, key, out, e);
	if (asked.was_asked && (!passphrase || !*passphrase))
		return encrypted(path, e);
	if (asked.was_asked)
		return wrong_passphrase(path, e);
	return wrong_format(path, "is damaged, or of a kind ferryd does not read", e);
}

/* ---- OpenSSH's own container --------------------------------------------------------------- */

static int open_container(const char *path, struct openssh_key *k, const char *passphrase,
                          struct err *e)
{
	if (!k->encrypted)
		return 0;
	if (!passphrase || !*passphrase)
		return encrypted(path, e);
	switch (openssh_key_decrypt(k, passphrase)) {
	case OPENSSH_KEY_OK:
		return 0;
	case OPENSSH_KEY_PASSPHRASE:
		return wrong_passphrase(path, e);
	case OPENSSH_KEY_CIPHER:
		return wrong_format(path,
		                    "is encrypted in a way ferryd cannot open: write it anew with "
		                    "`ssh-keygen -p -Z aes256-ctr -f`",
		                    e);
	default:
		return wrong_format(path, "is damaged: get it again from where it was made", e);
	}
}

static int parse_container(const char *path, const char *text, size_t n, const char *passphrase,
                           struct private_key *out, struct err *e)
{
	struct openssh_key k;
	int r;

	if (openssh_key_parse(&k, text, n) < 0)
		return wrong_format(path, "is damaged: get it again from where it was made", e);
	r = open_container(path, &k, passphrase, e);
	if (r == 0) {
		EVP_PKEY *key = openssh_pkey(&k);

		ERR_clear_error();
		r = key ? keep(path, key, out, e)
		        : wrong_format(path,
		                       "is damaged, or of a kind ferryd does not use: take RSA, "
		                       "ECDSA or Ed25519",
		                       e);
	}
	openssh_key_wipe(&k);
	return r;
}

/* ---- what the file is ---------------------------------------------------------------------- */

static bool holds(const char *text, size_t n, const char *word)
{
	return memmem(text, n, word, strlen(word)) != NULL;
}

static bool is_public(const char *text, size_t n)
{
	return text_starts(text, "ssh-") || text_starts(text, "ecdsa-sha2-") ||
	       text_starts(text, "sk-") || holds(text, n, "BEGIN SSH2 PUBLIC KEY") ||
	       holds(text, n, "BEGIN PUBLIC KEY") || holds(text, n, "BEGIN RSA PUBLIC KEY");
}

static int parse_any(const char *path, const char *text, size_t n, const char *passphrase,
                     struct private_key *out, struct err *e)
{
	if (openssh_key_is(text, n))
		return parse_container(path, text, n, passphrase, out, e);
	if (text_starts(text, "PuTTY-User-Key-File"))
		return wrong_format(path,
		                    "is PuTTY's: convert it with `puttygen KEY.ppk -O "
		                    "private-openssh -o KEY`",
		                    e);
	if (is_public(text, n))
		return wrong_format(path,
		                    "is a public key: `key:` wants the private one (mostly the "
		                    "same name without .pub)",
		                    e);
	if (!holds(text, n, "PRIVATE KEY-----"))
		return wrong_format(path, n ? "is not a private key" : "is empty", e);
	return parse_pem(path, text, n, passphrase, out, e);
}

int key_parse(const char *path, const char *text, size_t n, const char *passphrase,
              struct private_key *out, struct err *e)
{
	struct private_key key = {0};

	if (parse_any(path, text, n, passphrase, &key, e) < 0) {
		private_key_wipe(&key);
		return e->kind;
	}
	*out = key;
	return 0;
}

/* ---- the file
 * -----------------------------------------------------------------------------------------------
 */

static int missing(const char *path, struct err *e)
{
	struct escaped tmp;
	const char *name = escape_name(path, &tmp);

	if (errno == ENOENT || errno == ENOTDIR)
		return err_errno(e, ERR_CONFIG, "SSH-KEY-MISSING",
		                 "key file %s does not exist: put the key there or correct `key:`",
		                 name);
	return err_errno(e, ERR_CONFIG, "SSH-KEY-MODE",
	                 "key file %s cannot be read: give it to ferryd's user (chown) with mode "
	                 "0600",
	                 name);
}

static int check_file(int fd, const char *path, struct err *e)
{
	struct escaped tmp;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return missing(path, e);
	if (!S_ISREG(st.st_mode))
		return wrong_format(path, "is not a regular file", e);
	if (st.st_size > KEY_FILE_MAX)
		return wrong_format(path, "is too large to be a key (over 64 KiB)", e);
	if (st.st_mode & 077)
		return err_set(e, ERR_CONFIG, "SSH-KEY-MODE", 0,
		               "key file %s is open to others (mode %04o): chmod 0600, and where "
		               "others could read it so far make a new key",
		               escape_name(path, &tmp), st.st_mode & 07777);
	return 0;
}

static int read_file(int fd, const char *path, char *text, size_t *n, struct err *e)
{
	*n = 0;
	while (*n < KEY_FILE_MAX) {
		ssize_t got = read(fd, text + *n, KEY_FILE_MAX - *n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return missing(path, e);
		if (got == 0)
			break;
		*n += (size_t)got;
	}
	text[*n] = '\0';
	return 0;
}

int key_file_read(const char *path, const char *passphrase, struct private_key *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
	char *text;
	size_t n = 0;

	if (fd < 0)
		return missing(path, e);
	text = mem_new(KEY_FILE_MAX + 1);
	r = check_file(fd, path, e);
	if (r == 0)
		r = read_file(fd, path, text, &n, e);
	(void)close(fd); /* only read */
	if (r == 0)
		r = key_parse(path, text, n, passphrase, out, e);
	OPENSSL_cleanse(text, KEY_FILE_MAX);
	free(text);
	return r;
}
