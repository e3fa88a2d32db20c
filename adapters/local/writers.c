#include "adapters/local/writers.h"

#include <sys/inotify.h>

#include "daemon/base/mem.h"

struct writer {
	struct link link;
	char *name;
	int opens; /* for reading or writing: inotify does not tell */
	bool is_written, is_newborn;
	int64_t seen_ms;
};

void writers_init(struct writers *w)
{
	*w = (struct writers){0};
	list_init(&w->names);
}

static void set_newborn(struct writers *w, struct writer *f, bool is_newborn)
{
	w->newborn -= f->is_newborn;
	f->is_newborn = is_newborn;
	w->newborn += f->is_newborn;
}

static void forget(struct writers *w, struct writer *f)
{
	set_newborn(w, f, false);
	list_remove(&f->link);
	w->count--;
	free(f->name);
	free(f);
}

void writers_release(struct writers *w)
{
	list_for_each(l, &w->names) forget(w, list_item(l, struct writer, link));
}

static struct writer *find(const struct writers *w, const char *name)
{
	list_for_each(l, &w->names)
	{
		struct writer *f = list_item(l, struct writer, link);

		if (strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

/* Readers, and files whose closing was not counted. */
static void drop_unwritten(struct writers *w)
{
	list_for_each(l, &w->names)
	{
		struct writer *f = list_item(l, struct writer, link);

		if (!f->is_written)
			forget(w, f);
	}
}

/* NULL when there is no room. */
static struct writer *find_or_add(struct writers *w, const char *name)
{
	struct writer *f = find(w, name);

	if (f)
		return f;
	if (w->count >= WRITERS_MOST)
		drop_unwritten(w);
	if (w->count >= WRITERS_MOST) {
		w->forgotten++;
		return NULL;
	}
	f = mem_new_of(struct writer);
	f->name = mem_dup(name);
	list_append(&w->names, &f->link);
	w->count++;
	return f;
}

static void note_close(struct writers *w, const char *name, uint32_t mask)
{
	struct writer *f = find(w, name);

	if (!f)
		return;
	set_newborn(w, f, false);
	if (f->opens > 0)
		f->opens--;
	if (mask & IN_CLOSE_WRITE)
		f->is_written = false;
	if (!f->opens && !f->is_written)
		forget(w, f);
}

void writers_note(struct writers *w, uint32_t mask, const char *name, int64_t now_ms)
{
	struct writer *f;

	if (mask & (IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)) {
		f = find(w, name);
		if (f)
			forget(w, f);
	} else if (mask & (IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)) {
		note_close(w, name, mask);
	} else if ((mask & (IN_CREATE | IN_OPEN | IN_MODIFY)) && (f = find_or_add(w, name))) {
		f->seen_ms = now_ms;
		set_newborn(w, f, mask & IN_CREATE);
		f->is_written |= (mask & (IN_CREATE | IN_MODIFY)) != 0;
		f->opens += (mask & IN_OPEN) != 0;
	}
}

bool writers_rename(struct writers *w, const char *from, struct writers *there, const char *to)
{
	struct writer *f = find(w, from), *replaced = find(there, to);

	if (replaced && replaced != f)
		forget(there, replaced);
	if (!f)
		return false;
	list_remove(&f->link);
	w->count--;
	w->newborn -= f->is_newborn;
	free(f->name);
	f->name = mem_dup(to);
	list_append(&there->names, &f->link);
	there->count++;
	there->newborn += f->is_newborn;
	return f->is_written;
}

bool writers_has(const struct writers *w, const char *name, int64_t now_ms)
{
	const struct writer *f = find(w, name);

	if (!f || !f->is_written)
		return false;
	return f->opens > 0 || f->is_newborn || now_ms - f->seen_ms < WRITERS_GRACE_MS;
}

size_t writers_settle(struct writers *w, int64_t now_ms)
{
	size_t settled = 0;

	list_for_each(l, &w->names)
	{
		struct writer *f = list_item(l, struct writer, link);

		if (!f->is_newborn || now_ms - f->seen_ms < WRITERS_NEWBORN_MS)
			continue;
		forget(w, f);
		settled++;
	}
	return settled;
}
