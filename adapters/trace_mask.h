/*
 * A trace mask as people write it: 511, 0x1ff, "kex,auth", "all", "off".
 *
 *	if (trace_mask_parse("kex,auth", &mask, e) < 0) ...	// ERR_POLICY "TRACE-MASK"
 *	trace_mask_text(12, text)				// "kex,auth"
 *
 * Numbers are libssh2's (trace.h); bit 1 means nothing there and is accepted, so that masks carry
 * over. Pure.
 */
#pragma once
#include "daemon/base/err.h"

int trace_mask_parse(const char *text, unsigned *mask, struct err *e);

enum { TRACE_MASK_TEXT_BYTES = 96 };
/* The words, divided by commas; "off" for none, "all but socket" and "all" for 511 and 1023. */
const char *trace_mask_text(unsigned mask, char out[TRACE_MASK_TEXT_BYTES]);
