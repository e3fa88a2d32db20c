/*
 * Times as FTP servers write them: "20240131235959.123" (RFC 3659 §2.3), and the dates of listings,
 * of which some leave out the year. Pure arithmetic: no zone but the offset that is given.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { YEAR_UNTOLD = 0 };

struct ftp_date {
	int year; /* YEAR_UNTOLD: see ftp_date_tell_year */
	int month, day, hour, minute, second, ms;
};

/* Unix ms of a time that is `offset_ms` ahead of UTC. MTIME_UNKNOWN when there is no such date or
 * it lies before 1970. */
int64_t ftp_date_utc(const struct ftp_date *d, int64_t offset_ms);

/* Fills in the year: of the last such date that is not later than a day after `now_ms`, both on the
 * same clock. A day, because clocks differ and the zone may not be known yet. */
void ftp_date_tell_year(struct ftp_date *d, int64_t now_ms);

/* YYYYMMDDHHMMSS[.fraction] is all of the text; false: it is not. *precision_ms: 1000 or 1. */
bool ftp_stamp_parse(const char *text, size_t n, int64_t *mtime_ms, int64_t *precision_ms);
/* The same in seconds, UTC: YYYYMMDDHHMMSS. */
enum { FTP_STAMP_ROOM = 16 };
void ftp_stamp_write(int64_t mtime_ms, char out[FTP_STAMP_ROOM]);
/* ".123456" as whole ms, for the digits behind the dot. */
int ftp_fraction_ms(const char *digits, size_t n);

/* 1..12 for "Jan" to "dec" in any case, 0: none. */
int ftp_month(const char *text, size_t n);
/* A decimal number of at most `most`; false: something else. */
bool ftp_number(const char *text, size_t n, uint64_t most, uint64_t *out);
/* The same of exactly as many digits. */
bool ftp_digits(const char *text, size_t n, int *out);
