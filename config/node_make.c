#include "config/node_make.h"

#include <string.h>

static struct node *make(struct arena *a, const struct place *at, enum node_kind kind)
{
	struct node *n = arena_new_of(a, struct node);

	n->kind = kind;
	n->at = *at;
	n->text = "";
	return n;
}

struct node *node_make_text(struct arena *a, const struct place *at, const char *text,
                            enum node_quoting quoting)
{
	struct node *n = make(a, at, NODE_SCALAR);

	n->text = arena_dup(a, text);
	n->quoted = quoting == NODE_QUOTED;
	return n;
}

struct node *node_make_map(struct arena *a, const struct place *at)
{
	return make(a, at, NODE_MAP);
}

struct node *node_make_list(struct arena *a, const struct place *at)
{
	return make(a, at, NODE_LIST);
}

void node_append(struct node *list, struct node *value)
{
	value->parent = list;
	value->index = list->count++;
	if (list->last)
		list->last->next = value;
	else
		list->first = value;
	list->last = value;
}

static struct node *child(struct node *map, const char *key, size_t length)
{
	for (struct node *c = map->first; c; c = c->next)
		if (strlen(c->key->text) == length && strncmp(c->key->text, key, length) == 0)
			return c;
	return NULL;
}

static void put_here(struct arena *a, struct node *map, const char *key, size_t length,
                     struct node *value)
{
	struct node *name = make(a, &value->at, NODE_SCALAR);

	name->text = arena_dup_bytes(a, key, length);
	name->parent = map;
	value->key = name;
	node_append(map, value);
}

bool node_put(struct arena *a, struct node *map, const char *path, struct node *value)
{
	size_t length = strcspn(path, ".");
	struct node *n = child(map, path, length);

	if (!path[length]) {
		if (!n)
			put_here(a, map, path, length, value);
		return !n;
	}
	if (!n) {
		n = node_make_map(a, &value->at);
		put_here(a, map, path, length, n);
	}
	return n->kind == NODE_MAP && !n->broken && node_put(a, n, path + length + 1, value);
}
