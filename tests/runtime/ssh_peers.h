/*
 * Servers for the tests of SSH connections: tests/lib/ssh_peers.py, started once a program.
 *
 *	peers_start("sshd");			// in main, before anything else
 *	peers_port("sshd_cat");
 *	peers_ask("attempts password");		// a number
 *	peers_stop();
 *
 * and what the tests of this room share: an endpoint for a peer, and a second fiber that watches
 * that the worker keeps its pace.
 */
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapters/sftp/session.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"

static struct {
	pid_t pid;
	FILE *to, *from;
	char folder[64];
	struct {
		char name[32];
		int port;
	} ports[128];
	int count;
} peers;

static void peers_exec(const char *groups, const int *to, const int *from)
{
	char *argv[16] = {mem_dup("/usr/bin/python3"), mem_dup("-W"), mem_dup("ignore"),
	                  mem_dup(SOURCE_DIR "/tests/lib/ssh_peers.py"), peers.folder};
	char *list = mem_dup(groups), *save = NULL;
	int argc = 5;

	for (char *g = strtok_r(list, " ", &save); g; g = strtok_r(NULL, " ", &save))
		argv[argc++] = g;
	check(dup2(to[0], 0) == 0 && dup2(from[1], 1) == 1);
	check(close(to[0]) == 0 && close(to[1]) == 0 && close(from[0]) == 0 && close(from[1]) == 0);
	execv(argv[0], argv);
	_exit(127);
}

static inline int peers_start(const char *groups)
{
	int to[2], from[2], n;
	char line[128];

	log_setup(LOG_LEVEL_ERROR, 0); /* tests switch the host key check off, which warns */
	(void)snprintf(peers.folder, sizeof(peers.folder), "/tmp/ferryd-ssh-XXXXXX");
	check(mkdtemp(peers.folder) && pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	peers.pid = fork();
	check(peers.pid >= 0);
	if (peers.pid == 0)
		peers_exec(groups, to, from);
	(void)close(to[0]);
	(void)close(from[1]);
	peers.to = fdopen(to[1], "w");
	peers.from = fdopen(from[0], "r");
	while (fgets(line, sizeof(line), peers.from) && strncmp(line, "READY", 5) != 0) {
		check(sscanf(line, "%31s %d%n", peers.ports[peers.count].name,
		             &peers.ports[peers.count].port, &n) == 2);
		peers.count++;
	}
	check(strncmp(line, "READY", 5) == 0);
	return 0;
}

static inline int peers_port(const char *name)
{
	for (int i = 0; i < peers.count; i++)
		if (strcmp(peers.ports[i].name, name) == 0)
			return peers.ports[i].port;
	(void)fprintf(stderr, "no peer %s\n", name);
	abort();
}

static inline int peers_ask(const char *command)
{
	char line[64];

	check(fprintf(peers.to, "%s\n", command) > 0 && fflush(peers.to) == 0);
	check(fgets(line, sizeof(line), peers.from) != NULL);
	return (int)strtol(line, NULL, 10);
}

static inline void peers_stop(void)
{
	int status;

	(void)fclose(peers.to);
	(void)fclose(peers.from);
	check(waitpid(peers.pid, &status, 0) == peers.pid);
}

/* ---- an endpoint for a peer ---------------------------------------------------------------- */

struct partner {
	struct endpoint_config endpoint;
	struct auth_method auth[3];
	char key[3][128], known_hosts[128];
	const char *known_hosts_list[1], *pins[2];
};

static inline void partner_init(struct partner *p, const char *peer)
{
	memset(p, 0, sizeof(*p));
	(void)snprintf(p->known_hosts, sizeof(p->known_hosts), "%s/%s/known_hosts", peers.folder,
	               peer);
	p->known_hosts_list[0] = p->known_hosts;
	p->endpoint = (struct endpoint_config){
	        .name = "partner",
	        .protocol = PROTOCOL_SFTP,
	        .host = "127.0.0.1",
	        .port = peers_port(peer),
	        .user = "root",
	        .auth = p->auth,
	        .known_hosts = p->known_hosts_list,
	        .known_hosts_count = 1,
	        .connections = 1,
	        .timeouts = {.connect_ms = 5000,
	                     .handshake_ms = 5000,
	                     .auth_ms = 5000,
	                     .request_ms = 5000,
	                     .stall_ms = 5000},
	};
}

static inline void partner_key(struct partner *p, const char *name, const char *passphrase)
{
	size_t i = p->endpoint.auth_count++;

	(void)snprintf(p->key[i], sizeof(p->key[i]), "%s/keys/%s", peers.folder, name);
	p->auth[i].kind = AUTH_PUBLICKEY;
	p->auth[i].key_file = p->key[i];
	if (passphrase)
		p->auth[i].passphrase =
		        (struct secret_ref){.kind = SECRET_VALUE, .text = passphrase};
}

static inline void partner_password(struct partner *p, const char *password)
{
	size_t i = p->endpoint.auth_count++;

	p->auth[i].kind = AUTH_PASSWORD;
	p->auth[i].password = (struct secret_ref){.kind = SECRET_VALUE, .text = password};
}

/* Does not check the host key: for tests of what comes before or after. */
static inline void partner_trust_any(struct partner *p)
{
	p->endpoint.host_key_check = HOST_KEY_OFF;
	p->endpoint.known_hosts_count = 0;
}

/* The session must open; closed by the caller, while `p` lives. */
static inline struct session *partner_opens(struct partner *p)
{
	struct session *s;
	struct err e;

	if (session_open(&p->endpoint, NULL, &s, &e) < 0) {
		(void)fprintf(stderr, "%s: %s\n", e.code, e.message);
		abort();
	}
	return s;
}

/* The session must not open; returns the code. */
static inline const char *partner_fails(struct partner *p, struct err *e)
{
	struct session *s = NULL;

	memset(e, 0, sizeof(*e));
	if (session_open(&p->endpoint, NULL, &s, e) == 0) {
		session_close(s);
		return "OPENED";
	}
	check(e->kind < 0 && e->code && e->message[0]);
	return e->code;
}

#define check_code(p, e, want)                                                               \
	do {                                                                                 \
		const char *got_code = partner_fails(p, e);                                  \
		if (strcmp(got_code, want) != 0) {                                           \
			(void)fprintf(stderr, "%s:%d: %s, not %s: %s\n", __FILE__, __LINE__, \
			              got_code, want, (e)->message);                         \
			abort();                                                             \
		}                                                                            \
	} while (0)

/* ---- the pace of the worker ---------------------------------------------------------------- */

/* How long this thread wanted a processor and had none: a busy machine is no stall of ours. 0 where
 * the kernel does not tell. proc(5), schedstat. */
static int64_t starved_ms(void)
{
	unsigned long long ran, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f && fscanf(f, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	if (f)
		(void)fclose(f);
	return (int64_t)(waited / 1000000);
}

struct pace {
	bool stop, stopped;
	int64_t worst_ms;
};

static void pace_watch(void *arg)
{
	struct pace *p = arg;
	struct err e;

	while (!p->stop) {
		int64_t before = clock_mono_ms() - starved_ms(), late;

		check(fiber_sleep(2, "pace", &e) == 0);
		late = clock_mono_ms() - starved_ms() - before - 2;
		if (late > p->worst_ms)
			p->worst_ms = late;
	}
	p->stopped = true;
}

static inline void pace_start(struct pace *p, struct worker *w)
{
	memset(p, 0, sizeof(*p));
	(void)fiber_start(w, "pace", pace_watch, p);
}

static inline int64_t pace_stop(struct pace *p)
{
	p->stop = true;
	rig_await(&p->stopped);
	return p->worst_ms;
}
