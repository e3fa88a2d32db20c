/*
 * What the server tells about the end of a command: "exit-status", "exit-signal", or nothing
 * (RFC 4254 §6.10: it may).
 *
 *	struct exit_report report;
 *	exit_report_begin(s, &report);		// right after the command's channel was opened
 *	...					// until the channel is closed
 *	if (report.kind == EXIT_UNTOLD) ...
 *	exit_report_end(&report);
 *
 * libssh2 has status 0 for "0" and for "nothing came", and reads the name of a signal from memory
 * that it has not filled when that is longer than its packet. So the packets are looked at when
 * libssh2 gives them back to our allocator (ssh_memory.c), which it does as soon as they have come;
 * they are still whole then. They name the channel: what is told late of a command that was given
 * up is not taken for the next one's.
 *
 * A report is linked into the struct ssh from begin to end; its memory is the caller's.
 */
#pragma once
#include "adapters/sftp/ssh.h"

enum { EXIT_SIGNAL_BYTES = 64 };

enum exit_kind { EXIT_UNTOLD, EXIT_STATUS, EXIT_SIGNAL };

struct exit_report {
	struct link link;
	uint32_t channel; /* our number for it */
	enum exit_kind kind;
	int32_t status;
	char signal[EXIT_SIGNAL_BYTES]; /* without "SIG"; escaped */
};

/* Whoever opened the channel has not awaited anything since. */
void exit_report_begin(struct ssh *s, struct exit_report *r);
void exit_report_end(struct exit_report *r);

/* For ssh_memory.c: bytes that libssh2 gives back, a packet or anything else. */
void exit_report_watch(struct ssh *s, const unsigned char *p, size_t n);
