/*
 * Feeds a text to the parser of FTP listings and keeps what comes out. Include cmocka.h first.
 */
#pragma once
#include <string.h>
#include <time.h>

#include "adapters/ftps/listing.h"
#include "daemon/base/mem.h"

#define HOUR_MS INT64_C(3600000)

/* ---- verbs --------------------------------------------------------------------------------- */

/* "2024-01-31 12:34:56[.123]", NULL: unknown. */
static int64_t utc(const char *text)
{
	struct tm tm = {0};
	const char *rest = text ? strptime(text, "%Y-%m-%d %H:%M:%S", &tm) : NULL;

	assert_true(!text || rest);
	return text ? timegm(&tm) * INT64_C(1000) + (*rest ? strtol(rest + 1, NULL, 10) : 0)
	            : MTIME_UNKNOWN;
}

#define NOW "2024-03-15 12:00:00"

struct got {
	struct ftp_listing *listing;
	struct entry entries[64];
	int64_t precisions[64];
	size_t count;
	int stop_at; /* fails there, 0: never */
	struct err e;
};

static int keep(const struct entry *entry, void *arg, struct err *e)
{
	struct got *g = arg;

	assert_int_equal(entry->name_bytes, strlen(entry->name));
	if (g->stop_at && g->count + 1 == (size_t)g->stop_at)
		return err_set(e, ERR_POLICY, "TEST-STOP", 0, "enough");
	assert_true(g->count < 64);
	g->entries[g->count] = *entry;
	g->entries[g->count].name = mem_dup(entry->name);
	g->precisions[g->count++] = ftp_listing_precision_ms(g->listing);
	return 0;
}

static void got_clear(struct got *g)
{
	for (size_t i = 0; i < g->count; i++)
		mem_free_at(&g->entries[i].name);
	g->count = 0;
}

struct how {
	enum ftp_dialect dialect;
	const char *now;
	int64_t zone;
	size_t piece; /* bytes at a time, 0: all at once */
};

static int parse_bytes(const struct how *how, const char *text, size_t n, struct got *g)
{
	size_t piece = how->piece ? how->piece : n;
	int r = 0;

	g->listing = ftp_listing_new(how->dialect, utc(how->now), how->zone);
	for (size_t i = 0; r == 0 && i < n; i += piece)
		r = ftp_listing_feed(g->listing, text + i, i + piece < n ? piece : n - i, keep, g,
		                     &g->e);
	if (r == 0)
		r = ftp_listing_end(g->listing, keep, g, &g->e);
	ftp_listing_free(g->listing);
	return r;
}

static int parse(const struct how *how, const char *text, struct got *g)
{
	return parse_bytes(how, text, strlen(text), g);
}

static const struct how by_list = {.dialect = FTP_LIST, .now = NOW, .zone = HOUR_MS};
static const struct how by_mlsd = {.dialect = FTP_MLSD, .now = NOW, .zone = HOUR_MS};
