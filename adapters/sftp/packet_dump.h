/*
 * Packets that precede encryption, in hexadecimal, for the trace (bit 512).
 *
 *	packet_dump(trace, "server sends", packet, n);
 *
 * Only what kexinit.h's tap hands out may come here: it stops at NEWKEYS, so that no byte of what
 * follows (a login, a file) can be shown. Pure but for the trace.
 */
#pragma once
#include <stddef.h>

struct trace;

enum { PACKET_DUMP_MOST = 2048 }; /* bytes shown of one packet */

void packet_dump(struct trace *t, const char *who, const unsigned char *packet, size_t n);
