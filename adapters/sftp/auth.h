/*
 * Logging in with the methods the endpoint names, in their order.
 *
 *	auth_prepare(endpoint, &material, e);	// reads keys and secrets, off the loop, before a
 *						// connection is made: a missing key costs no login
 *	... connect, key exchange, host key ...
 *	auth_login(ssh, material, e);
 *	auth_free(material);			// wipes
 *
 * A server that wants several methods says so by refusing each one that it has accepted: after
 * every one that did not finish the login the next is tried. A method the server does not offer is
 * not sent (a password least of all). A password is also the answer to a server that asks for one
 * by keyboard-interactive.
 */
#pragma once
#include "adapters/sftp/ssh.h"

struct auth_material;

int auth_prepare(const struct endpoint_config *endpoint, struct auth_material **out, struct err *e);
void auth_free(struct auth_material *m); /* NULL allowed */

int auth_login(struct ssh *s, struct auth_material *m, struct err *e);
