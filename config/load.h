/*
 * A configuration while it is being loaded: what the tables fill, and the steps that follow.
 *
 *	text --node.c--> tree --bind.c--> forms --endpoint.c, route.c--> snapshot
 *	                                                 files.c (disk); loops.c, overlaps.c
 *(routes)
 *
 * A form is a public struct with what is only needed until names are resolved: where it stands in
 * the file, and texts that become pointers. Steps report to `problems` and go on; every field of a
 * form may be unset when its value was refused, so each step looks before it leaps.
 */
#pragma once
#include <stdbool.h>

#include "config/bind.h"

/* Whether a load looks at the machine: included files, keys, directories. */
enum disk_access { DISK_CHECK, DISK_IGNORE };

/* ---- what the tables fill ------------------------------------------------------------------ */

struct secret_form {
	struct secret_ref ref;
	struct texts argv; /* command */
};

struct prompt_form {
	struct form_head head;
	struct auth_prompt out;
	struct secret_form answer, totp;
	struct texts command;
};

struct auth_form {
	struct form_head head;
	struct auth_method out;
	struct secret_form passphrase, password;
	struct forms prompts; /* struct prompt_form */
};

struct tunnel_form {
	struct form_head head;
	struct tunnel_config out;
	const char *listen, *remote_listen, *to; /* as written */
	bool is_public;
};

struct proxy_form {
	struct proxy_settings out;
	struct secret_form password;
};

struct endpoint_form {
	struct form_head head;
	struct endpoint_config out;
	struct forms auth;    /* struct auth_form */
	struct forms tunnels; /* struct tunnel_form */
	struct secret_form account, tls_passphrase;
	struct texts via;                  /* as written */
	struct proxy_form proxy;
	const char *active_ports;          /* "40000-40100" */
	const char *ssh_config, *ssh_host; /* used before this form was filled (ssh_defaults.h) */
};

struct dest_form {
	struct form_head head;
	struct route_dest out;
	const char *endpoint, *path; /* as written */
};

struct source_form {
	struct route_source out;
	const char *endpoint, *path; /* as written */
	int order;                   /* enum order_by, negated and -1 when descending */
};

struct route_form {
	struct form_head head;
	struct route_config out;
	struct source_form from;
	struct forms to; /* struct dest_form */
};

struct loader {
	struct arena *arena; /* the snapshot's */
	struct arena tree;   /* nodes, and what only the load needs */
	struct problems *problems;
	const struct config_judges *judges;
	enum disk_access disk;
	size_t budget; /* nodes left */
	bool unread;   /* a file could not be parsed: what refers to it is unknown */

	int version;
	struct daemon_config daemon;
	struct trace_config trace;
	struct texts include; /* of the file that was bound last */
	struct forms endpoints, routes;

	struct ssh_file *ssh_files;            /* those that endpoints name (ssh_files.c) */
	int ssh_file_count;                    /* with all that they include */
	const struct endpoint_config **locals; /* one for each directory of this machine */
	size_t local_count;
	size_t secret_values;
	struct explanation *explain; /* NULL: nobody asks */
};

/* ---- the steps ----------------------------------------------------------------------------- */

/* endpoint.c */
void endpoint_finish(struct loader *l, struct endpoint_form *f);
struct secret_ref endpoint_secret(struct loader *l, const struct node *n,
                                  const struct secret_form *f);
/* The endpoint that stands for a directory of this machine; made on first use. */
const struct endpoint_config *endpoint_local(struct loader *l, const char *dir);
/* NULL and told at `n` when there is no endpoint of that name. */
const struct endpoint_config *endpoint_find(struct loader *l, const char *name,
                                            const struct node *n);
const char *endpoint_check_name(const char *name);
const char *endpoint_check_host(const char *host);

/* endpoint_trust.c */
const char *endpoint_check_pin(const char *pin);
void endpoint_finish_trust(struct loader *l, struct endpoint_form *f);

/* auth.c */
void auth_finish(struct loader *l, struct endpoint_form *f);
const char *auth_check_fingerprint(const char *text);

/* endpoint_ftp.c: what depends on the protocol. Why it does not take a key of its table, or NULL. */
const char *endpoint_refuses_key(enum protocol protocol, const char *key);
void endpoint_finish_protocol(struct loader *l, struct endpoint_form *f);
const char *tls_check_pin(const char *pin);
const char *tls_check_ciphers(const char *ciphers);
const char *ftp_check_address(const char *address);
const char *ftp_check_ports(const char *ports);
const char *ftp_check_command(const char *command);

/* reach.c: the way to the server. */
void endpoint_finish_reach(struct loader *l, struct endpoint_form *f);
/* After all endpoints are finished: jump hosts are copies of them. */
void endpoint_finish_via(struct loader *l, struct endpoint_form *f);
const char *reach_check_address(const char *address);
const char *reach_check_argument(const char *argument);
const char *reach_check_login(const char *user);
const char *reach_check_algorithms(const char *names);

/* tunnels.c */
void tunnels_finish(struct loader *l, struct endpoint_form *f);

/* route.c */
void route_finish(struct loader *l, struct route_form *f);
const char *route_check_name(const char *name);
const char *route_check_glob(const char *pattern);
const char *route_check_variable(const char *pair);

/* loops.c: files that would come back to where they were taken from. */
void loops_check(struct loader *l);
/* May a file of the route's source, renamed by `name_template`, be selected by `target` again? */
bool loops_name_matches(const struct route_source *source, const char *name_template,
                        const struct route_source *target);

/* overlaps.c: routes that take the same files from each other. */
void overlaps_check(struct loader *l);

/* files.c: what must exist on this machine. Tell at `n`; nothing with DISK_IGNORE. */
enum dir_use { DIR_READ, DIR_READ_AND_CHANGE, DIR_WRITE };
void files_check_dir(struct loader *l, const struct node *n, const char *dir, enum dir_use use);
void files_check_key(struct loader *l, const struct node *n, const char *path);
void files_check_user_certificate(struct loader *l, const struct node *n, const char *path);
void files_check_known_hosts(struct loader *l, const struct node *n, const char *path,
                             const struct endpoint_config *e);
void files_check_revoked(struct loader *l, const struct node *n, const char *path);
void files_check_ca(struct loader *l, const struct node *n, const char *path);
void files_check_certificate(struct loader *l, const struct node *n, const struct tls_settings *t);
void files_check_tls_key(struct loader *l, const struct node *n, const char *path);
void files_check_secret(struct loader *l, const struct node *n, const struct secret_ref *s);

/* fingerprint.c: hex digest in the arena of all that a route does and with which settings. */
const char *fingerprint_of(struct arena *a, const struct route_config *r);
const char *fingerprint_of_endpoint(struct arena *a, const struct endpoint_config *e);

/* A configuration that is in memory; `name` is the file in messages, and the directory that
 * include: starts from. As config_load() otherwise. */
struct config_text {
	const char *name;
	const void *bytes;
	size_t length;
};
struct config *config_load_text(const struct config_text *text, const struct config_judges *judges,
                                enum disk_access disk, struct config_report *r);
