/*
 * libssh2's memory, one account for each connection.
 *
 * Two reasons: a server can make libssh2 queue millions of tiny packets within its window (the
 * account has a limit, past it libssh2 fails with -6), and libssh2 forgets some allocations
 * (the second list of login methods, parts of key exchanges in 1.10); they end with the session.
 *
 *	libssh2_session_init_ex(ssh_memory_alloc, ssh_memory_free, ssh_memory_grow, ssh);
 *	...
 *	libssh2_session_free(lib);
 *	ssh_memory_end(ssh);		// what was forgotten, wiped
 */
#pragma once
#include "adapters/sftp/ssh.h"

void *ssh_memory_alloc(size_t n, void **abstract);
void *ssh_memory_grow(void *p, size_t n, void **abstract);
void ssh_memory_free(void *p, void **abstract);
/* Returns how many bytes were left. */
size_t ssh_memory_end(struct ssh *s);
