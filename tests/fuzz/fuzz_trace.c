/*
 * Any texts as lines of a trace, then its file is read: flags, separator, and texts between the
 * separators; the first is the endpoint's name, the second the server's, the others are records.
 * Every line of the file is a record, a line of its head or the count of dropped ones; no control
 * character is in it, and where the texts were escaped, as callers must, the file is valid UTF-8.
 */
#include <fcntl.h>
#include <unistd.h>

#include "adapters/trace.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { FILE_BYTES = 256 * 1024 };

static char dir[64];

static void remove_folder(void)
{
	(void)rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)snprintf(dir, sizeof(dir), "%s/fuzz_trace.XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	must(mkdtemp(dir));
	(void)atexit(remove_folder);
	return 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct pieces {
	const uint8_t *at;
	size_t left;
	uint8_t separator;
	bool raw;
};

static bool next_text(struct pieces *t, char out[4096])
{
	const uint8_t *end = t->left ? memchr(t->at, t->separator, t->left) : NULL;
	size_t n = end ? (size_t)(end - t->at) : t->left, room = n < 4095 ? n : 4095;

	if (!t->left)
		return false;
	if (t->raw) {
		memcpy(out, t->at, room);
		out[room] = '\0';
	} else {
		(void)escape(t->at, n, out, ESCAPE_ROOM);
	}
	n += end ? 1 : 0;
	t->at += n;
	t->left -= n;
	return true;
}

static void record_all(struct trace *t, struct pieces *texts, unsigned bit)
{
	char text[4096];

	for (; next_text(texts, text); bit = bit == TRACE_SOCKET ? TRACE_TRANSPORT : bit << 1)
		TRACE(t, bit, "%s", text);
}

static char *write_trace(const uint8_t *data, size_t size)
{
	struct pieces texts = {data + 2, size - 2, data[1], data[0] & 1};
	const struct trace_config settings = {.dir = dir, .max_bytes = 1 << 20, .keep_ms = 1000};
	enum trace_when when = data[0] & 2 ? TRACE_ALWAYS : TRACE_FAILURE;
	char endpoint[4096] = "", server[4096] = "";
	struct err e;
	struct trace *t;
	char *file;

	(void)next_text(&texts, endpoint);
	(void)next_text(&texts, server);
	t = trace_new(&settings, endpoint, TRACE_MASK_ALL, when);
	trace_about(t, "server", "%s", server);
	record_all(t, &texts, TRACE_TRANSPORT);
	(void)err_set(&e, ERR_NETWORK, "FUZZ", 1, "%s", server);
	trace_failed(t, &e);
	file = mem_dup(trace_file(t));
	trace_free(t);
	must(file);
	return file;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool is_utf8(const char *text, size_t n)
{
	char out[ESCAPE_ROOM];

	/* what the escaper leaves alone is valid; a backslash it does not */
	for (size_t i = 0; i < n;) {
		size_t k = 1;

		while (i + k < n && ((unsigned char)text[i + k] & 0xC0) == 0x80)
			k++;
		if (text[i] != '\\' && text[i] != '\n' &&
		    (k > 4 || strlen(escape(text + i, k, out, sizeof(out))) != k))
			return false;
		i += k;
	}
	return true;
}

static void check_lines(const char *text)
{
	while (*text) {
		const char *end = strchr(text, '\n');

		must(end);
		must(*text == '+' || *text == '#' || strncmp(text, "... ", 4) == 0);
		text = end + 1;
	}
}

static void check_file(const char *file, bool raw)
{
	static char text[FILE_BYTES + 1];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	must(fd >= 0);
	n = read(fd, text, FILE_BYTES);
	(void)close(fd);
	must(n > 0 && n < FILE_BYTES);
	text[n] = '\0';
	must(strlen(text) == (size_t)n);
	must_be_visible(text, (size_t)n, SIZE_MAX);
	check_lines(text);
	must(raw || is_utf8(text, (size_t)n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *file, *slash;

	if (size < 2)
		return 0;
	file = write_trace(data, size);
	check_file(file, data[0] & 1);
	must(strncmp(file, dir, strlen(dir)) == 0 && unlink(file) == 0);
	slash = strrchr(file, '/');
	*slash = '\0';
	must(strlen(file) > strlen(dir) + 1 && rmdir(file) == 0);
	free(file);
	return 0;
}
