/*
 * The spool: fetched files between their source and their destinations, state_dir/spool/<job>.
 *
 *	struct spool_file f;
 *	spool_create(sp, job, &f);
 *	... spool_write(&f, data, n, e) ...		// in order; hashes and writes off the loop
 *	if (spool_finish(&f, sha256, e) < 0) ...	// whole, hashed, file and directory on disk
 *	spool_discard(&f);				// instead of, or after a failure of, the
 *above
 *
 * A large file comes under a name of its own, <job>.<boot>.part, which stays when the connection is
 * lost or ferryd killed; the next attempt hashes what is there and asks for the rest:
 *
 *	spool_create(sp, job, SPOOL_PART, &f);
 *	spool_take_up(&f, most, e);			// f.size: what an earlier attempt left
 *	spool_keep(&f);					// instead of discard
 *
 * Nobody has flushed such a part: after a power cut it may hold anything. So it is only good for
 * the boot it was written in, which its name tells.
 *
 * No rename of the others: a spool file means nothing without its row `stored`, which is committed only after
 * spool_finish. A leftover of an earlier attempt of the same job is overwritten.
 *
 * Flushing is shared: files that are finished while a flush is under way wait for the next one,
 * and a crowd of them is flushed by one syncfs(2) instead of one fdatasync(2) each. A failed flush
 * is final for every file in it: the bytes are fetched again, never flushed again.
 *
 * One spool object per worker; all point to the same directory.
 */
#pragma once
#include <stdint.h>

#include "daemon/base/buf.h"
#include "daemon/base/digest.h"
#include "daemon/base/err.h"
#include "daemon/runtime/fiber.h"

struct spool {
	int dir_fd;
	char *dir; /* absolute */
	struct link pending;
	struct signal flushed;
	int is_flushing;
	char boot[16];       /* of this machine, as in names */
	uint64_t part_least; /* from this size on an interrupted file is worth keeping */
};

/* Creates state_dir/spool (0700) where missing. Blocking. */
int spool_open(struct spool *sp, const char *state_dir, struct err *e);
void spool_close(struct spool *sp);

struct spool_file {
	struct spool *spool;
	int64_t job;
	char name[48];
	int is_part;
	int fd; /* -1 until the first bytes are written */
	uint64_t size;
	struct digest digest;
	struct buf fill, flight; /* being filled; being written */
	struct group writing;    /* at most one flight */
	struct err failure;      /* of a flight; kind 0 = none */
};

enum spool_kind { SPOOL_WHOLE, SPOOL_PART };
void spool_create(struct spool *sp, int64_t job, enum spool_kind kind, struct spool_file *f);
/* A part of an earlier attempt with at most `most` bytes is in f then, and in its digest. That there
 * is none is no failure. */
int spool_take_up(struct spool_file *f, uint64_t most, struct err *e);
/* From the first byte again. */
int spool_restart(struct spool_file *f, struct err *e);
int spool_write(struct spool_file *f, const void *data, size_t n, struct err *e);
int spool_finish(struct spool_file *f, unsigned char sha256[DIGEST_BYTES], struct err *e);
void spool_discard(struct spool_file *f);
/* What has arrived stays for the next attempt; what cannot be written goes. */
void spool_keep(struct spool_file *f);

/* "<dir>/<job>" in a caller's buffer of PATH_MAX bytes. */
void spool_path(const struct spool *sp, int64_t job, char *out, size_t room);
/* The part too; missing is success. */
int spool_remove(struct spool *sp, int64_t job, struct err *e);

/* What a name in the spool stands for; the job, or 0: nothing of ours. *is_stale: a part of another
 * boot. */
int64_t spool_name_job(const struct spool *sp, const char *name, int *is_stale);

/* ERR_BUSY "SPOOL-FULL" when less than both limits is free; the message says where and how much. */
int spool_has_room(struct spool *sp, uint64_t min_free_bytes, int min_free_percent, struct err *e);
