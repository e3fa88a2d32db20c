/*
 * Files at OpenSSH's own SFTP server (sftp_rig.h): made and looked at on disk in `root`, fetched and
 * put with the client, every byte known by its place.
 *
 *	return sftp_files_run(tests);		// the whole of main
 */
#pragma once
#include "adapters/sftp/files.h"
#include "daemon/base/mem.h"
#include "tests/runtime/sftp_rig.h"

static char root[64];

static inline void in_root(char out[256], const char *name)
{
	check(snprintf(out, 256, "%s/%s", root, name) < 256);
}

static inline void write_file(const char *name, const void *data, size_t n)
{
	char path[256];
	int fd;

	in_root(path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	check(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	close(fd);
}

static inline uint64_t file_size(const char *name)
{
	char path[256];
	struct stat st;

	in_root(path, name);
	return stat(path, &st) < 0 ? SIZE_UNKNOWN : (uint64_t)st.st_size;
}

static inline void make_dir(const char *name)
{
	char path[256];

	in_root(path, name);
	check(mkdir(path, 0755) == 0);
}

/* A sink and a source that know what byte belongs where. */
struct tally {
	uint64_t seen, size;
	bool is_wrong;
	size_t most; /* bytes per read of the source, 0 = what is asked for */
};

static inline unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset * 7 + (offset >> 12));
}

static inline int count_in(void *arg, const void *data, size_t n, struct err *e)
{
	struct tally *t = arg;
	const unsigned char *p = data;

	(void)e;
	for (size_t i = 0; i < n; i += 509)
		t->is_wrong |= p[i] != pattern(t->seen + i);
	t->seen += n;
	return 0;
}

static inline int64_t count_out(void *arg, void *data, size_t room, struct err *e)
{
	struct tally *t = arg;
	unsigned char *p = data;
	size_t n = room;

	(void)e;
	if (n > t->size - t->seen)
		n = t->size - t->seen;
	if (t->most && n > t->most)
		n = t->most;
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(t->seen + i);
	t->seen += n;
	return (int64_t)n;
}

static inline int get(struct sftp_client *c, const char *path, struct tally *t, uint64_t size,
                      struct err *e)
{
	struct get_options o = {.sink = {count_in, t},
	                        .expect_size = size,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = UINT64_MAX / 2};

	return sftp_get(c, path, &o, e);
}

static inline int put(struct sftp_client *c, const char *path, struct tally *t, struct err *e)
{
	struct put_options o = {.source = {count_out, t, t->size}, .mode = 0640, .durable = false};
	enum verification level = VERIFIED_NONE;
	int r = sftp_put(c, path, &o, &level, e);

	check(r < 0 || level == VERIFIED_SIZE);
	return r;
}

static inline void check_err(const struct err *e, int kind, const char *code, const char *words)
{
	if (e->kind == kind && strcmp(e->code, code) == 0 && strstr(e->message, words))
		return;
	(void)fprintf(stderr, "got %s %s \"%s\", want %s \"%s\"\n", err_kind_name(e->kind), e->code,
	              e->message, code, words);
	abort();
}

static inline int count_entry(const struct entry *entry, void *arg, struct err *e)
{
	(void)e;
	check(entry->size != SIZE_UNKNOWN && entry->mtime_ms != MTIME_UNKNOWN);
	check(strlen(entry->name) == entry->name_bytes);
	++*(size_t *)arg;
	return 0;
}

static const struct list_limits plenty = {100000, 64 << 20};

static inline size_t count_names(struct sftp_client *c, const char *path)
{
	size_t n = 0;
	struct err e;

	check(sftp_list(c, path, &plenty, count_entry, &n, &e) == 0);
	return n;
}

/* ---- the program --------------------------------------------------------------------------- */

static inline int make_root(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/ferryd-sftp-XXXXXX");
	(void)signal(SIGPIPE, SIG_IGN);
	return mkdtemp(root) ? 0 : -1;
}

static inline int remove_root(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		execl("/bin/rm", "rm", "-rf", root, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid ? 0 : -1;
}

static inline bool has_sftp_server(void)
{
	if (access(SFTP_SERVER, X_OK) == 0)
		return true;
	(void)fprintf(stderr, "no %s here: nothing to test against\n", SFTP_SERVER);
	return false;
}

#define sftp_files_run(tests) \
	(has_sftp_server() ? cmocka_run_group_tests(tests, make_root, remove_root) : 77)
