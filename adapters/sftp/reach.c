#include "adapters/sftp/reach.h"

#include "adapters/sftp/ssh.h"
#include "adapters/trace_step.h"
#include "daemon/runtime/race.h"
#include "daemon/runtime/work.h"

static void tell_attempt(void *arg, const char *address, const char *words)
{
	TRACE((struct trace *)arg, TRACE_CONNECTION, "address %s: %s", address, words);
}

static int family_of(const struct endpoint_config *endpoint)
{
	static const int families[] = {
	        [FAMILY_ANY] = AF_UNSPEC, [FAMILY_IPV4] = AF_INET, [FAMILY_IPV6] = AF_INET6};

	return families[endpoint->address_family];
}

int reach_open(const struct endpoint_config *endpoint, struct trace *trace, struct io **out,
               struct err *e)
{
	struct deadline d = deadline_in(endpoint->timeouts.connect_ms);
	struct race how = {
	        .family = family_of(endpoint),
	        .source = endpoint->bind_address,
	        .tell = tell_attempt,
	        .arg = trace,
	};
	struct addrinfo *all;
	int r;

	TRACE(trace, TRACE_TRANSPORT, "endpoint %s: %s port %d, %s", endpoint->name, endpoint->host,
	      endpoint->port, ssh_library());
	trace_step(trace, TRACE_STEP_DNS);
	if (work_resolve(endpoint->host, endpoint->port, d, &all, e) < 0)
		return e->kind;
	trace_step(trace, TRACE_STEP_TCP);
	r = race_connect(all, &how, d, out, e);
	freeaddrinfo(all);
	return r < 0 ? err_wrap(e, "%s port %d", endpoint->host, endpoint->port) : 0;
}
