/* Values of the protocol as people read them (render.h). */
#include "daemon/control/render.h"

#include <inttypes.h>

const char *value_bytes(int64_t bytes, char out[VALUE_BYTES])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double n = (double)bytes;
	int unit = -1;

	if (bytes < 1024) {
		(void)snprintf(out, VALUE_BYTES, "%" PRId64 " B", bytes);
		return out;
	}
	for (; n >= 1023.95 && unit < 5; unit++)
		n /= 1024;
	(void)snprintf(out, VALUE_BYTES, "%.1f %s", n, units[unit < 0 ? 0 : unit]);
	return out;
}

const char *value_duration(int64_t ms, char out[VALUE_BYTES])
{
	int64_t s = ms / 1000;

	if (ms < 1000)
		(void)snprintf(out, VALUE_BYTES, "%" PRId64 " ms", ms);
	else if (s < 60)
		(void)snprintf(out, VALUE_BYTES, "%" PRId64 " s", s);
	else if (s < 3600)
		(void)snprintf(out, VALUE_BYTES, "%" PRId64 " min", s / 60);
	else if (s < 86400)
		(void)snprintf(out, VALUE_BYTES, "%" PRId64 " h %" PRId64 " min", s / 3600,
		               s / 60 % 60);
	else
		(void)snprintf(out, VALUE_BYTES, "%" PRId64 " d %" PRId64 " h", s / 86400,
		               s / 3600 % 24);
	return out;
}

const char *value_age(const json_t *at, int64_t now_ms, char out[VALUE_BYTES])
{
	char span[VALUE_BYTES];
	int64_t ms;

	out[0] = '\0';
	if (!json_is_integer(at))
		return out;
	if (__builtin_sub_overflow(now_ms, json_integer_value(at), &ms))
		return out;
	if (ms > -1000 && ms < 1000)
		(void)snprintf(out, VALUE_BYTES, "now");
	else if (ms > 0)
		(void)snprintf(out, VALUE_BYTES, "%.40s ago", value_duration(ms, span));
	else
		(void)snprintf(out, VALUE_BYTES, "in %.40s", value_duration(-ms, span));
	return out;
}

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

int64_t json_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

bool json_truth(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

enum tint state_tint(const char *state)
{
	if (strcmp(state, "held") == 0 || strcmp(state, "quarantined") == 0)
		return TINT_BAD;
	if (strcmp(state, "done") == 0)
		return TINT_GOOD;
	return strcmp(state, "skipped") == 0 || strcmp(state, "canceled") == 0 ? TINT_DIM
	                                                                       : TINT_NONE;
}
