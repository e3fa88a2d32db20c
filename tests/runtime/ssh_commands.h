/*
 * Commands that are given up while they run, at a server of ssh_peers.h:
 *
 *	command_give_up(w, connection, &command);	// it says something, and goes on
 *
 * They are canceled once they have said it. What happens to the channel is what happens when a
 * command's time is over, but a busy machine cannot make it happen before the command runs.
 */
#pragma once
#include "adapters/adapter.h"
#include "adapters/command.h"
#include "tests/runtime/ssh_peers.h"

struct given_up {
	struct connection *connection;
	const struct command *command;
	struct command_result result;
	bool done;
	struct err e;
};

static void run_given_up(void *arg)
{
	struct given_up *g = arg;

	check(adapter_sftp.execute(g->connection, g->command, &g->result, &g->e) == ERR_CANCELED);
	g->done = true;
}

static inline void await_words(const struct given_up *g)
{
	int64_t until = clock_mono_ms() + 20000;
	struct err e;

	while (buf_len(&g->result.out.text) == 0) {
		check(!g->done && clock_mono_ms() < until);
		check(fiber_sleep(1, "a command to say something", &e) == 0);
	}
}

static inline void command_give_up(struct worker *w, struct connection *c,
                                   const struct command *command)
{
	struct given_up g = {.connection = c, .command = command};
	struct group fibers;

	command_result_init(&g.result);
	group_init(&fibers, w);
	group_start(&fibers, "a command", run_given_up, &g);
	await_words(&g);
	group_cancel(&fibers);
	group_wait(&fibers, "the end of a command");
	command_result_release(&g.result);
}
