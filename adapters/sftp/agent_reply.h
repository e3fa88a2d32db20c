/*
 * What an SSH agent answers (draft-miller-ssh-agent §5), taken apart. Pure; takes any bytes.
 *
 * A message is a type byte and its body, without the length in front. What is handed out lies in
 * the message.
 */
#pragma once
#include "adapters/sftp/agent.h"

/* §6.1 */
enum agent_message {
	AGENT_FAILURE = 5,
	AGENT_REQUEST_IDENTITIES = 11,
	AGENT_IDENTITIES = 12,
	AGENT_SIGN_REQUEST = 13,
	AGENT_SIGN_RESPONSE = 14,
};

enum agent_verdict { AGENT_DONE, AGENT_REFUSED, AGENT_BROKEN };

/* Hands out at most AGENT_KEYS_MAX keys. BROKEN: *complaint says what is wrong; some may have been
 * handed out. */
enum agent_verdict agent_reply_keys(const unsigned char *message, size_t n, agent_key_fn *on_key,
                                    void *arg, const char **complaint);
/* Appends the inner string of a signature made with `algorithm` to `out`. */
enum agent_verdict agent_reply_signature(const unsigned char *message, size_t n,
                                         const char *algorithm, struct buf *out,
                                         const char **complaint);
