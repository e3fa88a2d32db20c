/*
 * Reading the files that decide about host keys: known_hosts, and the list of revoked keys.
 *
 * A known_hosts file that does not exist is like an empty one. Each other failure has its code, and
 * leaves the records incomplete:
 *
 *	SSH-HOSTKEY-UNREADABLE	no permission, I/O error; a list of revoked keys that is missing
 *	SSH-HOSTKEY-NOT-FILE	a directory, a pipe, a device
 *	SSH-HOSTKEY-TOO-LONG	more than 16 MiB, or more than 65536 revoked keys
 *	SSH-HOSTKEY-KRL		a binary revocation list
 *
 * Blocking: on the work pool.
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "config/config.h"
#include "daemon/base/err.h"

enum { KNOWN_HOSTS_FILE_MAX = 16 * 1024 * 1024 };

/* Adds what all files of the endpoint say about the host of `keys`; reads on after a failure. 0, or
 * the first failure as ERR_TRUST. `notes`: lines for the trace. */
int known_files_read(const struct endpoint_config *endpoint, struct known_keys *keys,
                     struct buf *notes, struct err *e);
