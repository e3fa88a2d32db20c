#include "adapters/trace.h"

#include "adapters/trace_file.h"
#include "adapters/trace_ring.h"
#include "adapters/trace_step.h"
#include "adapters/trace_text.h"
#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"
#include "daemon/runtime/fiber.h"
#include "daemon/runtime/work.h"

enum {
	FIRST_BYTES = 8 * 1024,
	ALWAYS_BYTES = 1024 * 1024, /* what `always` may fall behind the disk */
	ABOUT_BYTES = 1024,
	MAX_LEAST = 16 * 1024, /* smaller max_bytes could not hold head, beginning and end */
	FLUSH_AT = 16 * 1024,
	FLUSH_AFTER_MS = 500,
};

/* What was due for one file when another was named; written first. */
struct aside {
	char file[TRACE_PATH_BYTES];
	enum trace_shared shared;
	struct buf data; /* empty: nothing is */
};

struct trace {
	char *dir, *endpoint;
	char folder[TRACE_FOLDER_BYTES], file[TRACE_PATH_BYTES]; /* file: "" = none is due */
	uint64_t max_bytes;
	int64_t keep_ms, began_us;
	unsigned mask;
	enum trace_when when;
	bool is_shared, has_begun; /* `file` is an operator's; our head is in it */
	struct aside aside;
	struct worker *worker; /* NULL: no loop here, written where it is freed */

	const struct trace_listener *listener;

	struct buf about;
	struct trace_ring first, last;
	bool is_first_over; /* a record has gone to `last` */
	uint64_t dropped;   /* lines, between first and last */

	bool is_due;     /* what waits is to be written soon */
	bool has_failed; /* what waits at the end is written then */
	bool is_broken;  /* could not be written, warned, no more tries */
	bool is_flushing;
	struct signal filling, flushed;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static size_t ring_limit(const struct trace *t)
{
	uint64_t ring = t->when == TRACE_ALWAYS ? ALWAYS_BYTES : TRACE_RING_BYTES;

	return (size_t)least(ring, t->max_bytes / 4 * 3);
}

struct trace *trace_new(const struct trace_config *settings, const char *endpoint, unsigned mask,
                        enum trace_when when)
{
	struct trace *t = mem_new_of(struct trace);

	t->dir = mem_dup(settings->dir);
	t->endpoint = mem_dup(endpoint);
	trace_folder_name(endpoint, t->folder);
	t->max_bytes = settings->max_bytes < MAX_LEAST ? MAX_LEAST : settings->max_bytes;
	t->keep_ms = settings->keep_ms;
	t->began_us = clock_mono_us();
	t->mask = mask;
	t->when = when;
	t->is_due = when == TRACE_ALWAYS;
	t->is_broken = !t->dir;
	t->worker = fiber_worker();
	buf_init(&t->about, ABOUT_BYTES);
	trace_ring_init(&t->first, (size_t)least(FIRST_BYTES, t->max_bytes / 8));
	trace_ring_init(&t->last, ring_limit(t));
	buf_init(&t->aside.data, FIRST_BYTES + ALWAYS_BYTES + TRACE_LINE_BYTES);
	signal_init(&t->filling);
	signal_init(&t->flushed);
	return t;
}

/* ---- recording ----------------------------------------------------------------------------- */

static void drop_oldest(struct trace *t)
{
	trace_ring_drop(&t->last);
	t->dropped++;
}

static void keep_line(struct trace *t, const char *line, size_t n)
{
	if (!t->is_first_over && trace_ring_add(&t->first, line, n) == 0)
		return;
	t->is_first_over = true;
	while (trace_ring_add(&t->last, line, n) < 0)
		drop_oldest(t);
}

static void flush_soon(struct trace *t);

static void begin(struct trace_text *line, const struct trace *t, unsigned bit)
{
	line->at_us = clock_mono_us();
	trace_text_head(line, bit, (uint64_t)(line->at_us - t->began_us));
}

bool trace_text_begin(struct trace_text *line, const struct trace *t, unsigned bit)
{
	if (!trace_wants(t, bit))
		return false;
	begin(line, t, bit);
	return true;
}

void trace_text_put(struct trace_text *line, struct trace *t)
{
	trace_text_seal(line);
	keep_line(t, line->text, line->n);
	if (t->listener) {
		line->text[line->n - 1] = '\0'; /* instead of its newline */
		t->listener->line(t->listener->arg, line->bit, line->text + line->head);
	}
	if (t->is_due)
		flush_soon(t);
}

__attribute__((format(printf, 2, 0))) static void print(struct trace_text *line, const char *fmt,
                                                        va_list ap)
{
	size_t room = sizeof(line->text) - line->n;
	int n = vsnprintf(line->text + line->n, room, fmt, ap);

	line->n += n < 0 ? 0 : (size_t)least((uint64_t)n, room - 1);
}

void trace_listen(struct trace *t, const struct trace_listener *l)
{
	t->listener = l;
}

const struct trace_listener *trace_listener(const struct trace *t)
{
	return t ? t->listener : NULL;
}

bool trace_wants(const struct trace *t, unsigned bit)
{
	return t && (t->mask & bit) && t->when != TRACE_NEVER && !t->is_broken;
}

void trace_line(struct trace *t, unsigned bit, const char *fmt, ...)
{
	struct trace_text line;
	va_list ap;

	if (!trace_text_begin(&line, t, bit))
		return;
	va_start(ap, fmt);
	print(&line, fmt, ap);
	va_end(ap);
	trace_text_put(&line, t);
}

void trace_failed(struct trace *t, const struct err *e)
{
	struct trace_text line;
	char native[16];

	if (!t || t->when == TRACE_NEVER || t->is_broken)
		return;
	t->is_due = t->has_failed = true;
	(void)snprintf(native, sizeof(native), "%d", e->native);
	begin(&line, t, TRACE_ERROR); /* whatever the mask */
	trace_text_add(&line, "FAILED ");
	trace_text_add(&line, err_kind_name(e->kind));
	trace_text_add(&line, " ");
	trace_text_add(&line, e->code ? e->code : "-");
	trace_text_add(&line, " native=");
	trace_text_add(&line, native);
	trace_text_add(&line, ": ");
	trace_text_add(&line, e->message);
	trace_text_put(&line, t);
}

void trace_about(struct trace *t, const char *key, const char *fmt, ...)
{
	char line[512];
	int n;
	va_list ap;

	if (!t)
		return;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	text_drop_cut(line);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			*p = '?';
	(void)buf_printf(&t->about, "# %s: %s\n", key, line); /* a full head is no failure */
}

const char *trace_file(const struct trace *t)
{
	return t && t->file[0] && !t->is_broken ? t->file : NULL;
}

void trace_set(struct trace *t, unsigned mask, enum trace_when when)
{
	t->mask = mask;
	t->when = when;
	t->is_due = when == TRACE_ALWAYS;
	while (t->last.used > ring_limit(t))
		drop_oldest(t);
	trace_ring_limit(&t->last, ring_limit(t));
}

static enum trace_shared sharing(const struct trace *t)
{
	if (!t->is_shared)
		return TRACE_OWN;
	return t->has_begun ? TRACE_SHARED : TRACE_SHARED_BEGINS;
}

static void take_waiting(struct trace *t, struct buf *data);
static size_t waiting_bytes(const struct trace *t);

/* A fiber that writes is under way, as something is due. Where one change follows another at once,
 * what waits goes with the later file. */
static void set_aside(struct trace *t)
{
	if (!waiting_bytes(t) || !t->is_flushing || buf_len(&t->aside.data))
		return;
	memcpy(t->aside.file, t->file, sizeof(t->aside.file));
	t->aside.shared = sharing(t);
	take_waiting(t, &t->aside.data);
}

void trace_into(struct trace *t, const char *file)
{
	if (t->is_due)
		set_aside(t);
	t->file[0] = '\0'; /* an own one is named when it becomes due */
	t->is_shared = file != NULL;
	t->is_broken = !t->dir && !file;
	t->has_begun = false;
	if (file)
		(void)snprintf(t->file, sizeof(t->file), "%s", file);
}

/* ---- writing ------------------------------------------------------------------------------- */

static size_t waiting_bytes(const struct trace *t)
{
	return t->first.used + t->last.used;
}

static void make_head(struct trace *t, struct buf *head)
{
	char when[CLOCK_TEXT_BYTES], endpoint[208];
	int64_t began = clock_wall_ms() - (clock_mono_us() - t->began_us) / 1000;

	(void)escape(t->endpoint, strlen(t->endpoint), endpoint, sizeof(endpoint));
	(void)buf_printf(head, "# ferryd %s trace of a connection\n# endpoint: %s\n",
	                 FERRYD_VERSION, endpoint);
	(void)buf_printf(head, "# began: %s\n# mask: %u\n", clock_text(began, when), t->mask);
	(void)buf_add(head, buf_data(&t->about), buf_len(&t->about));
	(void)buf_printf(head, "# seconds since then, kind, what happened\n");
}

/* Moves everything that waits out of the trace, so that lines may come while it is written. */
static void take_waiting(struct trace *t, struct buf *data)
{
	trace_ring_move(&t->first, data);
	if (t->dropped)
		(void)buf_printf(data, "... %llu lines were not kept ...\n",
		                 (unsigned long long)t->dropped);
	trace_ring_move(&t->last, data);
	t->is_first_over = true;
	t->dropped = 0;
}

static int write_on_pool(void *arg, struct err *e)
{
	return trace_piece_write(arg, e);
}

/* Moves out of the trace what is to be written next, and says where it goes. */
static void take_next(struct trace *t, struct aside *next)
{
	if (buf_len(&t->aside.data)) {
		*next = t->aside;
		buf_init(&t->aside.data, t->aside.data.limit);
		return;
	}
	if (!t->file[0])
		trace_file_name(t->dir, t->folder, t->file);
	memcpy(next->file, t->file, sizeof(next->file));
	next->shared = sharing(t);
	buf_init(&next->data, t->first.limit + t->last.limit + TRACE_LINE_BYTES);
	take_waiting(t, &next->data);
	t->is_due = t->when == TRACE_ALWAYS;
	t->has_begun = true;
}

static void write_waiting(struct trace *t)
{
	struct aside next;
	struct buf head;
	struct err e;
	int r;

	buf_init(&head, 2 * ABOUT_BYTES);
	make_head(t, &head);
	take_next(t, &next);
	struct trace_piece p = {
	        .dir = t->dir,
	        .folder = t->folder,
	        .file = next.file,
	        .shared = next.shared,
	        .head = (const char *)buf_data(&head),
	        .head_bytes = buf_len(&head),
	        .data = buf_data(&next.data),
	        .data_bytes = buf_len(&next.data),
	        .max_bytes = t->max_bytes - buf_len(&head),
	        .keep_ms = t->keep_ms,
	};
	r = fiber_self() ? work_run(write_on_pool, &p, "writing the trace", &e)
	                 : write_on_pool(&p, &e);
	if (r < 0) {
		t->is_broken = true;
		log_warn("trace cannot be written, ignoring", "endpoint=%s error=\"%s\"",
		         t->endpoint, e.message);
	}
	buf_release(&head);
	buf_release(&next.data);
}

static bool is_to_write(const struct trace *t)
{
	return !t->is_broken && (buf_len(&t->aside.data) || (t->is_due && waiting_bytes(t)));
}

/* Lives only while something waits: collects for a moment, writes, ends. */
static void flush_fiber(void *arg)
{
	struct trace *t = arg;
	struct deadline d = deadline_in(FLUSH_AFTER_MS);
	struct err e;

	while (waiting_bytes(t) < FLUSH_AT && deadline_left_ms(d) > 0)
		if (signal_wait(&t->filling, "more lines of the trace", d, &e) < 0)
			break; /* time to write, also when we are to stop */
	fiber_shield_begin();
	while (is_to_write(t))
		write_waiting(t);
	fiber_shield_end();
	t->is_flushing = false;
	signal_raise(&t->flushed);
}

static void flush_soon(struct trace *t)
{
	if (!t->file[0])
		trace_file_name(t->dir, t->folder, t->file);
	if (!t->worker)
		return;
	if (t->is_flushing) {
		if (waiting_bytes(t) >= FLUSH_AT)
			signal_raise(&t->filling);
		return;
	}
	t->is_flushing = true;
	fiber_start(t->worker, "trace", flush_fiber, t);
}

static void flush_wait(struct trace *t)
{
	struct err e;

	fiber_shield_begin();
	while (t->is_flushing) {
		signal_raise(&t->filling);
		(void)signal_wait(&t->flushed, "the trace's last write", deadline_never(), &e);
	}
	fiber_shield_end();
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	if (t->is_flushing)
		flush_wait(t);
	if ((t->is_due || t->has_failed) && t->file[0] && waiting_bytes(t) && !t->is_broken)
		write_waiting(t);
	buf_release(&t->aside.data);
	buf_release(&t->about);
	trace_ring_release(&t->first);
	trace_ring_release(&t->last);
	free(t->dir);
	free(t->endpoint);
	free(t);
}
