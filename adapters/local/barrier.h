/*
 * The barrier: "on disk" for many fibers at once.
 *
 *	struct barrier_item items[] = {{.fd = file, .kind = BARRIER_DATA}, {.fd = dir}};
 *	error = barrier_wait(&b, items, 2);		// 0, or the errno of the first failure
 *
 * What is handed in while a round of flushing is under way waits for the next one, which then
 * flushes everything that has gathered: a directory that many files were renamed into once, and a
 * crowd of different files and directories by one syncfs(2). So 10,000 small files do not cost
 * 10,000 disk flushes, and a single one does not wait for company.
 *
 *	fibers:  a     b c d         e f
 *	rounds:  |--a--|----b c d----|--e f--|
 *
 * A failed flush is final: after it the kernel calls the pages clean, and a second flush would
 * succeed although the data is lost. So every item of a round that failed is reported as failed,
 * and nothing is flushed twice. With syncfs(2) each file's own error is asked for too, because
 * the error of one file is told only once per descriptor.
 *
 * The barrier takes the descriptors and closes them, successful or not (an error of close(2) is an
 * error of the item). Not cancelable: what was done must be known.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/runtime/fiber.h"

enum barrier_kind {
	BARRIER_ALL,  /* fsync(2): directories, files whose mode changed */
	BARRIER_DATA, /* fdatasync(2) */
};

struct barrier_item {
	int fd; /* -1: nothing to do */
	enum barrier_kind kind;
	/* the barrier's own */
	struct link link;
	dev_t dev;
	ino_t ino;
	bool is_file, is_done;
	int error;
};

struct barrier {
	struct link waiting; /* items of the next round */
	bool is_flushing;
	struct signal flushed;
	unsigned long long rounds; /* for tests and traces */
};

void barrier_init(struct barrier *b);
int barrier_wait(struct barrier *b, struct barrier_item *items, size_t n);
