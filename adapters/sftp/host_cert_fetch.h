/*
 * Host certificates, from the server to the records: what an @cert-authority line is good for.
 *
 *	host_cert_learn(endpoint, trace, &known, e);
 *
 * Where an authority speaks of the host, one short connection asks for its certificate
 * (host_cert_talk.h); a good one puts the key that it names among the known ones, so that the
 * connection proper is judged by it. Why there is none is kept in known->no_certificate and in the
 * trace: that is no failure, the key may be on record otherwise. If it is not, and the network was
 * in the way (known->unasked), that is a failure of the network and none of trust.
 *
 * From a fiber; within the endpoint's connect and handshake timeouts.
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "adapters/trace.h"
#include "config/config.h"
#include "daemon/base/err.h"

/* 0, or ERR_CANCELED. */
int host_cert_learn(const struct endpoint_config *endpoint, struct trace *trace,
                    struct known_keys *known, struct err *e);
