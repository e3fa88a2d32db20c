/*
 * A text as a configuration: the file "f", nothing of which is looked at on disk unless asked.
 *
 *	struct config *c = load(text);		// must be valid; config_unref(c)
 *	check_told(text, "f:7:3: …");		// all that is said, without the last line break
 *	CHECK_EACH(check_told, mistakes);	// a table of them
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "config/load.h"
#include "daemon/base/mem.h"

static const struct config_judges *judges; /* set in main; NULL: nothing is judged */

static inline struct config *load_bytes(const char *text, size_t length, enum disk_access disk,
                                        struct config_report *r)
{
	struct config_text t = {"f", text, length};

	config_report_init(r);
	return config_load_text(&t, judges, disk, r);
}

static inline struct config *load_with(const char *text, struct config_report *r)
{
	return load_bytes(text, strlen(text), DISK_IGNORE, r);
}

static inline struct config *load(const char *text)
{
	struct config_report r;
	struct config *c = load_with(text, &r);

	if (!c)
		fail_msg("%s\n%s", buf_text(&r.text), text);
	config_report_release(&r);
	return c;
}

static inline void check_told_by(enum disk_access disk, const char *text, const char *told)
{
	struct config_report r;
	struct config *c = load_bytes(text, strlen(text), disk, &r);
	char *want _cleanup_free_ = mem_printf("%s%s", told, *told ? "\n" : "");

	assert_string_equal(buf_text(&r.text), want);
	config_unref(c);
	config_report_release(&r);
}

static inline void check_told(const char *text, const char *told)
{
	check_told_by(DISK_IGNORE, text, told);
}

struct mistake {
	const char *text, *told;
};

#define CHECK_EACH(check, table)                                        \
	for (size_t i = 0; i < sizeof(table) / sizeof((table)[0]); i++) \
	check((table)[i].text, (table)[i].told)
