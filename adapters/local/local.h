/*
 * Directories of this machine: what the files of this room share.
 *
 * A connection holds the descriptor of its root (O_PATH). Every operation is one function that runs
 * in a fiber and sends its system calls to the work pool, as few jobs as possible: a small file is
 * read, or written, in one.
 *
 *	connection.c  the adapter's table, connect, close, ping, mkdir
 *	list.c        list and stat
 *	get.c put.c   content
 *	move.c        rename, remove, adopt
 *	claim.c       taking a file away from its writers
 *	watch.c       hints that something appeared, and who is still writing;
 *	              hub.c places.c notices.c one inotify for all, tree.c watching a tree,
 *	              writers.c who is writing
 *	beneath.c     opening, never outside of the root
 *	barrier.c     shared flushes
 *	errors.c      errno -> kind, code, cause and cure
 *
 * Codes of this room, beside those of adapter.h:
 *	LOCAL-SYMLINK LOCAL-HARDLINK LOCAL-NOT-REGULAR LOCAL-OUTSIDE	we refuse such a source
 *	LOCAL-WRITING		somebody has it open for writing: later
 *	LOCAL-ROOT-GONE		the root was removed, replaced or mounted over: connect again
 *	LOCAL-FSYNC		the disk did not take it; repeated from its source, never flushed again
 *	LOCAL-CLAIM-DIR LOCAL-CLAIM-STUCK	see claim.c
 */
#pragma once
#include <stdbool.h>
#include <sys/stat.h>

#include "adapters/adapter.h"
#include "adapters/local/barrier.h"
#include "adapters/trace.h"
#include "config/config.h"

enum {
	LOCAL_SMALL = 1024 * 1024, /* up to here a file is one job of the pool; pieces above */
	LOCAL_CONCURRENT = 256, /* the more wait at the barrier together, the fewer flushes */
	LOCAL_MODE = 0640, /* of delivered files when nobody says: for the daemon's group */
};

struct connection {
	const struct endpoint_config *settings;
	struct trace *trace;
	int root; /* O_PATH */
	dev_t dev;
	ino_t ino;
	bool is_dead;
	int running; /* operations */
	struct barrier barrier;
	struct link watches;
};

/* ---- each operation ------------------------------------------------------------------------ */

int local_begin(struct connection *c, struct err *e);
/* Traces the outcome and returns `r`. */
int local_end(struct connection *c, const char *verb, const char *path, int r, const struct err *e);

int local_list(struct connection *c, const char *path, const struct list_limits *limits,
	       list_fn *each, void *arg, struct err *e);
int local_stat(struct connection *c, const char *path, struct entry *out, struct err *e);
int local_get(struct connection *c, const char *path, const struct get_options *o, struct err *e);
int local_put(struct connection *c, const char *path, const struct put_options *o,
	      enum verification *level, struct err *e);
int local_append(struct connection *c, const char *path, const struct put_options *o,
		 enum verification *level, struct err *e);
int local_rename(struct connection *c, const char *from, const char *to, enum rename_mode mode,
		 struct err *e);
int local_remove(struct connection *c, const char *path, struct err *e);
int local_claim(struct connection *c, const char *path, const char *claimed,
		const struct entry *expect, struct err *e);
int local_adopt(struct connection *c, const char *file, const char *to, int mode,
		enum rename_mode rename, struct err *e);
int local_watch(struct connection *c, int depth, void (*changed)(void *arg), void *arg,
		struct err *e);
bool local_is_busy(struct connection *c, const char *path);
/* Ends all watches of the connection. From a fiber. */
void local_unwatch(struct connection *c);

/* ---- shared pieces ------------------------------------------------------------------------- */

/* From errno: "<verb> <path> in <root>: <system's words>; <cure>". */
int local_err(struct err *e, const struct connection *c, const char *verb, const char *path);
/* From errno, ENOSPC or EDQUOT: tells how much is free at `fd` and how much was needed. */
int local_err_space(struct err *e, const struct connection *c, const char *path, int fd,
		    uint64_t need);
/* `error` is an errno that barrier_wait returned, 0 is success. */
int local_err_flush(struct err *e, const struct connection *c, const char *path, int error);

enum entry_type local_type(mode_t mode);
int64_t local_mtime_ms(const struct stat *st);
/* A regular file with one name, on the root's file system; else ERR_POLICY. */
int local_check_regular(const struct connection *c, const char *path, const struct stat *st,
			struct err *e);
/* Is it still the file that was listed? Fields of `expect` that are unknown are not compared. */
bool local_is_expected(const struct stat *st, const struct entry *expect);

/* Refuses to replace with RENAME_FAIL_IF_EXISTS, also where the file system lacks
 * RENAME_NOREPLACE. 0 or -1 with errno. Blocking. */
int local_rename_at(int from_dir, const char *from, int to_dir, const char *to,
		    enum rename_mode mode);

/* work_run; a file with two names gets some moments to lose one of them, because link(2) followed
 * by unlink(2) is how careful writers (OpenSSH's sftp-server among them) rename. */
int local_run_patiently(int (*job)(void *arg, struct err *e), void *arg, const char *label,
			struct err *e);

static inline int local_close(int fd)
{
	extern int close(int);

	return fd < 0 ? 0 : close(fd);
}
