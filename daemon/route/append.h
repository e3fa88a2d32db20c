/*
 * `exists: append`: our bytes go to the end of a file that is there. (Where the name is free, the
 * file is published whole, under a temporary name, as everywhere.)
 *
 *	append_begin(&a, e);			// our file is whole; how large is theirs?
 *	store_appending(store, id, a.at, site, e); // committed before the first byte leaves
 *	append_finish(&a, e);			// also after an interruption, with a.at from the store
 *
 * There is no rename that makes it happen at once: whatever cuts us off leaves any beginning of our
 * bytes. What is found then is judged by the committed size and by the bytes themselves:
 *
 *	size now		bytes after `at`	verdict
 *	at			-			send all
 *	at .. at + ours		begin as ours		send the rest
 *	at + ours		are ours		done
 *	anything else		-			held: somebody else wrote to it
 *
 * Nothing is ever cut off: bytes that are not ours are somebody's. One file has one writer of ours
 * at a time: the lane has one fiber, and the store refuses a second delivery to the same file.
 */
#pragma once
#include "adapters/endpoint.h"
#include "daemon/base/digest.h"
#include "daemon/route/publish.h"
#include "daemon/store/store.h"

enum append_verdict {
	APPEND_SEND,     /* now.size - at bytes of ours may be there: compare, then send the rest */
	APPEND_COMPLETE, /* all of ours may be there: compare */
	APPEND_GONE,     /* no file of that name any more */
	APPEND_FOREIGN,  /* smaller than before, or more than ours were added */
	APPEND_UNKNOWN,  /* the server does not tell the size */
};

/* Pure. `size`: of our file. */
enum append_verdict append_judge(const struct found *now, uint64_t at, uint64_t size);

struct append {
	struct lease *lease;
	const char *path;    /* at the destination */
	const char *content; /* a file of this machine */
	const struct store_job *job;
	enum verify_policy verify;
	uint64_t at; /* size of theirs before ours */

	struct found now; /* the last look at it */
	bool has_looked;
	enum verification level; /* what was reached */
	unsigned char sha256[DIGEST_BYTES];
};

/* Sets a->at. Missing meanwhile: ERR_BUSY "DELIVER-APPEND-GONE", to be tried from the start. */
int append_begin(struct append *a, struct err *e);
/* What cannot be decided is ERR_POLICY "DELIVER-APPEND": the message tells what was found. */
int append_finish(struct append *a, struct err *e);
