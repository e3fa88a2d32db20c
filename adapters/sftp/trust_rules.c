#include "adapters/sftp/trust_rules.h"

enum trust_decision trust_decide(enum known_state s, enum host_key_check check,
                                 enum trust_login login)
{
	enum { STRICT, ACCEPT_NEW, OFF_KEY, OFF_PASSWORD, COLUMNS };
	static const enum trust_decision table[KNOWN_STATE_COUNT][COLUMNS] = {
	        [KNOWN_OK] = {TRUST_GO_ON, TRUST_GO_ON, TRUST_GO_ON, TRUST_GO_ON},
	        [KNOWN_CHANGED] = {TRUST_REFUSE, TRUST_REFUSE, TRUST_WARN, TRUST_REFUSE},
	        [KNOWN_OTHER] = {TRUST_REFUSE, TRUST_REFUSE, TRUST_WARN, TRUST_REFUSE},
	        [KNOWN_UNKNOWN] = {TRUST_REFUSE, TRUST_STORE, TRUST_WARN, TRUST_WARN},
	        [KNOWN_NOT_FOUND] = {TRUST_REFUSE, TRUST_STORE, TRUST_WARN, TRUST_WARN},
	        [KNOWN_ERROR] = {TRUST_REFUSE, TRUST_REFUSE, TRUST_WARN, TRUST_WARN},
	        [KNOWN_REVOKED] = {TRUST_REFUSE, TRUST_REFUSE, TRUST_REFUSE, TRUST_REFUSE},
	};
	int column = STRICT;

	if (check == HOST_KEY_ACCEPT_NEW)
		column = ACCEPT_NEW;
	else if (check == HOST_KEY_OFF)
		column = login == LOGIN_BY_KEY ? OFF_KEY : OFF_PASSWORD;
	return table[s][column];
}

/* Without a default: who adds a method decides here. */
static bool is_by_key(enum auth_kind kind)
{
	switch (kind) {
	case AUTH_PUBLICKEY:
	case AUTH_AGENT:
	case AUTH_NONE:
		return true;
	case AUTH_PASSWORD:
	case AUTH_KEYBOARD:
		break;
	}
	return false;
}

enum trust_login trust_login_of(const struct endpoint_config *endpoint)
{
	for (size_t i = 0; i < endpoint->auth_count; i++)
		if (!is_by_key(endpoint->auth[i].kind))
			return LOGIN_BY_PASSWORD;
	return LOGIN_BY_KEY;
}
