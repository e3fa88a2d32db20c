/*
 * Two clocks, never mixed: monotonic for waiting, wall for stamps that leave the process.
 */
#pragma once
#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC, ms */
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* Unix time UTC, ms */

/* "2026-11-20T11:07:49.123Z", NUL-terminated; `out` holds at least CLOCK_TEXT_BYTES. */
enum { CLOCK_TEXT_BYTES = 32 };
const char *clock_text(int64_t wall_ms, char out[CLOCK_TEXT_BYTES]);
