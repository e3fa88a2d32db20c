/*
 * Any pattern against any name: a flags byte, the pattern, NUL, the name. Plain patterns (* and ?)
 * are matched as a second, simpler matcher does; `exclude` refuses what `match` takes; hidden names
 * stay hidden. Time is bounded by the runner: no pattern may blow up.
 */
#include "daemon/base/mem.h"
#include "daemon/route/select.h"
#include "tests/fuzz/oracle.h"

static bool is_plain(const char *pattern)
{
	return !strpbrk(pattern, "[\\");
}

/* Only the last star is ever tried again: linear for a name of 255 bytes. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (*pattern && (*pattern == '?' || *pattern == *name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

static void check_order(const struct route_source *from, const char *name, uint8_t flags)
{
	struct route_source by = *from;
	struct candidate a = {(char *)(uintptr_t)name, flags, MTIME_UNKNOWN, 0, 0, 0};
	struct candidate b = {(char *)(uintptr_t) "a", 7, INT64_MAX - 1, 0, 0, 0};
	int r;

	by.order = (enum order_by)(flags % 3);
	by.order_descending = flags & 8;
	r = select_compare(&a, &b, &by);
	must(select_compare(&a, &a, &by) == 0);
	must((r > 0) == (select_compare(&b, &a, &by) < 0));
}

static void check_pattern(const char *pattern, struct entry *entry, bool hidden)
{
	const char *const globs[] = {pattern};
	struct route_source match = {.match = globs, .match_count = 1, .hidden = hidden};
	struct route_source exclude = {.exclude = globs, .exclude_count = 1, .hidden = hidden};
	enum select_verdict m = select_entry(&match, entry, 0);
	enum select_verdict x = select_entry(&exclude, entry, 0);

	if (entry->name[0] == '.' && !hidden) {
		must(m == SELECT_HIDDEN && x == SELECT_HIDDEN);
		return;
	}
	must(m == SELECT_TAKE || m == SELECT_NO_MATCH);
	must(x == (m == SELECT_TAKE ? SELECT_EXCLUDED : SELECT_TAKE));
	if (is_plain(pattern))
		must((m == SELECT_TAKE) == matches(pattern, entry->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text _cleanup_free_ = NULL;
	struct entry entry = {.type = ENTRY_FILE, .size = SIZE_UNKNOWN, .mtime_ms = MTIME_UNKNOWN};
	size_t cut;

	if (size < 2)
		return 0;
	text = mem_dup_bytes(data + 1, size - 1);
	cut = strlen(text);
	entry.name = cut < size - 1 ? text + cut + 1 : "invoice.xml";
	entry.name_bytes = strlen(entry.name);
	if (entry.name_bytes > 255) /* the name gate comes first */
		return 0;
	check_pattern(text, &entry, data[0] & 1);
	check_order(&(struct route_source){0}, entry.name, data[0]);
	return 0;
}
