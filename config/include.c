#include "config/include.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/ssh_defaults.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* A file that was read: which one it is, and which one brought it in. */
struct loaded {
	dev_t device;
	ino_t inode;
	const struct loaded *by;
	const char *path;
	const struct node *at; /* the include: item */
	int depth;
	struct loaded *older;
};

struct reading {
	struct loader *l;
	struct loaded *newest;
	int count;
};

/* ---- one file ------------------------------------------------------------------------------ */

static void tell(struct reading *r, const struct node *at, const char *path, const char *sentence)
{
	struct source_text *source;
	struct escaped tmp;

	r->l->unread = true;
	if (at) {
		node_error(r->l->problems, at, "%s: %s", escape_name(path, &tmp), sentence);
		return;
	}
	source = arena_new_of(&r->l->tree, struct source_text);
	source->name = path;
	problem_add(r->l->problems, PROBLEM_ERROR, &(struct place){source, 0, 0}, "%s", sentence);
}

static const char *cannot_read(struct reading *r, int number)
{
	char words[128];

	return arena_printf(&r->l->tree, "cannot be read: %s",
	                    strerror_r(number, words, sizeof(words)));
}

/* All bytes of the file at `fd`, at most one more than is allowed. */
static char *read_all(int fd, size_t *length)
{
	char *bytes = mem_new(NODE_BYTES_MAX + 1);
	ssize_t got = 0;

	*length = 0;
	while (*length <= NODE_BYTES_MAX &&
	       (got = read(fd, bytes + *length, NODE_BYTES_MAX + 1 - *length)) > 0)
		*length += (size_t)got;
	if (got >= 0)
		return bytes;
	free(bytes);
	return NULL;
}

static struct source_text *new_source(struct reading *r, const char *name)
{
	struct source_text *source = arena_new_of(&r->l->tree, struct source_text);

	source->name = arena_dup(&r->l->tree, name);
	source->order = ++r->count;
	return source;
}

/* Binds one file's text; its root, or NULL when it could not be parsed. */
static const struct node *bind_file(struct reading *r, const struct config_text *text,
                                    const struct table *table)
{
	struct loader *l = r->l;
	struct binder b = {l->arena, l->problems, l->judges};
	struct node_input in = {.source = new_source(r, text->name),
	                        .bytes = text->bytes,
	                        .length = text->length,
	                        .budget = &l->budget};
	struct node *root = node_parse(&in, &l->tree, l->problems);
	struct node_found tmp;

	if (root && root->kind != NODE_MAP)
		node_error(l->problems, root,
		           "wants a map that begins with \"version: 1\", found "
		           "%s",
		           node_describe(root, &tmp));
	if (!root || root->kind != NODE_MAP) {
		l->unread = true;
		return NULL;
	}
	ssh_defaults_add(l, root);
	bind_section(&b, table, root, l);
	return root;
}

/* ---- what it includes ---------------------------------------------------------------------- */

static void include_file(struct reading *r, const struct loaded *by, const struct node *at,
                         const char *path);

static int by_bytes(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static void include_pattern(struct reading *r, const struct loaded *by, const struct node *at,
                            const char *pattern)
{
	glob_t found = {0};
	int result;

	errno = 0;
	result = glob(pattern, GLOB_ERR | GLOB_NOSORT, NULL, &found);
	if (result == GLOB_ABORTED &&
	    errno != ENOENT) /* a directory that is missing has no files */
		tell(r, at, at->text, cannot_read(r, errno));
	if (result == 0)
		qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), by_bytes);
	for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
		include_file(r, by, at, found.gl_pathv[i]);
	globfree(&found);
}

/* `path` as seen from the directory of `by`; `quote` protects that directory from glob(). */
static char *from_directory_of(struct reading *r, const char *by, const char *path,
                               const char *quote)
{
	const char *slash = strrchr(by, '/');
	size_t length = *path != '/' && slash ? (size_t)(slash - by) + 1 : 0;
	char *out = arena_new(&r->l->tree, 2 * length + strlen(path) + 1), *end = out;

	for (size_t i = 0; i < length; i++) {
		if (strchr(quote, by[i]))
			*end++ = '\\';
		*end++ = by[i];
	}
	memcpy(end, path, strlen(path) + 1);
	return out;
}

static void include_one(struct reading *r, const struct loaded *by, const struct node *at)
{
	if (at->broken || at->kind != NODE_SCALAR || !*at->text)
		return; /* told by the binder */
	if (strpbrk(at->text, "*?["))
		include_pattern(r, by, at, from_directory_of(r, by->path, at->text, "*?[]\\"));
	else
		include_file(r, by, at, from_directory_of(r, by->path, at->text, ""));
}

static void include_all(struct reading *r, const struct loaded *by, const struct node *root)
{
	const struct node *list = node_get(root, "include");

	if (!list || r->l->disk == DISK_IGNORE)
		return;
	if (list->kind == NODE_SCALAR && !node_is_nothing(list))
		include_one(r, by, list);
	for (const struct node *n = list->first; n; n = n->next)
		include_one(r, by, n);
}

/* Whether the file was read before; a file that is still being read is a loop. */
static bool was_loaded(struct reading *r, const struct loaded *f)
{
	for (const struct loaded *p = f->by; p; p = p->by)
		if (p->device == f->device && p->inode == f->inode) {
			tell(r, f->at, f->path, "a file that includes itself, here or on the way");
			return true;
		}
	for (const struct loaded *p = r->newest; p; p = p->older)
		if (p->device == f->device && p->inode == f->inode)
			return true;
	return false;
}

/* ---- the files ----------------------------------------------------------------------------- */

static void read_open_file(struct reading *r, struct loaded *f, int fd)
{
	struct config_text text = {.name = f->path};
	char *bytes = read_all(fd, &text.length);
	const struct node *root;

	if (!bytes) {
		tell(r, f->at, f->path, cannot_read(r, errno));
		return;
	}
	text.bytes = bytes;
	root = bind_file(r, &text, f->by ? &keys_included : &keys_root);
	explicit_bzero(bytes, text.length); /* literal secrets */
	free(bytes);
	f->older = r->newest;
	r->newest = f;
	if (root)
		include_all(r, f, root);
}

static void read_file(struct reading *r, struct loaded *f)
{
	int fd = open(f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		tell(r, f->at, f->path, cannot_read(r, errno));
	} else if (!S_ISREG(st.st_mode)) {
		tell(r, f->at, f->path, "not a regular file");
	} else {
		f->device = st.st_dev;
		f->inode = st.st_ino;
		if (!was_loaded(r, f))
			read_open_file(r, f, fd);
	}
	if (fd >= 0)
		(void)close(fd); /* was only read */
}

static struct loaded *new_loaded(struct reading *r, const struct loaded *by, const char *path)
{
	struct loaded *f = arena_new_of(&r->l->tree, struct loaded);

	f->path = arena_dup(&r->l->tree, path);
	f->by = by;
	f->depth = by ? by->depth + 1 : 1;
	return f;
}

static void include_file(struct reading *r, const struct loaded *by, const struct node *at,
                         const char *path)
{
	struct loaded *f = new_loaded(r, by, path);

	f->at = at;
	if (f->depth > INCLUDE_DEPTH_MAX)
		tell(r, at, path, "included more than 8 files deep");
	else if (r->count >= INCLUDE_FILES_MAX)
		tell(r, at, path, "more than 1,000 files in all");
	else
		read_file(r, f);
}

void include_main_file(struct loader *l, const char *path)
{
	struct reading r = {.l = l};

	read_file(&r, new_loaded(&r, NULL, path));
}

void include_main_text(struct loader *l, const struct config_text *text)
{
	struct reading r = {.l = l};
	const struct node *root = bind_file(&r, text, &keys_root);

	if (root)
		include_all(&r, new_loaded(&r, NULL, text->name), root);
}
