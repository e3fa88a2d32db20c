/*
 * A YAML document as a tree in which every node knows where it stands.
 *
 *	struct node *root = node_parse(&input, &arena, &problems);
 *	if (!root) ...				// syntax: told to `problems`
 *	struct node *n = node_get(root, "routes");
 *	node_error(&problems, n, "wants a map");	// "file:7:1: routes: wants a map"
 *
 * What we take from YAML is the part that cannot surprise: maps, lists and scalars. Anchors,
 * aliases, merge keys, tags, complex keys, duplicate keys, a second document and NUL bytes are
 * errors. Scalars stay text; only their quoting is remembered, and the key tables decide what they
 * mean. A node that was refused is `broken`: nobody needs to complain about it again.
 *
 * Limits (NODE_*) hold for one file's bytes and depth, and for the nodes of all files together.
 * Nodes live in the arena. Nothing here touches the disk.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "config/arena.h"
#include "config/problems.h"

enum { NODE_BYTES_MAX = 1024 * 1024, NODE_DEPTH_MAX = 16, NODE_COUNT_MAX = 100000 };

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	struct place at;
	bool broken;
	bool quoted;                      /* scalar: 'x', "x", | or > */
	const char *text;                 /* scalar: NUL-terminated, holds no other NUL */
	const struct node *parent, *key;  /* key: the scalar before a map's value, else NULL */
	struct node *first, *last, *next; /* children, in the order of the file */
	size_t index, count;
};

struct node_input {
	const struct source_text *source;
	const void *bytes;
	size_t length;
	size_t *budget; /* nodes that may still be made, counted down */
};

/* NULL when the text is not YAML we read. Problems found in a tree that could be made (duplicate
 * keys, anchors ...) are reported too, and the tree is returned. */
struct node *node_parse(const struct node_input *in, struct arena *arena, struct problems *p);

/* The value of a key of a map; NULL when absent, broken or `map` is NULL or no map. */
const struct node *node_get(const struct node *map, const char *key);
/* The key of a map is there, if only as a broken value. */
bool node_has(const struct node *map, const char *key);
/* Nothing was written: `key:`, `key: ~` or `key: null`. */
bool node_is_nothing(const struct node *n);

/* "text "abc"", "a list" ... for sentences that tell what was found. */
struct node_found {
	char text[128];
};
const char *node_describe(const struct node *n, struct node_found *tmp);

/* The path is put before the sentence: "routes.acme.to[0]: ...". */
void node_error(struct problems *p, const struct node *n, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void node_warn(struct problems *p, const struct node *n, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* At the place of the key instead of its value. */
void node_key_error(struct problems *p, const struct node *n, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
