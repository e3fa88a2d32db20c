#include "adapters/sftp/errors.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "adapters/brief.h"
#include "daemon/base/escape.h"

struct meaning {
	uint32_t number;
	enum err_kind kind;
	const char *name, *code, *cure;
};

static const struct meaning meanings[] = {
#define MEANING_ROW(name, number, kind, code, cure) \
	{number, ERR_##kind, "SSH_FX_" #name, code, cure},
        SFTP_STATUSES(MEANING_ROW)
#undef MEANING_ROW
};

enum { WORDS_MOST = 120, PATH_MOST = 256 }; /* both and the rest: three lines (brief.h) */

static const struct meaning *find(uint32_t status)
{
	static const struct meaning unknown = {0, ERR_OBJECT, "SSH_FX_?", "OBJ-FAILED", NULL};

	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].number == status)
			return &meanings[i];
	}
	return &unknown;
}

const char *sftp_status_name(uint32_t status)
{
	return find(status)->name;
}

/* Case does not matter; `word` is given in lower case. */
static bool holds(const char *text, size_t n, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= n; i++) {
		size_t k = 0;

		while (k < len && tolower((unsigned char)text[i + k]) == word[k])
			k++;
		if (k == len)
			return true;
	}
	return false;
}

bool sftp_words_mean_full(const void *words, size_t n)
{
	static const char *const signs[] = {"quota", "no space", "disk full", "disk is full",
	                                    "not enough space"};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (holds(words, n, signs[i]))
			return true;
	}
	return false;
}

int sftp_err(struct err *e, const struct sftp_failure *f)
{
	const struct meaning *m = find(f->status);
	char path[PATH_MOST], words[WORDS_MOST];
	enum err_kind kind = m->kind;
	const char *code = m->code;

	if (f->status == SFTP_FX_FAILURE && sftp_words_mean_full(f->words, f->words_bytes)) {
		kind = ERR_BUSY;
		code = "OBJ-NO-SPACE";
	}
	path[0] = '\0';
	if (f->path)
		(void)brief_text(f->path, path, sizeof(path));
	escape(f->words ? f->words : "", f->words_bytes, words, sizeof(words));
	return err_set(e, kind, code, (int)f->status, "%s%s%s: the server says: %s%s(%s %u)%s%s",
	               f->verb, f->path ? " " : "", path, words, words[0] ? " " : "", m->name,
	               f->status, m->cure ? "; " : "", m->cure ? m->cure : "");
}

int sftp_err_refine(struct err *e, enum err_kind kind, const char *code, const char *found)
{
	size_t used = strlen(e->message);

	e->kind = kind;
	e->code = code;
	(void)snprintf(e->message + used, sizeof(e->message) - used, "; %s", found);
	return kind;
}
