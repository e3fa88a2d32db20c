/*
 * Which one-time codes this process has used, so that none is sent twice: a server that sees one
 * again may lock the account (RFC 6238 §5.2 forbids it to take it).
 *
 *	if (totp_steps_claim(id, step)) ... the code of this step is ours, now and never again
 *	totp_steps_worked(id, skew);	// the server's clock, in steps ahead of ours
 *	step = totp_step(...) + totp_steps_skew(id);
 *
 * `id` names the secret. Endpoints, and workers, that share a secret share its codes: this table is
 * the one thing logins have in common, and has a lock. Nothing here waits.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "adapters/sftp/prompts.h"

bool totp_steps_claim(const unsigned char id[PROMPT_ID_BYTES], int64_t step);
/* Looks only. */
bool totp_steps_is_used(const unsigned char id[PROMPT_ID_BYTES], int64_t step);
int totp_steps_skew(const unsigned char id[PROMPT_ID_BYTES]);
void totp_steps_worked(const unsigned char id[PROMPT_ID_BYTES], int skew);
