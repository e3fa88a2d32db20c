/*
 * Any bytes as the answer of an SSH agent, to a question for its keys and to a request to sign.
 * What is handed out lies in the answer; a signature comes whole or not at all; what is broken is
 * told in words. Keys go on into the certificate reader, as in a login.
 */
#include "adapters/sftp/agent_reply.h"
#include "adapters/sftp/certificate.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

struct seen {
	const unsigned char *from, *to;
	size_t count;
};

static void on_key(const struct agent_key *k, void *arg)
{
	struct seen *s = arg;
	const unsigned char *comment = (const unsigned char *)k->comment;
	struct certificate c;

	must(k->blob >= s->from && k->blob + k->blob_bytes <= s->to);
	must(comment >= s->from && comment + k->comment_bytes <= s->to);
	s->count++;
	if (certificate_from_blob(k->blob, k->blob_bytes, &c) == 0)
		certificate_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy _cleanup_free_ = (uint8_t *)mem_dup_bytes(data, size);
	struct seen s = {copy, copy + size, 0};
	const char *complaint = NULL;
	enum agent_verdict v = agent_reply_keys(copy, size, on_key, &s, &complaint);
	struct buf out;

	must(s.count <= AGENT_KEYS_MAX && v != AGENT_REFUSED);
	must((v == AGENT_BROKEN) == (complaint != NULL));
	complaint = NULL;
	buf_init(&out, 4096);
	v = agent_reply_signature(copy, size, "ssh-ed25519", &out, &complaint);
	must((v == AGENT_BROKEN) == (complaint != NULL));
	must(v == AGENT_DONE || buf_len(&out) == 0);
	must(buf_len(&out) <= size);
	buf_release(&out);
	return 0;
}
