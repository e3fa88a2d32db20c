/*
 * The input is a row of strings (uint32 length, bytes): packets that libssh2 gives back while a
 * command is under way on channel 7 and another one on a channel that no packet names. What is
 * noted has one kind and is visible text; a signal stays one; nothing is noted of the second, and
 * nothing by packets that name neither.
 */
#include "adapters/sftp/exit_report.h"
#include "adapters/sftp/wire.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

enum { OURS = 7 };

static bool names(struct wire_bytes packet, uint32_t channel)
{
	struct wire_in in = {packet.data, packet.n, false};

	(void)wire_u8(&in);
	return wire_u32(&in) == channel && !in.is_broken;
}

static void check_noted(const struct exit_report *r)
{
	must(r->kind == EXIT_UNTOLD || r->kind == EXIT_STATUS || r->kind == EXIT_SIGNAL);
	must(r->kind != EXIT_UNTOLD || (r->status == 0 && !r->signal[0]));
	must(memchr(r->signal, '\0', sizeof(r->signal)) != NULL);
	must_be_visible(r->signal, strlen(r->signal), 0);
}

/* Read at the very end of a block, so that one byte too far is seen. */
static void watch(struct ssh *s, struct exit_report *ours, struct wire_bytes packet)
{
	uint8_t *alone _cleanup_free_ = mem_new(packet.n + !packet.n);
	enum exit_kind before = ours->kind;

	if (packet.n)
		memcpy(alone, packet.data, packet.n);
	exit_report_watch(s, alone, packet.n);
	check_noted(ours);
	must(ours->kind == before || (names(packet, OURS) && packet.data[0] == 98));
	must(before != EXIT_SIGNAL || ours->kind == EXIT_SIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_in in = {data, size, false};
	struct ssh s = {.channel_opened = OURS};
	struct exit_report ours, other;

	list_init(&s.exit_reports);
	exit_report_begin(&s, &ours);
	s.channel_opened = 8;
	exit_report_begin(&s, &other);
	while (in.left && !in.is_broken) {
		struct wire_bytes packet = wire_string(&in);

		if (!in.is_broken && !names(packet, 8))
			watch(&s, &ours, packet);
	}
	must(other.kind == EXIT_UNTOLD);
	exit_report_end(&ours);
	exit_report_end(&other);
	must(list_is_empty(&s.exit_reports));
	return 0;
}
