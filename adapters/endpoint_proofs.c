#include "adapters/endpoint_state.h"
#include "adapters/logins.h"
#include "adapters/proofs.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

enum { LOOK_EVERY_MS = 1000 };

static void look_fiber(void *arg)
{
	struct endpoint *p = arg;
	uint64_t now = proofs_look(p->settings);

	p->looked_ms = clock_mono_ms();
	p->is_looking = false;
	if (p->breaker.state == BREAKER_STOPPED && now &&
	    (now != p->refused_proofs || logins_work(p->settings->fingerprint))) {
		log_info(now != p->refused_proofs
		                 ? "keys, secrets or host keys have changed on disk, trying again"
		                 : "the login works again for others, trying again",
		         "endpoint=%s after=%s", p->settings->name, p->breaker.last.code);
		breaker_reset(&p->breaker);
	}
	endpoint_pump(p);
}

bool endpoint_looks_again(struct endpoint *p)
{
	if (p->is_looking)
		return true;
	if (!p->refused_proofs || p->is_ending || clock_mono_ms() - p->looked_ms < LOOK_EVERY_MS)
		return false;
	p->is_looking = true;
	group_start(&p->fibers, "look at keys and secrets", look_fiber, p);
	return true;
}
