/*
 * A jump host: a channel of an SSH session that carries the next session.
 *
 *	session to the bastion                 session to the server
 *	┌──────────────────────────┐  bytes  ┌───────────────────────┐
 *	│ transport ─ direct-tcpip ─┼─────────┤ transport ─ libssh2 … │
 *	└──────────────────────────┘         └───────────────────────┘
 *
 * The bastion sees encrypted bytes only. Each of the sessions has its own login and its own trust;
 * the server is known by its own name, however it is reached.
 *
 * Errors: ERR_CONFIG "SSH-VIA-REFUSED", the bastion does not forward (to there); ERR_NETWORK
 * "SSH-VIA-UNREACHABLE", it cannot reach the next host; "SSH-VIA-LOST", it was lost later.
 */
#pragma once
#include "adapters/sftp/carrier.h"
#include "adapters/sftp/session.h"

#define VIA_WORDS "jump host " /* begins each error about one; its name follows */

/* Takes the session, also when it fails. The bastion connects to the host and port of `next`. */
int via_open(struct session *bastion, const struct endpoint_config *next, struct carrier **out,
             struct err *e);
