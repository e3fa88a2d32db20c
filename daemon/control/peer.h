/*
 * Who is at the other end of the control socket, and what that one may do.
 *
 *	root, and the user the daemon runs as	operate
 *	members of the socket's group		operate
 *	members of the readers' group		read, where such a group is set
 *	anybody else				nothing
 *
 * The kernel tells who connected (SO_PEERCRED) and in which groups (SO_PEERGROUPS): nothing the
 * peer says counts. The file mode of the socket (0660) keeps others out already; this decides again
 * for the day it was changed by hand.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "daemon/base/err.h"

/* X(enum, word); each includes those before it */
#define PEER_RIGHTS(X)           \
	X(RIGHT_NONE, "nothing") \
	X(RIGHT_READ, "read")    \
	X(RIGHT_OPERATE, "operate")

enum peer_right {
#define PEER_ENUM(id, word) id,
	PEER_RIGHTS(PEER_ENUM)
#undef PEER_ENUM
};
const char *peer_right_name(enum peer_right r);

enum { PEER_GROUPS = 256, PEER_NO_GROUP = -1 };

struct peer {
	uid_t uid;
	pid_t pid;
	gid_t groups[PEER_GROUPS + 1]; /* the primary one first */
	size_t group_count;
};

/* Of a connected unix socket. ERR_LOCAL "CONTROL-PEER". */
int peer_of(int fd, struct peer *out, struct err *e);

struct peer_rules {
	uid_t daemon;
	gid_t operators, readers; /* (gid_t)PEER_NO_GROUP: none */
};
/* Pure. */
enum peer_right peer_right(const struct peer *p, const struct peer_rules *rules);
