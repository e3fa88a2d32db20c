/*
 * Any bytes as a server that is asked for its host certificate. However they are cut, the end is the
 * same; what is sent back stays small; a blob is there exactly when the state says so.
 */
#include "adapters/sftp/host_cert_talk.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

static enum cert_talk_state play(struct cert_talk *t, const uint8_t *data, size_t size, size_t step)
{
	enum cert_talk_state s = CERT_TALK_MORE;

	cert_talk_init(t);
	for (size_t i = 0; i < size && s == CERT_TALK_MORE; i += step) {
		size_t n = step < size - i ? step : size - i;
		char *exact = mem_dup_bytes(data + i, n); /* so that a byte too far is seen */

		s = cert_talk_feed(t, exact, n);
		free(exact);
	}
	must(buf_len(&t->out) < 16 * 1024);
	must((s == CERT_TALK_DONE) == (t->blob != NULL));
	must(!t->blob || (t->blob_bytes > 0 && t->blob_bytes < size));
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert_talk whole, cut;

	if (size < 1)
		return 0;
	must(play(&whole, data + 1, size - 1, size) ==
	     play(&cut, data + 1, size - 1, 1 + data[0] % 61));
	must(whole.blob_bytes == cut.blob_bytes &&
	     (!whole.blob || memcmp(whole.blob, cut.blob, cut.blob_bytes) == 0));
	must(buf_len(&whole.out) == buf_len(&cut.out));
	cert_talk_release(&whole);
	cert_talk_release(&cut);
	return 0;
}
