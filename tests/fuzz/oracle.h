/*
 * How a fuzz target says what must hold: must(count <= 256). A broken one is named and ends the
 * process, so that whoever plays the input (libFuzzer, replay.c) keeps it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(fact)                                                                               \
	do {                                                                                     \
		if (!(fact)) {                                                                   \
			(void)fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #fact); \
			abort();                                                                 \
		}                                                                                \
	} while (0)

/* No control character but the newlines that are allowed. */
static inline void must_be_visible(const char *text, size_t n, size_t newlines)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		must((c >= 0x20 && c != 0x7F) || (c == '\n' && newlines > 0));
		newlines -= c == '\n';
	}
}

/* A failure an operator can use: of a kind, with a code, in one line, and not our own mistake. */
static inline void must_tell(int returned, const struct err *e)
{
	must(returned < 0 && e->kind == returned && e->kind != ERR_BUG);
	must(e->code && *e->code && e->message[0]);
	must_be_visible(e->message, strlen(e->message), 0);
}
