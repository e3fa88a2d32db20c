#include "adapters/sftp/algorithm_list.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/escape.h"

enum { SHOWN = 80 };

/* ---- comma lists --------------------------------------------------------------------------- */

/* The name behind one of n bytes. */
static const char *after(const char *name, size_t n)
{
	return name + n + (name[n] == ',');
}

bool algorithm_in(const char *list, const char *name, size_t n)
{
	while (*list) {
		size_t len = strcspn(list, ",");

		if (len == n && memcmp(list, name, n) == 0)
			return true;
		list = after(list, len);
	}
	return false;
}

void algorithm_add(struct buf *list, const char *name, size_t n)
{
	if (n && !algorithm_in(buf_text(list), name, n)) /* its limit is above all that is known */
		(void)buf_printf(list, "%s%.*s", buf_len(list) ? "," : "", (int)n, name);
}

const char *algorithm_common(const char *of, const char *among, size_t *n)
{
	for (; *of; of = after(of, *n)) {
		*n = strcspn(of, ",");
		if (*n && algorithm_in(among, of, *n))
			return of;
	}
	return NULL;
}

/* ---- patterns ------------------------------------------------------------------------------ */

struct span {
	const char *at;
	size_t n;
};

/* Goes back only to the last *, so that no pattern takes long. */
static bool matches(struct span p, struct span name)
{
	size_t i = 0, k = 0, star = SIZE_MAX, mark = 0;

	while (k < name.n) {
		if (i < p.n && p.at[i] == '*') {
			star = i++;
			mark = k;
		} else if (i < p.n && (p.at[i] == '?' || p.at[i] == name.at[k])) {
			i++;
			k++;
		} else if (star != SIZE_MAX) {
			i = star + 1;
			k = ++mark;
		} else {
			return false;
		}
	}
	while (i < p.n && p.at[i] == '*')
		i++;
	return i == p.n;
}

static bool is_pattern(struct span s)
{
	return memchr(s.at, '*', s.n) || memchr(s.at, '?', s.n);
}

/* ---- one rule ------------------------------------------------------------------------------ */

enum sign { INSTEAD, APPEND, REMOVE, FIRST };

struct work {
	const struct algorithm_rule *rule;
	struct buf *out;
	struct algorithm_mistake *bad;
	enum sign sign;
	struct buf head; /* FIRST: in the order they are written */
	bool begun, wrong;
};

static void append(struct work *w, struct span name, struct buf *to)
{
	const char *can = w->rule->can;

	for (size_t n; *can; can = after(can, n)) {
		n = strcspn(can, ",");
		if (matches(name, (struct span){can, n}))
			algorithm_add(to, can, n);
	}
}

/* Takes what matches out of `list`. */
static void take_away(struct buf *list, struct span name)
{
	struct buf kept;
	const char *p = buf_text(list);

	buf_init(&kept, ALGORITHM_LIST_BYTES);
	for (size_t n; *p; p = after(p, n)) {
		n = strcspn(p, ",");
		if (!matches(name, (struct span){p, n}))
			algorithm_add(&kept, p, n);
	}
	buf_release(list);
	*list = kept;
}

static void tell_unknown(struct work *w, struct span name)
{
	char shown[SHOWN];

	if (!w->wrong)
		(void)snprintf(w->bad->words, sizeof(w->bad->words),
		               "names \"%s\", which the SSH library here does not know; it knows: "
		               "%s",
		               escape(name.at, name.n, shown, sizeof(shown)), w->rule->can);
	w->wrong = true;
}

static bool is_known(const struct work *w, struct span name)
{
	const char *can = w->rule->can;

	for (size_t n; *can; can = after(can, n)) {
		n = strcspn(can, ",");
		if (matches(name, (struct span){can, n}))
			return true;
	}
	return false;
}

static void begin(struct work *w)
{
	w->begun = true;
	if (w->sign != INSTEAD)
		(void)buf_add_text(w->out, w->rule->ours);
}

static void apply(struct work *w, struct span name)
{
	/* nothing to take away is fine for a pattern, a name may be misspelt */
	if (!is_known(w, name) && !(w->sign == REMOVE && is_pattern(name)))
		tell_unknown(w, name);
	switch (w->sign) {
	case INSTEAD:
	case APPEND:
		append(w, name, w->out);
		break;
	case REMOVE:
		take_away(w->out, name);
		take_away(&w->head, name);
		break;
	case FIRST:
		append(w, name, &w->head);
		break;
	}
}

static enum sign sign_of(char c, enum sign otherwise)
{
	return c == '+' ? APPEND : c == '-' ? REMOVE : c == '^' ? FIRST : otherwise;
}

static void apply_text(struct work *w, const char *text)
{
	for (size_t n; *text; text = after(text, n)) {
		enum sign sign = sign_of(*text, w->sign);
		size_t skip = *text == '+' || *text == '-' || *text == '^';

		n = strcspn(text, ",");
		if (skip)
			w->sign = sign;
		if (!w->begun)
			begin(w);
		if (n > skip)
			apply(w, (struct span){text + skip, n - skip});
	}
}

/* Those of `head` first. */
static void put_first(struct work *w)
{
	const char *p = buf_text(w->out);

	for (size_t n; *p; p = after(p, n)) {
		n = strcspn(p, ",");
		algorithm_add(&w->head, p, n);
	}
	buf_clear(w->out);
	(void)buf_add_text(w->out, buf_text(&w->head));
}

int algorithm_list(const struct algorithm_rule *rule, struct buf *out,
                   struct algorithm_mistake *bad)
{
	struct work w = {.rule = rule, .out = out, .bad = bad};

	buf_init(&w.head, ALGORITHM_LIST_BYTES);
	for (size_t i = 0; i < rule->count; i++)
		apply_text(&w, rule->items[i]);
	if (!w.begun) {
		w.sign = APPEND;
		begin(&w);
	}
	put_first(&w);
	buf_release(&w.head);
	if (!w.wrong && !buf_len(out)) {
		(void)snprintf(bad->words, sizeof(bad->words),
		               "leaves nothing to offer; the SSH library here knows: %s",
		               rule->can);
		w.wrong = true;
	}
	return w.wrong ? -1 : 0;
}

bool algorithm_list_is_ordered(const char *const *items, size_t count)
{
	return count && items[0][0] != '+' && items[0][0] != '-';
}
