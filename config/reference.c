/*
 * The manual of every key, in Markdown, from the tables of key.h.
 */
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/units.h"

enum { TABLES_MAX = 64, CELL_BYTES = 2048 };

struct manual {
	struct buf *out;
	const struct table *told[TABLES_MAX];
	size_t count;
};

static const char opening[] =
        "# Configuration reference\n"
        "\n"
        "<!-- Generated from the key tables in config/. -->\n"
        "\n"
        "`ferryd --check` reads the configuration, tells every mistake at once as\n"
        "`file:line:col: path.to.key: sentence`, and changes nothing. A reload takes over a\n"
        "configuration only when all of it is right; otherwise the last good one keeps running.\n"
        "\n"
        "How values are written:\n"
        "\n"
        "* a **duration** is a whole number and a unit: `500ms`, `30s`, `5m`, `2h`, `14d`;\n"
        "* a **size** is a whole number and a unit: `100B`, `64K`, `10M`, `2G`, `1T`, where `1K` "
        "is\n"
        "  1024 bytes (`KiB`, `MiB`, `GiB`, `TiB` mean the same); `0` needs no unit;\n"
        "* **true** and **false** are the only truth values: `yes`, `no`, `on` and `off` are not;\n"
        "* a **file mode** is octal and stands in quotes: `\"0640\"`;\n"
        "* where **one or a list** is said, `match: \"*.xml\"` is the same as `match: "
        "[\"*.xml\"]`;\n"
        "* YAML's anchors, aliases, merge keys and tags are refused, and so are duplicate keys;\n"
        "* a file has at most 1 MiB and 16 levels, all files together 100,000 values.\n";

/* ---- cells --------------------------------------------------------------------------------- */

/* A bar would end the cell. */
static void add_cell(struct buf *out, const char *text)
{
	(void)buf_add_text(out, " ");
	for (; *text; text++)
		(void)buf_printf(out, "%s%c", *text == '|' ? "\\" : "", *text);
	(void)buf_add_text(out, " |");
}

static const char *range_text(const struct key *k, const char *what, char out[CELL_BYTES])
{
	const struct unit *units = k->type == KEY_SIZE ? units_size : units_duration;
	char least[UNIT_TEXT_BYTES], most[UNIT_TEXT_BYTES];

	if (k->most == INT64_MAX)
		(void)snprintf(out, CELL_BYTES, "%s", what);
	else if (k->most == k->least)
		(void)snprintf(out, CELL_BYTES, "%lld", (long long)k->most);
	else if (k->type == KEY_INT)
		(void)snprintf(out, CELL_BYTES, "%s%lld to %lld", k->words ? "`auto` or " : "",
		               (long long)k->least, (long long)k->most);
	else
		(void)snprintf(out, CELL_BYTES, "%s, %s to %s", what,
		               unit_text(units, k->least, least), unit_text(units, k->most, most));
	return out;
}

/* "list of [route.to](#routeto)": a chapter's anchor is its title without dots and spaces. */
static void link_text(const struct key *k, char out[CELL_BYTES])
{
	const char *many = k->type == KEY_SECTIONS || k->type == KEY_ONE_OFS ? "list of "
	                   : k->type == KEY_NAMED                            ? "names of "
	                   : k->words                                        ? "word or "
	                                                                     : "";
	size_t used = (size_t)snprintf(out, CELL_BYTES, "%s[%s](#", many, k->table->title);

	for (const char *p = k->table->title; *p; p++)
		if (*p != '.')
			out[used++] = *p == ' ' ? '-' : *p;
	(void)snprintf(out + used, CELL_BYTES - used, ")");
}

static const char *value_text(const struct key *k, char out[CELL_BYTES])
{
	static const char *const plain[KEY_TYPE_COUNT] = {
	        [KEY_TEXT] = "text",
	        [KEY_PATH] = "absolute path",
	        [KEY_BOOL] = "true or false",
	        [KEY_WORD] = "word",
	        [KEY_MODE] = "file mode",
	        [KEY_TEXTS] = "text, one or a list",
	        [KEY_PATHS] = "absolute path, one or a list",
	};

	if (k->type == KEY_TEXT && k->words)
		return "word";
	if (k->type == KEY_PATH && k->words)
		return "absolute path or word";
	if (plain[k->type])
		return plain[k->type];
	if (k->type == KEY_SIZE || k->type == KEY_DURATION || k->type == KEY_INT)
		return range_text(k, k->type == KEY_SIZE ? "size" : "duration", out);
	if (k->type == KEY_FLAGS)
		(void)snprintf(out, CELL_BYTES, "number up to %lld, or list of words",
		               (long long)k->most);
	else
		link_text(k, out);
	return out;
}

static const char *default_text(const struct key *k, char out[CELL_BYTES])
{
	if (k->flags & KEY_REQUIRED)
		return "*required*";
	if (k->fallback_doc)
		return k->fallback_doc;
	if (!k->fallback)
		return "";
	(void)snprintf(out, CELL_BYTES, "`%s`", k->fallback);
	return out;
}

static const char *meaning_text(const struct key *k, char out[CELL_BYTES])
{
	size_t used = (size_t)snprintf(out, CELL_BYTES, "%s", k->doc);

	if (k->type == KEY_INT)
		return out;
	for (const struct word *w = k->words; w && w->text && used < CELL_BYTES; w++) {
		if (w->refused)
			continue;
		used += (size_t)snprintf(out + used, CELL_BYTES - used, "<br>`%s`: %s", w->text,
		                         w->doc);
		if (k->type == KEY_FLAGS && used < CELL_BYTES)
			used += (size_t)snprintf(out + used, CELL_BYTES - used, " (%d)", w->value);
	}
	return out;
}

/* ---- chapters ------------------------------------------------------------------------------ */

static void add_row(struct buf *out, const struct key *k)
{
	char cell[CELL_BYTES];

	(void)buf_printf(out, "| `%s` |", k->name);
	add_cell(out, value_text(k, cell));
	add_cell(out, default_text(k, cell));
	add_cell(out, meaning_text(k, cell));
	(void)buf_add_text(out, "\n");
}

static bool was_told(const struct manual *m, const struct table *t)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->told[i] == t)
			return true;
	return false;
}

static void add_chapter(struct manual *m, const struct table *t)
{
	if (was_told(m, t) || m->count == TABLES_MAX)
		return;
	m->told[m->count++] = t;
	(void)buf_printf(m->out, "\n## %s\n\n%s\n\n", t->title, t->about);
	(void)buf_add_text(m->out, "| key | value | default | meaning |\n|---|---|---|---|\n");
	for (const struct key *k = t->keys; k->name; k++)
		add_row(m->out, k);
	for (const struct key *k = t->keys; k->name; k++)
		if (k->table)
			add_chapter(m, k->table);
}

void config_reference(struct buf *out)
{
	struct manual m = {.out = out};

	(void)buf_add_text(out, opening); /* a limit that is too small shows as a cut manual */
	add_chapter(&m, &keys_root);
}
