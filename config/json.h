/*
 * Writing indented JSON: members in the order of the calls, commas and tabs by themselves.
 *
 *	struct json j;
 *	json_begin(&j, out);			// {
 *	json_text(&j, "type", "object");	//	"type": "object",
 *	json_open(&j, "properties", '{');	//	"properties": {
 *	json_close(&j, '}');			//	}
 *	json_end(&j);				// }
 *
 * `key` NULL is an item of a list. Texts are escaped.
 */
#pragma once
#include <stdbool.h>

#include "daemon/base/buf.h"

struct json {
	struct buf *out;
	int depth;
	bool fresh; /* nothing in the current object or list yet */
};

void json_begin(struct json *j, struct buf *out);
void json_end(struct json *j);
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_text(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, long long n);
void json_word(struct json *j, const char *key, const char *word); /* true, false, null */
