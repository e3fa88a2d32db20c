/*
 * A file's time as somebody told it: to a precision, and perhaps in a zone that nobody told. Pure.
 *
 *	switch (told_compare(listed, known)) {
 *	case TOLD_SAME:		one and the same time, as far as the two can say
 *	case TOLD_LIKELY:	ask for the exact time; who cannot, takes it for the same
 *	case TOLD_DOUBTED:	ask likewise; who cannot, takes it for another one
 *	case TOLD_OTHER:	another time
 *	}
 *
 * FTP's LIST tells the minute of a young file and only the day of an old one, and nobody tells when
 * it changes from the one to the other. A day is a day of the server's zone, so is an hour whose zone
 * could not be learnt: as zones lie between UTC-12 and UTC+14, the real time may be 14 hours earlier
 * and 12 hours later. A minute whose zone has been learnt is one of UTC.
 *
 * The rules, with the reason of each:
 *	equal, told alike		SAME	  nothing more can be seen
 *	`told` exact, within `known`	SAME	  that is what the other one said, with more of it
 *	`told` coarser, `known` within	LIKELY	  the same file, listed with less: but a new version
 *						  of the same hour may hide behind it
 *	minutes that differ by quarters	DOUBTED	  another zone, learnt wrongly or by a server that
 *	of an hour, as zones do			  moved its clock; or a file that is written hourly
 *	coarse, alike, a little apart	DOUBTED
 * Losing a version is worse than fetching one again: where nothing can be asked, only what was told
 * with less of the time is taken for the same.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	TOLD_UNKNOWN = -1, /* ms: not told */
	TOLD_SECOND_MS = 1000,
	TOLD_MINUTE_MS = 60 * 1000,
	TOLD_HOUR_MS = 60 * 60 * 1000, /* to the minute, but in a zone that is not known */
	TOLD_DAY_MS = 24 * 60 * 60 * 1000,
	/* Times that are not TOLD_OTHER are less than this apart. */
	TOLD_REACH_MS = 3 * TOLD_DAY_MS,
};

struct told {
	int64_t ms;           /* the earliest moment that is meant, if the zone is UTC */
	int64_t precision_ms; /* 0 or 1: exact; from TOLD_HOUR_MS on the zone is not known */
};

/* Later ones are more alike. */
enum told_likeness { TOLD_OTHER, TOLD_DOUBTED, TOLD_LIKELY, TOLD_SAME };

enum told_likeness told_compare(struct told told, struct told known);
/* Nothing speaks against one and the same time; one that is not told never does. */
bool told_agrees(struct told a, struct told b);
