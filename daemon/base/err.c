#include "daemon/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"

__attribute__((format(printf, 5, 0))) static int fill(struct err *e, int kind, const char *code,
                                                      int native, const char *fmt, va_list ap)
{
	e->kind = kind;
	e->code = code;
	e->native = native;
	(void)vsnprintf(e->message, sizeof(e->message), fmt, ap); /* a cut message is still one */
	text_drop_cut(e->message);
	return kind;
}

int(err_set)(struct err *e, enum err_kind kind, const char *code, int native, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, kind, code, native, fmt, ap);
	va_end(ap);
	return kind;
}

int(err_errno)(struct err *e, enum err_kind kind, const char *code, const char *fmt, ...)
{
	int saved = errno;
	char words[128];
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	fill(e, kind, code, saved, fmt, ap);
	va_end(ap);
	used = strlen(e->message);
	(void)snprintf(e->message + used, sizeof(e->message) - used, ": %s",
	               strerror_r(saved, words, sizeof(words)));
	return kind;
}

int(err_wrap)(struct err *e, const char *fmt, ...)
{
	char inner[ERR_MESSAGE_BYTES];
	size_t used;
	va_list ap;

	memcpy(inner, e->message, sizeof(inner));
	va_start(ap, fmt);
	fill(e, e->kind, e->code, e->native, fmt, ap);
	va_end(ap);
	used = strlen(e->message);
	(void)snprintf(e->message + used, sizeof(e->message) - used, ": %s", inner);
	text_drop_cut(e->message);
	return e->kind;
}

const char *err_kind_name(int kind)
{
	switch (kind) {
#define ERR_NAME(name, number, retry) \
	case number:                  \
		return #name;
		ERR_KINDS(ERR_NAME)
#undef ERR_NAME
	default:
		return "NONE";
	}
}

enum err_retry err_retry_class(int kind)
{
	switch (kind) {
#define ERR_RETRY(name, number, retry) \
	case number:                   \
		return retry;
		ERR_KINDS(ERR_RETRY)
#undef ERR_RETRY
	default:
		return RETRY_NO;
	}
}
