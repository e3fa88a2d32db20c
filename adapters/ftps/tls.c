#include "adapters/ftps/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#include "adapters/ftps/tls_own.h"
#include "daemon/base/buf.h"
#include "daemon/base/mem.h"

static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

/* ---- settings ------------------------------------------------------------------------------ */

static int find_ca(struct tls *t, struct err *e)
{
	const char *ca = t->settings->ca ? t->settings->ca : system_ca;
	struct stat st;

	if (stat(ca, &st) < 0) {
		if (t->settings->ca)
			return err_errno(e, ERR_CONFIG, "TLS-CA", "certificates to trust, %s", ca);
		return 0; /* not Debian's place: what libcurl was built with */
	}
	if (S_ISDIR(st.st_mode))
		t->ca_directory = ca;
	else
		t->ca_file = ca;
	return 0;
}

static char *join_pins(const struct tls_settings *s)
{
	char *all = NULL;

	for (size_t i = 0; i < s->pin_count; i++) {
		char *more = all ? mem_printf("%s;%s", all, s->pins[i]) : mem_dup(s->pins[i]);

		free(all);
		all = more;
	}
	return all;
}

int tls_prepare(struct tls *t, const struct tls_settings *settings, struct err *e)
{
	*t = (struct tls){.settings = settings, .evidence.alert = -1};
	if (find_ca(t, e) < 0)
		return e->kind;
	if (settings->passphrase.kind != SECRET_NONE) {
		if (secret_read(&settings->passphrase, &t->passphrase, e) < 0)
			return err_wrap(e, "passphrase of the client certificate's key");
		t->has_passphrase = true;
	}
	if (settings->certificate &&
	    tls_own_check(settings, t->has_passphrase ? &t->passphrase : NULL, e) < 0)
		return e->kind; /* tls_release wipes */
	t->pins = join_pins(settings);
	return 0;
}

void tls_release(struct tls *t)
{
	if (t->has_passphrase)
		secret_wipe(&t->passphrase);
	free(t->pins);
	*t = (struct tls){0};
}

/* ---- evidence ------------------------------------------------------------------------------ */

static void copy_date(char out[TLS_DATE_ROOM], const ASN1_TIME *when)
{
	struct tm tm;

	out[0] = '\0';
	if (ASN1_TIME_to_tm(when, &tm))
		(void)strftime(out, TLS_DATE_ROOM, "%Y-%m-%d %H:%M UTC", &tm);
}

static void add_name(char *out, const GENERAL_NAME *name)
{
	size_t used = strlen(out);
	const ASN1_STRING *text;

	if (name->type != GEN_DNS)
		return;
	text = name->d.dNSName;
	(void)snprintf(out + used, TLS_NAME_ROOM - used, "%s%.*s", used ? ", " : "",
	               ASN1_STRING_length(text), (const char *)ASN1_STRING_get0_data(text));
}

static void copy_names(char out[TLS_NAME_ROOM], X509 *cert)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		add_name(out, sk_GENERAL_NAME_value(all, i));
	GENERAL_NAMES_free(all);
}

/* Says what OpenSSL would have said; only takes notes. */
static int on_verify(int is_ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_evidence *seen = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	X509 *cert = X509_STORE_CTX_get_current_cert(store);
	int depth = X509_STORE_CTX_get_error_depth(store);

	if (!cert || !seen || (is_ok && depth > 0) || (is_ok && seen->error))
		return is_ok;
	seen->error = is_ok ? 0 : X509_STORE_CTX_get_error(store);
	seen->depth = depth;
	X509_NAME_oneline(X509_get_subject_name(cert), seen->subject, TLS_NAME_ROOM);
	X509_NAME_oneline(X509_get_issuer_name(cert), seen->issuer, TLS_NAME_ROOM);
	copy_date(seen->not_before, X509_get0_notBefore(cert));
	copy_date(seen->not_after, X509_get0_notAfter(cert));
	copy_names(seen->names, cert);
	return is_ok;
}

/* libcurl takes the end of the connection for the end of the data. Only close_notify proves that
 * nobody cut it off (RFC 5246 §7.2.1). */
static void on_info(const SSL *ssl, int where, int value)
{
	struct tls_evidence *seen = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (where != SSL_CB_READ_ALERT)
		return;
	if ((value & 0xFF) == SSL_AD_CLOSE_NOTIFY)
		seen->ends++;
	else if (value >> 8 == SSL3_AL_FATAL)
		seen->alert = value & 0xFF;
}

/* A record's first five bytes, as they came, before OpenSSL judges them. */
static void on_message(int is_ours, int version, int type, const void *data, size_t n, SSL *ssl,
                       void *arg)
{
	struct tls_evidence *seen = arg;
	const unsigned char *p = data;
	size_t text = 0;

	(void)version;
	(void)ssl;
	if (is_ours || type != SSL3_RT_HEADER || n < 5)
		return;
	while (text < 5 && p[text] >= 0x20 && p[text] < 0x7F)
		text++;
	if (text == 5)
		memcpy(seen->first, p, 5);
}

static CURLcode on_context(CURL *easy, void *context, void *arg)
{
	SSL_CTX *ctx = context;

	(void)easy;
	SSL_CTX_set_app_data(ctx, arg);
	SSL_CTX_set_info_callback(ctx, on_info);
	SSL_CTX_set_msg_callback(ctx, on_message); /* libcurl's only prints */
	SSL_CTX_set_msg_callback_arg(ctx, arg);
	SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), on_verify);
	return CURLE_OK;
}

/* ---- libcurl's options --------------------------------------------------------------------- */

static long version_range(const struct tls_settings *s)
{
	long min = s->min == TLS_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
	long max = s->max == TLS_1_3 ? CURL_SSLVERSION_MAX_TLSv1_3 : CURL_SSLVERSION_MAX_TLSv1_2;

	return min | max;
}

static void configure_certificate(const struct tls *t, CURL *c)
{
	const struct tls_settings *s = t->settings;

	if (!s->certificate)
		return;
	(void)curl_easy_setopt(c, CURLOPT_SSLCERT, s->certificate);
	(void)curl_easy_setopt(c, CURLOPT_SSLKEY, s->key ? s->key : s->certificate);
	if (t->has_passphrase)
		(void)curl_easy_setopt(c, CURLOPT_KEYPASSWD, t->passphrase.bytes);
}

void tls_configure(struct tls *t, CURL *c)
{
	const struct tls_settings *s = t->settings;

	(void)curl_easy_setopt(c, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	(void)curl_easy_setopt(c, CURLOPT_FTPSSLAUTH, (long)CURLFTPAUTH_TLS);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION, version_range(s));
	(void)curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, s->session_reuse ? 1L : 0L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_context);
	(void)curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, &t->evidence);
	if (t->ca_file || t->ca_directory) {
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, t->ca_file);
		(void)curl_easy_setopt(c, CURLOPT_CAPATH, t->ca_directory);
	}
	if (t->pins)
		(void)curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, t->pins);
	if (s->ciphers)
		(void)curl_easy_setopt(c, CURLOPT_SSL_CIPHER_LIST, s->ciphers);
	configure_certificate(t, c);
}
