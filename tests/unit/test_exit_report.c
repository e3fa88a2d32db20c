/* What of a server's packets counts as the end of a command, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/sftp/exit_report.h"
#include "daemon/base/mem.h"

#define STATUS                     \
	"\x62\0\0\0\x07\0\0\0\x0b" \
	"exit-status"
#define SIGNAL                     \
	"\x62\0\0\0\x07\0\0\0\x0b" \
	"exit-signal"
#define PACKET(text) text, sizeof(text) - 1

/* The packet is a block of its own: ASan sees a byte too far. */
static struct exit_report report_of(const char *packet, size_t n)
{
	struct ssh s = {.channel_opened = 7};
	struct exit_report r;
	char *block _cleanup_free_ = memcpy(mem_new(n + !n), packet, n);

	list_init(&s.exit_reports);
	exit_report_begin(&s, &r);
	exit_report_watch(&s, (const unsigned char *)block, n);
	exit_report_end(&r);
	return r;
}

static void test_exit_report__takes_whole_packets_of_its_channel(void **state)
{
	static const struct {
		const char *packet;
		size_t n;
		enum exit_kind kind;
		int32_t status;
		const char *signal;
	} rows[] = {
	        {PACKET(STATUS "\0\0\0\0\0"), EXIT_STATUS, 0, ""},
	        {PACKET(STATUS "\0\0\0\0\x03padding"), EXIT_STATUS, 3, ""},
	        {PACKET(STATUS "\x01\xff\xff\xff\xff"), EXIT_STATUS, -1, ""},
	        {PACKET(STATUS "\0\0\0\0"), EXIT_UNTOLD, 0, ""},
	        {PACKET(STATUS), EXIT_UNTOLD, 0, ""},
	        {PACKET(SIGNAL "\0\0\0\0\x04KILL"), EXIT_SIGNAL, 0, "KILL"},
	        {PACKET(SIGNAL "\0\0\0\0\x05KILL"), EXIT_UNTOLD, 0, ""},
	        {PACKET(SIGNAL "\0\0\0\0\0"), EXIT_SIGNAL, 0, ""},
	        {PACKET(SIGNAL "\0\0\0\0"), EXIT_UNTOLD, 0, ""},
	        {PACKET(SIGNAL "\0\0\0\0\x03\x1b\n\x07"), EXIT_SIGNAL, 0, "\\x1b\\x0a\\x07"},
	        {PACKET("\x62\0\0\0\x08\0\0\0\x0b"
	                "exit-status\0\0\0\0\0"),
	         EXIT_UNTOLD, 0, ""}, /* another channel's */
	        {PACKET("\x63\0\0\0\x07\0\0\0\x0b"
	                "exit-status\0\0\0\0\0"),
	         EXIT_UNTOLD, 0, ""}, /* another message */
	        {PACKET("\x62\0\0\0\x07\0\0\0\x0a"
	                "exit-statu\0\0\0\0\0\0"),
	         EXIT_UNTOLD, 0, ""},
	        {PACKET("\x62\0\0"), EXIT_UNTOLD, 0, ""},
	        {PACKET(""), EXIT_UNTOLD, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct exit_report r = report_of(rows[i].packet, rows[i].n);

		assert_int_equal(r.kind, rows[i].kind);
		assert_int_equal(r.status, rows[i].status);
		assert_string_equal(r.signal, rows[i].signal);
	}
}

static void test_exit_report__learns_its_channel_from_the_confirmation(void **state)
{
	static const unsigned char confirmed[] = "\x5b\0\0\x01\x02\0\0\0\0\0\x20\0\0\0\0\x80";
	static const unsigned char ended[] = "\x62\0\0\x01\x02\0\0\0\x0b"
	                                     "exit-status\0\0\0\0\x05";
	struct ssh s = {0};
	struct exit_report r;

	(void)state;
	list_init(&s.exit_reports);
	exit_report_watch(&s, confirmed, sizeof(confirmed));
	exit_report_begin(&s, &r);
	exit_report_watch(&s, ended, sizeof(ended) - 1);
	exit_report_end(&r);
	assert_int_equal(r.kind, EXIT_STATUS);
	assert_int_equal(r.status, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_exit_report__takes_whole_packets_of_its_channel),
	        cmocka_unit_test(test_exit_report__learns_its_channel_from_the_confirmation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
