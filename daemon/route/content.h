/*
 * Reading a job's content for a delivery: the spool file, or the claimed local file.
 *
 *	struct content c;
 *	content_open(&c, path, size, e);
 *	put.source = content_source(&c);
 *	... adapter->put(...) ...
 *	content_finish(&c, sha256, e);		// unchanged while it was read? digest of what was
 *sent content_close(&c);
 *
 * Reads and hashes on the work pool, one piece ahead of the sender.
 */
#pragma once
#include <stdint.h>
#include <sys/stat.h>

#include "adapters/adapter.h"
#include "daemon/base/digest.h"

struct content {
	int fd;
	char path[4096];
	struct stat opened;
	uint64_t offset; /* next byte to read from the file */
	struct digest digest;
	unsigned char *piece;
	size_t piece_bytes, piece_used, piece_room;
};

/* ERR_LOCAL "CONTENT-MISSING", "CONTENT-SIZE" when it is not the file that was stored. */
int content_open(struct content *c, const char *path, uint64_t size, struct err *e);
struct source content_source(struct content *c);
/* The next n bytes go nowhere but into the digest. */
int content_skip(struct content *c, uint64_t n, struct err *e);
/* ERR_INTEGRITY "DATA-CHANGED" when size, time or identity changed since it was opened. */
int content_finish(struct content *c, unsigned char sha256[DIGEST_BYTES], struct err *e);
/* ERR_INTEGRITY "CONTENT-DIGEST" unless it is the digest that was stored; NULL: none was. */
int content_check(const struct content *c, const unsigned char *stored,
                  const unsigned char sha256[DIGEST_BYTES], struct err *e);
void content_close(struct content *c); /* also after a failed open */
