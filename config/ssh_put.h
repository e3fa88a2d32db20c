/*
 * How a line of an ssh_config becomes a key of an endpoint (ssh_defaults.h has the table of them).
 *
 * Each function takes a line that holds and the key it stands for, and adds a node for it at the
 * line's place; a key that is there already is left alone. What cannot be said in the words of the
 * configuration is told at the line.
 */
#pragma once
#include "config/load.h"
#include "config/node_make.h"
#include "config/ssh_config.h"
#include "config/ssh_expand.h"

/* One endpoint while it is completed. */
struct ssh_put {
	struct loader *l;
	struct node *endpoint;
	struct ssh_result found;
	struct ssh_tokens tokens;
	const char *hostname; /* what HostName leads to, or what is looked up */
};

typedef void ssh_put_fn(struct ssh_put *d, const struct ssh_line *line, const char *path);

ssh_put_fn ssh_put_algorithms, ssh_put_family, ssh_put_file, ssh_put_host, ssh_put_host_key_check,
        ssh_put_identities, ssh_put_jumps, ssh_put_known_hosts, ssh_put_nothing,
        ssh_put_proxy_command, ssh_put_number, ssh_put_rekey_limit, ssh_put_text, ssh_put_time,
        ssh_put_yes;

/* ---- what they share ------------------------------------------------------------------------ */

void ssh_put_refuse(struct ssh_put *d, const struct ssh_line *line, const char *sentence);
void ssh_put_warn(struct ssh_put *d, const struct ssh_line *line, const char *sentence);
void ssh_put(struct ssh_put *d, const struct ssh_line *line, const char *path, const char *text,
             enum node_quoting quoting);
bool ssh_put_is_none(const char *text);
/* With ~, % and ${} put in; NULL and told when one is not known. */
const char *ssh_put_path_of(struct ssh_put *d, const struct ssh_line *line, const char *text);
const char *ssh_put_environment(const char *name);
