/*
 * libssh2's memory, one account for each connection.
 *
 * Two reasons: a server can make libssh2 queue millions of tiny packets within its window (the
 * account has a limit, past it libssh2 fails with -6), and libssh2 forgets what an aborted
 * handshake or a renewal of keys had allocated; that ends with the session.
 *
 *	s->lib = ssh_memory_session(s);		// libssh2_session_init_ex
 *	...
 *	libssh2_session_free(s->lib);
 *	ssh_memory_end(s);			// what was forgotten, wiped
 *
 * While a login runs every block is wiped when libssh2 gives it back (passwords, answers), after
 * auth_reply_watch() has seen it: it may be a reply that libssh2 would not tell of. For the same
 * reason exit_report_watch() sees every block.
 *
 * Blocks are listed, with a header each, so that the forgotten ones are found. A block that libssh2
 * gives to free(3) itself would then be fatal: 1.10.0 has no such place, and 1.11.1 has two, both
 * in reading and using ECDSA private keys, which we do ourselves (key_sign.h). With versions nobody
 * has looked through, blocks are plain and only counted.
 */
#pragma once
#include "adapters/sftp/ssh.h"

LIBSSH2_SESSION *ssh_memory_session(struct ssh *s);
/* For what libssh2 will free (answers to prompts). `abstract` points to the struct ssh. */
void *ssh_memory_alloc(size_t n, void **abstract);
/* A packet that libssh2 holds in its queue: message number `type`, then two strings (RFC 4251 §5)
 * that fit into the block. NULL: none, or blocks are not listed. */
const unsigned char *ssh_memory_packet(const struct ssh *s, unsigned char type, size_t *n);
/* Returns how many bytes were left. */
size_t ssh_memory_end(struct ssh *s);
