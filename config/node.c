#include "config/node.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

struct reader {
	yaml_parser_t yaml;
	yaml_event_t event; /* the current one */
	const struct node_input *in;
	struct arena *arena;
	struct problems *problems;
	const struct node *key; /* of the value that comes next */
	int depth;
	bool failed; /* told already, stop */
};

static struct place place_of(const struct reader *r, const yaml_mark_t *mark)
{
	return (struct place){r->in->source, (int)mark->line + 1, (int)mark->column + 1};
}

/* ---- what the parser itself refuses -------------------------------------------------------- */

/* Where a byte of the input stands, for errors the reader finds before there are marks. */
static struct place place_of_byte(const struct reader *r, size_t offset)
{
	const unsigned char *p = r->in->bytes;
	struct place at = {r->in->source, 1, 1};

	for (size_t i = 0; i < offset && i < r->in->length; i++) {
		at.col++;
		if (p[i] == '\n') {
			at.line++;
			at.col = 1;
		}
	}
	return at;
}

static bool line_has_tab(const struct reader *r, size_t line)
{
	const char *p = r->in->bytes, *end = p + r->in->length;

	for (; p < end && line; p++)
		line -= *p == '\n';
	for (; p < end && *p != '\n'; p++)
		if (*p == '\t')
			return true;
	return false;
}

static const char *hint_for(const struct reader *r, const char *problem)
{
	static const struct {
		const char *problem, *hint;
	} hints[] = {
	        {"mapping values are not allowed",
	         "; is the line indented as its neighbours, and a value with \": \" in it quoted?"},
	        {"cannot start any token",
	         "; put values that begin with @, `, %, & or * in quotes"},
	        {"did not find expected alphabetic",
	         "; put values that begin with * or & in quotes: \"*.xml\""},
	        {"did not find expected key", "; is the line indented as its neighbours?"},
	        {"could not find expected ':'", "; a key is followed by a colon and a space"},
	        {"did not find expected ',' or", "; a bracket or brace is not closed"},
	        {"unexpected end of stream", "; a quote is not closed"},
	        {"did not find expected node content", "; a value or a bracket is missing"},
	};

	if (line_has_tab(r, r->yaml.problem_mark.line))
		return "; the line holds a tab: YAML wants spaces";
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strstr(problem, hints[i].problem))
			return hints[i].hint;
	return "";
}

static void reader_error(struct reader *r)
{
	struct place at = place_of_byte(r, r->yaml.problem_offset);
	const char *problem = r->yaml.problem ? r->yaml.problem : "unreadable text";

	if (strstr(problem, "UTF-8"))
		problem = "not valid UTF-8: save the file as UTF-8";
	problem_add(r->problems, PROBLEM_ERROR, &at, "%s (byte 0x%02x)", problem,
	            (unsigned)r->yaml.problem_value & 0xFFFFFF);
}

static void syntax_error(struct reader *r)
{
	const yaml_parser_t *y = &r->yaml;
	const char *problem = y->problem ? y->problem : "not YAML";
	struct place at = place_of(r, &y->problem_mark);
	char context[128] = "";

	if (y->error == YAML_READER_ERROR) {
		reader_error(r);
		return;
	}
	if (y->context && y->context_mark.line != y->problem_mark.line)
		(void)snprintf(context, sizeof(context), " %s that begins on line %zu", y->context,
		               y->context_mark.line + 1);
	problem_add(r->problems, PROBLEM_ERROR, &at, "%s%s%s", problem, context,
	            hint_for(r, problem));
}

/* Moves to the next event; YAML_NO_EVENT when the text ended early or was refused. */
static yaml_event_type_t step(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (r->failed)
		return YAML_NO_EVENT;
	if (!yaml_parser_parse(&r->yaml, &r->event)) {
		memset(&r->event, 0, sizeof(r->event));
		syntax_error(r);
		r->failed = true;
		return YAML_NO_EVENT;
	}
	return r->event.type;
}

static void give_up(struct reader *r, const char *sentence)
{
	struct place at = place_of(r, &r->event.start_mark);

	if (!r->failed)
		problem_add(r->problems, PROBLEM_ERROR, &at, "%s", sentence);
	r->failed = true;
}

/* ---- building the tree --------------------------------------------------------------------- */

static struct node *read_value(struct reader *r, const struct node *parent);

static struct node *make(struct reader *r, enum node_kind kind, const struct node *parent)
{
	struct node *n = arena_new_of(r->arena, struct node);

	n->kind = kind;
	n->at = place_of(r, &r->event.start_mark);
	n->parent = parent;
	n->key = r->key;
	n->index = parent ? parent->count : 0;
	n->text = "";
	r->key = NULL;
	if (*r->in->budget == 0)
		give_up(r, "more than 100,000 values in all files together: split the service");
	else
		*r->in->budget -= 1;
	return n;
}

static void append(struct node *parent, struct node *child)
{
	parent->count++;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

static void refuse_decoration(struct reader *r, struct node *n, const unsigned char *anchor,
                              const unsigned char *tag)
{
	if (anchor) {
		node_error(r->problems, n,
		           "anchors (&name) are not supported: write the value where it is used");
		n->broken = true;
	}
	if (tag) {
		node_error(r->problems, n, "tags (!name) are not supported: write the plain value");
		n->broken = true;
	}
}

static struct node *read_scalar(struct reader *r, const struct node *parent)
{
	struct node *n = make(r, NODE_SCALAR, parent);
	const char *text = (const char *)r->event.data.scalar.value;
	size_t length = r->event.data.scalar.length;

	n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_dup_bytes(r->arena, text, length);
	refuse_decoration(r, n, r->event.data.scalar.anchor, r->event.data.scalar.tag);
	if (strlen(n->text) != length) {
		node_error(r->problems, n, "the text holds a NUL byte (\\0)");
		n->broken = true;
	}
	return n;
}

static struct node *read_alias(struct reader *r, const struct node *parent)
{
	struct node *n = make(r, NODE_SCALAR, parent);

	n->broken = true;
	node_error(r->problems, n,
	           "aliases (*name) are not supported: write the value again, or quote the text");
	return n;
}

static struct node *read_list(struct reader *r, const struct node *parent)
{
	struct node *n = make(r, NODE_LIST, parent);

	refuse_decoration(r, n, r->event.data.sequence_start.anchor,
	                  r->event.data.sequence_start.tag);
	while (step(r) != YAML_SEQUENCE_END_EVENT && !r->failed)
		append(n, read_value(r, n));
	return n;
}

static bool key_is_usable(struct reader *r, const struct node *key)
{
	if (key->kind != NODE_SCALAR) {
		node_error(r->problems, key, "a key is one word, not a list or a map");
		return false;
	}
	if (!key->quoted && strcmp(key->text, "<<") == 0) {
		node_error(r->problems, key,
		           "merge keys (<<) are not supported: write the keys where they are used");
		return false;
	}
	return !key->broken;
}

static int by_key(const void *left, const void *right)
{
	const struct node *a = *(struct node *const *)left, *b = *(struct node *const *)right;
	int r = strcmp(a->key->text, b->key->text);

	return r ? r : (a->index > b->index) - (a->index < b->index);
}

/* Sorted instead of pairwise: a map may hold tens of thousands of keys. */
static void refuse_duplicates(struct reader *r, const struct node *map)
{
	struct node **sorted _cleanup_free_ = mem_new_array(map->count, sizeof(*sorted));
	size_t count = 0;

	for (struct node *c = map->first; c; c = c->next)
		sorted[count++] = c;
	qsort(sorted, count, sizeof(*sorted), by_key);
	for (size_t i = 1; i < count; i++) {
		const struct node *first = sorted[i - 1];

		if (strcmp(first->key->text, sorted[i]->key->text) != 0)
			continue;
		node_key_error(r->problems, sorted[i],
		               "set twice, on line %d and on line %d: keep one",
		               first->key->at.line, sorted[i]->key->at.line);
		sorted[i]->broken = true;
	}
}

static struct node *read_map(struct reader *r, const struct node *parent)
{
	struct node *n = make(r, NODE_MAP, parent);

	refuse_decoration(r, n, r->event.data.mapping_start.anchor,
	                  r->event.data.mapping_start.tag);
	while (step(r) != YAML_MAPPING_END_EVENT && !r->failed) {
		struct node *key = read_value(r, n), *value;

		(void)step(r); /* the value, or failed: read_value knows */
		r->key = key;
		value = read_value(r, n);
		if (!r->failed && key_is_usable(r, key))
			append(n, value);
	}
	if (!r->failed)
		refuse_duplicates(r, n);
	return n;
}

static struct node *read_value(struct reader *r, const struct node *parent)
{
	struct node *n;

	if (++r->depth > NODE_DEPTH_MAX)
		give_up(r, "nested deeper than 16 levels");
	if (r->failed)
		n = arena_new_of(r->arena, struct node);
	else if (r->event.type == YAML_SEQUENCE_START_EVENT)
		n = read_list(r, parent);
	else if (r->event.type == YAML_MAPPING_START_EVENT)
		n = read_map(r, parent);
	else if (r->event.type == YAML_ALIAS_EVENT)
		n = read_alias(r, parent);
	else
		n = read_scalar(r, parent);
	r->depth--;
	return n;
}

static struct node *read_document(struct reader *r)
{
	struct place start = {r->in->source, 1, 1};
	struct node *root;

	(void)step(r); /* stream start, or failed */
	if (step(r) == YAML_STREAM_END_EVENT) {
		problem_add(r->problems, PROBLEM_ERROR, &start,
		            "the file is empty: it wants at least \"version: 1\"");
		return NULL;
	}
	(void)step(r); /* the root value behind the document start */
	root = read_value(r, NULL);
	(void)step(r); /* document end */
	if (step(r) != YAML_STREAM_END_EVENT && !r->failed)
		give_up(r, "a second document (---) begins here and would be ignored: "
		           "use one file each and include:");
	return r->failed ? NULL : root;
}

struct node *node_parse(const struct node_input *in, struct arena *arena, struct problems *p)
{
	struct place whole = {in->source, 0, 0};
	struct reader r = {.in = in, .arena = arena, .problems = p};
	struct node *root;

	if (in->length > NODE_BYTES_MAX) {
		problem_add(p, PROBLEM_ERROR, &whole, "larger than 1 MiB: split it with include:");
		return NULL;
	}
	if (!yaml_parser_initialize(&r.yaml))
		abort(); /* out of memory, as in mem.h */
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.yaml, in->bytes, in->length);
	root = read_document(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.yaml);
	return root;
}

/* ---- reading the tree ---------------------------------------------------------------------- */

bool node_has(const struct node *map, const char *key)
{
	for (const struct node *c = map->first; c; c = c->next)
		if (strcmp(c->key->text, key) == 0)
			return true;
	return false;
}

const struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (const struct node *c = map->first; c; c = c->next)
		if (!c->broken && strcmp(c->key->text, key) == 0)
			return c;
	return NULL;
}

bool node_is_nothing(const struct node *n)
{
	return n->kind == NODE_SCALAR && !n->quoted &&
	       (!*n->text || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
}

const char *node_describe(const struct node *n, struct node_found *tmp)
{
	char text[96];

	if (n->kind == NODE_LIST)
		return "a list";
	if (n->kind == NODE_MAP)
		return "a map";
	if (node_is_nothing(n))
		return "nothing";
	(void)snprintf(tmp->text, sizeof(tmp->text), "\"%s\"",
	               escape(n->text, strlen(n->text), text, sizeof(text)));
	return tmp->text;
}

static void write_path(const struct node *n, struct buf *out)
{
	char key[80];

	if (!n->parent)
		return;
	write_path(n->parent, out);
	if (!n->key && n->parent->kind == NODE_MAP)
		return; /* a key is told with the path of its map */
	if (!n->key) {
		(void)buf_printf(out, "[%zu]", n->index); /* cut at the limit */
		return;
	}
	(void)buf_printf(out, "%s%s", buf_len(out) ? "." : "",
	                 escape(n->key->text, strlen(n->key->text), key, sizeof(key)));
}

static void tell(struct problems *p, enum problem_severity severity, const struct node *n,
                 const struct place *at, const char *sentence)
{
	struct buf path;

	buf_init(&path, 1024);
	write_path(n, &path);
	problem_add(p, severity, at, "%s%s%s", buf_text(&path), buf_len(&path) ? ": " : "",
	            sentence);
	buf_release(&path);
}

#define TELL(severity, place)                                                                     \
	do {                                                                                      \
		char sentence[1200];                                                              \
		va_list ap;                                                                       \
                                                                                                  \
		va_start(ap, fmt);                                                                \
		(void)vsnprintf(sentence, sizeof(sentence), fmt, ap); /* a cut one still helps */ \
		va_end(ap);                                                                       \
		tell(p, severity, n, place, sentence);                                            \
	} while (0)

void node_error(struct problems *p, const struct node *n, const char *fmt, ...)
{
	TELL(PROBLEM_ERROR, &n->at);
}

void node_warn(struct problems *p, const struct node *n, const char *fmt, ...)
{
	TELL(PROBLEM_WARNING, &n->at);
}

void node_key_error(struct problems *p, const struct node *n, const char *fmt, ...)
{
	TELL(PROBLEM_ERROR, n->key ? &n->key->at : &n->at);
}

const char *config_library(void)
{
	static char text[32];

	(void)snprintf(text, sizeof(text), "libyaml %s", yaml_get_version_string());
	return text;
}
