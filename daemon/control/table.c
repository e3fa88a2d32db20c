#include "daemon/control/table.h"

#include <assert.h>
#include <stdint.h>

#include "daemon/base/mem.h"
#include "daemon/control/shown.h"

enum { LEAST_WIDTH = 8, GAP = 2, CELL_BYTES = 64 * 1024 };

struct cell {
	char *text;
	int width;
	enum tint tint;
};

/* ---- how wide is it ------------------------------------------------------------------------ */

static uint32_t next_character(const char **p, const char *end)
{
	unsigned char c = (unsigned char)*(*p)++;
	uint32_t cp = c < 0x80 ? c : c < 0xE0 ? c & 0x1Fu : c < 0xF0 ? c & 0x0Fu : c & 0x07u;

	while (*p < end && ((unsigned char)**p & 0xC0) == 0x80)
		cp = cp << 6 | ((unsigned char)*(*p)++ & 0x3Fu);
	return cp;
}

static int character_columns(uint32_t cp)
{
	static const struct {
		uint32_t from, to;
		int columns;
	} special[] = {
	        {0x300, 0x36F, 0},   {0x200B, 0x200F, 0},   {0xFE00, 0xFE0F, 0},
	        {0x1100, 0x115F, 2}, {0x2E80, 0xA4CF, 2},   {0xAC00, 0xD7A3, 2},
	        {0xF900, 0xFAFF, 2}, {0xFE30, 0xFE6F, 2},   {0xFF00, 0xFF60, 2},
	        {0xFFE0, 0xFFE6, 2}, {0x1F300, 0x1FAFF, 2}, {0x20000, 0x3FFFD, 2},
	};

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (cp >= special[i].from && cp <= special[i].to)
			return special[i].columns;
	return 1;
}

int text_columns(const char *text, size_t bytes)
{
	const char *end = text + bytes;
	int columns = 0;

	while (text < end)
		columns += character_columns(next_character(&text, end));
	return columns;
}

/* How many bytes fit into so many columns; *used is what they take. */
static size_t bytes_within(const char *text, int columns, int *used)
{
	const char *p = text, *end = text + strlen(text);

	*used = 0;
	while (p < end) {
		const char *next = p;
		int w = character_columns(next_character(&next, end));

		if (*used + w > columns)
			break;
		*used += w;
		p = next;
	}
	return (size_t)(p - text);
}

/* ---- filling ------------------------------------------------------------------------------- */

void table_init(struct table *t, const struct column *columns, size_t count)
{
	assert(count <= TABLE_COLUMNS);
	*t = (struct table){.columns = columns, .column_count = count};
}

void table_release(struct table *t)
{
	for (size_t i = 0; i < t->cell_count; i++)
		free(t->cells[i].text);
	free(t->cells);
}

void table_cell(struct table *t, const char *text, enum tint tint)
{
	struct buf b;
	struct cell *c;

	if (t->cell_count == t->cell_room) {
		t->cell_room = t->cell_room ? 2 * t->cell_room : 64;
		t->cells = mem_grow(t->cells, t->cell_room * sizeof(*t->cells));
	}
	buf_init(&b, CELL_BYTES);
	shown_again(&b, text && *text ? text : "-");
	c = &t->cells[t->cell_count++];
	c->text = mem_dup(buf_text(&b));
	c->width = text_columns(c->text, strlen(c->text));
	c->tint = tint;
	buf_release(&b);
}

void table_number(struct table *t, long long number, enum tint tint)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld", number);
	table_cell(t, text, tint);
}

/* ---- writing ------------------------------------------------------------------------------- */

void tint_text(struct buf *out, const struct style *style, enum tint tint, const char *text)
{
	static const char *const codes[] = {
	        [TINT_GOOD] = "\x1b[32m", [TINT_WARN] = "\x1b[33m", [TINT_BAD] = "\x1b[31m",
	        [TINT_DIM] = "\x1b[2m",   [TINT_BOLD] = "\x1b[1m",
	};
	bool has_colour = style->has_colour && tint != TINT_NONE;

	if (has_colour)
		(void)buf_add_text(out, codes[tint]);
	(void)buf_add_text(out, text);
	if (has_colour)
		(void)buf_add_text(out, "\x1b[0m");
}

static void add_blanks(struct buf *out, int count)
{
	for (; count > 0; count--)
		(void)buf_add(out, " ", 1);
}

static void find_widths(const struct table *t, int *widths)
{
	for (size_t i = 0; i < t->column_count; i++)
		widths[i] = text_columns(t->columns[i].title, strlen(t->columns[i].title));
	for (size_t i = 0; i < t->cell_count; i++)
		if (t->cells[i].width > widths[i % t->column_count])
			widths[i % t->column_count] = t->cells[i].width;
}

static int widest_elastic(const struct table *t, const int *widths)
{
	int widest = -1;

	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i].is_elastic && widths[i] > LEAST_WIDTH &&
		    (widest < 0 || widths[i] > widths[widest]))
			widest = (int)i;
	return widest;
}

static void fit(const struct table *t, int *widths, int terminal)
{
	int total = GAP * ((int)t->column_count - 1), widest;

	for (size_t i = 0; i < t->column_count; i++)
		total += widths[i];
	for (; terminal > 0 && total > terminal; total--) {
		widest = widest_elastic(t, widths);
		if (widest < 0)
			return; /* the terminal will wrap */
		widths[widest]--;
	}
}

static void write_cell(const struct cell *c, const struct column *column, int width,
                       const struct style *style, struct buf *out)
{
	char *cut _cleanup_free_ = NULL;
	const char *text = c->text;
	int used = c->width;

	if (used > width) {
		size_t n = bytes_within(text, width - 1, &used);

		cut = mem_printf("%.*s\xE2\x80\xA6", (int)n, text);
		text = cut;
		used++;
	}
	if (column->align == ALIGN_RIGHT)
		add_blanks(out, width - used);
	tint_text(out, style, c->tint, text);
	if (column->align == ALIGN_LEFT)
		add_blanks(out, width - used);
}

static void end_row(struct buf *out)
{
	while (buf_len(out) > 0 && buf_data(out)[buf_len(out) - 1] == ' ')
		out->end--;
	(void)buf_add(out, "\n", 1);
}

void table_write(const struct table *t, const struct style *style, struct buf *out)
{
	int widths[TABLE_COLUMNS];

	if (t->cell_count == 0)
		return;
	assert(t->cell_count % t->column_count == 0);
	find_widths(t, widths);
	fit(t, widths, style->width);
	for (size_t i = 0; i < t->column_count; i++) {
		struct cell title = {.text = mem_dup(t->columns[i].title), .tint = TINT_BOLD};

		title.width = text_columns(title.text, strlen(title.text));
		add_blanks(out, i ? GAP : 0);
		write_cell(&title, &t->columns[i], widths[i], style, out);
		free(title.text);
	}
	end_row(out);
	for (size_t i = 0; i < t->cell_count; i++) {
		size_t k = i % t->column_count;

		add_blanks(out, k ? GAP : 0);
		write_cell(&t->cells[i], &t->columns[k], widths[k], style, out);
		if (k + 1 == t->column_count)
			end_row(out);
	}
}
