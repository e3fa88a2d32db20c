/*
 * One line of a listing, in each dialect. Private to the parser; listing.h is what others call.
 *
 * `line` is NUL-terminated without its line end and holds no other NUL. Readers may write into it
 * (an arrow is cut off a link's name); names point into it.
 */
#pragma once
#include "adapters/adapter.h"

enum line_kind {
	LINE_UNKNOWN, /* not understood */
	LINE_ENTRY,
	LINE_SILENT,  /* understood, and carries no entry */
	LINE_MISSING, /* the server's ls says: no such directory */
	LINE_DENIED,  /* … permission denied */
};

struct line_entry {
	struct entry entry;
	int64_t precision_ms; /* of entry.mtime_ms */
};

/* What a local time without a year is read by. */
struct line_clock {
	int64_t now_ms, zone_offset_ms;
};

enum line_kind line_read_mlsd(char *line, size_t n, struct line_entry *out);
enum line_kind line_read_unix(char *line, size_t n, const struct line_clock *clock,
                              struct line_entry *out);
enum line_kind line_read_dos(char *line, size_t n, const struct line_clock *clock,
                             struct line_entry *out);

/* The facts in front of a name: how many bytes they and the space behind them take, 0 when they are
 * none. *is_self: of the directory itself or the one above (cdir, pdir). */
size_t line_read_facts(const char *line, size_t n, struct line_entry *out, bool *is_self);
