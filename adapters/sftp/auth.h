/*
 * Logging in with the methods the endpoint names, in their order.
 *
 *	auth_prepare(endpoint, &material, e);	// reads keys and secrets, asks the agent, before a
 *						// connection is made: a missing key costs no login
 *	... connect, key exchange, host key ...
 *	auth_login(ssh, material, e);
 *	auth_free(material);			// wipes
 *
 * One "none" request learns what the server accepts; every refusal names it anew. Of what is left
 * the first step whose method is offered is taken; each is taken once, because servers count. After
 * a step that the server accepts as a part (RFC 4252 §5.1) those passed over before get their turn
 * again. A method the server does not offer is not sent (a password least of all).
 *
 * Errors: SSH-AUTH-REFUSED, -PARTIAL (the server wants more than is configured), -PROMPT (nothing
 * is configured for a prompt), -EXPIRED (it demands a new password), -OPEN (it wants no proof at
 * all), -TOTP (the next code comes too late), -TIMEOUT, -NONE; before connecting SSH-KEY-…,
 * SSH-CERT-…, SSH-AGENT-…, SECRET-….
 */
#pragma once
#include "adapters/sftp/ssh.h"

struct auth_material;

int auth_prepare(const struct endpoint_config *endpoint, struct auth_material **out, struct err *e);
void auth_free(struct auth_material *m); /* NULL allowed; from a fiber */

int auth_login(struct ssh *s, struct auth_material *m, struct err *e);
