#include "adapters/sftp/reach.h"

#include "adapters/sftp/proxy.h"
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

struct place {
	const char *host;
	int port;
};

/* The error names the address and port that were tried; the host as well where it is a name. */
static int name_host(const struct place *at, struct err *e)
{
	char tried[96];

	(void)snprintf(tried, sizeof(tried), "connect to %.64s port ", at->host);
	return strstr(e->message, tried) ? e->kind : err_wrap(e, "%s", at->host);
}

/* To the server, or to a proxy before it. */
static int connect_to(const struct place *at, const struct endpoint_config *endpoint,
                      struct trace *trace, struct io **out, struct err *e)
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

	trace_step(trace, TRACE_STEP_DNS);
	if (work_resolve(at->host, at->port, d, &all, e) < 0)
		return e->kind;
	trace_step(trace, TRACE_STEP_TCP);
	r = race_connect(all, &how, d, out, e);
	freeaddrinfo(all);
	return r < 0 ? name_host(at, e) : 0;
}

static int connect_directly(const struct endpoint_config *endpoint, struct trace *trace,
                            struct carrier **out, struct err *e)
{
	struct place server = {endpoint->host, endpoint->port};
	struct io *io = NULL;

	if (connect_to(&server, endpoint, trace, &io, e) < 0)
		return e->kind;
	*out = carrier_socket(io);
	return 0;
}

/* That a proxy cannot be reached says nothing about the partner. */
static int connect_by_proxy(const struct endpoint_config *endpoint, struct trace *trace,
                            struct carrier **out, struct err *e)
{
	struct place proxy = {endpoint->proxy.host, endpoint->proxy.port};
	struct io *io = NULL;

	TRACE(trace, TRACE_TRANSPORT, "proxy %s port %d", proxy.host, proxy.port);
	if (connect_to(&proxy, endpoint, trace, &io, e) < 0) {
		if (e->kind == ERR_NETWORK)
			e->code = "PROXY-DOWN";
		return err_wrap(e, "proxy");
	}
	if (proxy_negotiate(endpoint, trace, io, e) < 0) {
		io_close(io);
		return e->kind;
	}
	*out = carrier_socket(io);
	return 0;
}

/* Each hop of the list has the hops before it as its own way. */
static int connect_behind(const struct endpoint_config *hop, const struct endpoint_config *endpoint,
                          struct trace *trace, struct carrier **out, struct err *e)
{
	struct session *bastion;

	trace_hop(trace, hop->name);
	if (session_open(hop, trace, &bastion, e) < 0)
		return text_starts(e->message, VIA_WORDS) ? e->kind
		                                          : err_wrap(e, VIA_WORDS "%s", hop->name);
	trace_hop(trace, endpoint->name);
	trace_step(trace, TRACE_STEP_TCP);
	TRACE(trace, TRACE_CONNECTION, "behind jump host %s", hop->name);
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
	if (endpoint->proxy.kind == PROXY_COMMAND)
		return proxy_command_open(endpoint, trace, out, e);
	if (endpoint->proxy.kind != PROXY_NONE)
		return connect_by_proxy(endpoint, trace, out, e);
	return connect_directly(endpoint, trace, out, e);
}
