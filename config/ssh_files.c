#include "config/ssh_files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

enum { SOURCE_ORDER = 1 << 20, PASSWD_BYTES = 16384 }; /* told behind the YAML files */

struct ssh_file {
	const char *path;
	struct ssh_lines *lines;
	struct ssh_file *next;
};

/* Who asks for a file: its place is where mistakes are told. */
struct asked {
	struct loader *l;
	const struct place *at;
	const struct node *node; /* of the endpoint's key; NULL in an Include */
	int depth;
};

static void tell(const struct asked *q, const char *path, const char *sentence)
{
	struct escaped tmp;

	(void)escape_name(path, &tmp);
	if (q->node)
		node_error(q->l->problems, q->node, "%s %s", tmp.text, sentence);
	else
		problem_add(q->l->problems, PROBLEM_ERROR, q->at, "%s %s", tmp.text, sentence);
}

/* ---- one file ------------------------------------------------------------------------------ */

static const char *refusal(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "is not a regular file";
	if (st->st_uid && st->st_uid != geteuid())
		return "belongs to another user, who could send ferryd elsewhere: chown root";
	if (st->st_mode & 022)
		return "can be written by others, who could send ferryd elsewhere: chmod go-w";
	if (st->st_size > SSH_FILE_MAX)
		return "is larger than 256 KiB: is it an ssh_config?";
	return NULL;
}

static int open_file(const struct asked *q, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const char *wrong = NULL;
	struct stat st;
	char words[128];

	if (fd < 0 || fstat(fd, &st) < 0)
		wrong = arena_printf(&q->l->tree, "cannot be read: %s",
		                     strerror_r(errno, words, sizeof(words)));
	else
		wrong = refusal(&st);
	if (!wrong)
		return fd;
	tell(q, path, wrong);
	if (fd >= 0)
		(void)close(fd); /* was only looked at */
	return -1;
}

/* At most one byte more than is allowed, which the parser refuses. */
static size_t read_all(int fd, char *out)
{
	size_t length = 0;
	ssize_t got;

	while (length <= SSH_FILE_MAX &&
	       (got = read(fd, out + length, SSH_FILE_MAX + 1 - length)) > 0)
		length += (size_t)got;
	return length;
}

static struct ssh_lines *parse_file(const struct asked *q, const char *path, int fd)
{
	struct source_text *source = arena_new_of(&q->l->tree, struct source_text);
	char *bytes _cleanup_free_ = mem_new(SSH_FILE_MAX + 1);
	struct ssh_config_input in = {.source = source, .bytes = bytes};

	source->name = arena_dup(&q->l->tree, path);
	source->order = SOURCE_ORDER + q->l->ssh_file_count;
	in.length = read_all(fd, bytes);
	return ssh_config_parse(&in, &q->l->tree, q->l->problems);
}

/* ---- Include ------------------------------------------------------------------------------- */

static struct ssh_lines *read_file(const struct asked *q, const char *path);

static void add_file(struct loader *l, struct ssh_line *line, struct ssh_lines *file)
{
	struct ssh_lines **more =
	        arena_new_array(&l->tree, line->file_count + 1, sizeof(struct ssh_lines *));

	if (line->file_count)
		memcpy(more, line->files, line->file_count * sizeof(struct ssh_lines *));
	more[line->file_count++] = file;
	line->files = more;
}

/* As seen from the directory of `by`, whose special characters glob() must not see. */
static const char *from_directory_of(struct loader *l, const char *by, const char *path)
{
	const char *slash = strrchr(by, '/');
	char *out, *end;

	if (text_starts(path, "~/"))
		return arena_printf(&l->tree, "%s%s", ssh_files_home(l), path + 1);
	if (*path == '/' || !slash)
		return path;
	out = end = arena_new(&l->tree, 2 * (size_t)(slash - by) + strlen(path) + 2);
	for (; by <= slash; by++) {
		if (strchr("*?[]\\", *by))
			*end++ = '\\';
		*end++ = *by;
	}
	memcpy(end, path, strlen(path) + 1);
	return out;
}

static void include_pattern(const struct asked *q, struct ssh_line *line, const char *pattern)
{
	glob_t found = {0};

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct ssh_lines *file = read_file(q, found.gl_pathv[i]);

			if (file)
				add_file(q->l, line, file);
		}
	globfree(&found);
}

static void include_line(const struct asked *q, struct ssh_line *line, const char *by)
{
	struct asked next = {.l = q->l, .at = &line->at, .depth = q->depth + 1};

	for (size_t i = 0; i < line->count; i++) {
		if (*line->args[i] == '~' && line->args[i][1] != '/')
			tell(&next, line->args[i],
			     "names another user's home: write the directory");
		else
			include_pattern(&next, line, from_directory_of(q->l, by, line->args[i]));
	}
}

static struct ssh_lines *read_file(const struct asked *q, const char *path)
{
	struct ssh_lines *lines;
	int fd;

	if (q->depth > SSH_DEPTH_MAX) {
		tell(q, path, "is included more than 16 files deep: does it include itself?");
		return NULL;
	}
	if (q->l->ssh_file_count >= SSH_FILES_MAX) {
		tell(q, path, "is one of more than 256 files in all");
		return NULL;
	}
	fd = open_file(q, path);
	if (fd < 0)
		return NULL;
	q->l->ssh_file_count++;
	lines = parse_file(q, path, fd);
	(void)close(fd); /* was only read */
	for (size_t i = 0; i < lines->count; i++)
		if (lines->items[i].keyword == SSH_INCLUDE)
			include_line(q, &lines->items[i], path);
	return lines;
}

/* ---- what endpoints ask for ---------------------------------------------------------------- */

const struct ssh_lines *ssh_files_read(struct loader *l, const struct node *n, const char *path)
{
	struct asked q = {.l = l, .at = &n->at, .node = n, .depth = 1};
	struct ssh_file *f;

	if (l->disk == DISK_IGNORE)
		return NULL;
	for (f = l->ssh_files; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f->lines;
	f = arena_new_of(&l->tree, struct ssh_file);
	f->path = arena_dup(&l->tree, path);
	f->lines = read_file(&q, path);
	f->next = l->ssh_files;
	l->ssh_files = f;
	return f->lines;
}

const char *ssh_files_home(struct loader *l)
{
	char *space _cleanup_free_ = mem_new(PASSWD_BYTES);
	struct passwd entry, *found = NULL;

	if (getpwuid_r(geteuid(), &entry, space, PASSWD_BYTES, &found) == 0 && found)
		return arena_dup(&l->tree, found->pw_dir);
	return "/";
}
