#include "adapters/received.h"

#include "daemon/base/escape.h"

static int wrong_size(const struct received *g, const char *code, const char *what, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_INTEGRITY, code, 0, "read %s: %s the %llu bytes that were listed",
	               escape_name(g->path, &tmp), what, (unsigned long long)g->o->expect_size);
}

int received_check(const struct received *g, uint64_t total, struct err *e)
{
	struct escaped tmp;

	if (g->o->expect_size != SIZE_UNKNOWN && total > g->o->expect_size)
		return wrong_size(g, "DATA-LONG", "the file is longer than", e);
	if (total > g->o->max_size)
		return err_set(e, ERR_POLICY, "FILE-TOO-LARGE", 0,
		               "read %s: the file is larger than the %llu bytes the route allows",
		               escape_name(g->path, &tmp), (unsigned long long)g->o->max_size);
	return 0;
}

int received_begin(struct received *g, const char *path, const struct get_options *o, struct err *e)
{
	*g = (struct received){path, o, o->offset};
	if (o->expect_size != SIZE_UNKNOWN && o->expect_size > o->max_size)
		return received_check(g, o->expect_size, e);
	return received_check(g, o->offset, e);
}

int received_write(struct received *g, const void *data, size_t n, struct err *e)
{
	int r = received_check(g, g->total + n, e);

	if (r == 0 && n > 0)
		r = g->o->sink.write(g->o->sink.arg, data, n, e);
	if (r == 0)
		g->total += n;
	return r;
}

int received_end(const struct received *g, struct err *e)
{
	if (g->o->expect_size == SIZE_UNKNOWN || g->total == g->o->expect_size)
		return 0;
	return wrong_size(g, "DATA-SHORT", "the file ends before", e);
}

int received_unchanged(const struct received *g, const struct entry *now, struct err *e)
{
	const struct get_options *o = g->o;
	struct escaped tmp;

	if (now->size != SIZE_UNKNOWN && now->size != g->total)
		return err_set(
		        e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		        "read %s: the file changed meanwhile: %llu bytes now, %llu were read",
		        escape_name(g->path, &tmp), (unsigned long long)now->size,
		        (unsigned long long)g->total);
	if (!told_agrees((struct told){now->mtime_ms, now->mtime_precision_ms},
	                 (struct told){o->expect_mtime_ms, o->expect_precision_ms}))
		return err_set(e, ERR_INTEGRITY, "DATA-CHANGED", 0,
		               "read %s: the file changed meanwhile: its time is %lld, listed was "
		               "%lld",
		               escape_name(g->path, &tmp), (long long)now->mtime_ms / 1000,
		               (long long)o->expect_mtime_ms / 1000);
	return 0;
}

bool received_wants_look(const struct received *g)
{
	return g->o->expect_mtime_ms != MTIME_UNKNOWN || g->o->expect_size == SIZE_UNKNOWN;
}
