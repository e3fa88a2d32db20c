#include "daemon/runtime/net_error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct row {
	int error;
	enum err_kind kind;
	const char *code, *words;
};

static const struct row rows[] = {
        {ECONNREFUSED, ERR_NETWORK, "NET-REFUSED",
         "connection refused: the machine answers, but nothing listens there (is the port right, "
         "is the server running?)"},
        {ENETUNREACH, ERR_NETWORK, "NET-UNREACHABLE",
         "network unreachable: this machine has no route to it"},
        {EHOSTUNREACH, ERR_NETWORK, "NET-UNREACHABLE",
         "host unreachable: a router or firewall on the way says so"},
        {EHOSTDOWN, ERR_NETWORK, "NET-UNREACHABLE", "host is down"},
        {ENETDOWN, ERR_NETWORK, "NET-UNREACHABLE", "this machine's network is down"},
        {ETIMEDOUT, ERR_NETWORK, "NET-TIMEOUT",
         "no answer: the machine is down or a firewall drops the packets"},
        {ECONNRESET, ERR_NETWORK, "NET-RESET", "connection reset by the other side"},
        {EPIPE, ERR_NETWORK, "NET-RESET", "connection closed by the other side while sending"},
        {ECONNABORTED, ERR_NETWORK, "NET-ABORTED", "connection ended by ferryd"},
        {EADDRNOTAVAIL, ERR_LOCAL, "NET-NO-LOCAL-PORT",
         "no local address or port is free (too many connections in TIME_WAIT?)"},
        {EACCES, ERR_LOCAL, "NET-FORBIDDEN",
         "this machine's firewall or the unit's IPAddressDeny forbids it"},
        {EPERM, ERR_LOCAL, "NET-FORBIDDEN",
         "this machine's firewall or the unit's IPAddressDeny forbids it"},
        {EMFILE, ERR_LOCAL, "LOCAL-DESCRIPTORS",
         "too many open descriptors (raise LimitNOFILE in the unit)"},
        {ENFILE, ERR_LOCAL, "LOCAL-DESCRIPTORS",
         "this machine has too many open files (raise fs.file-max)"},
        {EAFNOSUPPORT, ERR_NETWORK, "NET-UNREACHABLE",
         "this machine does not speak that address family"},
};

int net_error(int error, const char *what, struct err *e)
{
	char words[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return err_set(e, rows[i].kind, rows[i].code, error, "%s: %s", what,
			               rows[i].words);
	return err_set(e, ERR_NETWORK, "NET-FAILED", error, "%s: %s", what,
	               strerror_r(error, words, sizeof(words)));
}
