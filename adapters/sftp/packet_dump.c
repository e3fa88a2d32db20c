#include "adapters/sftp/packet_dump.h"

#include <stdio.h>

#include "adapters/trace.h"

enum { IN_A_LINE = 32 };

/* Numbers of RFC 4250 §4.1.2 that come before encryption. */
static const char *name_of(unsigned type)
{
	static const struct {
		unsigned type;
		const char *name;
	} names[] = {
	        {1, "DISCONNECT"},     {2, "IGNORE"},         {3, "UNIMPLEMENTED"},
	        {4, "DEBUG"},          {20, "KEXINIT"},       {21, "NEWKEYS"},
	        {30, "KEX method 30"}, {31, "KEX method 31"}, {32, "KEX method 32"},
	        {33, "KEX method 33"}, {34, "KEX method 34"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "packet";
}

static void dump_line(struct trace *t, const unsigned char *p, size_t at, size_t n)
{
	char hex[2 * IN_A_LINE + 1], text[IN_A_LINE + 1];

	for (size_t i = 0; i < n; i++) {
		(void)snprintf(hex + 2 * i, 3, "%02x", p[at + i]);
		text[i] = (char)(p[at + i] >= 0x20 && p[at + i] < 0x7F ? p[at + i] : '.');
	}
	text[n] = '\0';
	TRACE(t, TRACE_SOCKET, "  %04zx  %-64s  %s", at, hex, text);
}

void packet_dump(struct trace *t, const char *who, const unsigned char *packet, size_t n)
{
	size_t shown = n < PACKET_DUMP_MOST ? n : PACKET_DUMP_MOST;

	if (!trace_wants(t, TRACE_SOCKET) || n < 6)
		return;
	TRACE(t, TRACE_SOCKET, "%s %s, %zu bytes in clear:", who, name_of(packet[5]), n);
	for (size_t at = 0; at < shown; at += IN_A_LINE)
		dump_line(t, packet, at, shown - at < IN_A_LINE ? shown - at : IN_A_LINE);
	if (shown < n)
		TRACE(t, TRACE_SOCKET, "  %zu bytes more", n - shown);
}
