/*
 * A server made of the fuzzer's bytes against the real client, with all operations at once.
 *
 * The input is a row of records: flags, uint16 length, bytes. A record becomes a packet of those
 * bytes (type first) with the id of the oldest unanswered request in it; flag 1: of the newest;
 * flag 2: no id is put in, the packet is as it stands; flag 4: not even a frame is put around it.
 * Whatever comes, every operation returns and nothing leaks.
 */
#include "adapters/sftp/files.h"
#include "daemon/runtime/work.h"
#include "daemon/runtime/worker.h"
#include "tests/fuzz/oracle.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { IDS = 4096, OPERATIONS = 8, PACKET = 70000 };

struct peer {
	struct stream stream;
	struct wire_in script;
	uint32_t ids[IDS];
	size_t first, last;
	struct signal asked;
	bool is_aborted, is_greeted;
	struct buf part, ready;
};

static int ended(struct err *e)
{
	return err_set(e, ERR_NETWORK, "FUZZ-ENDED", 0, "aborted");
}

/* ---- the stream ---------------------------------------------------------------------------- */

static int peer_write(struct stream *s, const void *data, size_t n, const char *label,
                      struct deadline d, struct err *e)
{
	struct peer *p = (struct peer *)(void *)s;
	size_t bytes;

	(void)label;
	(void)d;
	if (p->is_aborted)
		return ended(e);
	must(buf_add(&p->part, data, n) == 0);
	while (buf_len(&p->part) > 0 &&
	       wire_frame(buf_data(&p->part), buf_len(&p->part), &bytes) == WIRE_FRAME_WHOLE) {
		struct wire_in in = {buf_data(&p->part) + 4, bytes, false};

		if (wire_u8(&in) != WIRE_INIT && p->last < IDS)
			p->ids[p->last++] = wire_u32(&in);
		buf_consume(&p->part, bytes + 4);
	}
	signal_raise(&p->asked);
	return fiber_yield(e);
}

static void greet(struct peer *p)
{
	(void)buf_add(&p->ready, "\0\0\0\0\2\0\0\0\3", 9);
	wire_put_text(&p->ready, "statvfs@openssh.com");
	wire_put_text(&p->ready, "2");
	wire_put_text(&p->ready, "fsync@openssh.com");
	wire_put_text(&p->ready, "1");
	if (wire_u8(&p->script) & 1) {
		wire_put_text(&p->ready, "limits@openssh.com");
		wire_put_text(&p->ready, "1");
	}
	wire_end(&p->ready, 0);
	p->is_greeted = true;
}

static uint32_t next_id(struct peer *p, unsigned flags)
{
	if (p->first == p->last)
		return 0;
	return flags & 1 ? p->ids[--p->last] : p->ids[p->first++];
}

/* One record of the script, as the client will see it; false: the script is over. */
static bool prepare(struct peer *p)
{
	unsigned flags = wire_u8(&p->script), high = wire_u8(&p->script);
	size_t n = high << 8 | wire_u8(&p->script);
	size_t at = buf_len(&p->ready);

	if (p->script.is_broken)
		return false;
	if (n > p->script.left)
		n = p->script.left;
	if (n > 0 && (flags & 4))
		(void)buf_add(&p->ready, p->script.at, n);
	if (n > 0 && !(flags & 4)) {
		wire_put_u32(&p->ready, 0);
		(void)buf_add(&p->ready, p->script.at, 1);
		if (!(flags & 2))
			wire_put_u32(&p->ready, next_id(p, flags));
		(void)buf_add(&p->ready, p->script.at + 1, n - 1);
		wire_end(&p->ready, at);
	}
	p->script.at += n;
	p->script.left -= n;
	return true;
}

static ssize_t peer_read(struct stream *s, void *data, size_t room, const char *label,
                         struct deadline d, struct err *e)
{
	struct peer *p = (struct peer *)(void *)s;
	size_t n;
	int turns = 0;

	if (!p->is_greeted)
		greet(p);
	while (!p->is_aborted && buf_len(&p->ready) == 0) {
		if (fiber_yield(e) < 0)
			return e->kind;
		if (p->first == p->last && turns++ < 3)
			continue; /* let the others ask first */
		if (!prepare(p))
			return 0;
	}
	(void)label;
	(void)d;
	if (p->is_aborted)
		return ended(e);
	n = buf_len(&p->ready) < room ? buf_len(&p->ready) : room;
	memcpy(data, buf_data(&p->ready), n);
	buf_consume(&p->ready, n);
	return (ssize_t)n;
}

static void peer_abort(struct stream *s)
{
	((struct peer *)(void *)s)->is_aborted = true;
}

/* ---- the operations ------------------------------------------------------------------------ */

struct deed {
	struct sftp_client *client;
	int what;
};

static int swallow(void *arg, const void *data, size_t n, struct err *e)
{
	(void)data;
	(void)e;
	*(uint64_t *)arg += n;
	return 0;
}

static int64_t zeros(void *arg, void *data, size_t room, struct err *e)
{
	uint64_t *left = arg;
	size_t n = room < *left ? room : *left;

	(void)e;
	memset(data, 0, n);
	*left -= n;
	return (int64_t)n;
}

static int look(const struct entry *entry, void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	must(entry->name[entry->name_bytes] == '\0'); /* names come raw: the gate judges them */
	return 0;
}

static int get(struct sftp_client *c, uint64_t size, struct err *e)
{
	uint64_t seen = 0;
	struct get_options o = {.sink = {swallow, &seen},
	                        .expect_size = size,
	                        .expect_mtime_ms = 1000,
	                        .max_size = 1 << 20};
	int r = sftp_get(c, "/in", &o, e);

	must(seen <= o.max_size);
	must(r < 0 || size == SIZE_UNKNOWN || seen == size);
	return r;
}

static int put(struct sftp_client *c, struct err *e)
{
	uint64_t left = 100000;
	struct put_options o = {.source = {zeros, &left, left}, .mode = 0600, .durable = true};
	enum verification level = VERIFIED_NONE;

	return sftp_put(c, "/out", &o, &level, e);
}

static void run_deed(void *arg)
{
	static const struct list_limits limits = {1000, 100000};
	const struct deed *deed = arg;
	struct entry entry;
	struct err e = {0};
	int r;

	switch (deed->what) {
	case 0:
		r = sftp_list(deed->client, "/", &limits, look, NULL, &e);
		break;
	case 1:
		r = get(deed->client, 5, &e);
		break;
	case 2:
		r = get(deed->client, 100000, &e);
		break;
	case 3:
		r = get(deed->client, SIZE_UNKNOWN, &e);
		break;
	case 4:
		r = put(deed->client, &e);
		break;
	case 5:
		r = sftp_rename(deed->client, "/a", "/b", RENAME_REPLACE, &e);
		break;
	case 6:
		r = sftp_mkdir(deed->client, "/x/y", &e);
		break;
	default:
		r = sftp_stat(deed->client, "/a", &entry, &e);
		break;
	}
	if (r < 0)
		must_tell(r, &e);
}

static void run_deeds(struct worker *w, struct sftp_client *c, unsigned which)
{
	struct deed deeds[OPERATIONS];
	struct group g;

	group_init(&g, w);
	for (int i = 0; i < OPERATIONS; i++) {
		deeds[i] = (struct deed){c, i};
		if (which & (1u << i))
			group_start(&g, "deed", run_deed, &deeds[i]);
	}
	group_wait(&g, "all deeds");
}

struct scene {
	struct worker *worker;
	const uint8_t *data;
	size_t size;
};

static void play(void *arg)
{
	static const struct stream_ops ops = {peer_read, peer_write, peer_abort};
	static const struct sftp_settings settings = {.request_ms = 1000, .stall_ms = 1000};
	struct scene *scene = arg;
	struct peer *p = calloc(1, sizeof(*p));
	struct sftp_client *c = NULL;
	unsigned which;
	struct err e;

	p->stream.ops = &ops;
	p->script = (struct wire_in){scene->data, scene->size, false};
	which = wire_u8(&p->script);
	signal_init(&p->asked);
	buf_init(&p->part, 4 << 20);
	buf_init(&p->ready, 4 << 20);
	if (sftp_client_open(&p->stream, &settings, &c, &e) == 0) {
		run_deeds(scene->worker, c, which);
		sftp_client_close(c);
	}
	buf_release(&p->part);
	buf_release(&p->ready);
	free(p);
	worker_stop(scene->worker);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	work_setup();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	struct scene scene = {worker_new("fuzz", &e), data, size};

	must(scene.worker);
	(void)fiber_start(scene.worker, "scene", play, &scene);
	worker_run(scene.worker);
	worker_free(scene.worker);
	return 0;
}
