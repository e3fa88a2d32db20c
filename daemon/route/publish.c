#include "daemon/route/publish.h"

enum publish_verdict publish_judge(const struct found *temp, const struct found *final,
                                   uint64_t size, bool may_replace)
{
	bool final_is_ours = final->is_there && final->size == size;

	if (!temp->is_there)
		return final_is_ours ? PUBLISH_DONE : PUBLISH_INFERRED;
	if (temp->size != size)
		return PUBLISH_RESEND;
	if (final_is_ours && !may_replace && temp->mtime_ms == final->mtime_ms &&
	    temp->mtime_ms != MTIME_UNKNOWN)
		return PUBLISH_BOTH;
	return PUBLISH_RENAME;
}
