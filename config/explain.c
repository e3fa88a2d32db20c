#include "config/explain.h"

#include <stdio.h>
#include <string.h>

#include "config/units.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { NAME_BYTES = 96, VALUE_BYTES = 1200, COLUMN_MOST = 52 };

struct row {
	char *name, *value, *origin;
};

struct rows {
	struct row *items;
	size_t count;
	enum protocol protocol;
};

/* What is shown of one key: its row in the table, the base of the table, the node if it is
 * written. */
struct shown {
	const struct key *key;
	const char *base;
	const struct node *node;
	const char *name; /* "auth[0].publickey.key" */
};

static void add_row(struct rows *rows, const struct shown *s, const char *value)
{
	char file[ESCAPE_ROOM];
	struct row r = {.name = mem_dup(s->name), .value = mem_dup(value)};
	const struct node *n = s->node;

	r.origin = n ? mem_printf("%s:%d",
	                          escape(n->at.source->name, strlen(n->at.source->name), file,
	                                 sizeof(file)),
	                          n->at.line)
	             : mem_dup("default");
	rows->items = mem_grow(rows->items, (rows->count + 1) * sizeof(r));
	rows->items[rows->count++] = r;
}

/* ---- values -------------------------------------------------------------------------------- */

static const void *field(const struct shown *s)
{
	return s->base + s->key->at;
}

static void render_text(const char *text, struct buf *out)
{
	struct escaped tmp;

	(void)buf_add_text(out, text ? escape_name(text, &tmp) : "-"); /* cut at the limit */
}

static void render_texts(const struct shown *s, struct buf *out)
{
	const char *const *items;
	size_t count;

	memcpy(&items, field(s), sizeof(items));
	memcpy(&count, s->base + s->key->count_at, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		(void)buf_add_text(out, i ? ", " : ""); /* cut at the limit, as what follows */
		render_text(items[i], out);
	}
	if (!count)
		(void)buf_add_text(out, "-");
}

static void render_number(const struct shown *s, struct buf *out)
{
	char text[UNIT_TEXT_BYTES];
	int64_t wide;

	memcpy(&wide, field(s), sizeof(wide));
	(void)buf_add_text(
	        out, unit_text(s->key->type == KEY_SIZE ? units_size : units_duration, wide, text));
}

static void render_word(const struct shown *s, struct buf *out)
{
	int value;

	memcpy(&value, field(s), sizeof(value));
	for (const struct word *w = s->key->words; w && w->text; w++)
		if (w->value == value && !w->refused) {
			(void)buf_add_text(out, w->text);
			return;
		}
	(void)buf_printf(out, s->key->type == KEY_MODE ? "%04o" : "%d", value);
}

static void render(const struct shown *s, struct buf *out)
{
	const char *text;
	bool truth;

	switch (s->key->type) {
	case KEY_TEXT:
	case KEY_PATH:
		memcpy(&text, field(s), sizeof(text));
		render_text(text, out);
		break;
	case KEY_BOOL:
		memcpy(&truth, field(s), sizeof(truth));
		(void)buf_add_text(out, truth ? "true" : "false");
		break;
	case KEY_SIZE:
	case KEY_DURATION:
		render_number(s, out);
		break;
	case KEY_TEXTS:
	case KEY_PATHS:
		render_texts(s, out);
		break;
	default: /* INT, WORD, FLAGS, MODE */
		render_word(s, out);
		break;
	}
}

static void add_value(struct rows *rows, const struct shown *s)
{
	struct buf out;

	buf_init(&out, VALUE_BYTES);
	if (s->key->tag == SECRET_VALUE && (s->key->flags & KEY_RAW))
		(void)buf_add_text(&out, "(not shown)");
	else
		render(s, &out);
	add_row(rows, s, buf_text(&out));
	buf_release(&out);
}

/* ---- tables -------------------------------------------------------------------------------- */

static void add_key(struct rows *rows, const struct shown *s);

/* `name` with what leads to the key in front. */
static void add_below(struct rows *rows, const struct shown *of, const struct shown *s)
{
	char name[NAME_BYTES];
	struct shown below = *s;

	(void)snprintf(name, sizeof(name), "%s%s%s", of->name, *of->name ? "." : "", s->key->name);
	below.name = name;
	add_key(rows, &below);
}

static void add_table(struct rows *rows, const struct shown *s)
{
	for (const struct key *k = s->key->table->keys; k->name; k++)
		add_below(rows, s, &(struct shown){k, s->base, node_get(s->node, k->name), NULL});
}

/* The key that was used, of a map with exactly one. */
static void add_choice(struct rows *rows, const struct shown *s)
{
	const struct table *t = s->key->table;
	const struct node *used = s->node && s->node->kind == NODE_MAP ? s->node->first : NULL;
	struct escaped tmp;

	if (!used) {
		add_row(rows, s, s->node ? escape_name(s->node->text, &tmp) : "-");
		return;
	}
	for (const struct key *k = t->keys; k->name; k++)
		if (strcmp(k->name, used->key->text) == 0)
			add_below(rows, s, &(struct shown){k, s->base, used, NULL});
}

static void add_forms(struct rows *rows, const struct shown *s)
{
	struct forms forms;
	char name[NAME_BYTES];

	memcpy(&forms, field(s), sizeof(forms));
	if (!forms.count)
		add_row(rows, s, "-");
	for (size_t i = 0; i < forms.count; i++) {
		struct shown item = {s->key, (const char *)forms.items[i], forms.items[i]->node,
		                     name};

		(void)snprintf(name, sizeof(name), "%s[%zu]", s->name, i);
		if (s->key->type == KEY_ONE_OFS)
			add_choice(rows, &item);
		else
			add_table(rows, &item);
	}
}

static void add_key(struct rows *rows, const struct shown *s)
{
	struct shown inner = *s;

	inner.base = field(s);
	if (s->key->type == KEY_REFUSED)
		return;
	if (s->key->type == KEY_SECTION)
		add_table(rows, &inner);
	else if (s->key->type == KEY_ONE_OF)
		add_choice(rows, &inner);
	else if (s->key->type >= KEY_SECTIONS)
		add_forms(rows, s);
	else
		add_value(rows, s);
}

static void add_endpoint(struct rows *rows, const struct endpoint_form *f)
{
	static const struct key root = {
	        .name = "root", .type = KEY_PATH, .at = offsetof(struct endpoint_form, out.root)};
	const struct shown whole = {.name = ""};

	if (rows->protocol == PROTOCOL_LOCAL)
		add_below(rows, &whole, &(struct shown){&root, (const char *)f, NULL, NULL});
	for (const struct key *k = keys_endpoint.keys; k->name; k++)
		if (!endpoint_refuses_key(rows->protocol, k->name))
			add_below(rows, &whole,
			          &(struct shown){k, (const char *)f,
			                          node_get(f->head.node, k->name), NULL});
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int widest(size_t most, const char *text)
{
	size_t n = strlen(text);

	return (int)(n > COLUMN_MOST ? most : n > most ? n : most);
}

static void write_rows(struct rows *rows, struct buf *out)
{
	int name = 0, value = 0;

	for (size_t i = 0; i < rows->count; i++) {
		name = widest((size_t)name, rows->items[i].name);
		value = widest((size_t)value, rows->items[i].value);
	}
	for (size_t i = 0; i < rows->count; i++) {
		struct row *r = &rows->items[i];

		(void)buf_printf(out, "  %-*s  %-*s  %s\n", name, r->name, value, r->value,
		                 r->origin); /* cut at the limit */
		free(r->name);
		free(r->value);
		free(r->origin);
	}
	free(rows->items);
}

static const struct endpoint_form *find(struct loader *l, const char *name)
{
	for (size_t i = 0; i < l->endpoints.count; i++)
		if (strcmp(l->endpoints.items[i]->name, name) == 0)
			return (const void *)l->endpoints.items[i];
	for (size_t i = 0; i < l->local_count; i++)
		if (strcmp(l->locals[i]->name, name) == 0)
			return (const void *)((const char *)l->locals[i] -
			                      offsetof(struct endpoint_form, out));
	return NULL;
}

void explain_endpoint(struct loader *l, struct explanation *x)
{
	const struct endpoint_form *f = find(l, x->endpoint);
	struct rows rows = {0};
	struct escaped tmp;

	if (!f)
		return;
	rows.protocol = f->out.protocol;
	(void)buf_printf(x->out, "endpoint %s\n", escape_name(x->endpoint, &tmp));
	add_endpoint(&rows, f);
	write_rows(&rows, x->out);
}
