#include "daemon/base/told.h"

static const int64_t quarter_ms = INT64_C(15) * 60 * 1000;
static const int64_t earlier_ms = INT64_C(14) * 3600 * 1000; /* UTC+14 */
static const int64_t later_ms = INT64_C(12) * 3600 * 1000;   /* UTC-12 */

struct span {
	int64_t first, end;
};

static bool is_coarse(struct told t)
{
	return t.precision_ms >= TOLD_HOUR_MS;
}

static bool is_exact(struct told t)
{
	return t.precision_ms < TOLD_MINUTE_MS;
}

static struct span span_of(struct told t)
{
	int64_t length = t.precision_ms > 0 ? t.precision_ms : 1;

	if (!is_coarse(t))
		return (struct span){t.ms, t.ms + length};
	/* the minute is known, only its hour is not */
	if (t.precision_ms == TOLD_HOUR_MS)
		length = TOLD_MINUTE_MS;
	return (struct span){t.ms - earlier_ms, t.ms + length + later_ms};
}

static bool overlap(struct told a, struct told b)
{
	struct span x = span_of(a), y = span_of(b);

	return x.first < y.end && y.first < x.end;
}

/* Two readings of one clock in two zones. */
static bool is_shifted(struct told told, struct told known)
{
	int64_t minute = known.ms - known.ms % TOLD_MINUTE_MS;
	int64_t apart = told.ms > minute ? told.ms - minute : minute - told.ms;

	return apart <= earlier_ms + later_ms && apart % quarter_ms == 0;
}

/* `told` is from a listing that may tell another hour than another one did. */
static enum told_likeness doubt(struct told told, struct told known)
{
	if (is_exact(told))
		return TOLD_OTHER;
	if (is_coarse(told) && is_coarse(known))
		return overlap(told, known) ? TOLD_DOUBTED : TOLD_OTHER;
	return !is_coarse(told) && !is_coarse(known) && is_shifted(told, known) ? TOLD_DOUBTED
	                                                                        : TOLD_OTHER;
}

enum told_likeness told_compare(struct told told, struct told known)
{
	if (told.ms == TOLD_UNKNOWN || known.ms == TOLD_UNKNOWN)
		return told.ms == known.ms ? TOLD_SAME : TOLD_OTHER;
	if (told.precision_ms == known.precision_ms)
		return told.ms == known.ms ? TOLD_SAME : doubt(told, known);
	if (!overlap(told, known))
		return doubt(told, known);
	return is_exact(told) ? TOLD_SAME : TOLD_LIKELY;
}

bool told_agrees(struct told a, struct told b)
{
	if (a.ms == TOLD_UNKNOWN || b.ms == TOLD_UNKNOWN)
		return true;
	return a.precision_ms == b.precision_ms ? a.ms == b.ms : overlap(a, b);
}
