/*
 * The JSON Schema (2020-12) of the configuration, from the tables of key.h. It serves editors:
 * completion, help, mistakes while typing. `ferryd --check` knows more than a schema can say.
 */
#include <string.h>

#include "config/json.h"
#include "config/load.h"
#include "config/units.h"

#define NAME_PATTERN "^[A-Za-z0-9._-]{1,63}$"

typedef void shape_fn(struct json *j, const struct key *k);

static void table_body(struct json *j, const struct table *t);

/* ---- scalars ------------------------------------------------------------------------------- */

static void words(struct json *j, const struct word *w)
{
	json_open(j, "enum", '[');
	for (; w->text; w++)
		if (!w->refused)
			json_text(j, NULL, w->text);
	json_close(j, ']');
}

static void shape_text(struct json *j, const struct key *k)
{
	if (k->words) {
		words(j, k->words);
		return;
	}
	json_text(j, "type", "string");
	json_number(j, "minLength", 1);
	json_number(j, "maxLength", k->most ? k->most : 4096);
}

static void integer(struct json *j, const struct key *k)
{
	json_text(j, "type", "integer");
	json_number(j, "minimum", k->least);
	json_number(j, "maximum", k->most);
}

/* Either of two shapes: open the first, next, close. */
static void either(struct json *j)
{
	json_open(j, "anyOf", '[');
	json_open(j, NULL, '{');
}

static void or (struct json * j)
{
	json_close(j, '}');
	json_open(j, NULL, '{');
}

static void either_end(struct json *j)
{
	json_close(j, '}');
	json_close(j, ']');
}

static void absolute(struct json *j)
{
	json_text(j, "type", "string");
	json_text(j, "pattern", "^/");
}

static void shape_path(struct json *j, const struct key *k)
{
	if (!k->words) {
		absolute(j);
		return;
	}
	either(j);
	words(j, k->words);
	or (j);
	absolute(j);
	either_end(j);
}

static void shape_int(struct json *j, const struct key *k)
{
	if (!k->words) {
		integer(j, k);
		return;
	}
	either(j);
	words(j, k->words);
	or (j);
	integer(j, k);
	either_end(j);
}

static void quantity(struct json *j, const struct unit *units)
{
	struct buf pattern;

	buf_init(&pattern, 256);
	(void)buf_add_text(&pattern, "^(0|[0-9]+("); /* fits: the units are ours */
	for (const struct unit *u = units; u->text; u++)
		(void)buf_printf(&pattern, "%s%s", u == units ? "" : "|", u->text);
	(void)buf_add_text(&pattern, "))$");
	either(j);
	json_number(j, "const", 0);
	or (j);
	json_text(j, "type", "string");
	json_text(j, "pattern", buf_text(&pattern));
	either_end(j);
	buf_release(&pattern);
}

static void shape_size(struct json *j, const struct key *k)
{
	(void)k;
	quantity(j, units_size);
}

static void shape_duration(struct json *j, const struct key *k)
{
	(void)k;
	quantity(j, units_duration);
}

static void shape_bool(struct json *j, const struct key *k)
{
	(void)k;
	json_text(j, "type", "boolean");
}

static void shape_word(struct json *j, const struct key *k)
{
	words(j, k->words);
}

static void shape_mode(struct json *j, const struct key *k)
{
	(void)k;
	json_text(j, "type", "string");
	json_text(j, "pattern", "^0?[0-7]{3}$");
}

/* ---- lists --------------------------------------------------------------------------------- */

static void shape_flags(struct json *j, const struct key *k)
{
	either(j);
	integer(j, k);
	or (j);
	json_text(j, "type", "array");
	json_open(j, "items", '{');
	words(j, k->words);
	json_close(j, '}');
	either_end(j);
}

static void one_or_list(struct json *j, const struct key *k, shape_fn *shape)
{
	either(j);
	shape(j, k);
	or (j);
	json_text(j, "type", "array");
	json_number(j, "maxItems", 256);
	json_open(j, "items", '{');
	shape(j, k);
	json_close(j, '}');
	either_end(j);
}

static void shape_texts(struct json *j, const struct key *k)
{
	one_or_list(j, k, shape_text);
}

static void shape_paths(struct json *j, const struct key *k)
{
	one_or_list(j, k, shape_path);
}

/* ---- maps ---------------------------------------------------------------------------------- */

static void shape_bare(struct json *j, const struct table *t);

static void shape_section(struct json *j, const struct key *k)
{
	if (!k->table->bare) {
		table_body(j, k->table);
		return;
	}
	either(j);
	table_body(j, k->table);
	or (j);
	shape_bare(j, k->table);
	either_end(j);
}

static void one_of_body(struct json *j, const struct table *t)
{
	table_body(j, t);
	json_number(j, "minProperties", 1);
	json_number(j, "maxProperties", 1);
}

static void shape_one_of(struct json *j, const struct key *k)
{
	if (!k->words) {
		one_of_body(j, k->table);
		return;
	}
	either(j);
	words(j, k->words);
	or (j);
	one_of_body(j, k->table);
	either_end(j);
}

static void list_of(struct json *j, const struct key *k, shape_fn *shape)
{
	json_text(j, "type", "array");
	json_number(j, "minItems", k->least);
	json_number(j, "maxItems", k->most);
	json_open(j, "items", '{');
	shape(j, k);
	json_close(j, '}');
}

static void shape_sections(struct json *j, const struct key *k)
{
	list_of(j, k, shape_section);
}

static void shape_one_ofs(struct json *j, const struct key *k)
{
	list_of(j, k, shape_one_of);
}

/* `endpoints:` with everything below it commented out is null to an editor. */
static void shape_named(struct json *j, const struct key *k)
{
	json_open(j, "type", '[');
	json_text(j, NULL, "object");
	json_text(j, NULL, "null");
	json_close(j, ']');
	json_open(j, "propertyNames", '{');
	json_text(j, "pattern", NAME_PATTERN);
	json_close(j, '}');
	json_open(j, "additionalProperties", '{');
	table_body(j, k->table);
	json_close(j, '}');
}

static shape_fn *const shapes[KEY_TYPE_COUNT] = {
        [KEY_TEXT] = shape_text,     [KEY_PATH] = shape_path,         [KEY_INT] = shape_int,
        [KEY_SIZE] = shape_size,     [KEY_DURATION] = shape_duration, [KEY_BOOL] = shape_bool,
        [KEY_WORD] = shape_word,     [KEY_FLAGS] = shape_flags,       [KEY_MODE] = shape_mode,
        [KEY_TEXTS] = shape_texts,   [KEY_PATHS] = shape_paths,       [KEY_SECTION] = shape_section,
        [KEY_ONE_OF] = shape_one_of, [KEY_SECTIONS] = shape_sections, [KEY_ONE_OFS] = shape_one_ofs,
        [KEY_NAMED] = shape_named,
};

static void shape_bare(struct json *j, const struct table *t)
{
	const struct key *k = t->keys;

	while (strcmp(k->name, t->bare) != 0)
		k++;
	shapes[k->type](j, k);
}

/* ---- keys and tables ----------------------------------------------------------------------- */

static void default_of(struct json *j, const struct key *k)
{
	bool number = strspn(k->fallback, "0123456789") == strlen(k->fallback);

	if (k->type == KEY_BOOL || number)
		json_word(j, "default", k->fallback);
	else
		json_text(j, "default", k->fallback);
}

static void member(struct json *j, const struct key *k)
{
	json_open(j, k->name, '{');
	json_text(j, "description", k->doc);
	if (k->fallback)
		default_of(j, k);
	shapes[k->type](j, k);
	json_close(j, '}');
}

/* An included file need not have `version`, and editors have one schema for all files. */
static void required(struct json *j, const struct table *t)
{
	bool any = false;

	for (const struct key *k = t->keys; k->name; k++)
		any |= t != &keys_root && (k->flags & KEY_REQUIRED);
	if (!any)
		return;
	json_open(j, "required", '[');
	for (const struct key *k = t->keys; k->name; k++)
		if (k->flags & KEY_REQUIRED)
			json_text(j, NULL, k->name);
	json_close(j, ']');
}

static void table_body(struct json *j, const struct table *t)
{
	json_text(j, "type", "object");
	json_open(j, "properties", '{');
	for (const struct key *k = t->keys; k->name; k++)
		member(j, k);
	json_close(j, '}');
	required(j, t);
	json_word(j, "additionalProperties", "false");
}

void config_schema(struct buf *out)
{
	struct json j;

	json_begin(&j, out);
	json_text(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_text(&j, "title", "ferryd configuration");
	json_text(&j, "description", "Generated from the key tables; ferryd --print-schema.");
	table_body(&j, &keys_root);
	json_end(&j);
}
