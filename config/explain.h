/*
 * Where each setting of an endpoint comes from: one line for each key of its tables, with the value
 * in force and the file and line it stands on, or "default". Secrets are shown as references; one
 * that stands in the file itself is not shown.
 *
 *	endpoint acme
 *	  host              sftp.acme.example   /etc/ferryd/ssh_config:12
 *	  port              22                  default
 */
#pragma once
#include "config/load.h"

struct explanation {
	const char *endpoint; /* "acme", or "local:/srv/in" */
	struct buf *out;      /* stays empty when there is none */
};

/* After all is finished without an error. */
void explain_endpoint(struct loader *l, struct explanation *x);
