/*
 * From the temporary name to the final one, by the destination's `exists:` policy, and what must
 * have happened when a rename's answer was lost.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "adapters/adapter.h"

/* One of the two names, as it was found. */
struct found {
	bool is_there;
	uint64_t size;
	int64_t mtime_ms;
};

enum publish_verdict {
	PUBLISH_RENAME,   /* the rename did not happen: do it, by policy */
	PUBLISH_RESEND,   /* the temporary file is not what we sent: send again */
	PUBLISH_DONE,     /* it happened: the final name has our file */
	PUBLISH_INFERRED, /* it happened and the consumer has taken or replaced the file: only we
	                   * ever touch the temporary name. Flagged. */
	PUBLISH_BOTH,     /* hard link made, old name not removed (OpenSSH renames by link and
	                   * unlink): remove the temporary name, then done */
};

/*
 * Pure. After a crash or a lost reply in state `renaming`, for a file of `size` bytes:
 *
 *	temp			final				verdict
 *	there, full size	same size and time, no replace	BOTH
 *	there, full size	absent or anything else		RENAME
 *	there, other size	-				RESEND
 *	gone			there, full size		DONE
 *	gone			gone or other			INFERRED
 */
enum publish_verdict publish_judge(const struct found *temp, const struct found *final,
                                   uint64_t size, bool may_replace);
