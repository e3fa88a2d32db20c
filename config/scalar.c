/*
 * One value each: text, path, number, size, duration, truth, word, file mode.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "config/bind.h"
#include "config/path.h"
#include "config/units.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"

static bool is_scalar(struct binder *b, const struct key *k, const struct node *n,
                      const char *wanted)
{
	struct node_found tmp;

	if (n->kind == NODE_SCALAR && !node_is_nothing(n))
		return true;
	node_error(b->problems, n, "wants %s, found %s%s%s", wanted, node_describe(n, &tmp),
	           k->hint ? "; " : "", k->hint ? k->hint : "");
	return false;
}

/* ---- text ---------------------------------------------------------------------------------- */

static const char *judge(const struct binder *b, const struct key *k, const char *text)
{
	const struct config_judges none = {0}, *j = b->judges ? b->judges : &none;
	const char *(*fn)(const char *) = k->judge == JUDGE_CRON            ? j->cron
	                                  : k->judge == JUDGE_TIME_ZONE     ? j->time_zone
	                                  : k->judge == JUDGE_NAME_TEMPLATE ? j->name_template
	                                  : k->judge == JUDGE_COMMAND_WORD  ? j->command_word
	                                                                    : NULL;
	const char *wrong = k->check ? k->check(text) : NULL;

	return wrong || !fn ? wrong : fn(text);
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			return true;
	return false;
}

const char *bind_one_text(struct binder *b, const struct key *k, const struct node *n)
{
	size_t most = k->most ? (size_t)k->most : 4096, length;
	const char *wrong = NULL;

	if (n->broken || !is_scalar(b, k, n, "a text"))
		return NULL;
	length = strlen(n->text);
	if (!length)
		wrong = "must not be empty";
	else if (!(k->flags & KEY_RAW) && has_control(n->text))
		wrong = "holds a control character (line break, tab ...)";
	else
		wrong = judge(b, k, n->text);
	if (length > most)
		node_error(b->problems, n, "is %zu bytes long, at most %zu are allowed", length,
		           most);
	else if (wrong)
		node_error(b->problems, n, "%s", wrong);
	else
		return arena_dup_bytes(b->arena, n->text, length);
	return NULL;
}

void bind_text(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	const struct word *w = k->words ? bind_one_word(b, k->words, n) : NULL;
	const char *text = w ? w->text : k->words ? NULL : bind_one_text(b, k, n);

	if (text)
		memcpy(key_field(k, base), &text, sizeof(text));
}

/* ---- paths --------------------------------------------------------------------------------- */

const char *bind_one_path(struct binder *b, const struct key *k, const struct node *n)
{
	const char *text = bind_one_text(b, k, n), *clean;
	struct node_found tmp;

	if (!text)
		return NULL;
	clean = path_clean(b->arena, text);
	if (*text != '/')
		node_error(b->problems, n, "wants an absolute path%s%s, found %s",
		           k->words ? " or " : "", k->words ? k->words->text : "",
		           node_describe(n, &tmp));
	else if (!clean)
		node_error(b->problems, n, "must not go up with \"..\": write where it leads");
	else
		return clean;
	return NULL;
}

void bind_path(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	const struct word *w = k->words;
	const char *path;

	while (w && w->text && (n->kind != NODE_SCALAR || strcmp(w->text, n->text) != 0))
		w++;
	path = w && w->text ? w->text : bind_one_path(b, k, n);
	if (path)
		memcpy(key_field(k, base), &path, sizeof(path));
}

/* ---- numbers ------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
	size_t digits = strspn(text + (*text == '-'), "0123456789");

	return digits && digits < 10 && !text[digits + (*text == '-')];
}

static void tell_number(struct binder *b, const struct key *k, const struct node *n)
{
	struct node_found tmp;
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted),
	               k->words ? "a whole number or \"%s\"" : "a whole number",
	               k->words ? k->words->text : "");
	node_error(b->problems, n, "wants %s, found %s%s%s%s", wanted, node_describe(n, &tmp),
	           n->quoted && is_number(n->text) ? " in quotes, which make it a text" : "",
	           k->hint ? "; " : "", k->hint ? k->hint : "");
}

static bool is_in_range(struct binder *b, const struct key *k, const struct node *n,
                        long long number)
{
	if (number >= k->least && number <= k->most)
		return true;
	if (k->least == k->most)
		node_error(b->problems, n, "must be %lld, found %lld: %s", (long long)k->least,
		           number, k->hint ? k->hint : "nothing else is known");
	else
		node_error(b->problems, n, "must be between %lld and %lld, found %lld",
		           (long long)k->least, (long long)k->most, number);
	return false;
}

void bind_int(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	const struct word *w = k->words;
	int value;

	if (n->broken || !is_scalar(b, k, n, "a whole number"))
		return;
	while (w && w->text && strcmp(w->text, n->text) != 0)
		w++;
	if (w && w->text) {
		memcpy(key_field(k, base), &w->value, sizeof(w->value));
	} else if (n->quoted || !is_number(n->text)) {
		tell_number(b, k, n);
	} else if (is_in_range(b, k, n, strtoll(n->text, NULL, 10))) {
		value = (int)strtol(n->text, NULL, 10); /* at most nine digits */
		memcpy(key_field(k, base), &value, sizeof(value));
	}
}

struct quantity {
	const struct unit *units;
	const char *wanted, *names;
	const char *first_unit; /* for "a unit is missing: write 30s" */
};

static const struct quantity duration = {units_duration, "a duration such as 30s", "ms, s, m, h, d",
                                         "s"};
static const struct quantity size = {units_size, "a size such as 10M",
                                     "B, K, M, G, T; 1K is 1024 bytes", "B"};

static void tell_unit(struct binder *b, const struct node *n, const struct quantity *q,
                      enum unit_result why)
{
	struct node_found tmp;
	const char *found = node_describe(n, &tmp);
	char text[48];

	(void)escape(n->text, strlen(n->text), text, sizeof(text));
	if (why == UNIT_MISSING)
		node_error(b->problems, n, "%s has no unit: write %s%s (units are %s)", text, text,
		           q->first_unit, q->names);
	else if (why == UNIT_UNKNOWN)
		node_error(b->problems, n, "unknown unit in %s: units are %s", found, q->names);
	else if (why == UNIT_TOO_BIG)
		node_error(b->problems, n, "%s is too large", text);
	else
		node_error(b->problems, n, "wants %s: a whole number and a unit (%s), found %s",
		           q->wanted, q->names, found);
}

static bool read_quantity(struct binder *b, const struct key *k, const struct node *n,
                          const struct quantity *q, int64_t *out)
{
	char least[UNIT_TEXT_BYTES], most[UNIT_TEXT_BYTES];
	enum unit_result r;
	int64_t value;

	if (n->broken || !is_scalar(b, k, n, q->wanted))
		return false;
	r = unit_parse(q->units, n->text, &value);
	if (r != UNIT_OK) {
		tell_unit(b, n, q, r);
		return false;
	}
	if (k->most == INT64_MAX && value < k->least)
		node_error(b->problems, n, "must be at least %s, found %s",
		           unit_text(q->units, k->least, least), n->text);
	else if (value < k->least || value > k->most)
		node_error(b->problems, n, "must be between %s and %s, found %s",
		           unit_text(q->units, k->least, least), unit_text(q->units, k->most, most),
		           n->text);
	else
		*out = value;
	return value >= k->least && value <= k->most;
}

void bind_size(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	int64_t value;
	uint64_t bytes;

	if (!read_quantity(b, k, n, &size, &value))
		return;
	bytes = (uint64_t)value;
	memcpy(key_field(k, base), &bytes, sizeof(bytes));
}

void bind_duration(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	int64_t value = 0; /* gcc 14 cannot see that it is set */

	if (read_quantity(b, k, n, &duration, &value))
		memcpy(key_field(k, base), &value, sizeof(value));
}

/* ---- words --------------------------------------------------------------------------------- */

void bind_bool(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	struct node_found tmp;
	bool value;

	if (n->broken || !is_scalar(b, k, n, "true or false"))
		return;
	value = strcmp(n->text, "true") == 0;
	if (n->quoted || (!value && strcmp(n->text, "false") != 0)) {
		node_error(b->problems, n, "wants true or false%s, found %s",
		           n->quoted ? " without quotes" : " (not yes, no, on, off)",
		           node_describe(n, &tmp));
		return;
	}
	memcpy(key_field(k, base), &value, sizeof(value));
}

static void tell_word(struct binder *b, const struct word *words, const struct node *n)
{
	const char *names[32], *near;
	char all[384] = "";
	size_t count = 0, used = 0;
	struct node_found tmp;

	for (const struct word *w = words; w->text && count < 32; w++) {
		if (w->refused)
			continue;
		names[count++] = w->text;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "",
		                         w->text);
		assert(used < sizeof(all)); /* the tables are ours */
	}
	near = text_nearest(n->text, names, count);
	if (near)
		node_error(b->problems, n, "unknown word %s, did you mean \"%s\"?",
		           node_describe(n, &tmp), near);
	else
		node_error(b->problems, n, "wants one of %s, found %s", all,
		           node_describe(n, &tmp));
}

const struct word *bind_one_word(struct binder *b, const struct word *words, const struct node *n)
{
	const struct word *w = words;

	if (n->broken)
		return NULL;
	while (w->text && (n->kind != NODE_SCALAR || strcmp(w->text, n->text) != 0))
		w++;
	if (!w->text) {
		tell_word(b, words, n);
		return NULL;
	}
	if (w->refused) {
		node_error(b->problems, n, "%s", w->refused);
		return NULL;
	}
	return w;
}

void bind_word(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	const struct word *w = bind_one_word(b, k->words, n);

	if (w)
		memcpy(key_field(k, base), &w->value, sizeof(w->value));
}

/* An unquoted 0640 is octal to one YAML reader and decimal to the next, and 640 means 01200 to a
 * third: quotes end the discussion. */
void bind_mode(struct binder *b, const struct key *k, const struct node *n, void *base)
{
	size_t length, octal;
	struct node_found tmp;
	int mode;

	if (n->broken || !is_scalar(b, k, n, "a file mode such as \"0640\""))
		return;
	length = strlen(n->text);
	octal = strspn(n->text, "01234567");
	if (octal != length || length < 3 || length > 4 || (length == 4 && *n->text != '0')) {
		node_error(b->problems, n,
		           "wants a file mode of three octal digits such as \"0640\", found %s",
		           node_describe(n, &tmp));
		return;
	}
	if (!n->quoted) {
		node_error(b->problems, n,
		           "write the mode in quotes, \"%s%s\": unquoted it is a number, and "
		           "whether an octal one depends on the reader",
		           length == 3 ? "0" : "", n->text);
		return;
	}
	mode = (int)strtol(n->text, NULL, 8);
	memcpy(key_field(k, base), &mode, sizeof(mode));
}
