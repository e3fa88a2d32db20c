/*
 * A folder that each test has of its own, and the files in it; "@" in a text stands for its path.
 *
 *	cmocka_unit_test_setup_teardown(test_x, make_folder, remove_folder)
 *	write_file("a.yaml", "include: [@/b.yaml]\n", 0600);
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "tests/unit/tree.h"

enum { EXPANDED_MAX = 8 * 1024 * 1024 };

static char folder[64];

static inline int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ferryd-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
	(void)state;
	return tree_remove(folder);
}

/* Freed by the caller. */
static inline char *expand(const char *text)
{
	struct buf b;
	char *out;

	buf_init(&b, EXPANDED_MAX);
	for (; *text; text++)
		(void)buf_printf(&b, *text == '@' ? "%s" : "%.1s", *text == '@' ? folder : text);
	out = mem_dup(buf_text(&b));
	buf_release(&b);
	return out;
}

static inline void write_as_it_is(const char *name, const char *text, mode_t mode)
{
	char *path _cleanup_free_ = mem_printf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static inline void write_file(const char *name, const char *text, mode_t mode)
{
	char *full _cleanup_free_ = expand(text);

	write_as_it_is(name, full, mode);
}

static inline void make_dir(const char *name)
{
	char *path _cleanup_free_ = mem_printf("%s/%s", folder, name);

	assert_int_equal(mkdir(path, 0700), 0);
}
