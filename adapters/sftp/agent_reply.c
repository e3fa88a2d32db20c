#include "adapters/sftp/agent_reply.h"

#include <string.h>

#include "adapters/sftp/openssh_key.h"

static enum agent_verdict broken(const char **complaint, const char *what)
{
	*complaint = what;
	return AGENT_BROKEN;
}

/* The body of a message of that type; false when it is another. */
static bool take_body(const unsigned char *message, size_t n, enum agent_message type,
                      struct key_part *rest)
{
	if (n < 1 || message[0] != type)
		return false;
	*rest = (struct key_part){(unsigned char *)(uintptr_t)message + 1, n - 1};
	return true;
}

enum agent_verdict agent_reply_keys(const unsigned char *message, size_t n, agent_key_fn *on_key,
                                    void *arg, const char **complaint)
{
	struct key_part rest, blob, comment;
	uint32_t count;

	if (!take_body(message, n, AGENT_IDENTITIES, &rest) || !key_part_number(&rest, &count))
		return broken(complaint, "it does not tell its keys");
	for (uint32_t i = 0; i < count && i < AGENT_KEYS_MAX; i++) {
		if (!key_part_string(&rest, &blob) || !key_part_string(&rest, &comment))
			return broken(complaint, "its list of keys ends in the middle");
		on_key(&(struct agent_key){blob.p, blob.n, (const char *)comment.p, comment.n},
		       arg);
	}
	return AGENT_DONE;
}

/* string signature: string algorithm, string the thing itself */
enum agent_verdict agent_reply_signature(const unsigned char *message, size_t n,
                                         const char *algorithm, struct buf *out,
                                         const char **complaint)
{
	struct key_part rest, whole, name, inner;

	if (take_body(message, n, AGENT_FAILURE, &rest))
		return AGENT_REFUSED;
	if (!take_body(message, n, AGENT_SIGN_RESPONSE, &rest))
		return broken(complaint, "it answers a request to sign with something else");
	if (!key_part_string(&rest, &whole) || !key_part_string(&whole, &name) ||
	    !key_part_string(&whole, &inner))
		return broken(complaint, "its signature is damaged");
	if (name.n != strlen(algorithm) || memcmp(name.p, algorithm, name.n) != 0)
		return broken(complaint, "it signs with another algorithm than asked for");
	if (buf_add(out, inner.p, inner.n) < 0)
		return broken(complaint, "its signature is too long");
	return AGENT_DONE;
}
