#include "adapters/sftp/reach.h"

#include <arpa/inet.h>
#include <netdb.h>

#include "adapters/sftp/ssh.h"
#include "daemon/runtime/work.h"

static const char *address_text(const struct addrinfo *a, char *out, socklen_t room)
{
	if (getnameinfo(a->ai_addr, a->ai_addrlen, out, room, NULL, 0, NI_NUMERICHOST) != 0)
		(void)snprintf(out, room, "?");
	return out;
}

static int count_addresses(const struct addrinfo *a)
{
	int n = 0;

	for (; a; a = a->ai_next)
		n++;
	return n;
}

/* Each address gets its share of the time that is left, so that a dead first one does not eat the
 * living second one's. */
static int connect_any(const struct endpoint_config *endpoint, const struct addrinfo *all,
                       struct trace *trace, struct deadline d, struct io **out, struct err *e)
{
	int left = count_addresses(all), tried = 0;
	char text[INET6_ADDRSTRLEN] = "";

	for (const struct addrinfo *a = all; a; a = a->ai_next, left--) {
		struct deadline share = deadline_in(deadline_left_ms(d) / left);

		tried++;
		address_text(a, text, sizeof(text));
		if (io_connect(a->ai_addr, a->ai_addrlen, deadline_sooner(d, share), out, e) == 0) {
			TRACE(trace, TRACE_TRANSPORT, "connected to %s port %d", text,
			      endpoint->port);
			return 0;
		}
		TRACE(trace, TRACE_TRANSPORT, "address %s: %s", text, e->message);
		if (e->kind == ERR_CANCELED)
			return e->kind;
	}
	if (!tried)
		return err_set(e, ERR_NETWORK, "DNS-EMPTY", 0, "no address");
	return err_wrap(e, "%s port %d (%d of %d addresses tried, last %s)", endpoint->host,
	                endpoint->port, tried, tried, text);
}

int reach_open(const struct endpoint_config *endpoint, struct trace *trace, struct io **out,
               struct err *e)
{
	struct deadline d = deadline_in(endpoint->timeouts.connect_ms);
	struct addrinfo *all;
	int r;

	TRACE(trace, TRACE_TRANSPORT, "endpoint %s: %s port %d, %s", endpoint->name, endpoint->host,
	      endpoint->port, ssh_library());
	if (work_resolve(endpoint->host, endpoint->port, d, &all, e) < 0)
		return e->kind;
	r = connect_any(endpoint, all, trace, d, out, e);
	freeaddrinfo(all);
	return r;
}
