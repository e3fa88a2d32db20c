/* What an SFTP server tells of itself (files.h): where a login arrives, and the disk there. */
#include <inttypes.h>

#include "adapters/sftp/ask.h"
#include "adapters/sftp/files.h"
#include "adapters/trace_step.h"
#include "daemon/base/escape.h"

/* draft-02 §6.11: one name. */
static int tell_home(struct sftp_client *c, struct err *e)
{
	const struct sftp_settings *settings = sftp_client_settings(c);
	struct sftp_request rq;
	char shown[ESCAPE_ROOM];
	struct wire_in in;
	int r = sftp_ask(&rq, c, SFTP_REALPATH, ".", e);

	if (r == 0)
		r = sftp_request_finish(&rq, settings->request_ms, e);
	if (r == 0) {
		struct wire_name name;

		in = (struct wire_in){rq.body, rq.body_bytes, false};
		(void)wire_u32(&in); /* how many: 1 */
		name = wire_name(&in);
		if (!in.is_broken)
			trace_fact(settings->trace, "login directory", "%s",
			           escape(name.name.data, name.name.n, shown, sizeof(shown)));
	}
	sftp_request_release(&rq);
	return r;
}

/* OpenSSH PROTOCOL §4.5: block size, fragment size, blocks, free, free for us, … Some servers say
 * they have it and refuse: no reason to fail. */
static int tell_disk(struct sftp_client *c, struct err *e)
{
	const struct sftp_settings *settings = sftp_client_settings(c);
	uint64_t fragment, blocks, available;
	struct sftp_request rq;
	struct wire_in in;
	int r = sftp_ask(&rq, c, SFTP_STATVFS, ".", e);

	if (r == 0)
		r = sftp_request_await(&rq, settings->request_ms, e);
	if (r == 0 && rq.reply == WIRE_EXTENDED_REPLY) {
		in = (struct wire_in){rq.body, rq.body_bytes, false};
		(void)wire_u64(&in);
		fragment = wire_u64(&in);
		blocks = wire_u64(&in);
		(void)wire_u64(&in);
		available = wire_u64(&in);
		if (!in.is_broken && fragment)
			trace_fact(settings->trace, "disk",
			           "%" PRIu64 " MiB of %" PRIu64 " MiB free",
			           available / 1024 * fragment / 1024,
			           blocks / 1024 * fragment / 1024);
	}
	sftp_request_release(&rq);
	return r;
}

int sftp_examine(struct sftp_client *c, struct err *e)
{
	int r = tell_home(c, e);

	return r == 0 && sftp_client_offers(c, SFTP_EXT_STATVFS) ? tell_disk(c, e) : r;
}
