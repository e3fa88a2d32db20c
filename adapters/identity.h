/*
 * Who a server shows itself to be, before anything of ours is told, and what we have on record about
 * it: what `ferryctl trust` shows, and what it did.
 *
 * A value; texts are raw where they came from outside (type), else as shown to people.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { IDENTITY_PLACES = 8, IDENTITY_FILE_BYTES = 512 };

struct identity_place {
	char file[IDENTITY_FILE_BYTES]; /* "": there is none */
	size_t line;
};

struct identity {
	char type[64]; /* of the key: "ssh-ed25519" */
	int bits;      /* 0: not known */
	char sha256[64], md5[64];
	const char *state;            /* "ok", "changed" …: known_hosts.h; a literal */
	struct identity_place record; /* that decided */

	/* after trusting */
	struct identity_place stored; /* where the key is on record now */
	bool was_there;
	struct {
		struct identity_place place;
		bool is_left; /* it still speaks for another key: ferryd may not write there */
	} replaced[IDENTITY_PLACES];
	size_t replaced_count;
};
