/*
 * From tree to structs, by the tables of key.h.
 *
 *	struct binder b = {&arena, &problems, judges};
 *	bind_section(&b, &keys_root, root, &loader);
 *
 * A value that is wrong is told and leaves its field as the default or zero has it; binding goes
 * on, so that every mistake is told in one run. Texts are copied into the arena.
 */
#pragma once
#include "config/arena.h"
#include "config/config.h"
#include "config/key.h"
#include "config/node.h"

struct binder {
	struct arena *arena;
	struct problems *problems;
	const struct config_judges *judges; /* may be NULL */
};

/* `n` NULL or empty: every key has its default (a required one is complained about, if n). */
void bind_section(struct binder *b, const struct table *t, const struct node *n, void *base);

/* One value; the row decides how. */
typedef void bind_fn(struct binder *b, const struct key *k, const struct node *n, void *base);
bind_fn bind_text, bind_path, bind_int, bind_size, bind_duration, bind_bool, bind_word, bind_mode;
bind_fn bind_flags, bind_texts, bind_paths, bind_one_of, bind_one_ofs;
bind_fn bind_sections, bind_named;

static inline void *key_field(const struct key *k, void *base)
{
	return (char *)base + k->at;
}

/* One text of a TEXT, TEXTS, PATH or PATHS value, checked and copied; NULL when refused. */
const char *bind_one_text(struct binder *b, const struct key *k, const struct node *n);
const char *bind_one_path(struct binder *b, const struct key *k, const struct node *n);
/* The row of `words` that `n` names; NULL and told when none, or when it is refused. */
const struct word *bind_one_word(struct binder *b, const struct word *words, const struct node *n);
