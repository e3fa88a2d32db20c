/*
 * The socket file operators connect to: bound so that it is never open to others, not even for a
 * moment, and never taken from a ferryd that is alive.
 *
 *	control_listen("/run/ferryd/control.sock", &listener, e);
 *	control_server_start(&listener, ...);		// takes it, or
 *	control_unlisten(&listener);
 *
 * Blocking, and it sets the process's umask for a moment: at start, before threads make files.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/control/peer.h"

/* Inode numbers are used again, times of birth are not (0 where the filesystem keeps none). */
struct socket_identity {
	uint64_t device, inode, born_s, born_ns;
};

struct control_listener {
	int fd;
	char path[108];
	struct socket_identity file; /* to remove no other */
	char group[64];              /* name of the operators' group, or its number */
	struct peer_rules rules;     /* operators: the socket file's group; readers: none */
};

/* Binds with mode 0660. The directory must exist. A socket left by a dead ferryd is replaced, one
 * that answers is ERR_CONFIG "CONTROL-IN-USE"; any other file in its place is ERR_CONFIG
 * "CONTROL-NOT-SOCKET"; otherwise ERR_LOCAL or ERR_CONFIG "CONTROL-BIND". */
int control_listen(const char *path, struct control_listener *out, struct err *e);
/* Removes the socket file, where nobody took it over. */
void control_remove_file(const struct control_listener *l);
/* Closes and removes the file. For a listener not started. */
void control_unlisten(struct control_listener *l);
