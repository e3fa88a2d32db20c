/*
 * Tests of local directories: a fresh directory, a connection to it, a fiber to run in.
 *
 *	static void body(struct connection *c) { ... check(...) ... }
 *	static void test_x(void **state) { local_run(body); }
 *
 * Files are named beneath the directory. check() instead of cmocka's assertions, see rig.h.
 */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/adapter.h"
#include "config/config.h"
#include "daemon/runtime/work.h"
#include "tests/runtime/rig.h"
#include "tests/unit/tree.h"

static const struct adapter *const local = &adapter_local;
static char local_dir[64];
static struct endpoint_config local_settings;

static inline int local_setup(void **state)
{
	(void)state;
	(void)snprintf(local_dir, sizeof(local_dir), "/tmp/test_local.XXXXXX");
	check(mkdtemp(local_dir));
	local_settings = (struct endpoint_config){.name = "local:test", .root = local_dir};
	return 0;
}

static inline int local_teardown(void **state)
{
	(void)state;
	return tree_remove(local_dir);
}

static void (*local_body)(struct connection *c);

static inline void local_in_fiber(struct worker *w)
{
	struct connection *c = NULL;
	struct err e = {0};

	(void)w;
	if (local->connect(&local_settings, NULL, &c, &e) < 0)
		(void)fprintf(stderr, "connect: %s\n", e.message);
	check(c);
	local_body(c);
	local->close(c);
}

static inline void local_run(void (*body)(struct connection *c))
{
	local_body = body;
	rig_run(local_in_fiber);
}

/* ---- files --------------------------------------------------------------------------------- */

/* The absolute path of a file, in one of four buffers that take turns. */
static inline const char *at(const char *name)
{
	static char paths[4][512];
	static int turn;

	turn = (turn + 1) % 4;
	(void)snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", local_dir, name);
	return paths[turn];
}

static inline void drop_file(const char *name, const char *text)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static inline bool holds(const char *name, const char *text)
{
	char data[256];
	int fd = open(at(name), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof(data));

	if (fd >= 0)
		(void)close(fd);
	return n == (ssize_t)strlen(text) && memcmp(data, text, (size_t)n) == 0;
}

static inline bool exists(const char *name)
{
	struct stat st;

	return lstat(at(name), &st) == 0;
}

static inline bool is_code(const struct err *e, enum err_kind kind, const char *code)
{
	if (e->kind == (int)kind && strcmp(e->code, code) == 0)
		return true;
	(void)fprintf(stderr, "not %s but %s: %s\n", code, e->code, e->message);
	return false;
}
