/*
 * What an ssh_config says about an endpoint, in the words of the configuration.
 *
 *	endpoints:
 *	  acme: {ssh_config: /etc/ferryd/ssh_config}
 *
 * Before a file is bound, each endpoint with `ssh_config` gets the keys it does not have from the
 * lines that hold for its host: HostName becomes `host`, IdentityFile an entry of `auth`, and so
 * on, at their place in that file. The tables then bind and judge them as if an operator had
 * written them; what stands in the YAML wins, because the key is there already.
 *
 * The host that is looked up is `ssh_host`, else `host`, else the endpoint's name.
 */
#pragma once
#include "config/load.h"

/* `root`: of a file with `endpoints`, that is not bound yet. */
void ssh_defaults_add(struct loader *l, struct node *root);
