/*
 * Columns for people.
 *
 *	struct table t;
 *	table_init(&t, columns, 3);		// columns: a static table
 *	table_cell(&t, "acme-in", TINT_NONE);	// row by row, from left to right
 *	...
 *	table_write(&t, &style, out);
 *	table_release(&t);
 *
 * Columns are as wide as their widest cell, as a terminal counts (East Asian characters take two
 * columns, combining ones none). Where that is more than the terminal has, the elastic columns give
 * way, from the widest down, and cut cells end in "…". Cells are made fit for a terminal
 * (shown.h); empty ones become "-".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

enum tint { TINT_NONE, TINT_GOOD, TINT_WARN, TINT_BAD, TINT_DIM, TINT_BOLD };

struct style {
	bool has_colour;
	int width; /* columns of the terminal; 0: as many as it takes */
};

struct column {
	const char *title;
	enum { ALIGN_LEFT, ALIGN_RIGHT } align;
	bool is_elastic;
};

enum { TABLE_COLUMNS = 12 };

struct table {
	const struct column *columns;
	size_t column_count;
	struct cell *cells; /* row after row */
	size_t cell_count, cell_room;
};

void table_init(struct table *t, const struct column *columns, size_t count);
void table_release(struct table *t);
void table_cell(struct table *t, const char *text, enum tint tint);
void table_number(struct table *t, long long number, enum tint tint);
/* Nothing where there are no rows. The last row must be complete. */
void table_write(const struct table *t, const struct style *style, struct buf *out);

/* Text in a colour, where there are colours. */
void tint_text(struct buf *out, const struct style *style, enum tint tint, const char *text);
/* Columns a terminal needs for valid UTF-8. */
int text_columns(const char *text, size_t bytes);
