/*
 * Nodes that no YAML text has: what other files say in the words of the configuration.
 *
 *	struct node *n = node_make_text(&arena, &place, "22", NODE_BARE);
 *	node_put(&arena, map, "port", n);	// as if "port: 22" stood at `place`
 *
 * They are bound, judged and complained about like all others, at the place they came from. A key
 * that the map has already is left alone. Nodes and texts live in the arena; the map is one that is
 * not bound yet.
 */
#pragma once
#include "config/node.h"

enum node_quoting { NODE_BARE, NODE_QUOTED };

/* Copies the text. */
struct node *node_make_text(struct arena *a, const struct place *at, const char *text,
                            enum node_quoting quoting);
struct node *node_make_map(struct arena *a, const struct place *at);
struct node *node_make_list(struct arena *a, const struct place *at);

void node_append(struct node *list, struct node *value);
/* `path` may go through sections, as "timeouts.connect"; these are made where they are missing.
 * False when the key is there, or something that is no section is in its way. */
bool node_put(struct arena *a, struct node *map, const char *path, struct node *value);
