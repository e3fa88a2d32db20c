#include "adapters/sftp/identification.h"

#include <string.h>

static void keep_first(struct identification *id, const void *data, size_t n)
{
	size_t room = sizeof(id->first) - id->first_bytes;

	if (n > room)
		n = room;
	memcpy(id->first + id->first_bytes, data, n);
	id->first_bytes += n;
}

static bool begins_ssh(const struct buf *in)
{
	return buf_len(in) >= 4 && memcmp(buf_data(in), "SSH-", 4) == 0;
}

/* The line that begins with "SSH-" and ends at `line` bytes (with its LF). */
static enum identification_state accept_line(struct identification *id, const struct buf *in,
                                             size_t line)
{
	const char *text = (const char *)buf_data(in);
	size_t n = line - 1;

	if (n && text[n - 1] == '\r')
		n--;
	if (line > IDENTIFICATION_MAX || memchr(text, '\0', n))
		return IDENTIFICATION_MALFORMED;
	memcpy(id->text, text, n);
	id->text[n] = '\0';
	/* 1.99 is a server that also speaks version 1: RFC 4253 §5.1 */
	if (strncmp(id->text, "SSH-2.0-", 8) != 0 && strncmp(id->text, "SSH-1.99-", 9) != 0)
		return IDENTIFICATION_MALFORMED;
	return IDENTIFICATION_FOUND;
}

enum identification_state identification_scan(struct identification *id, struct buf *in)
{
	for (;;) {
		const unsigned char *data = buf_data(in);
		size_t n = buf_len(in), line;
		const unsigned char *end = n ? memchr(data, '\n', n) : NULL;

		line = end ? (size_t)(end - data) + 1 : n;
		if (begins_ssh(in)) {
			if (end)
				return accept_line(id, in, line);
			return n >= IDENTIFICATION_MAX ? IDENTIFICATION_MALFORMED
			                               : IDENTIFICATION_WANTS_MORE;
		}
		if (line > IDENTIFICATION_LINE_BYTES || id->lines >= IDENTIFICATION_LINES ||
		    id->bytes >= IDENTIFICATION_BYTES) {
			keep_first(id, data, n);
			return IDENTIFICATION_FLOOD;
		}
		if (!end)
			return IDENTIFICATION_WANTS_MORE;
		keep_first(id, data, line);
		id->lines++;
		id->bytes += line;
		buf_consume(in, line);
	}
}

bool identification_is_binary(const struct identification *id, const struct buf *in)
{
	const unsigned char *data = buf_data(in);

	if (id->lines || buf_len(in) < 3)
		return false;
	/* TLS alert or handshake record (RFC 8446 §5.1), or NUL bytes: never a line */
	return (data[0] >= 0x14 && data[0] <= 0x17 && data[1] == 3) ||
	       memchr(data, '\0', buf_len(in));
}
