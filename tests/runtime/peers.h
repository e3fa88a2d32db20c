/*
 * Servers for the tests of this room: a program in tests/lib, started once a test program, which
 * tells the places of its servers, obeys one command a line and ends with its input.
 *
 *	return peers_run("sshd agents", tests);	// the whole of main; the servers' groups
 *	peers_ask("attempts password");		// a number
 *
 * The rig of a protocol (ssh_peers.h, ftp_rig.h) says which program it is and reads its lines.
 */
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"

static struct {
	pid_t pid;
	FILE *to, *from;
	char folder[64]; /* what the servers keep */
} peers;

static void peers_exec(const char *program, const char *groups, const int *to, const int *from)
{
	char *argv[16] = {mem_dup("/usr/bin/python3"), mem_dup("-W"), mem_dup("ignore"),
	                  mem_printf("%s/tests/lib/%s", SOURCE_DIR, program), peers.folder};
	char *list = mem_dup(groups), *save = NULL;
	int argc = 5;

	for (char *g = strtok_r(list, " ", &save); g; g = strtok_r(NULL, " ", &save))
		argv[argc++] = g;
	check(dup2(to[0], 0) == 0 && dup2(from[1], 1) == 1);
	execv(argv[0], argv);
	_exit(127);
}

/* Until the program is ready; `add` reads the place of one server. */
static inline void peers_start_with(const char *program, const char *groups,
                                    void (*add)(const char *line))
{
	char line[1024] = "";
	int to[2], from[2];

	work_setup();
	log_setup(LOG_LEVEL_ERROR, 0); /* tests switch the host key check off, which warns */
	(void)snprintf(peers.folder, sizeof(peers.folder), "/tmp/ferryd-peers-XXXXXX");
	check(mkdtemp(peers.folder) && chmod(peers.folder, 0755) == 0);
	check(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
	peers.pid = fork();
	check(peers.pid >= 0);
	if (peers.pid == 0)
		peers_exec(program, groups, to, from);
	(void)close(to[0]);
	(void)close(from[1]);
	peers.to = fdopen(to[1], "w");
	peers.from = fdopen(from[0], "r");
	while (fgets(line, sizeof(line), peers.from) && strncmp(line, "READY", 5) != 0)
		add(line);
	check(strncmp(line, "READY", 5) == 0);
}

static inline int peers_ask(const char *command)
{
	char line[64];

	check(fprintf(peers.to, "%s\n", command) > 0 && fflush(peers.to) == 0);
	check(fgets(line, sizeof(line), peers.from) != NULL);
	return (int)strtol(line, NULL, 10);
}

static inline int peers_stop(int failed)
{
	int status;

	(void)fclose(peers.to);
	(void)fclose(peers.from);
	check(waitpid(peers.pid, &status, 0) == peers.pid);
	return failed;
}

#define peers_run(groups, tests) \
	(peers_start(groups), peers_stop(cmocka_run_group_tests(tests, NULL, NULL)))
