#include "adapters/sftp/reach.h"

#include "adapters/sftp/ssh.h"
#include "adapters/sftp/via.h"
#include "adapters/trace_step.h"
#include "daemon/base/text.h"
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

static int connect_directly(const struct endpoint_config *endpoint, struct trace *trace,
                            struct carrier **out, struct err *e)
{
	struct deadline d = deadline_in(endpoint->timeouts.connect_ms);
	struct race how = {
	        .family = family_of(endpoint),
	        .source = endpoint->bind_address,
	        .tell = tell_attempt,
	        .arg = trace,
	};
	struct addrinfo *all;
	struct io *io;
	int r;

	trace_step(trace, TRACE_STEP_DNS);
	if (work_resolve(endpoint->host, endpoint->port, d, &all, e) < 0)
		return e->kind;
	trace_step(trace, TRACE_STEP_TCP);
	r = race_connect(all, &how, d, &io, e);
	freeaddrinfo(all);
	if (r < 0)
		return err_wrap(e, "%s port %d", endpoint->host, endpoint->port);
	*out = carrier_socket(io);
	return 0;
}

/* Each hop of the list has the hops before it as its own way. */
static int connect_behind(const struct endpoint_config *hop, const struct endpoint_config *endpoint,
                          struct trace *trace, struct carrier **out, struct err *e)
{
	struct session *bastion;

	if (session_open(hop, trace, &bastion, e) < 0)
		return text_starts(e->message, VIA_WORDS) ? e->kind
		                                          : err_wrap(e, VIA_WORDS "%s", hop->name);
	TRACE(trace, TRACE_CONNECTION, "jump host %s is logged in to", hop->name);
	trace_step(trace, TRACE_STEP_TCP);
	return via_open(bastion, endpoint, out, e);
}

int reach_open(const struct endpoint_config *endpoint, struct trace *trace, struct carrier **out,
               struct err *e)
{
	size_t hops = endpoint->via_count;

	TRACE(trace, TRACE_TRANSPORT, "endpoint %s: %s port %d%s%s, %s", endpoint->name,
	      endpoint->host, endpoint->port, hops ? " through " : "",
	      hops ? endpoint->via[hops - 1]->name : "", ssh_library());
	if (hops)
		return connect_behind(endpoint->via[hops - 1], endpoint, trace, out, e);
	return connect_directly(endpoint, trace, out, e);
}
