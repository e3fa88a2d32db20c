#include "adapters/sftp/exit_report.h"

#include <string.h>

#include "adapters/sftp/wire.h"
#include "daemon/base/escape.h"

/* RFC 4254 §9 */
enum { CHANNEL_OPEN_CONFIRMATION = 91, CHANNEL_REQUEST = 98 };

void exit_report_begin(struct ssh *s, struct exit_report *r)
{
	*r = (struct exit_report){.channel = s->channel_opened};
	list_append(&s->exit_reports, &r->link);
}

void exit_report_end(struct exit_report *r)
{
	list_remove(&r->link);
}

static bool is_text(struct wire_bytes b, const char *text)
{
	return b.n == strlen(text) && memcmp(b.data, text, b.n) == 0;
}

/* A signal outweighs a status, whichever comes first: that it was killed is what went wrong. */
static void note_status(struct exit_report *r, struct wire_in *in)
{
	int32_t status = (int32_t)wire_u32(in);

	if (in->is_broken || r->kind == EXIT_SIGNAL)
		return;
	r->kind = EXIT_STATUS;
	r->status = status;
}

static void note_signal(struct exit_report *r, struct wire_in *in)
{
	struct wire_bytes name = wire_string(in);

	if (in->is_broken)
		return;
	r->kind = EXIT_SIGNAL;
	escape(name.data, name.n, r->signal, sizeof(r->signal));
}

/* string type, boolean want reply, then what the type says (RFC 4254 §5.4) */
static void note(struct exit_report *r, struct wire_in in)
{
	struct wire_bytes type = wire_string(&in);

	(void)wire_u8(&in);
	if (in.is_broken)
		return;
	if (is_text(type, "exit-status"))
		note_status(r, &in);
	else if (is_text(type, "exit-signal"))
		note_signal(r, &in);
}

void exit_report_watch(struct ssh *s, const unsigned char *p, size_t n)
{
	struct wire_in in = {p, n, false};
	unsigned type = wire_u8(&in);
	uint32_t channel;

	if (type != CHANNEL_OPEN_CONFIRMATION && type != CHANNEL_REQUEST)
		return;
	channel = wire_u32(&in);
	if (in.is_broken)
		return;
	/* the last thing that libssh2 gives back when it has opened a channel */
	if (type == CHANNEL_OPEN_CONFIRMATION)
		s->channel_opened = channel;
	list_for_each(l, &s->exit_reports)
	{
		struct exit_report *r = list_item(l, struct exit_report, link);

		if (type == CHANNEL_REQUEST && r->channel == channel)
			note(r, in);
	}
}
