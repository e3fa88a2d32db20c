#include "daemon/control/shown.h"

#include "daemon/base/escape.h"

enum { PIECE_BYTES = 200 }; /* four bytes for each at most: below the escaper's limit */

/* By pieces that end between characters. */
void shown_raw(struct buf *out, const char *raw, size_t n)
{
	struct escaped tmp;
	size_t piece;

	for (; n > 0; raw += piece, n -= piece) {
		piece = n < PIECE_BYTES ? n : PIECE_BYTES;
		for (int back = 0; piece < n && back < 3 && (raw[piece] & 0xC0) == 0x80; back++)
			piece--;
		(void)buf_add_text(out, escape(raw, piece, tmp.text, sizeof(tmp.text)));
	}
}

void shown_again(struct buf *out, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\\");

		shown_raw(out, text, n);
		text += n;
		if (*text++ == '\0')
			return;
		(void)buf_add(out, "\\", 1);
	}
}
