#include "adapters/examine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "adapters/adapter.h"
#include "adapters/names.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum {
	PROBE_BYTES = 1024 * 1024,
	SECOND_BYTES = 1000,
	PINGS = 3,
	SAYS_MOST = 8 * 1024,
	FACTS_MOST = 200, /* a server may offer any number of extensions */
	LIST_NAMES_MOST = 100000,
	SKEW_ODD_S = 60,
};

/* ---- what is told on the way --------------------------------------------------------------- */

static struct examined_step *current(struct examination *x)
{
	return x->step_count ? &x->steps[x->step_count - 1] : NULL;
}

static void end_step(struct examination *x)
{
	struct examined_step *s = current(x);

	if (s && s->took_us < 0)
		s->took_us = clock_mono_us() - x->began_us;
}

static char *copy_or_none(const char *text)
{
	return text ? mem_dup(text) : NULL;
}

static void on_hop(void *arg, const char *endpoint)
{
	struct examination *x = arg;

	free(x->hop);
	x->hop = strcmp(endpoint, x->endpoint) == 0 ? NULL : mem_dup(endpoint);
}

static void on_step(void *arg, enum trace_step step)
{
	struct examination *x = arg;

	end_step(x);
	x->steps = mem_grow(x->steps, (x->step_count + 1) * sizeof(*x->steps));
	x->steps[x->step_count++] =
	        (struct examined_step){.step = step, .took_us = -1, .hop = copy_or_none(x->hop)};
	x->began_us = clock_mono_us();
}

static void on_fact(void *arg, const char *name, const char *value)
{
	struct examination *x = arg;

	if (x->fact_count == FACTS_MOST)
		return;
	x->facts = mem_grow(x->facts, (x->fact_count + 1) * sizeof(*x->facts));
	x->facts[x->fact_count++] =
	        (struct examined_fact){copy_or_none(x->hop), mem_dup(name), mem_dup(value)};
}

__attribute__((format(printf, 2, 3))) static void say(struct examination *x, const char *fmt, ...)
{
	struct examined_step *s = current(x);
	char line[1024];
	char *longer;
	va_list ap;

	if (!s || (s->says && strlen(s->says) > SAYS_MOST))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap); /* a cut line is still one */
	va_end(ap);
	longer = mem_printf("%s%s\n", s->says ? s->says : "", line);
	free(s->says);
	s->says = longer;
}

/* The login's own words are worth showing: methods, prompts, partial success. */
static void on_line(void *arg, unsigned bit, const char *text)
{
	struct examination *x = arg;
	const struct examined_step *s = current(x);

	if (!s)
		return;
	if ((s->step == TRACE_STEP_LOGIN && (bit & (TRACE_AUTH | TRACE_PUBLICKEY))) ||
	    (s->step == TRACE_STEP_TCP && (bit & TRACE_CONNECTION)) ||
	    (s->step == TRACE_STEP_HOST_KEY && (bit & TRACE_KEX)))
		say(x, "%s", text);
}

/* ---- the walk ------------------------------------------------------------------------------ */

struct walk {
	const struct adapter *adapter;
	const struct endpoint_config *endpoint;
	const struct examine_options *options;
	struct trace *trace;
	struct connection *c;
	struct examination *x;
	char *first, *second; /* paths of the probes */
	bool first_stands, second_stands;
};

static void odd(struct walk *w, const char *words)
{
	current(w->x)->result = EXAMINED_ODD;
	say(w->x, "%s", words);
}

static int ping_some(struct walk *w, struct err *e)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < PINGS; i++) {
		int64_t us = clock_mono_us();

		if (w->adapter->ping(w->c, e) < 0)
			return e->kind;
		us = clock_mono_us() - us;
		best = us < best ? us : best;
	}
	trace_fact(w->trace, "round trip", "%.1f ms", (double)best / 1000);
	return 0;
}

static int look_around(struct walk *w, struct err *e)
{
	trace_step(w->trace, TRACE_STEP_HOME);
	if (w->adapter->examine && w->adapter->examine(w->c, w->trace, e) < 0)
		return e->kind;
	return ping_some(w, e);
}

static int count_entry(const struct entry *entry, void *arg, struct err *e)
{
	size_t *counts = arg;

	(void)e;
	counts[entry->type == ENTRY_FILE ? 0 : entry->type == ENTRY_DIR ? 1 : 2]++;
	return 0;
}

static int list(struct walk *w, struct err *e)
{
	const struct list_limits limits = {LIST_NAMES_MOST, (size_t)LIST_NAMES_MOST * 64};
	const char *path = w->options->path ? w->options->path : "";
	size_t counts[3] = {0};
	struct escaped tmp;

	trace_step(w->trace, TRACE_STEP_LIST);
	if (w->adapter->list(w->c, path, &limits, count_entry, counts, e) < 0)
		return e->kind;
	say(w->x, "%s: %zu files, %zu directories, %zu others",
	    *path ? escape_name(path, &tmp) : "the login directory", counts[0], counts[1],
	    counts[2]);
	return 0;
}

/* ---- the probe ----------------------------------------------------------------------------- */

/* Bytes that differ from place to place, so that a server that mixes them up is found out. */
static unsigned char byte_at(uint64_t at)
{
	return (unsigned char)((at * 2654435761u) >> 13);
}

struct flow {
	uint64_t at, size;
	bool differs;
};

static int64_t give(void *arg, void *data, size_t room, struct err *e)
{
	struct flow *f = arg;
	size_t n = f->size - f->at < room ? (size_t)(f->size - f->at) : room;

	(void)e;
	for (size_t i = 0; i < n; i++)
		((unsigned char *)data)[i] = byte_at(f->at + i);
	f->at += n;
	return (int64_t)n;
}

static int take(void *arg, const void *data, size_t n, struct err *e)
{
	struct flow *f = arg;

	(void)e;
	for (size_t i = 0; i < n; i++)
		f->differs |= ((const unsigned char *)data)[i] != byte_at(f->at + i);
	f->at += n;
	return 0;
}

static int put_probe(struct walk *w, const char *path, uint64_t size, struct err *e)
{
	struct flow f = {.size = size};
	struct put_options o = {.source = {.read = give, .arg = &f, .size = size}, .mode = -1};
	enum verification level = VERIFIED_NONE;

	return w->adapter->put(w->c, path, &o, &level, e);
}

static void tell_speed(struct walk *w, const char *what, int64_t us)
{
	trace_fact(w->trace, what, "%.1f MB/s (1 MiB in %.1f ms)",
	           (double)PROBE_BYTES / (double)(us > 0 ? us : 1), (double)us / 1000);
}

/* The server stamps what it has just been sent with its own clock. */
static int tell_clock(struct walk *w, struct err *e)
{
	struct entry entry;
	int64_t ahead_s;

	if (w->adapter->stat(w->c, w->first, &entry, e) < 0)
		return e->kind;
	if (entry.mtime_ms == MTIME_UNKNOWN)
		return 0;
	ahead_s = (entry.mtime_ms - clock_wall_ms()) / 1000;
	trace_fact(w->trace, "clock", "%+lld s from ours", (long long)ahead_s);
	if (ahead_s > SKEW_ODD_S || ahead_s < -SKEW_ODD_S)
		odd(w,
		    "its clock and ours differ by more than a minute: ages of files and one-time "
		    "codes will be wrong until one of them is set right (timedatectl)");
	return 0;
}

static int write_probe(struct walk *w, struct err *e)
{
	int64_t us;

	trace_step(w->trace, TRACE_STEP_WRITE);
	us = clock_mono_us();
	w->first_stands = true;
	if (put_probe(w, w->first, PROBE_BYTES, e) < 0)
		return e->kind;
	tell_speed(w, "upload", clock_mono_us() - us);
	return tell_clock(w, e);
}

static int read_probe(struct walk *w, struct err *e)
{
	struct flow f = {0};
	struct get_options o = {.sink = {.write = take, .arg = &f},
	                        .expect_size = PROBE_BYTES,
	                        .expect_mtime_ms = MTIME_UNKNOWN,
	                        .max_size = PROBE_BYTES};
	int64_t us;
	int r;

	trace_step(w->trace, TRACE_STEP_READ);
	us = clock_mono_us();
	r = w->adapter->get(w->c, w->first, &o, e);
	if (r == ERR_OBJECT && strcmp(e->code, "OBJ-DENIED") == 0) {
		odd(w, "the account may write there but not read: deliveries are verified by size "
		       "only");
		return 0;
	}
	if (r < 0)
		return r;
	if (f.differs || f.at != PROBE_BYTES)
		return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		               "what came back is not what was sent: do not use this server before "
		               "the partner has found out why");
	tell_speed(w, "download", clock_mono_us() - us);
	return 0;
}

static int rename_probe(struct walk *w, struct err *e)
{
	trace_step(w->trace, TRACE_STEP_RENAME);
	w->second_stands = true;
	if (w->adapter->rename(w->c, w->first, w->second, RENAME_FAIL_IF_EXISTS, e) < 0)
		return e->kind;
	w->first_stands = false;
	return 0;
}

/* Is it the new file that bears the name now? A server may say OK and have done nothing. */
static int replace_probe(struct walk *w, struct err *e)
{
	struct entry entry;

	trace_step(w->trace, TRACE_STEP_REPLACE);
	w->first_stands = true;
	if (put_probe(w, w->first, SECOND_BYTES, e) < 0)
		return e->kind;
	if (w->adapter->rename(w->c, w->first, w->second, RENAME_REPLACE, e) < 0)
		return e->kind;
	w->first_stands = false;
	if (w->adapter->stat(w->c, w->second, &entry, e) < 0)
		return e->kind;
	if (entry.size != SECOND_BYTES)
		return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		               "the server says that it has renamed, but the old file still bears "
		               "the name: use exists: fail");
	trace_fact(w->trace, "replacing rename",
	           w->adapter->capabilities(w->c)->atomic_replace ? "real, in one step"
	                                                          : "in two steps");
	if (!w->adapter->capabilities(w->c)->atomic_replace)
		odd(w, "not in one step: for a moment neither file bears the name");
	return 0;
}

/* Both are tried, whatever came before; of what fails here the first is told. */
static int remove_probes(struct walk *w, struct err *e)
{
	const char *paths[] = {w->first_stands ? w->first : NULL,
	                       w->second_stands ? w->second : NULL};
	int r = 0;

	trace_step(w->trace, TRACE_STEP_REMOVE);
	for (size_t i = 0; i < 2; i++) {
		struct err why;

		if (!paths[i] || w->adapter->remove(w->c, paths[i], &why) == 0 ||
		    strcmp(why.code, "OBJ-MISSING") == 0 || r < 0)
			continue;
		*e = why;
		r = why.kind;
	}
	return r;
}

static int probe(struct walk *w, struct err *e)
{
	const char *dir = w->options->path ? w->options->path : "";
	const char *slash = *dir && dir[strlen(dir) - 1] != '/' ? "/" : "";
	struct err ignored;
	unsigned serial = 0;
	int r;

	if (getrandom(&serial, sizeof(serial), 0) != (ssize_t)sizeof(serial))
		serial = (unsigned)clock_mono_us();
	w->first = mem_printf("%s%s.ferryd-%08x-a" NAME_TEMP_SUFFIX, dir, slash, serial);
	w->second = mem_printf("%s%s.ferryd-%08x-b" NAME_TEMP_SUFFIX, dir, slash, serial);
	r = write_probe(w, e);
	if (r == 0)
		r = read_probe(w, e);
	if (r == 0)
		r = rename_probe(w, e);
	if (r == 0)
		r = replace_probe(w, e);
	if (r == 0)
		return remove_probes(w, e);
	current(w->x)->result = EXAMINED_FAILED; /* the step that did, before the clearing up */
	if (w->adapter->is_alive(w->c))
		(void)remove_probes(w, &ignored);
	return r;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int walk(struct walk *w, struct err *e)
{
	if (w->adapter->connect(w->endpoint, w->trace, &w->c, e) < 0)
		return e->kind;
	if (look_around(w, e) < 0 || list(w, e) < 0)
		return e->kind;
	return w->options->write == EXAMINE_WRITE ? probe(w, e) : 0;
}

static bool has_failed_step(const struct examination *x)
{
	for (size_t i = 0; i < x->step_count; i++)
		if (x->steps[i].result == EXAMINED_FAILED)
			return true;
	return false;
}

static void note_failure(struct examination *x, struct trace *t, const struct err *e)
{
	const char *file;

	x->failure = *e;
	if (!has_failed_step(x) && current(x))
		current(x)->result = EXAMINED_FAILED;
	trace_failed(t, e);
	file = trace_file(t);
	(void)snprintf(x->trace_file, sizeof(x->trace_file), "%s", file ? file : "");
}

int examine(const struct config *config, const struct endpoint_config *endpoint,
            const struct examine_options *options, struct examination *out)
{
	const struct trace_listener listener = {out, on_hop, on_step, on_fact, on_line};
	struct walk w = {.adapter = adapter_for((int)endpoint->protocol),
	                 .endpoint = endpoint,
	                 .options = options,
	                 .x = out};
	struct err e;

	*out = (struct examination){.endpoint = endpoint->name};
	w.trace = trace_new(&config->trace, endpoint->name,
	                    endpoint->trace_mask | TRACE_MASK_DEFAULT, TRACE_FAILURE);
	trace_listen(w.trace, &listener);
	if (walk(&w, &e) < 0)
		note_failure(out, w.trace, &e);
	end_step(out);
	trace_listen(w.trace, NULL);
	out->endpoint = NULL;
	w.adapter->close(w.c);
	trace_free(w.trace);
	free(w.first);
	free(w.second);
	return out->failure.kind;
}

void examination_release(struct examination *x)
{
	for (size_t i = 0; i < x->step_count; i++) {
		free(x->steps[i].hop);
		free(x->steps[i].says);
	}
	for (size_t i = 0; i < x->fact_count; i++) {
		free(x->facts[i].hop);
		free(x->facts[i].name);
		free(x->facts[i].value);
	}
	free(x->steps);
	free(x->facts);
	free(x->hop);
}
