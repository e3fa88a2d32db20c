/*
 * The signals of the process: blocked in every thread, read by one fiber of the main worker.
 *
 *	SIGHUP			load the configuration again
 *	SIGTERM, SIGINT		stop; a second one stops at once
 *	SIGUSR1, SIGUSR2	mean nothing here and are told in the log: they would end the process
 *				otherwise, and what an operator tries on other daemons must not
 */
#pragma once

/* Before the first thread is started. */
void signals_block(void);
/* fiber_fn; arg: struct engine. Ends when the main worker is stopped. */
void signals_fiber(void *engine);
