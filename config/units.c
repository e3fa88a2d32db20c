#include "config/units.h"

#include <stdio.h>
#include <string.h>

#define KIB (INT64_C(1) << 10)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)
#define TIB (INT64_C(1) << 40)

const struct unit units_duration[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000},
        {NULL, 0},
};

const struct unit units_size[] = {
        {"B", 1},   {"K", KIB},   {"KiB", KIB}, {"M", MIB},   {"MiB", MIB},
        {"G", GIB}, {"GiB", GIB}, {"T", TIB},   {"TiB", TIB}, {NULL, 0},
};

enum unit_result unit_parse(const struct unit *units, const char *text, int64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	int64_t n = 0;

	if (!digits || *unit == '.' || *unit == ',')
		return UNIT_NOT_A_NUMBER;
	for (size_t i = 0; i < digits; i++) {
		if (n > (INT64_MAX - 9) / 10)
			return UNIT_TOO_BIG;
		n = n * 10 + (text[i] - '0');
	}
	if (!*unit && n) /* 0 is the same in every unit */
		return UNIT_MISSING;
	for (; *unit && units->text && strcmp(unit, units->text) != 0; units++)
		;
	if (!units->text)
		return UNIT_UNKNOWN;
	if (n > INT64_MAX / units->factor)
		return UNIT_TOO_BIG;
	*out = n * units->factor;
	return UNIT_OK;
}

const char *unit_text(const struct unit *units, int64_t value, char out[UNIT_TEXT_BYTES])
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->text; u++)
		if (value % u->factor == 0 && u->factor > best->factor)
			best = u;
	if (value)
		(void)snprintf(out, UNIT_TEXT_BYTES, "%lld%s", (long long)(value / best->factor),
		               best->text);
	else
		(void)snprintf(out, UNIT_TEXT_BYTES, "0");
	return out;
}
