/*
 * Inside of the SFTP client, shared by client.c (its two fibers, what answers do), handshake.c (how
 * it begins), request.c (what callers hold) and client_trace.c (their lines in the trace). Nobody
 * else includes it.
 */
#pragma once
#include "adapters/sftp/client.h"
#include "adapters/sftp/slots.h"

enum {
	/* Callers wait beyond this many unsent bytes … */
	OUT_ENOUGH = 512 * 1024,
	/* … so the buffer never needs more than this: the last packet, and CLOSEs. */
	OUT_MOST = 2 * 1024 * 1024,
	/* One READ or WRITE, unless the server names its limits. */
	SFTP_DATA_DEFAULT = 32 * 1024,
};

struct sftp_client {
	struct stream *stream;
	struct sftp_settings settings;
	struct group fibers; /* reader and writer */
	struct slots slots;
	struct buf in, out, sending;
	struct signal out_filled; /* the writer waits */
	struct signal room;       /* callers wait: a slot was freed or the out buffer drained */
	size_t waiting_for_room;
	size_t transfers;
	int64_t round_trip_us;
	int64_t moved_ms; /* when the stream last gave or took bytes */
	size_t read_most, write_most;
	size_t handles_most; /* 0 = not said */
	bool offers[SFTP_EXT_COUNT];
	struct err failure; /* kind 0 while alive */
};

struct sftp_op_row {
	enum wire_type packet, reply;
	const char *name, *verb, *extension, *label;
};
extern const struct sftp_op_row sftp_ops[];

/* The first cause is kept; wakes everyone. */
void sftp_client_fail(struct sftp_client *c, const struct err *e);
/* A CLOSE whose answer nobody waits for. */
void sftp_client_close_late(struct sftp_client *c, const void *handle, size_t n);
/* An answer for rq has come: fills it. Negative: a breach of the protocol. */
int sftp_request_fill(struct sftp_request *rq, unsigned type, struct wire_in *in, struct err *e);
void sftp_client_slot_done(struct sftp_client *c, struct slot *slot);

/* A request that leaves, an answer that has come; late where slot->rq is NULL. */
void sftp_trace_request(const struct sftp_request *rq);
void sftp_trace_answer(const struct sftp_client *c, const struct slot *slot, uint32_t id,
                       unsigned type);

/* Awaits more bytes from the stream. */
int sftp_client_read_more(struct sftp_client *c, struct deadline d, struct err *e);
/* What stands first in the in buffer, and its error if it can be no packet. */
enum wire_frame sftp_client_next_frame(struct sftp_client *c, size_t *bytes);
int sftp_client_bad_frame(struct sftp_client *c, enum wire_frame frame, struct err *e);

/* INIT, VERSION and its extensions; reads the stream itself. */
int sftp_handshake_version(struct sftp_client *c, struct err *e);
/* limits@openssh.com; the fibers run. */
int sftp_handshake_limits(struct sftp_client *c, struct err *e);
