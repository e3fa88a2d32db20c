/*
 * Adding keys to known_hosts files, and replacing them.
 *
 *	const char *files[] = {"/etc/ferryd/known_hosts", "/var/lib/ferryd/known_hosts"};
 *	known_store_add(&(struct known_files){files, 2}, &entry, &done, e);
 *	known_store_trust(&(struct known_files){files, 2}, &entry, &done, e);
 *
 * The entry goes into the first file that we may write; under systemd (ProtectSystem=strict) that
 * is the last one, ferryd's own. Whoever writes holds flock(2) on the file: workers and processes
 * that learn the same key at once write one entry. Appending is one write(2), undone when it does
 * not fit, then fsync(2); replacing makes the file anew beside it and renames. Modes are kept, new
 * files are 0600.
 *
 * Blocking: on the work pool. Errors: ERR_LOCAL "SSH-HOSTKEY-NOT-STORED".
 */
#pragma once
#include "adapters/sftp/known_edit.h"
#include "daemon/base/err.h"

enum { KNOWN_STORE_FILE_MAX = 16 * 1024 * 1024, KNOWN_STORE_LOCK_MS = 5000, KNOWN_STORE_NOTES = 8 };

struct known_files {
	const char *const *items; /* NULL entries are passed over */
	size_t count;
};

struct known_note {
	const char *file; /* of known_files */
	size_t line;
	bool is_left; /* it speaks for the old key still: we may not write there */
};

struct known_stored {
	const char *file; /* that holds the entry now; of known_files */
	size_t line;
	bool was_there;
	struct known_note replaced[KNOWN_STORE_NOTES];
	size_t replaced_count; /* of those noted; more are changed all the same */
};

/* For a host without a record. One that appeared meanwhile with another key is
 * ERR_BUSY "SSH-HOSTKEY-RACE". */
int known_store_add(const struct known_files *files, const struct known_entry *entry,
                    struct known_stored *out, struct err *e);
/* The entry, then the host's other keys taken out wherever we may write. */
int known_store_trust(const struct known_files *files, const struct known_entry *entry,
                      struct known_stored *out, struct err *e);
