/*
 * One line of a known_hosts file, taken apart: "[@marker] hosts type base64 [comment]" (sshd(8)).
 *
 *	struct known_line line;
 *	const char *complaint = known_line_split((struct word){p, n}, &line);
 *	if (complaint) ... else if (!line.hosts.n) ... empty or a comment
 *	if (known_line_names(line.hosts, "sftp.acme.example")) ...
 *
 * Pure; takes any bytes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Not NUL-terminated, borrowed. */
struct word {
	const char *p;
	size_t n;
};
bool word_is(struct word w, const char *text);

enum known_marker { MARKER_NONE, MARKER_REVOKED, MARKER_AUTHORITY };

struct known_line {
	enum known_marker marker;
	struct word hosts, type, key;
};

/* `text` without its line feed. NULL, or what is wrong with the line. */
const char *known_line_split(struct word text, struct known_line *out);
/* "type base64 …" without hosts, as in a list of revoked keys. */
const char *known_line_split_key(struct word text, struct known_line *out);

/* Does the comma list speak of this name (in lower case)? A negated match refuses the whole line. */
bool known_line_names(struct word hosts, const char *name);
bool known_line_is_hashed(struct word hosts);
