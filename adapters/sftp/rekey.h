/*
 * Notices that keys were exchanged anew (RFC 4253 §9), which libssh2 does by itself and tells
 * nobody.
 *
 *	rekey_watch(s);				// after the host key was trusted
 *	if (rekey_look(s, e) < 0) ...		// now and then; cheap
 *
 * At each exchange libssh2 takes the server's host key anew: 1.10 forgets the block of the one
 * before, later ones free it, which our allocator sees (ssh_memory.c). The new one is compared: the
 * server must still be the one that was trusted.
 */
#pragma once
#include "adapters/sftp/ssh.h"

void rekey_watch(struct ssh *s);
/* ERR_TRUST "SSH-REKEY-HOSTKEY"; the connection is dead then. */
int rekey_look(struct ssh *s, struct err *e);
