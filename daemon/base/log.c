#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/clock.h"

enum { LINE_BYTES = 4096 };

/* The one mutable global of the project: where log lines go. */
static atomic_int most_level = LOG_LEVEL_INFO;
static atomic_int with_prefix;

static const char *const words[] = {"error", "warning", "info", "debug"};
static const int priorities[] = {3, 4, 6, 7}; /* syslog(3), understood by sd-daemon(3) */

void log_setup(enum log_level most, int journal_prefix)
{
	atomic_store(&most_level, (int)most);
	atomic_store(&with_prefix, journal_prefix);
}

static size_t head(enum log_level level, char line[LINE_BYTES])
{
	char stamp[CLOCK_TEXT_BYTES];
	int n;

	if (atomic_load(&with_prefix))
		n = snprintf(line, LINE_BYTES, "<%d>", priorities[level]);
	else
		n = snprintf(line, LINE_BYTES, "%s %s: ", clock_text(clock_wall_ms(), stamp),
		             words[level]);
	return (size_t)n;
}

void log_write(enum log_level level, const char *sentence, const char *pairs, ...)
{
	char line[LINE_BYTES];
	size_t used;
	va_list ap;

	if ((int)level > atomic_load(&most_level))
		return;
	used = head(level, line);
	used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%s", sentence,
	                         pairs ? " " : "");
	if (pairs && used < sizeof(line)) {
		va_start(ap, pairs);
		(void)vsnprintf(line + used, sizeof(line) - used, pairs, ap); /* may be cut */
		va_end(ap);
	}
	used = strnlen(line, sizeof(line) - 2);
	for (size_t i = 0; i < used; i++)
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* nowhere left to say so */
}
