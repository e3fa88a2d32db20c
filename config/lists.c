/*
 * Values that are a list: texts, paths, flags.
 */
#include <string.h>

#include "config/bind.h"
#include "daemon/base/text.h"

typedef const char *read_one_fn(struct binder *b, const struct key *k, const struct node *n);

static void store(const struct key *k, void *base, const char *const *items, size_t count)
{
	memcpy(key_field(k, base), &items, sizeof(items));
	memcpy((char *)base + k->count_at, &count, sizeof(count));
}

/* One text stands for a list of one. */
static void bind_strings(struct binder *b, const struct key *k, const struct node *n, void *base,
                         read_one_fn *read_one)
{
	const struct node *c = n->kind == NODE_LIST ? n->first : n;
	size_t room = n->kind == NODE_LIST ? n->count : 1, count = 0;
	const char **items;

	if (n->broken)
		return;
	if (room > 256) {
		node_error(b->problems, n, "has %zu items, at most 256 are allowed", room);
		return;
	}
	items = arena_new_array(b->arena, room, sizeof(*items));
	for (; c; c = n->kind == NODE_LIST ? c->next : NULL) {
		const char *text = read_one(b, k, c);

		if (text)
			items[count++] = text;
	}
	store(k, base, items, count);
}

void bind_texts(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	bind_strings(b, k, n, base, bind_one_text);
}

void bind_paths(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	bind_strings(b, k, n, base, bind_one_path);
}

/* A mask as libssh2's manual counts it (decimal or 0x...), or as words. */
void bind_flags(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	struct node_found tmp;
	unsigned long number;
	unsigned mask = 0;
	char *end;

	if (n->broken)
		return;
	if (n->kind == NODE_LIST) {
		for (const struct node *c = n->first; c; c = c->next) {
			const struct word *w = bind_one_word(b, k->words, c);

			mask |= w ? (unsigned)w->value : 0;
		}
		memcpy(key_field(k, base), &mask, sizeof(mask));
		return;
	}
	number = n->kind == NODE_SCALAR
	                 ? strtoul(n->text, &end, text_starts(n->text, "0x") ? 16 : 10)
	                 : 0;
	if (n->kind != NODE_SCALAR || n->quoted || *n->text < '0' || *n->text > '9' || *end ||
	    number > (unsigned long)k->most) {
		node_error(b->problems, n,
		           "wants a number from 0 to %lld or a list of words, "
		           "such as [kex, auth], found %s",
		           (long long)k->most, node_describe(n, &tmp));
		return;
	}
	mask = (unsigned)number;
	memcpy(key_field(k, base), &mask, sizeof(mask));
}
