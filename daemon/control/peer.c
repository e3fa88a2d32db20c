#include "daemon/control/peer.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

const char *peer_right_name(enum peer_right r)
{
	switch (r) {
#define PEER_NAME(id, word) \
	case id:            \
		return word;
		PEER_RIGHTS(PEER_NAME)
#undef PEER_NAME
	}
	return "?";
}

/* More groups than there is room for (ERANGE), or a kernel before 4.13: the primary group counts.
 */
static void add_groups(int fd, struct peer *out)
{
	socklen_t bytes = PEER_GROUPS * sizeof(gid_t);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups + 1, &bytes) == 0)
		out->group_count += bytes / sizeof(gid_t);
}

int peer_of(int fd, struct peer *out, struct err *e)
{
	struct ucred cred;
	socklen_t bytes = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) < 0)
		return err_errno(e, ERR_LOCAL, "CONTROL-PEER", "who connected cannot be told");
	out->uid = cred.uid;
	out->pid = cred.pid;
	out->groups[0] = cred.gid;
	out->group_count = 1;
	add_groups(fd, out);
	return 0;
}

static bool is_member(const struct peer *p, gid_t group)
{
	if (group == (gid_t)PEER_NO_GROUP)
		return false;
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i] == group)
			return true;
	return false;
}

enum peer_right peer_right(const struct peer *p, const struct peer_rules *rules)
{
	if (p->uid == 0 || p->uid == rules->daemon || is_member(p, rules->operators))
		return RIGHT_OPERATE;
	return is_member(p, rules->readers) ? RIGHT_READ : RIGHT_NONE;
}
