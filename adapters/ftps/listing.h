/*
 * Incremental, pure parser of FTP listings: MLSD facts (RFC 3659 §7), unix `ls -l`, DOS.
 *
 *	struct ftp_listing *l = ftp_listing_new(FTP_LIST, clock_wall_ms(), zone_offset_ms);
 *	while (bytes arrive)
 *		ftp_listing_feed(l, data, n, each, arg, e);	// any pieces, even single bytes
 *	ftp_listing_end(l, each, arg, e);			// only after the server's 226
 *	ftp_listing_free(l);
 *
 * Every line is an entry, a line that is known to carry none ("total 12", an empty line), or an
 * error: a listing that was not understood must never look like an empty directory. Names are the
 * server's bytes as they are, whatever they hold but NUL; the name gate judges them. A line has at
 * most 8 KiB, and at most 1000 lines may carry no entry; how many entries there may be is for
 * each() to say. After an error the listing is over: only ftp_listing_free() may follow.
 *
 * Times. MLSD tells UTC. LIST tells the server's local time, which is `zone_offset_ms` ahead of UTC
 * (an MDTM of one listed file tells by how much), to the minute, or to the day without an hour for
 * what is older than half a year; a time without a year is the last such time that is not later
 * than a day after `now_ms`. What is told with less than a second's precision must not be compared
 * for equality with what MDTM tells: ftp_listing_precision_ms(). Times before 1970 and dates that
 * do not exist are MTIME_UNKNOWN.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "adapters/adapter.h"

enum ftp_dialect { FTP_MLSD, FTP_LIST };

struct ftp_listing;

struct ftp_listing *ftp_listing_new(enum ftp_dialect d, int64_t now_ms, int64_t zone_offset_ms);
void ftp_listing_free(struct ftp_listing *l);

/* Calls each() per entry ("." ".." cdir pdir left out). Errors: each()'s own, and ERR_PROTOCOL
 *	FTP-LIST-DIALECT	a line that is not understood; it is quoted, escaped
 *	FTP-LIST-LINE		a line of more than 8 KiB
 *	FTP-LIST-ENDLESS	too many lines without an entry
 * and, where the server's ls complains on the data connection, OBJ-MISSING and OBJ-DENIED. */
int ftp_listing_feed(struct ftp_listing *l, const void *data, size_t n, list_fn *each, void *arg,
                     struct err *e);
/* End of the data: a last line without line end counts. */
int ftp_listing_end(struct ftp_listing *l, list_fn *each, void *arg, struct err *e);

/* Of the last entry's time: 1, 1000, 60000 or 86400000; 0 when it has none. */
int64_t ftp_listing_precision_ms(const struct ftp_listing *l);

/* ---- single lines -------------------------------------------------------------------------- */

/* The line with facts in MLST's reply, " type=file;size=5; /path", with or without the space before
 * it and the line end. out->name is NULL. ERR_PROTOCOL "FTP-MLST-REPLY". */
int ftp_mlst_parse(const char *line, size_t n, struct entry *out, struct err *e);
/* MDTM's reply, "213 20240131235959.123": Unix ms UTC. ERR_PROTOCOL "FTP-MDTM-REPLY". */
int ftp_mdtm_parse(const char *reply, size_t n, int64_t *mtime_ms, struct err *e);
