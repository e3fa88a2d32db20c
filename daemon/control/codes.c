#include "daemon/control/codes.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

enum { CODE_BYTES = 48, LINE_WIDTH = 78, INDENT = 2 };

struct family {
	const struct code_text *rows;
	const size_t *count;
};

static const struct family families[] = {
#define CODE_ROW(family) {codes_##family, &codes_##family##_count},
        CODE_FAMILIES(CODE_ROW)
#undef CODE_ROW
};
enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

/* ---- finding ------------------------------------------------------------------------------- */

static int by_code(const void *a, const void *b)
{
	return strcmp((*(const struct code_text *const *)a)->code,
	              (*(const struct code_text *const *)b)->code);
}

/* Sorted; the caller frees. */
static const struct code_text **all_codes(size_t *count)
{
	const struct code_text **all;
	size_t n = 0;

	for (size_t f = 0; f < FAMILIES; f++)
		n += *families[f].count;
	all = mem_new_array(n, sizeof(struct code_text *));
	n = 0;
	for (size_t f = 0; f < FAMILIES; f++)
		for (size_t i = 0; i < *families[f].count; i++)
			all[n++] = &families[f].rows[i];
	qsort(all, n, sizeof(struct code_text *), by_code);
	*count = n;
	return all;
}

/* Codes are short: what is cut here is none. */
static const char *in_capitals(const char *text, char out[CODE_BYTES])
{
	size_t n = 0;

	for (; n < CODE_BYTES - 1 && text[n]; n++)
		out[n] = (char)toupper((unsigned char)text[n]);
	out[n] = '\0';
	return out;
}

const struct code_text *codes_find(const char *code)
{
	char capitals[CODE_BYTES];

	in_capitals(code, capitals);
	for (size_t f = 0; f < FAMILIES; f++)
		for (size_t i = 0; i < *families[f].count; i++)
			if (strcmp(families[f].rows[i].code, capitals) == 0)
				return &families[f].rows[i];
	return NULL;
}

const char *codes_retry(enum err_kind kind)
{
	switch (kind) {
	case ERR_NETWORK:
	case ERR_BUSY:
		return "Yes, by itself, with pauses that grow to 5 minutes; files wait meanwhile.";
	case ERR_PROTOCOL:
		return "Yes, by itself, on a new connection.";
	case ERR_AUTH:
	case ERR_TRUST:
		return "No: the endpoint stops, so that nobody is locked out or deceived, until "
		       "the "
		       "configuration changes and is reloaded, or a route or job of it is told to "
		       "go on (ferryctl resume, retry).";
	case ERR_OBJECT:
		return "As often as `retry:` says; then the file is held for ferryctl retry JOB.";
	case ERR_POLICY:
		return "No: a rule of ours refuses it until somebody decides.";
	case ERR_INTEGRITY:
		return "Yes, by itself: nothing that is not proved whole is passed on.";
	case ERR_LOCAL:
		return "Yes, by itself, once this machine lets it.";
	case ERR_CONFIG:
		return "No: the configuration, or what it names, must change; then ferryctl "
		       "reload.";
	case ERR_CANCELED:
		return "What was under way is taken up again by itself.";
	case ERR_BUG:
		break;
	}
	return "No: it needs a corrected ferryd.";
}

/* ---- telling ------------------------------------------------------------------------------- */

/* "  What it is ..." in lines of a readable width. */
static void paragraph(struct buf *out, const char *head, const char *text)
{
	size_t at = 0;

	(void)buf_printf(out, "\n%s\n", head);
	while (*text) {
		size_t n = strcspn(text, " ");

		if (at && at + 1 + n > LINE_WIDTH) {
			(void)buf_add_text(out, "\n");
			at = 0;
		}
		(void)buf_printf(out, at ? " %.*s" : "  %.*s", (int)n, text);
		at += n + (at ? 1 : INDENT);
		text += n + (text[n] == ' ');
	}
	(void)buf_add_text(out, "\n");
}

static void tell_one(const struct code_text *c, struct buf *out)
{
	(void)buf_printf(out, "%s (%s)\n", c->code, err_kind_name(c->kind));
	paragraph(out, "What it means", c->means);
	paragraph(out, "Usual causes", c->causes);
	paragraph(out, "What to do", c->cure);
	paragraph(out, "Is it tried again?", codes_retry(c->kind));
}

static void tell_json(const struct code_text *c, struct buf *out)
{
	static const char *const words[] = {"yes", "limited", "no"};
	json_t *line = json_pack("{s{ss ss ss ss ss ss ss ss}}", "item", "kind", "code", "code",
	                         c->code, "error_kind", err_kind_name(c->kind), "retried",
	                         words[err_retry_class((int)c->kind)], "means", c->means, "causes",
	                         c->causes, "cure", c->cure, "retry", codes_retry(c->kind));
	char *text = json_dumps(line, JSON_COMPACT);

	(void)buf_printf(out, "%s\n", text ? text : "");
	free(text);
	json_decref(line);
}

static size_t tell_matching(const char *begin, enum explain_form form, struct buf *out)
{
	size_t count, told = 0;
	const struct code_text **all = all_codes(&count);

	for (size_t i = 0; i < count; i++) {
		if (!text_starts(all[i]->code, begin))
			continue;
		told++;
		if (form == EXPLAIN_JSON)
			tell_json(all[i], out);
		else
			(void)buf_printf(out, "%-22s %s\n", all[i]->code, all[i]->means);
	}
	free(all);
	return told;
}

static void tell_none(const char *what, struct buf *out)
{
	size_t count;
	const struct code_text **all = all_codes(&count);
	const char **names = mem_new_array(count, sizeof(*names)), *nearest;
	char shown[CODE_BYTES + 16], capitals[CODE_BYTES];

	for (size_t i = 0; i < count; i++)
		names[i] = all[i]->code;
	nearest = text_nearest(in_capitals(what, capitals), names, count);
	(void)escape(what, strlen(what), shown, sizeof(shown));
	(void)buf_printf(out, "there is no code \"%s\"%s%s%s ferryctl explain lists all\n", shown,
	                 nearest ? "; did you mean " : "", nearest ? nearest : "",
	                 nearest ? "?" : ";");
	free(names);
	free(all);
}

int codes_explain(const char *what, enum explain_form form, struct buf *out)
{
	const struct code_text *one = codes_find(what);
	char capitals[CODE_BYTES];

	if (one && form == EXPLAIN_JSON)
		tell_json(one, out);
	else if (one)
		tell_one(one, out);
	else if (!tell_matching(in_capitals(what, capitals), form, out)) {
		tell_none(what, out);
		return -1;
	}
	if (form == EXPLAIN_JSON)
		(void)buf_add_text(out, "{\"ok\":true,\"result\":{}}\n");
	return 0;
}

void codes_markdown(struct buf *out)
{
	size_t count;
	const struct code_text **all = all_codes(&count);

	(void)buf_add_text(out, "# Codes\n\nEvery error of ferryd has a stable code. `ferryctl "
	                        "explain CODE` shows the same without a daemon.\nThis page is made "
	                        "by `ferryd --print-codes`.\n");
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(out,
		                 "\n## %s\n\n%s\n\n* Kind: %s\n* Usual causes: %s\n* What to do: "
		                 "%s\n* Is it tried again? %s\n",
		                 all[i]->code, all[i]->means, err_kind_name(all[i]->kind),
		                 all[i]->causes, all[i]->cure, codes_retry(all[i]->kind));
	free(all);
}
