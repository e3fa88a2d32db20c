/*
 * The name gate: every name from outside passes it before it becomes part of any path.
 * Pure. (reasons are stable words, shown to the operator and counted)
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* X(enum, code, sentence) */
#define NAME_VERDICTS(X)                                                      \
	X(NAME_OK, "NAME-OK", "accepted")                                     \
	X(NAME_EMPTY, "NAME-EMPTY", "the name is empty")                      \
	X(NAME_LONG, "NAME-LONG", "the name is longer than 255 bytes")        \
	X(NAME_CONTROL, "NAME-CONTROL", "the name holds a control character") \
	X(NAME_SLASH, "NAME-SLASH", "the name holds a slash")                 \
	X(NAME_DOTS, "NAME-DOTS", "the name is . or ..")                      \
	X(NAME_ENCODING, "NAME-ENCODING", "the name is not valid UTF-8")      \
	X(NAME_OURS, "NAME-OURS", "the name is one of ferryd's own temporary names")

enum name_verdict {
#define NAME_ENUM(id, code, sentence) id,
	NAME_VERDICTS(NAME_ENUM)
#undef NAME_ENUM
};

/* Length 1..255; no byte 0x00-0x1F or 0x7F; no '/'; not "." or ".."; valid UTF-8; not
 * name_is_ours(). */
enum name_verdict name_gate(const char *name, size_t bytes);
const char *name_verdict_code(enum name_verdict v);
const char *name_verdict_text(enum name_verdict v);

/*
 * Temporary names in destination directories: ".<name>.<instance>-<job>-<dest>.ferryd-part", cut so
 * that it stays within 255 bytes. Derived from job and destination: a retry meets its own leftovers,
 * and only those, as `instance` (at most 16 bytes; "" and its '-' are left out) tells this ferryd
 * from others that deliver there.
 */
#define NAME_TEMP_SUFFIX ".ferryd-part"
#define NAME_CLAIM_DIR   ".ferryd-claim"
void name_temp(const char *final_name, const char *instance, long long job, int dest,
               char out[256]);
bool name_is_ours(const char *name, size_t bytes);
