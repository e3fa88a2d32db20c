/*
 * One-time codes by time (TOTP, RFC 6238), and base32 (RFC 4648 §6), in which their secrets are
 * handed out.
 *
 *	n = base32_decode(text, strlen(text), key, sizeof(key));
 *	step = totp_step(clock_wall_ms(), t.period_ms);
 *	totp_code(&t, key, n, step, code);		// "081804"
 *
 * Pure.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

enum { TOTP_KEY_MAX = 1024, TOTP_CODE_BYTES = 9 };

struct totp {
	enum totp_algorithm algorithm;
	int digits;        /* 6..8 */
	int64_t period_ms; /* whole seconds */
};

/* The time step of a moment (RFC 6238 §4.2); before 1970 there is none: 0. */
int64_t totp_step(int64_t wall_ms, int64_t period_ms);
/* Writes digits and a NUL. */
void totp_code(const struct totp *t, const unsigned char *key, size_t n, int64_t step,
               char out[TOTP_CODE_BYTES]);

/* Bytes written, or -1: not base32, or more than `room`. Case does not matter; blanks and hyphens,
 * by which people group such texts, and padding at the end are passed over. */
long base32_decode(const char *text, size_t n, unsigned char *out, size_t room);
