/*
 * Loading: files into forms, forms into a snapshot. Reading of the steps: load.h.
 */
#include "config/config.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "config/explain.h"
#include "config/include.h"
#include "config/load.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

/* ---- the snapshot and its references ------------------------------------------------------- */

struct snapshot {
	struct config config; /* first: a config is a snapshot */
	struct arena arena;
	atomic_int references;
};

/* The count is the one part of a snapshot that changes. */
static struct snapshot *snapshot_of(const struct config *c)
{
	return (struct snapshot *)(uintptr_t)c;
}

struct config *config_ref(const struct config *c)
{
	int before = atomic_fetch_add(&snapshot_of(c)->references, 1);

	assert(before > 0);
	(void)before;
	return &snapshot_of(c)->config;
}

static void snapshot_free(struct snapshot *s)
{
	arena_release(&s->arena);
	free(s);
}

void config_unref(const struct config *c)
{
	if (c && atomic_fetch_sub(&snapshot_of(c)->references, 1) == 1)
		snapshot_free(snapshot_of(c));
}

/* ---- from forms to the snapshot ------------------------------------------------------------ */

static int processors(void)
{
	cpu_set_t set;
	int count = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		count = CPU_COUNT(&set);
	return count < 1 ? 1 : count > 64 ? 64 : count;
}

static void finish(struct loader *l)
{
	for (size_t i = 0; i < l->endpoints.count; i++)
		endpoint_finish(l, (void *)l->endpoints.items[i]);
	for (size_t i = 0; i < l->endpoints.count; i++)
		endpoint_finish_via(l, (void *)l->endpoints.items[i]);
	for (size_t i = 0; i < l->routes.count; i++)
		route_finish(l, (void *)l->routes.items[i]);
	loops_check(l);
	overlaps_check(l);
	if (!l->daemon.workers)
		l->daemon.workers = processors();
}

static void publish_endpoints(struct loader *l, struct config *c)
{
	size_t named = l->endpoints.count, count = named + l->local_count;
	const struct endpoint_config **all = arena_new_array(l->arena, count, sizeof(*all));

	for (size_t i = 0; i < named; i++)
		all[i] = &((const struct endpoint_form *)(const void *)l->endpoints.items[i])->out;
	if (l->local_count)
		memcpy(all + named, l->locals, l->local_count * sizeof(*all));
	for (size_t i = 0; i < count; i++) /* ours until they are published */
		((struct endpoint_config *)(uintptr_t)all[i])->fingerprint =
		        fingerprint_of_endpoint(l->arena, all[i]);
	c->endpoints = all;
	c->endpoint_count = count;
}

static void publish_routes(struct loader *l, struct config *c)
{
	const struct route_config **all = arena_new_array(l->arena, l->routes.count, sizeof(*all));

	for (size_t i = 0; i < l->routes.count; i++) {
		struct route_form *f = (void *)l->routes.items[i];

		f->out.fingerprint = fingerprint_of(l->arena, &f->out);
		all[i] = &f->out;
	}
	c->routes = all;
	c->route_count = l->routes.count;
}

static void publish(struct loader *l, struct config *c, const char *file)
{
	c->daemon = l->daemon;
	c->trace = l->trace;
	publish_endpoints(l, c);
	publish_routes(l, c);
	c->file = arena_dup(l->arena, file);
	c->loaded_at_ms = clock_wall_ms();
	c->secret_values = l->secret_values;
}

/* ---- loading ------------------------------------------------------------------------------- */

typedef void read_fn(struct loader *l, const void *how);

static struct config *load(struct loader *l, const char *file, read_fn *read, const void *how,
                           struct config_report *r)
{
	struct snapshot *s = mem_new_of(struct snapshot);
	size_t errors;

	arena_init(&s->arena);
	arena_init(&l->tree);
	l->arena = &s->arena;
	l->budget = NODE_COUNT_MAX;
	read(l, how);
	if (!l->unread)
		finish(l);
	errors = l->problems->errors;
	if (!errors)
		publish(l, &s->config, file);
	if (!errors && l->explain)
		explain_endpoint(l, l->explain);
	problems_write(l->problems, r);
	problems_release(l->problems);
	free(l->locals);
	arena_release(&l->tree);
	atomic_init(&s->references, 1);
	if (!errors)
		return &s->config;
	snapshot_free(s);
	return NULL;
}

static void read_files(struct loader *l, const void *how)
{
	include_main_file(l, how);
}

struct config *config_load(const char *file, const struct config_judges *judges,
                           struct config_report *r)
{
	struct problems problems = {0};
	struct loader l = {.judges = judges, .disk = DISK_CHECK, .problems = &problems};

	return load(&l, file, read_files, file, r);
}

struct config *config_explain(const char *file, const struct config_judges *judges,
                              struct config_report *r, const char *endpoint, struct buf *out)
{
	struct problems problems = {0};
	struct explanation x = {.endpoint = endpoint, .out = out};
	struct loader l = {
	        .judges = judges, .disk = DISK_CHECK, .problems = &problems, .explain = &x};

	return load(&l, file, read_files, file, r);
}

static void read_text(struct loader *l, const void *how)
{
	include_main_text(l, how);
}

struct config *config_load_text(const struct config_text *text, const struct config_judges *judges,
                                enum disk_access disk, struct config_report *r)
{
	struct problems problems = {0};
	struct loader l = {.judges = judges, .disk = disk, .problems = &problems};

	return load(&l, text->name, read_text, text, r);
}

/* ---- lookups ------------------------------------------------------------------------------- */

const struct route_config *config_route(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->route_count; i++)
		if (strcmp(c->routes[i]->name, name) == 0)
			return c->routes[i];
	return NULL;
}

const struct route_dest *config_route_dest(const struct route_config *r, const char *id)
{
	for (size_t i = 0; i < r->to_count; i++)
		if (strcmp(r->to[i].id, id) == 0)
			return &r->to[i];
	return NULL;
}

const struct endpoint_config *config_endpoint(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->endpoint_count; i++)
		if (strcmp(c->endpoints[i]->name, name) == 0)
			return c->endpoints[i];
	return NULL;
}
