#include "config/bind.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

enum { KEYS_MAX = 64 };

static void bind_subsection(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	bind_section(b, k->table, n, key_field(k, base));
}

static void bind_refused(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	(void)base;
	node_key_error(b->problems, n, "%s", k->hint);
}

static bind_fn *const binders[KEY_TYPE_COUNT] = {
        [KEY_TEXT] = bind_text,     [KEY_PATH] = bind_path,         [KEY_INT] = bind_int,
        [KEY_SIZE] = bind_size,     [KEY_DURATION] = bind_duration, [KEY_BOOL] = bind_bool,
        [KEY_WORD] = bind_word,     [KEY_FLAGS] = bind_flags,       [KEY_MODE] = bind_mode,
        [KEY_TEXTS] = bind_texts,   [KEY_PATHS] = bind_paths,       [KEY_SECTION] = bind_subsection,
        [KEY_ONE_OF] = bind_one_of, [KEY_SECTIONS] = bind_sections, [KEY_ONE_OFS] = bind_one_ofs,
        [KEY_NAMED] = bind_named,   [KEY_REFUSED] = bind_refused,
};

static const struct key *find_key(const struct table *t, const char *name)
{
	for (const struct key *k = t->keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void unknown_key(struct binder *b, const struct table *t, const struct node *n)
{
	const char *names[KEYS_MAX], *near;
	char all[512] = "";
	size_t count = 0, used = 0;

	for (const struct key *k = t->keys; k->name && count < KEYS_MAX; k++) {
		if (k->type == KEY_REFUSED)
			continue;
		names[count++] = k->name;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "",
		                         k->name);
		if (used >= sizeof(all))
			used = sizeof(all) - 1;
	}
	near = text_nearest(n->key->text, names, count);
	if (near)
		node_key_error(b->problems, n, "unknown key, did you mean \"%s\"?", near);
	else
		node_key_error(b->problems, n, "unknown key; known here: %s", all);
}

static bool wants_map(struct binder *b, const struct table *t, const struct node *n)
{
	struct node_found tmp;

	if (n->kind == NODE_MAP)
		return true;
	if (!node_is_nothing(n))
		node_error(b->problems, n, "wants a map with the keys of \"%s\", found %s",
		           t->title, node_describe(n, &tmp));
	return false;
}

/* The default is read as if it stood in the file. */
static void bind_default(struct binder *b, const struct key *k, void *base)
{
	static const struct source_text nowhere = {"(default)", 0};
	struct node n = {.kind = NODE_SCALAR, .at = {&nowhere, 1, 1}, .text = k->fallback};

	n.quoted = k->type == KEY_MODE;
	if (k->type == KEY_SECTION)
		bind_section(b, k->table, NULL, key_field(k, base));
	else if (k->fallback)
		binders[k->type](b, k, &n, base);
}

static void bind_key(struct binder *b, const struct key *k, const struct node *map, void *base)
{
	const struct node *n = node_get(map, k->name);

	if (n && k->type != KEY_REFUSED)
		bind_default(b, k, base); /* a wrong value must not leave the field unset */
	if (n)
		binders[k->type](b, k, n, base);
	else if (map && (k->flags & KEY_REQUIRED) && !node_has(map, k->name))
		node_error(b->problems, map, "the key \"%s\" is missing: %s", k->name, k->doc);
	else
		bind_default(b, k, base);
}

/* `totp: {file: x}` for `totp: {secret: {file: x}}`: the key a value stands for that is no map of
 * the table; NULL when it is one. */
static const struct key *bare_key(const struct table *t, const struct node *n)
{
	const struct key *k;
	const struct node *first;

	if (!t->bare || !n || n->broken || node_is_nothing(n))
		return NULL;
	k = find_key(t, t->bare);
	if (!k || n->kind == NODE_SCALAR)
		return k;
	first = n->first;
	if (n->kind != NODE_MAP || !k->table || !first || first->broken)
		return NULL;
	return !find_key(t, first->key->text) && find_key(k->table, first->key->text) ? k : NULL;
}

void bind_section(struct binder *b, const struct table *t, const struct node *n, void *base)
{
	const struct key *bare = bare_key(t, n);

	if (bare) {
		bind_section(b, t, NULL, base); /* the defaults of the others */
		binders[bare->type](b, bare, n, base);
		return;
	}
	if (n && (n->broken || !wants_map(b, t, n)) && !node_is_nothing(n))
		n = NULL; /* told; whoever reads on finds the defaults */
	if (n && n->kind == NODE_MAP)
		for (const struct node *c = n->first; c; c = c->next)
			if (!c->broken && !find_key(t, c->key->text))
				unknown_key(b, t, c);
	for (const struct key *k = t->keys; k->name; k++)
		bind_key(b, k, n, base);
}

/* ---- exactly one of several keys ----------------------------------------------------------- */

static void list_keys(const struct table *t, char *out, size_t room)
{
	size_t used = 0;

	for (const struct key *k = t->keys; k->name && used < room; k++)
		used += (size_t)snprintf(out + used, room - used, "%s%s", used ? ", " : "",
		                         k->name);
}

static void bind_choice(struct binder *b, const struct table *t, const struct node *n, void *form)
{
	const struct node *c = n->first;
	const struct key *k = c && !c->broken ? find_key(t, c->key->text) : NULL;
	char keys[256] = "";

	if (n->count != 1 || !c) {
		list_keys(t, keys, sizeof(keys));
		node_error(b->problems, n, "wants exactly one of the keys %s, found %zu", keys,
		           n->count);
		return;
	}
	if (!k) {
		if (!c->broken)
			unknown_key(b, t, c);
		return;
	}
	memcpy((char *)form + t->tag_at, &k->tag, sizeof(k->tag));
	binders[k->type](b, k, c, form);
}

static void bind_one_at(struct binder *b, const struct key *k, const struct node *n, void *form)
{
	const struct word *w = k->words;

	if (n->broken)
		return;
	if (n->kind == NODE_MAP) {
		bind_choice(b, k->table, n, form);
		return;
	}
	while (w && w->text && (n->kind != NODE_SCALAR || strcmp(w->text, n->text) != 0))
		w++;
	if (w && w->text)
		memcpy((char *)form + k->table->tag_at, &w->value, sizeof(w->value));
	else
		node_error(b->problems, n, "%s", k->table->instead);
}

void bind_one_of(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	bind_one_at(b, k, n, key_field(k, base));
}

/* ---- forms: many of the same --------------------------------------------------------------- */

static void *add_form(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	struct forms *forms = key_field(k, base);
	size_t count = forms->count;
	struct form_head *form = arena_new(b->arena, k->table->size);

	if ((count & (count - 1)) == 0) { /* grows at 0, 1, 2, 4 ... */
		struct form_head **more =
		        arena_new_array(b->arena, count ? 2 * count : 1, sizeof(*more));

		if (count)
			memcpy(more, forms->items, count * sizeof(*more));
		forms->items = more;
	}
	form->node = n;
	forms->items[forms->count++] = form;
	return form;
}

static bool wants_list(struct binder *b, const struct key *k, const struct node *n)
{
	struct node_found tmp;

	if (n->kind != NODE_LIST) {
		node_error(b->problems, n, "wants a list (each item begins with \"- \"), found %s",
		           node_describe(n, &tmp));
		return false;
	}
	if ((int64_t)n->count < k->least || (int64_t)n->count > k->most) {
		node_error(b->problems, n, "wants %lld to %lld items, found %zu",
		           (long long)k->least, (long long)k->most, n->count);
		return false;
	}
	return true;
}

void bind_sections(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	struct node_found tmp;

	if (!wants_list(b, k, n))
		return;
	for (const struct node *c = n->first; c; c = c->next) {
		if (c->broken)
			continue;
		if (c->kind == NODE_MAP)
			bind_section(b, k->table, c, add_form(b, k, c, base));
		else
			node_error(b->problems, c, "wants a map with the keys of \"%s\", found %s",
			           k->table->title, node_describe(c, &tmp));
	}
}

void bind_one_ofs(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	if (!wants_list(b, k, n))
		return;
	for (const struct node *c = n->first; c; c = c->next)
		if (!c->broken)
			bind_one_at(b, k, c, add_form(b, k, c, base));
}

static const struct form_head *find_form(const struct forms *forms, const char *name)
{
	for (size_t i = 0; i < forms->count; i++)
		if (strcmp(forms->items[i]->name, name) == 0)
			return forms->items[i];
	return NULL;
}

static void bind_named_one(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	const struct form_head *other = find_form(key_field(k, base), n->key->text);
	const char *wrong = k->table->check_name(n->key->text);
	struct form_head *form;
	struct escaped tmp;

	if (wrong) {
		node_key_error(b->problems, n, "%s", wrong);
		return;
	}
	if (other) { /* in one file the parser has seen it; this is another file */
		node_key_error(b->problems, n, "defined before, in %s on line %d: rename one",
		               escape_name(other->node->at.source->name, &tmp),
		               other->node->key->at.line);
		return;
	}
	form = add_form(b, k, n, base);
	form->name = arena_dup(b->arena, n->key->text);
	bind_section(b, k->table, n, form);
}

void bind_named(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	struct node_found tmp;

	if (node_is_nothing(n))
		return;
	if (n->kind != NODE_MAP) {
		node_error(b->problems, n, "wants a map of names, found %s",
		           node_describe(n, &tmp));
		return;
	}
	for (const struct node *c = n->first; c; c = c->next)
		if (!c->broken)
			bind_named_one(b, k, c, base);
}
