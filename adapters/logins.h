/*
 * What the workers tell each other about logins, so that a refused one is sent once by the process,
 * not once by each worker: servers count refused logins and punish every route to them
 * (MaxAuthTries, PerSourcePenalties, locked accounts).
 *
 *	if (logins_await(name, proofs, &e) == 0) {
 *		r = connect(...);
 *		logins_end(name, proofs, r, &e);
 *	}
 *
 *	 unknown --begin--> one tries --succeeded--> known to work: all may connect at once
 *	    ^                   |                         |
 *	    +--other failure----+---refused (ERR_AUTH)----+--> refused: nobody tries with the same
 *	    +--forget (the operator)-----------------------+   proofs (proofs.h)
 *
 * `name` is the endpoint's fingerprint: other settings are another login. Any thread; nothing here
 * waits but logins_await(). Endpoints without a name or proofs are always let go.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

enum login_leave { LOGIN_GO, LOGIN_WAIT, LOGIN_REFUSED };

/* REFUSED: *e is what the server said to another worker. */
enum login_leave logins_begin(const char *name, uint64_t proofs, struct err *e);
/* From a fiber. Waits while another worker tries the same login first; 0 when it is GO, or fails with
 * what the server said to the other one. */
int logins_await(const char *name, uint64_t proofs, struct err *e);
/* After GO, always. `result` 0 or the negative kind of *e. */
void logins_end(const char *name, uint64_t proofs, int result, const struct err *e);
/* The operator says: try again. */
void logins_forget(const char *name);
/* The last attempt of any worker succeeded. */
bool logins_work(const char *name);
