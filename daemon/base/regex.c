#include "daemon/base/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/mem.h"

enum { HEAP_KIB = 1024, DEPTH_MAX = 1000, SENTENCE_BYTES = 192 };

struct regex {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *match;
};

static pcre2_code *compile(const char *pattern, int *why, size_t *where)
{
	/* bytes: a pattern must not switch on a mode in which odd bytes are an error */
	const uint32_t options =
	        PCRE2_CASELESS | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
	size_t n = strlen(pattern);

	*why = PCRE2_ERROR_BADDATA;
	*where = 0;
	return n > REGEX_PATTERN_MAX
	               ? NULL
	               : pcre2_compile((PCRE2_SPTR)pattern, n, options, why, where, NULL);
}

const char *regex_check(const char *pattern)
{
	static _Thread_local char sentence[SENTENCE_BYTES];
	PCRE2_UCHAR words[128] = "";
	pcre2_code *code;
	size_t where;
	int why;

	if (strlen(pattern) > REGEX_PATTERN_MAX)
		return "a regular expression has at most 1000 bytes";
	code = compile(pattern, &why, &where);
	if (code) {
		pcre2_code_free(code);
		return NULL;
	}
	(void)pcre2_get_error_message(why, words, sizeof(words)); /* cut is fine */
	(void)snprintf(sentence, sizeof(sentence),
	               "is no regular expression: %s (at character %zu)", (const char *)words,
	               where + 1);
	return sentence;
}

struct regex *regex_new(const char *pattern)
{
	struct regex *r = mem_new_of(struct regex);
	size_t where;
	int why;

	r->code = compile(pattern, &why, &where);
	r->limits = r->code ? pcre2_match_context_create(NULL) : NULL;
	r->match = r->code ? pcre2_match_data_create_from_pattern(r->code, NULL) : NULL;
	if (!r->limits || !r->match) {
		regex_free(r);
		return NULL;
	}
	(void)pcre2_set_match_limit(r->limits, REGEX_STEPS);
	(void)pcre2_set_depth_limit(r->limits, DEPTH_MAX);
	(void)pcre2_set_heap_limit(r->limits, HEAP_KIB);
	return r;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_data_free(r->match);
	pcre2_match_context_free(r->limits);
	pcre2_code_free(r->code);
	free(r);
}

enum regex_result regex_find(const struct regex *r, const char *text, size_t n)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)text, n, 0, 0, r->match, r->limits);

	if (rc >= 0)
		return REGEX_FOUND;
	return rc == PCRE2_ERROR_NOMATCH ? REGEX_NOT_FOUND : REGEX_GIVEN_UP;
}
