#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "adapters/ftps/report.h"
#include "daemon/base/escape.h"

/* ---- whom we do not trust ------------------------------------------------------------------ */

static struct ftps_meaning certificate_meaning(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return (struct ftps_meaning){ERR_TRUST, "TLS-EXPIRED", "the partner must renew it"};
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return (struct ftps_meaning){ERR_TRUST, "TLS-NOT-YET",
		                             "check the clock of this machine"};
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return (struct ftps_meaning){ERR_TRUST, "TLS-UNKNOWN-CA",
		                             "ask the partner for the certificate of its authority "
		                             "and name it in tls.ca"};
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		return (struct ftps_meaning){ERR_TRUST, "TLS-UNKNOWN-CA",
		                             "tls.ca holds an authority of that name with another "
		                             "key: ask the partner for the one in use"};
	default:
		return (struct ftps_meaning){ERR_TRUST, "TLS-CERTIFICATE", NULL};
	}
}

int ftps_not_trusted(const struct report *r)
{
	const struct tls_evidence *seen = &r->s->tls.evidence;
	char subject[160], issuer[160], names[160], sentence[640];

	escape(seen->subject, strlen(seen->subject), subject, sizeof(subject));
	escape(seen->issuer, strlen(seen->issuer), issuer, sizeof(issuer));
	escape(seen->names, strlen(seen->names), names, sizeof(names));
	if (seen->error) {
		(void)snprintf(
		        sentence, sizeof(sentence),
		        "the server's certificate is not trusted: %s (%s, issued by %s, valid "
		        "%s to %s)",
		        X509_verify_cert_error_string(seen->error), subject, issuer,
		        seen->not_before, seen->not_after);
		return ftps_report(r, certificate_meaning(seen->error), seen->error, sentence);
	}
	(void)snprintf(sentence, sizeof(sentence),
	               "the server's certificate is for another host than %s: %s (%s)",
	               r->s->endpoint->host, names[0] ? names : "it has no name", subject);
	return ftps_report(r,
	                   (struct ftps_meaning){ERR_TRUST, "TLS-NAME",
	                                         "use the name in the certificate as host:"},
	                   (int)r->job->rc, sentence);
}

/* ---- no handshake -------------------------------------------------------------------------- */

static const char *alert_cure(const struct report *r, int alert)
{
	const struct tls_settings *t = &r->s->endpoint->tls;

	switch (alert) {
	case SSL_AD_HANDSHAKE_FAILURE:
		return t->certificate
		               ? "it may not take our certificate (tls.certificate), or none "
		                 "of our ciphers (tls.ciphers)"
		               : "it may ask for a certificate of ours (tls.certificate), or "
		                 "take none of our ciphers (tls.ciphers)";
	case SSL_AD_PROTOCOL_VERSION:
		return "it speaks none of our TLS versions: see tls.min and tls.max";
	case SSL_AD_INSUFFICIENT_SECURITY:
		return "it wants stronger ciphers: see tls.ciphers";
	case TLS13_AD_CERTIFICATE_REQUIRED:
		return "it asks for a certificate of ours: set tls.certificate and tls.key";
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_ACCESS_DENIED:
		return t->certificate
		               ? "it does not take our certificate: the partner must know its "
		                 "issuer (tls.certificate)"
		               : NULL;
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_REVOKED:
		return "our certificate (tls.certificate) must be renewed";
	case SSL_AD_UNRECOGNIZED_NAME:
		return "it does not serve the name in host:";
	default:
		return NULL;
	}
}

static int alerted(const struct report *r)
{
	int alert = r->s->tls.evidence.alert;
	char sentence[160];

	(void)snprintf(sentence, sizeof(sentence),
	               "the server ends the TLS handshake with the alert \"%s\"",
	               SSL_alert_desc_string_long(alert));
	return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "TLS-ALERT", alert_cure(r, alert)},
	                   alert, sentence);
}

/* Many servers turn clients away in clear text even where TLS should come first. */
static int spoke_plainly(const struct report *r)
{
	const char *first = r->s->tls.evidence.first;
	char sentence[160];

	if (strncmp(first, "SSH-", 4) == 0)
		return ftps_report(
		        r, (struct ftps_meaning){ERR_PROTOCOL, "FTP-NOT-FTP", "use protocol: sftp"},
		        0, "this is an SSH server");
	if (strncmp(first, "421", 3) == 0)
		return ftps_report(r,
		                   (struct ftps_meaning){ERR_BUSY, "FTP-TOO-MANY",
		                                         "lower `connections:` of the endpoint"},
		                   421,
		                   "the server says 421, in clear text: it allows no further "
		                   "connection now");
	if (strncmp(first, "220", 3) == 0)
		return ftps_report(
		        r,
		        (struct ftps_meaning){ERR_TRUST, "TLS-NOT-TLS", "use tls.mode: explicit"},
		        0,
		        "the server speaks plain FTP on a port that should speak TLS at "
		        "once");
	(void)snprintf(sentence, sizeof(sentence),
	               "the server speaks no TLS, its answer begins with \"%s\"", first);
	return ftps_report(
	        r, (struct ftps_meaning){ERR_PROTOCOL, "TLS-NOT-TLS", "check host and port"}, 0,
	        sentence);
}

int ftps_no_handshake(const struct report *r)
{
	char words[REPORT_ROOM], sentence[REPORT_ROOM + 80];

	if (r->s->tls.evidence.first[0])
		return spoke_plainly(r);
	if (r->s->tls.evidence.error) /* libcurl does not always tell that it was about this */
		return ftps_not_trusted(r);
	if (r->s->tls.evidence.alert >= 0)
		return alerted(r);
	escape(r->job->words, strlen(r->job->words), words, sizeof(words));
	(void)snprintf(sentence, sizeof(sentence), "the TLS handshake fails: %s", words);
	return ftps_report(r, (struct ftps_meaning){ERR_NETWORK, "TLS-HANDSHAKE", NULL},
	                   (int)r->job->rc, sentence);
}
