#include "adapters/ftps/passport.h"

#include <string.h>

#include "adapters/trace_step.h"
#include "daemon/base/escape.h"

enum { SHOWN_ROOM = 512 };

/* The error knows more than the last step that was owed. */
static enum curl_step how_far(const struct ftp_session *s, const struct err *failure)
{
	if (!failure)
		return STEP_REPLY;
	if (failure->kind == ERR_AUTH)
		return STEP_LOGIN; /* answered: no */
	if (failure->kind == ERR_TRUST)
		return STEP_TLS;
	return strncmp(failure->code, "NET-", 4) == 0 ? STEP_CONNECT : curl_loop_step(s->loop);
}

void passport_way(struct ftp_session *s, const struct err *failure)
{
	static const struct {
		enum curl_step reached;
		enum trace_step step;
	} way[] = {
	        {STEP_GREETING, TRACE_STEP_GREETING},
	        {STEP_TLS, TRACE_STEP_TLS},
	        {STEP_LOGIN, TRACE_STEP_LOGIN},
	        {STEP_REPLY, TRACE_STEP_FEATURES},
	};
	enum curl_step reached = how_far(s, failure);

	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]) && reached >= way[i].reached; i++)
		if (way[i].step != TRACE_STEP_TLS || s->endpoint->protocol == PROTOCOL_FTPS)
			trace_step(s->trace, way[i].step);
}

static void fact(struct ftp_session *s, const char *name, const char *raw, size_t n)
{
	char shown[SHOWN_ROOM];

	while (n && (raw[n - 1] == '\n' || raw[n - 1] == '\r'))
		n--;
	if (n)
		trace_fact(s->trace, name, "%s", escape(raw, n, shown, sizeof(shown)));
}

static void certificate_facts(struct ftp_session *s)
{
	const struct tls_evidence *seen = &s->tls.evidence;

	if (s->endpoint->protocol != PROTOCOL_FTPS)
		return;
	fact(s, "certificate of", seen->subject, strlen(seen->subject));
	fact(s, "certificate by", seen->issuer, strlen(seen->issuer));
	fact(s, "certificate names", seen->names, strlen(seen->names));
	fact(s, "valid from", seen->not_before, strlen(seen->not_before));
	fact(s, "valid until", seen->not_after, strlen(seen->not_after));
}

void passport_facts(struct ftp_session *s)
{
	const struct ftp_features *f = &s->features;
	struct ftp_reply syst = ftp_session_reply(s, "SYST");

	if (syst.code == 215 && syst.n > 4)
		fact(s, "system", syst.lines + 4, strcspn(syst.lines + 4, "\r\n"));
	certificate_facts(s);
	trace_fact(s->trace, "features", "%s%s%s%s%s", f->mlst ? "MLSD " : "",
	           f->size ? "SIZE " : "", f->mdtm ? "MDTM " : "", f->rest ? "REST " : "",
	           f->utf8 ? "UTF8" : "");
	if (s->entry)
		fact(s, "login directory", s->entry, strlen(s->entry));
}
