/*
 * The log: one line per event, a fixed sentence, then key=value pairs.
 *
 *	log_error("file could not be delivered", "route=%s job=%lld code=%s", route, id, code);
 *
 * error = needs a person; warning = somebody should know; info = what happened; debug = why.
 * To standard error; under systemd with the journal's <N> priority prefix. Any thread. Values that
 * came from outside must have passed escape() before. The pairs may be NULL.
 */
#pragma once

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Call once from main before threads start; without it: info, plain. */
void log_setup(enum log_level most, int journal_prefix);

void log_write(enum log_level level, const char *sentence, const char *pairs, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(sentence, ...) log_write(LOG_LEVEL_ERROR, sentence, __VA_ARGS__)
#define log_warn(sentence, ...) log_write(LOG_LEVEL_WARN, sentence, __VA_ARGS__)
#define log_info(sentence, ...) log_write(LOG_LEVEL_INFO, sentence, __VA_ARGS__)
#define log_debug(sentence, ...) log_write(LOG_LEVEL_DEBUG, sentence, __VA_ARGS__)
