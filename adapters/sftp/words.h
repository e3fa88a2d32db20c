/*
 * What libssh2 and the server say besides: the server's issue banner (SSH_MSG_USERAUTH_BANNER, RFC
 * 4252 §5.4) and libssh2's own trace, where the linked one has been built with it.
 *
 *	words_listen(s);		// before the handshake
 *	words_banner(s);		// after the login was tried, whether it succeeded or not
 *
 * libssh2 hands the banner out since 1.11.0. 1.10 lets the packet lie in its queue, where our
 * account of its memory (ssh_memory.h) finds it.
 *
 * libssh2's own lines come in under our bit of the same number. Its bit 2 is never switched on: it
 * would dump every packet, passwords and file content too, before encryption. What it says under
 * the others was read through for 1.10.0 and 1.11.1 and names no secret.
 */
#pragma once
#include "adapters/sftp/ssh.h"

void words_listen(struct ssh *s);
void words_banner(struct ssh *s);
