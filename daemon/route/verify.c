#include "daemon/route/verify.h"

#include <string.h>

static int into_digest(void *arg, const void *data, size_t n, struct err *e)
{
	(void)e;
	digest_update(arg, data, n);
	return 0;
}

static int read_back(struct lease *lease, const char *path, unsigned char out[DIGEST_BYTES],
                     struct err *e)
{
	struct digest d;
	const struct get_options o = {
	        .sink = {into_digest, &d},
	        .expect_size = SIZE_UNKNOWN,
	        .expect_mtime_ms = MTIME_UNKNOWN,
	        .max_size = UINT64_MAX,
	};
	int r;

	digest_init(&d);
	r = lease->adapter->get(lease->connection, path, &o, e);
	if (r == 0)
		digest_final(&d, out);
	digest_release(&d);
	return r < 0 ? err_wrap(e, "reading back what was sent") : 0;
}

int verify_sent(struct lease *lease, const char *path, enum verify_policy policy,
                enum verification *level, const unsigned char sha256[DIGEST_BYTES], struct err *e)
{
	unsigned char theirs[DIGEST_BYTES];
	int r;

	if (policy == VERIFY_NONE)
		return 0;
	if (*level < VERIFIED_SIZE)
		return err_set(e, ERR_INTEGRITY, "VERIFY-SIZE", 0,
		               "the server does not tell the size of what it received; if it never "
		               "does, say `verify: none`");
	if (policy == VERIFY_SIZE)
		return 0;
	r = read_back(lease, path, theirs, e);
	if (r < 0)
		return r;
	if (memcmp(theirs, sha256, DIGEST_BYTES) != 0)
		return err_set(e, ERR_INTEGRITY, "VERIFY-DIGEST", 0,
		               "what was read back from the destination has another SHA-256 than "
		               "what was sent; it is sent again");
	*level = VERIFIED_DIGEST;
	return 0;
}
