#include "daemon/route/naming.h"

#include <inttypes.h>
#include <stdbool.h>

#include "adapters/adapter.h"
#include "adapters/names.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"
#include "daemon/route/civil.h"
#include "daemon/route/zone.h"

enum { TEMPLATE_MAX_BYTES = 1024 };
#define DEFAULT_FORMAT "%Y%m%d-%H%M%S"

/* The name as it grows. `v` NULL: only the template is judged, nothing is written. */
struct maker {
	const struct naming_values *v;
	char text[NAMING_BYTES];
	size_t used;
	bool too_long;
};

static void put(struct maker *m, const char *data, size_t n)
{
	if (n > sizeof(m->text) - 1 - m->used) {
		m->too_long = true;
		return;
	}
	memcpy(m->text + m->used, data, n);
	m->used += n;
}

static void put_number(struct maker *m, int width, int64_t number)
{
	char digits[32];
	int n = snprintf(digits, sizeof(digits), "%0*" PRId64, width, number);

	put(m, digits, (size_t)n);
}

static int wrong(struct err *e, const char *why)
{
	return err_set(e, ERR_CONFIG, "NAME-TEMPLATE", 0, "%s", why);
}

/* Where the last dot is that begins an extension; the end if there is none. */
static const char *extension_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name ? dot : name + strlen(name);
}

/* ---- times --------------------------------------------------------------------------------- */

struct moment {
	struct civil local;
	int64_t unix_s;
	int ms;
};

static void moment_of(int64_t ms, const struct zone *zone, struct moment *out)
{
	out->ms = (int)((ms % 1000 + 1000) % 1000);
	out->unix_s = (ms - out->ms) / 1000;
	civil_of(out->unix_s + zone_offset(zone, out->unix_s), &out->local);
}

static void put_iso(struct maker *m, const struct civil *c, char code)
{
	int year, week = civil_iso_week(c, &year);

	if (code == 'V')
		put_number(m, 2, week);
	else
		put_number(m, 4, year);
}

/* false: no such code. */
static bool put_code(struct maker *m, const struct moment *t, char code)
{
	const struct civil *c = &t->local;

	switch (code) {
	case 'Y':
		put_number(m, 4, c->year);
		return true;
	case 'y':
		put_number(m, 2, (c->year % 100 + 100) % 100);
		return true;
	case 'm':
		put_number(m, 2, c->month);
		return true;
	case 'd':
		put_number(m, 2, c->day);
		return true;
	case 'j':
		put_number(m, 3, c->yearday);
		return true;
	case 'H':
		put_number(m, 2, c->hour);
		return true;
	case 'M':
		put_number(m, 2, c->minute);
		return true;
	case 'S':
		put_number(m, 2, c->second);
		return true;
	case 'N':
		put_number(m, 3, t->ms);
		return true;
	case 's':
		put_number(m, 1, t->unix_s);
		return true;
	case 'u':
		put_number(m, 1, (c->weekday + 6) % 7 + 1);
		return true;
	case 'V':
	case 'G':
		put_iso(m, c, code);
		return true;
	case '%':
		put(m, "%", 1);
		return true;
	default:
		return false;
	}
}

static int put_time(struct maker *m, int64_t ms, const char *format, size_t n, struct err *e)
{
	struct moment t;

	moment_of(ms, m->v ? m->v->zone : NULL, &t);
	for (size_t i = 0; i < n; i++) {
		struct escaped tmp;

		if (format[i] != '%') {
			put(m, format + i, 1);
			continue;
		}
		if (++i == n)
			return wrong(e, "a % at the end of a time format; write %% for the sign");
		if (put_code(m, &t, format[i]))
			continue;
		return err_set(e, ERR_CONFIG, "NAME-TEMPLATE", 0,
		               "%%%s is not a time code; %%Y %%y %%m %%d %%j %%H %%M %%S %%N %%s "
		               "%%u %%V %%G are",
		               escape(format + i, 1, tmp.text, sizeof(tmp.text)));
	}
	return 0;
}

/* ---- variables ----------------------------------------------------------------------------- */

enum variable { V_NAME, V_STEM, V_EXT, V_MTIME, V_NOW, V_ROUTE, V_JOB, VARIABLES };
static const char *const variables[VARIABLES] = {
        [V_NAME] = "name", [V_STEM] = "stem",   [V_EXT] = "ext", [V_MTIME] = "mtime",
        [V_NOW] = "now",   [V_ROUTE] = "route", [V_JOB] = "job",
};

static int find_variable(const char *word, size_t n, enum variable *out, struct err *e)
{
	struct escaped shown;
	const char *nearest;
	char copy[16];

	for (int i = 0; i < VARIABLES; i++) {
		if (strlen(variables[i]) == n && memcmp(variables[i], word, n) == 0) {
			*out = (enum variable)i;
			return 0;
		}
	}
	(void)snprintf(copy, sizeof(copy), "%.*s", (int)n, word); /* longer is near to nothing */
	nearest = text_nearest(copy, variables, VARIABLES);
	(void)escape(word, n, shown.text, 64);
	if (nearest)
		return err_set(e, ERR_CONFIG, "NAME-TEMPLATE", 0,
		               "{%s} is not a variable; did you mean {%s}?", shown.text, nearest);
	return err_set(e, ERR_CONFIG, "NAME-TEMPLATE", 0,
	               "{%s} is not a variable; {name} {stem} {ext} {mtime:%%Y%%m%%d} "
	               "{now:%%H%%M%%S} {route} {job} are (write {{ for a brace)",
	               shown.text);
}

static void put_text(struct maker *m, enum variable which)
{
	const struct naming_values *v = m->v;
	const char *ext = extension_of(v->name);

	if (which == V_NAME)
		put(m, v->name, strlen(v->name));
	else if (which == V_STEM)
		put(m, v->name, (size_t)(ext - v->name));
	else if (which == V_EXT)
		put(m, ext, strlen(ext));
	else if (which == V_ROUTE)
		put(m, v->route, strlen(v->route));
	else
		put_number(m, 1, v->job);
}

/* What stands between the braces: NAME or NAME:FORMAT. */
static int put_variable(struct maker *m, const char *text, size_t n, struct err *e)
{
	const char *colon = memchr(text, ':', n);
	const char *format = colon ? colon + 1 : DEFAULT_FORMAT;
	size_t format_bytes = colon ? n - (size_t)(format - text) : strlen(DEFAULT_FORMAT);
	enum variable which = V_NAME; /* gcc 14 cannot see that it is set */
	int64_t ms = 0;

	if (find_variable(text, colon ? (size_t)(colon - text) : n, &which, e) < 0)
		return e->kind;
	if (which == V_MTIME || which == V_NOW) {
		if (m->v)
			ms = which == V_NOW ? m->v->now_ms : m->v->mtime_ms;
		if (which == V_MTIME && ms == MTIME_UNKNOWN)
			return err_set(e, ERR_POLICY, "NAME-TEMPLATE", 0,
			               "the template asks for {mtime}, but the source tells no "
			               "modification time; use {now}");
		return put_time(m, ms, format, format_bytes, e);
	}
	if (colon)
		return err_set(e, ERR_CONFIG, "NAME-TEMPLATE", 0,
		               "{%s} takes no format; {mtime:…} and {now:…} do", variables[which]);
	if (m->v)
		put_text(m, which);
	return 0;
}

/* ---- the template -------------------------------------------------------------------------- */

/* Handles what begins with a brace at *p and moves *p past it. */
static int put_brace(struct maker *m, const char **p, struct err *e)
{
	const char *from = *p + 1, *end;

	if (*from == **p) {
		put(m, from, 1);
		*p += 2;
		return 0;
	}
	if (**p == '}')
		return wrong(e, "a } without its {; write }} for a brace");
	end = from + strcspn(from, "{}");
	if (*end != '}')
		return wrong(e, "a { without its }; write {{ for a brace");
	*p = end + 1;
	return put_variable(m, from, (size_t)(end - from), e);
}

static int make(struct maker *m, const char *template, struct err *e)
{
	const char *p = template;

	if (strlen(template) > TEMPLATE_MAX_BYTES)
		return wrong(e, "the template is longer than 1024 bytes");
	while (*p) {
		size_t plain = strcspn(p, "{}");

		put(m, p, plain);
		p += plain;
		if (*p && put_brace(m, &p, e) < 0)
			return e->kind;
	}
	m->text[m->used] = '\0';
	return 0;
}

int naming_expand(const char *template, const struct naming_values *v, char out[NAMING_BYTES],
                  struct err *e)
{
	struct maker m = {.v = v};
	enum name_verdict verdict;
	struct escaped tmp;

	if (make(&m, template, e) < 0)
		return e->kind;
	verdict = m.too_long ? NAME_LONG : name_gate(m.text, m.used);
	if (verdict != NAME_OK) {
		(void)escape(m.text, m.used, tmp.text, 200);
		return err_set(e, ERR_POLICY, "NAME-TEMPLATE", 0,
		               "the template makes \"%s%s\", which is refused: %s", tmp.text,
		               m.too_long ? "…" : "", name_verdict_text(verdict));
	}
	memcpy(out, m.text, m.used + 1);
	return 0;
}

/* Expanded with a plain file, so that literal parts meet the name gate before the first real one.
 */
const char *naming_judge(const char *template)
{
	static const struct naming_values plain = {
	        .name = "a.b", .mtime_ms = 0, .now_ms = 0, .route = "r", .job = 1};
	static _Thread_local struct err judged;
	char out[NAMING_BYTES];

	if (strstr(template, ".{ext}"))
		return "{ext} brings its own dot: write {stem}{ext}, not {stem}.{ext}";
	if (naming_expand(template, &plain, out, &judged) < 0)
		return judged.message;
	return NULL;
}

/* ---- numbered ------------------------------------------------------------------------------ */

void naming_numbered(const char *name, unsigned n, char out[NAMING_BYTES])
{
	const char *ext = extension_of(name);
	size_t stem = (size_t)(ext - name), room;
	char number[16] = "";

	if (strlen(ext) > 32) { /* that is no extension, and it must not crowd out the stem */
		ext += strlen(ext);
		stem = (size_t)(ext - name);
	}
	if (n > 0)
		(void)snprintf(number, sizeof(number), "-%u", n);
	room = NAMING_BYTES - 1 - strlen(number) - strlen(ext);
	if (stem > room)
		for (stem = room; stem > 0 && ((unsigned char)name[stem] & 0xC0) == 0x80;)
			stem--;
	(void)snprintf(out, NAMING_BYTES, "%.*s%s%s", (int)stem, name, number, ext);
}
