/*
 * A key of the configuration is one row of a table.
 *
 * The row says what the key is called, what kind of value it takes, its range, its default (written
 * as an operator would write it, and read by the same code), where the value goes and what it
 * means. Four readers share the rows, so they cannot disagree:
 *
 *	bind.c scalar.c lists.c	   put values into structs, tell every mistake
 *	schema.c		   the JSON Schema for editors
 *	reference.c		   the manual
 *	keys_*.c		   are the rows
 *
 * A new key is a new row; a new kind of value is a new KEY_TYPES line, which the compiler then
 * misses in the three tables indexed by it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* X(name): what is written at `at` */
#define KEY_TYPES(X)                                                                             \
	X(TEXT) /* const char *; at most `most` bytes, refused by `check`; or one of `words` */  \
	X(PATH) /* const char *; absolute, without . and .. and double slashes; or a word */     \
	X(INT)  /* int; least..most; a row with words takes these too */                         \
	X(SIZE) /* uint64_t */                                                                   \
	X(DURATION) /* int64_t, ms */                                                            \
	X(BOOL)     /* bool */                                                                   \
	X(WORD)     /* int or enum: one of `words` */                                            \
	X(FLAGS)    /* unsigned: a number up to most, or a list of `words` */                    \
	X(MODE)     /* int: quoted octal text */                                                 \
	X(TEXTS)    /* const char *const * and size_t at count_at; one text or a list */         \
	X(PATHS)    /* the same of paths */                                                      \
	X(SECTION)  /* a map with the keys of `table`, its rows count from the same base + at */ \
	X(ONE_OF)   /* a map with exactly one key of `table`, or one of `words` */               \
	X(SECTIONS) /* struct forms: list of maps */                                             \
	X(ONE_OFS)  /* struct forms: list of ONE_OF maps */                                      \
	X(NAMED)    /* struct forms: map of names to maps */                                     \
	X(REFUSED)  /* nothing: the key belongs elsewhere, `hint` says where */

enum key_type {
#define KEY_ENUM(name) KEY_##name,
	KEY_TYPES(KEY_ENUM)
#undef KEY_ENUM
	        KEY_TYPE_COUNT
};

enum key_flags { KEY_REQUIRED = 1, KEY_RAW = 2 /* TEXT: line breaks and tabs are fine */ };

enum key_judge { JUDGE_NONE, JUDGE_CRON, JUDGE_TIME_ZONE, JUDGE_NAME_TEMPLATE, JUDGE_COMMAND_WORD };

/* A list of words ends with text NULL. */
struct word {
	const char *text;
	int value;
	const char *doc;
	const char *refused; /* the word is known, but not to be used: why */
};

struct table;

struct key {
	const char *name; /* NULL ends a table */
	enum key_type type;
	unsigned flags;
	size_t at, count_at; /* from the base of the table */
	int64_t least, most;
	const char *fallback;     /* the default as it would be written; NULL: nothing is set */
	const char *fallback_doc; /* tells a default that is found elsewhere */
	const struct word *words;
	const struct table *table;
	int tag;                                /* in a ONE_OF table: stored at tag_at */
	const char *(*check)(const char *text); /* NULL or what is wrong with it */
	enum key_judge judge;
	const char *hint; /* added to the complaint about a wrong type */
	const char *doc;  /* what it means: sentences for the manual and the editor */
};

struct table {
	const char *title; /* of the chapter in the manual, and the name in the schema */
	const char *about;
	const struct key *keys;
	size_t size;         /* of a form: SECTIONS, ONE_OFS, NAMED */
	size_t tag_at;       /* ONE_OF: int or enum, gets the tag of the key that was used */
	const char *instead; /* ONE_OF: complaint about a text where a map is wanted */
	const char *bare;    /* a SECTION's key that a value which is no such map stands for */
	const char *(*check_name)(const char *text); /* NAMED: of the names */
};

/* What SECTIONS, ONE_OFS and NAMED fill: forms of table->size bytes, each beginning with a head. */
struct node;
struct form_head {
	const char *name; /* NAMED, else NULL */
	const struct node *node;
};
struct forms {
	struct form_head **items;
	size_t count;
};

extern const struct table keys_root, keys_included;  /* base: struct loader (load.h) */
extern const struct table keys_daemon, keys_trace;   /* base: daemon_config, trace_config */
extern const struct table keys_auth;                 /* base: struct auth_form */
extern const struct table keys_endpoint, keys_route; /* base: endpoint_form, route_form */
extern const struct table keys_host_key;             /* base: endpoint_form */
extern const struct table keys_tls, keys_ftp_data, keys_ftp_commands; /* base: endpoint_form */
extern const struct table keys_recycle; /* base: endpoint_form */
extern const struct table keys_proxy; /* base: proxy_form */
extern const struct table keys_algorithms;                            /* base: endpoint_form */
extern const struct word words_address_family[];
extern const struct table keys_tunnels; /* base: struct tunnel_form */
extern const struct table keys_secret; /* base: struct secret_form */
extern const struct word words_ftp_list[];
extern const struct word words_auth[];
extern const struct word words_trace[], words_trace_when[];
