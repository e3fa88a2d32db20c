#include "adapters/sftp/shell.h"

#include <string.h>

/* No "=": in front of a command it would be an assignment. No "~": a shell expands it. */
static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./,:@%+";

int shell_word(struct buf *out, const char *word)
{
	if (*word && strspn(word, plain) == strlen(word))
		return buf_add_text(out, word);
	if (buf_add_text(out, "'") < 0)
		return -1;
	while (*word) {
		size_t n = strcspn(word, "'");

		if (buf_add(out, word, n) < 0)
			return -1;
		word += n;
		if (*word == '\'' && buf_add_text(out, "'\\''") < 0)
			return -1;
		word += *word == '\'';
	}
	return buf_add_text(out, "'");
}
