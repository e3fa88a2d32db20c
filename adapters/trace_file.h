/*
 * Where a trace goes on disk: names, rotation, expiry. Blocking; for the work pool.
 *
 *	struct trace_piece p = {.dir = ..., .folder = ..., .file = ..., .head = ..., .data = ...};
 *	trace_file_name(dir, folder, file, sizeof(file));	// once
 *	if (trace_piece_write(&p, e) < 0) ...			// for every piece
 *
 * A piece that would carry the file past max_bytes first turns it into "<file>.1"; a new file
 * begins with the head again.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

enum { TRACE_PATH_BYTES = 512 /* as TRACE_FILE_BYTES */, TRACE_FOLDER_BYTES = 128 };

/* OWN: a file of this trace alone. The others: a file an operator named, which all connections of
 * the endpoint append to; BEGINS: this trace's first piece there, its head comes too. */
enum trace_shared { TRACE_OWN, TRACE_SHARED, TRACE_SHARED_BEGINS };

/* The endpoint's name as a directory name: everything but letters, digits, '.', '-' and '_'
 * becomes '_' ("local:/srv/in" -> "local__srv_in"). */
void trace_folder_name(const char *endpoint, char out[TRACE_FOLDER_BYTES]);
/* "<dir>/<folder>/20261120T110749.123Z-1a2b3c4d.trace" */
void trace_file_name(const char *dir, const char *folder, char out[TRACE_PATH_BYTES]);

struct trace_piece {
	const char *dir, *folder, *file;
	enum trace_shared shared; /* dir and folder are not read then, file is any path */
	const char *head;
	size_t head_bytes;
	const void *data;
	size_t data_bytes;
	uint64_t max_bytes;
	int64_t keep_ms;
};

int trace_piece_write(const struct trace_piece *p, struct err *e);

/* Makes the file an operator named, or finds that it is an earlier trace; anything else that is
 * there is refused (ERR_LOCAL "TRACE-FILE"), so that nobody can make ferryd write into what is not
 * a trace. */
int trace_file_claim(const char *path, struct err *e);
