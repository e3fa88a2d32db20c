#include "daemon/route/listing.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/names.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { NAMES_MAX = 100000, NAME_BYTES_MAX = 64 * 1024 * 1024 };

void listing_init(struct listing *l, const struct route *r)
{
	*l = (struct listing){.route = r, .began_wall_ms = clock_wall_ms()};
	l->refusals = mem_new_array(LISTING_REFUSALS_KEPT, sizeof(*l->refusals));
}

void listing_release(struct listing *l)
{
	size_t kept = l->refused < LISTING_REFUSALS_KEPT ? l->refused : LISTING_REFUSALS_KEPT;

	for (size_t i = 0; i < l->count; i++)
		free(l->files[i].path);
	for (size_t i = 0; i < kept; i++)
		free(l->refusals[i].path);
	for (size_t i = 0; i < l->folder_count; i++)
		free(l->folders[i]);
	free(l->files);
	free(l->refusals);
	free(l->folders);
}

static void refuse(struct listing *l, const char *folder, const struct entry *entry,
                   const char *code, const char *sentence)
{
	size_t n = strlen(folder), at = n ? n + 1 : 0;
	struct refusal *f;

	if (l->refused++ >= LISTING_REFUSALS_KEPT)
		return;
	f = &l->refusals[l->refused - 1];
	f->path_bytes = at + entry->name_bytes;
	f->path = mem_new(f->path_bytes + 1);
	memcpy(f->path, folder, n);
	if (n)
		f->path[n] = '/';
	memcpy(f->path + at, entry->name, entry->name_bytes);
	f->size = entry->size;
	f->mtime_ms = entry->mtime_ms;
	f->precision_ms = entry->mtime_precision_ms;
	f->code = code;
	f->sentence = sentence;
}

static char *below(const char *folder, const char *name)
{
	return *folder ? mem_printf("%s/%s", folder, name) : mem_dup(name);
}

static void add_file(struct listing *l, const char *folder, const struct entry *entry)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->files = mem_grow(l->files, l->room * sizeof(*l->files));
	}
	l->files[l->count++] = (struct candidate){
	        .path = below(folder, entry->name),
	        .size = entry->size,
	        .mtime_ms = entry->mtime_ms,
	        .identity = entry->identity,
	        .precision_ms = entry->mtime_precision_ms,
	};
}

static void add_folder(struct listing *l, const char *folder, const struct entry *entry)
{
	if (l->folder_count == l->folder_room) {
		l->folder_room = l->folder_room ? 2 * l->folder_room : 16;
		l->folders = mem_grow(l->folders, l->folder_room * sizeof(*l->folders));
	}
	l->folders[l->folder_count++] = below(folder, entry->name);
}

static int depth_of(const char *folder)
{
	int depth = *folder ? 1 : 0;

	for (; *folder; folder++)
		depth += *folder == '/';
	return depth;
}

static bool wants_folder(const struct listing *l, const char *folder, const struct entry *entry)
{
	const struct route_source *from = &l->route->settings->from;

	return entry->type == ENTRY_DIR && depth_of(folder) < from->recurse &&
	       (entry->name[0] != '.' || from->hidden) &&
	       strlen(folder) + entry->name_bytes + 1 < PATH_MAX;
}

/* Our own temporary and claim names are passed over, not refused: they are nobody's attack. */
static bool passes_gate(struct listing *l, const char *folder, const struct entry *entry)
{
	enum name_verdict v = name_gate(entry->name, entry->name_bytes);

	if (v == NAME_OK)
		return true;
	if (v != NAME_OURS)
		refuse(l, folder, entry, name_verdict_code(v), name_verdict_text(v));
	return false;
}

struct walk {
	struct listing *listing;
	const char *folder;
};

static int see(const struct entry *entry, void *arg, struct err *e)
{
	struct walk *w = arg;
	struct listing *l = w->listing;
	const struct route_source *from = &l->route->settings->from;

	l->listed++;
	l->name_bytes += entry->name_bytes;
	if (l->listed > NAMES_MAX || l->name_bytes > NAME_BYTES_MAX)
		return err_set(e, ERR_POLICY, "LIST-TOO-LONG", 0,
		               "more than %d names; move finished files away or split the route",
		               NAMES_MAX);
	if (!passes_gate(l, w->folder, entry))
		return 0;
	if (wants_folder(l, w->folder, entry)) {
		add_folder(l, w->folder, entry);
		return 0;
	}
	switch (select_entry(from, entry, l->began_wall_ms)) {
	case SELECT_TAKE:
		add_file(l, w->folder, entry);
		break;
	case SELECT_LARGE:
		refuse(l, w->folder, entry, "FILE-TOO-LARGE", "larger than the route's max_size");
		break;
	default:
		l->filtered++;
		break;
	}
	return 0;
}

static int list_folder(struct listing *l, const char *folder, struct lease *lease, struct err *e)
{
	static const struct list_limits limits = {NAMES_MAX, NAME_BYTES_MAX};
	struct walk w = {l, folder};
	struct escaped name;
	char path[PATH_MAX];
	int r = route_join(path, sizeof(path), l->route->settings->from.path, folder, e);

	if (r == 0)
		r = lease->adapter->list(lease->connection, path, &limits, see, &w, e);
	if (r < 0)
		return err_wrap(e, "list %s", *path ? escape_name(path, &name) : "the directory");
	return 0;
}

int listing_walk(struct listing *l, struct lease *lease, struct err *e)
{
	int r = list_folder(l, "", lease, e);

	while (r == 0 && l->folder_count) {
		char *folder = l->folders[--l->folder_count];

		struct err why;

		r = list_folder(l, folder, lease, &why);
		if (r == ERR_OBJECT && strcmp(why.code, "OBJ-MISSING") == 0)
			r = 0; /* a folder below that went away meanwhile takes its files along */
		else if (r < 0)
			*e = why;
		free(folder);
	}
	return r;
}
