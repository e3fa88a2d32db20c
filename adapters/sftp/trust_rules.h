/*
 * Who may go on to the login: what is on record about a host key, what the configuration asks for,
 * and whether a password would be sent, in one table. Pure.
 *
 *	             strict   accept-new  off: keys only  off: a password
 *	ok           trust    trust       trust           trust
 *	changed      refuse   refuse      warn            refuse
 *	other        refuse   refuse      warn            refuse
 *	unknown      refuse   store       warn            warn
 *	not found    refuse   store       warn            warn
 *	error        refuse   refuse      warn            warn
 *	revoked      refuse   refuse      refuse          refuse
 *
 * accept-new never takes a key of another type for a host that has one on record: whoever stands in
 * between would only have to offer another type. With off a changed key may belong to anybody; a
 * signature by our key is worth nothing to them, a password is.
 */
#pragma once
#include "adapters/sftp/known_hosts.h"
#include "config/config.h"

enum trust_decision { TRUST_GO_ON, TRUST_STORE, TRUST_WARN, TRUST_REFUSE };
enum trust_login { LOGIN_BY_KEY, LOGIN_BY_PASSWORD };

enum trust_decision trust_decide(enum known_state s, enum host_key_check check,
                                 enum trust_login login);
/* Would the endpoint's login hand the server something it could use elsewhere? */
enum trust_login trust_login_of(const struct endpoint_config *endpoint);
