/*
 * What must hold for any bytes a server sends as a listing: the answer is the same however they are
 * cut, names hold no NUL, sizes are positive 64-bit numbers, times lie after 1970.
 */
#pragma once
#include "adapters/ftps/listing.h"
#include "daemon/base/digest.h"
#include "tests/fuzz/oracle.h"

struct seen {
	struct ftp_listing *listing;
	struct digest digest; /* of all that came out */
};

static void see_number(struct seen *s, int64_t n)
{
	digest_update(&s->digest, &n, sizeof(n));
}

static int see(const struct entry *entry, void *arg, struct err *e)
{
	struct seen *s = arg;
	int64_t precision = ftp_listing_precision_ms(s->listing);

	(void)e;
	must(entry->name_bytes && strlen(entry->name) == entry->name_bytes);
	must(!memchr(entry->name, '\n', entry->name_bytes));
	must(strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0);
	must(entry->size <= INT64_MAX || entry->size == SIZE_UNKNOWN);
	must(entry->mtime_ms >= 0 ? precision > 0 : precision == 0);
	must(entry->mtime_ms >= MTIME_UNKNOWN);
	digest_update(&s->digest, entry->name, entry->name_bytes + 1);
	see_number(s, (int64_t)entry->size);
	see_number(s, entry->mtime_ms);
	see_number(s, (int64_t)entry->identity);
	see_number(s, (int64_t)entry->type);
	see_number(s, precision);
	return 0;
}

/* `sum`: of the entries and how it ended. */
static int read_listing(enum ftp_dialect d, const uint8_t *data, size_t n, size_t piece,
                        unsigned char sum[DIGEST_BYTES])
{
	struct seen s = {.listing = ftp_listing_new(d, 1710504000000, 3600000)};
	struct err e;
	int r = 0;

	digest_init(&s.digest);
	for (size_t i = 0; r == 0 && i < n; i += piece)
		r = ftp_listing_feed(s.listing, data + i, i + piece < n ? piece : n - i, see, &s,
		                     &e);
	if (r == 0)
		r = ftp_listing_end(s.listing, see, &s, &e);
	ftp_listing_free(s.listing);
	if (r < 0)
		digest_update(&s.digest, e.message, strlen(e.message));
	if (r < 0)
		must_tell(r, &e);
	digest_final(&s.digest, sum);
	must(r == 0 || r == ERR_PROTOCOL || r == ERR_OBJECT);
	return r;
}

/* The first two bytes say how the rest is cut. */
static void check_listing(enum ftp_dialect d, const uint8_t *data, size_t size)
{
	unsigned char whole[DIGEST_BYTES], cut[DIGEST_BYTES];
	size_t piece;

	if (size < 3)
		return;
	piece = 1 + ((size_t)data[0] | (size_t)(data[1] & 15) << 8);
	must(read_listing(d, data + 2, size - 2, size, whole) ==
	     read_listing(d, data + 2, size - 2, piece, cut));
	must(memcmp(whole, cut, DIGEST_BYTES) == 0);
}
