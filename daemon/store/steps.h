/*
 * Every legal step, once. schema/README.md lists the same rows for people (a test keeps the two
 * equal); the verbs ask here and do nothing else about legality.
 *
 * Rows marked "late": the operator held or canceled while the work was under way, and what the
 * worker reports is a fact that must not be forgotten.
 */
#pragma once
#include <stdbool.h>

#include "daemon/store/store.h"

/*	  from		 to		by */
#define JOB_STEPS(X)                                                                   \
	X(JOB_CLAIMED, JOB_CLAIMED, "fetch failed, will be tried again; retry")        \
	X(JOB_CLAIMED, JOB_STORED, "the bytes are ours and on disk")                   \
	X(JOB_CLAIMED, JOB_HELD, "fetch gave up; hold")                                \
	X(JOB_CLAIMED, JOB_SKIPPED, "vanished or changed before we had it")            \
	X(JOB_CLAIMED, JOB_CANCELED, "cancel")                                         \
	X(JOB_STORED, JOB_STORED, "retry")                                             \
	X(JOB_STORED, JOB_DELIVERED, "last delivery ended; source to be settled")      \
	X(JOB_STORED, JOB_DONE, "last delivery ended; source is kept")                 \
	X(JOB_STORED, JOB_HELD, "a delivery gave up; hold")                            \
	X(JOB_STORED, JOB_CANCELED, "cancel")                                          \
	X(JOB_DELIVERED, JOB_DELIVERED, "settling failed, will be tried again; retry") \
	X(JOB_DELIVERED, JOB_DONE, "source settled; cancel (source is left)")          \
	X(JOB_DELIVERED, JOB_HELD, "settling gave up; hold")                           \
	X(JOB_HELD, JOB_CLAIMED, "retry")                                              \
	X(JOB_HELD, JOB_STORED, "retry")                                               \
	X(JOB_HELD, JOB_DELIVERED, "retry")                                            \
	X(JOB_HELD, JOB_HELD, "another delivery gave up; late: last one ended; hold")  \
	X(JOB_HELD, JOB_DONE, "late: last delivery ended or source settled; cancel")   \
	X(JOB_HELD, JOB_CANCELED, "cancel")

#define DELIVERY_STEPS(X)                                                                       \
	X(DELIVERY_SENDING, DELIVERY_SENDING, "failed, will be tried again; retry")             \
	X(DELIVERY_SENDING, DELIVERY_RENAMING, "temporary file complete and checked")           \
	X(DELIVERY_SENDING, DELIVERY_DONE, "found delivered")                                   \
	X(DELIVERY_SENDING, DELIVERY_SKIPPED, "exists: skip")                                   \
	X(DELIVERY_SENDING, DELIVERY_HELD, "gave up; hold")                                     \
	X(DELIVERY_SENDING, DELIVERY_CANCELED, "cancel")                                        \
	X(DELIVERY_RENAMING, DELIVERY_SENDING, "failed, with an answer; to be sent again")      \
	X(DELIVERY_RENAMING, DELIVERY_RENAMING, "failed, no answer; another final name; retry") \
	X(DELIVERY_RENAMING, DELIVERY_DONE, "final name in place")                              \
	X(DELIVERY_RENAMING, DELIVERY_SKIPPED, "exists: skip")                                  \
	X(DELIVERY_RENAMING, DELIVERY_HELD, "gave up; hold")                                    \
	X(DELIVERY_RENAMING, DELIVERY_CANCELED, "cancel")                                       \
	X(DELIVERY_HELD, DELIVERY_SENDING, "retry")                                             \
	X(DELIVERY_HELD, DELIVERY_RENAMING, "retry")                                            \
	X(DELIVERY_HELD, DELIVERY_DONE, "late: final name in place")                            \
	X(DELIVERY_HELD, DELIVERY_SKIPPED, "late: exists: skip")                                \
	X(DELIVERY_HELD, DELIVERY_CANCELED, "cancel")                                           \
	X(DELIVERY_CANCELED, DELIVERY_DONE, "late: final name in place")                        \
	X(DELIVERY_CANCELED, DELIVERY_SKIPPED, "late: exists: skip")

bool job_step_is_legal(enum job_state from, enum job_state to);
bool delivery_step_is_legal(enum delivery_state from, enum delivery_state to);
