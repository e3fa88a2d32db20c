/*
 * Facts of RFC 3659 §7: "Type=file;Size=1024;Modify=20240131235959; the name". Names of facts and
 * types have any case, unknown facts are passed over, none is required.
 */
#include <string.h>
#include <strings.h>

#include "adapters/ftps/line.h"
#include "adapters/ftps/stamp.h"

/* From a fact's '=' to its end. */
struct value {
	const char *text;
	size_t n;
};

static bool is_word(const char *text, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(text, word, n) == 0;
}

static bool has_start(const struct value *v, const char *start)
{
	return v->n >= strlen(start) && strncasecmp(v->text, start, strlen(start)) == 0;
}

/* A link is "OS.unix=slink:/target" with ProFTPD and the RFC, "OS.unix=symlink" elsewhere. */
static enum entry_type type_of(const struct value *v)
{
	if (is_word(v->text, v->n, "file"))
		return ENTRY_FILE;
	if (is_word(v->text, v->n, "dir"))
		return ENTRY_DIR;
	if (has_start(v, "OS.unix=slink") || has_start(v, "OS.unix=symlink") ||
	    is_word(v->text, v->n, "link") || is_word(v->text, v->n, "symlink"))
		return ENTRY_LINK;
	return ENTRY_OTHER;
}

/* An opaque text becomes a number to compare (FNV-1a); 0 means that nothing is known. */
static uint64_t identity_of(const struct value *v)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < v->n; i++)
		h = (h ^ (unsigned char)v->text[i]) * UINT64_C(1099511628211);
	return v->n && !h ? 1 : v->n ? h : 0;
}

static bool read_fact(const char *name, size_t n, const struct value *v, struct line_entry *out,
                      bool *is_self)
{
	struct entry *e = &out->entry;

	if (is_word(name, n, "type")) {
		e->type = type_of(v);
		*is_self |= is_word(v->text, v->n, "cdir") || is_word(v->text, v->n, "pdir");
		if (*is_self)
			e->type = ENTRY_DIR;
	} else if (is_word(name, n, "size")) {
		return ftp_number(v->text, v->n, INT64_MAX, &e->size);
	} else if (is_word(name, n, "modify")) {
		return ftp_stamp_parse(v->text, v->n, &e->mtime_ms, &out->precision_ms);
	} else if (is_word(name, n, "unique")) {
		e->identity = identity_of(v);
	}
	return true;
}

/* A value holds no space (RFC 3659 §7.2), but for the target of a link. A server that leaves out
 * the last semicolon is understood too. */
static size_t fact_length(const char *fact, size_t n)
{
	static const char link[] = "type=OS.unix=slink:";
	bool is_link = n >= strlen(link) && strncasecmp(fact, link, strlen(link)) == 0;
	const char *end = memchr(fact, ';', n), *space = memchr(fact, ' ', n);

	if (!end || (space && space < end && !is_link))
		end = space;
	return end ? (size_t)(end - fact) : n;
}

size_t line_read_facts(const char *line, size_t n, struct line_entry *out, bool *is_self)
{
	size_t at = 0;

	*is_self = false;
	*out = (struct line_entry){
	        .entry = {.type = ENTRY_UNKNOWN, .size = SIZE_UNKNOWN, .mtime_ms = MTIME_UNKNOWN}};
	while (at < n && line[at] != ' ') {
		const char *fact = line + at, *equals;
		size_t length = fact_length(fact, n - at), name;

		equals = memchr(fact, '=', length);
		if (!equals || equals == fact || at + length >= n)
			return 0;
		name = (size_t)(equals - fact);
		if (!read_fact(fact, name, &(struct value){equals + 1, length - name - 1}, out,
		               is_self))
			return 0;
		at += length + (fact[length] == ';');
	}
	return at < n ? at + 1 : 0;
}

enum line_kind line_read_mlsd(char *line, size_t n, struct line_entry *out)
{
	bool is_self;
	size_t facts = line_read_facts(line, n, out, &is_self);

	if (!facts || facts == n)
		return LINE_UNKNOWN;
	out->entry.name = line + facts;
	out->entry.name_bytes = n - facts;
	return is_self ? LINE_SILENT : LINE_ENTRY;
}
