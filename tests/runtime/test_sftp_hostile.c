/*
 * The SFTP client against servers that lie, stall, die, flood and babble. The server is a fiber of
 * the test: honest in all but one thing, which the row of the table names.
 */
#include "adapters/sftp/files.h"
#include "daemon/base/buf.h"
#include "tests/runtime/sftp_rig.h"

/* X(what the server does) */
#define VICES(X)        \
	X(HONEST)       \
	X(SILENT)       \
	X(GONE)         \
	X(CHATTY)       \
	X(VERSION_6)    \
	X(NO_VERSION)   \
	X(VERSION_CUT)  \
	X(GIANT)        \
	X(GIANT_NAME)   \
	X(ZERO)         \
	X(TINY)         \
	X(STRANGE_ID)   \
	X(TWICE)        \
	X(WRONG_TYPE)   \
	X(REQUEST_TYPE) \
	X(OK_INSTEAD)   \
	X(CUT_SHORT)    \
	X(CUT_FIELD)    \
	X(STALL)        \
	X(DIES)         \
	X(REFUSES)      \
	X(BACKEND)      \
	X(COUNT)        \
	X(EMPTY_LISTS)  \
	X(BOMB)         \
	X(EVIL_NAMES)   \
	X(BARE_NAMES)   \
	X(ATTR_BOMB)    \
	X(LONG_HANDLE)  \
	X(TOO_MUCH)     \
	X(NO_BYTES)     \
	X(ENDLESS)      \
	X(SHORT_READS)  \
	X(AFTER_END)    \
	X(CRAZY_SIZE)   \
	X(FULL_WORDS)   \
	X(FULL_DISK)    \
	X(QUOTA)        \
	X(LOSES_BYTES)  \
	X(NO_STAT)      \
	X(NO_SYNC)      \
	X(NO_MODE)      \
	X(LATE_HANDLE)

enum vice {
#define VICE_ENUM(name) name,
	VICES(VICE_ENUM)
#undef VICE_ENUM
};

static const char *const vice_names[] = {
#define VICE_NAME(name) #name,
        VICES(VICE_NAME)
#undef VICE_NAME
};

/* ---- the server ---------------------------------------------------------------------------- */

enum { FILE_BYTES = 300000, PATIENCE_MS = 120 };

struct server {
	struct io *io;
	enum vice vice;
	unsigned target; /* wire type at which the vice shows */
	struct buf in, out;
	int asked; /* requests of the target type so far */
	int listed, opened, closed;
	bool is_over, is_stalled;
	uint32_t held_id;
};

static void say(struct server *s, unsigned type, uint32_t id)
{
	(void)wire_begin(&s->out, (enum wire_type)type, id);
}

static void done(struct server *s)
{
	wire_end(&s->out, 0);
}

static void flush(struct server *s)
{
	struct err e;

	if (io_write_all(s->io, buf_data(&s->out), buf_len(&s->out), "answer", deadline_in(5000),
	                 &e) < 0)
		s->is_over = true;
	buf_clear(&s->out);
}

static void raw(struct server *s, const void *data, size_t n)
{
	check(buf_add(&s->out, data, n) == 0);
	flush(s);
}

static void status(struct server *s, uint32_t id, uint32_t code, const char *words)
{
	say(s, WIRE_STATUS, id);
	wire_put_u32(&s->out, code);
	wire_put_text(&s->out, words);
	wire_put_text(&s->out, "");
	done(s);
	flush(s);
}

static void put_full_attrs(struct server *s, uint64_t size)
{
	wire_put_u32(&s->out, WIRE_ATTR_SIZE | WIRE_ATTR_PERMISSIONS | WIRE_ATTR_ACMODTIME);
	wire_put_u64(&s->out, size);
	wire_put_u32(&s->out, 0100644);
	wire_put_u32(&s->out, 1000);
	wire_put_u32(&s->out, 1000);
}

static void put_name(struct server *s, const char *name, size_t n)
{
	wire_put_string(&s->out, name, n);
	wire_put_text(&s->out, "");
	if (s->vice == BARE_NAMES)
		wire_put_u32(&s->out, 0);
	else
		put_full_attrs(s, 5);
}

static void names(struct server *s, uint32_t id, uint32_t count)
{
	say(s, WIRE_NAME, id);
	wire_put_u32(&s->out, count);
	for (uint32_t i = 0; i < count; i++)
		put_name(s, "a.txt", 5);
	done(s);
	flush(s);
}

static void evil_names(struct server *s, uint32_t id)
{
	static const struct {
		const char *text;
		size_t n;
	} evil[] = {{"", 0},         {"../../etc/cron.d/x", 18},
	            {"/abs", 4},     {"..", 2},
	            {".", 1},        {"a\0b", 3},
	            {"a\nb", 3},     {"\x1b[2J", 4},
	            {"\xff\xfe", 2}, {"ok.txt", 6},
	            {"ok.txt", 6}};

	say(s, WIRE_NAME, id);
	wire_put_u32(&s->out, sizeof(evil) / sizeof(evil[0]));
	for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++)
		put_name(s, evil[i].text, evil[i].n);
	done(s);
	flush(s);
}

static void honest_read(struct server *s, uint32_t id, uint64_t offset, uint32_t length)
{
	uint32_t n = length;

	if (offset >= FILE_BYTES && s->vice != ENDLESS) {
		status(s, id, 1, "End of file");
		return;
	}
	if (n > FILE_BYTES - offset && s->vice != ENDLESS)
		n = (uint32_t)(FILE_BYTES - offset);
	if (s->vice == SHORT_READS && n > 5000)
		n = 5000;
	say(s, WIRE_DATA, id);
	wire_put_u32(&s->out, n);
	check(buf_reserve(&s->out, n));
	memset(buf_data(&s->out) + buf_len(&s->out), 'x', n);
	buf_added(&s->out, n);
	done(s);
	flush(s);
}

static void statvfs(struct server *s, uint32_t id)
{
	static const uint64_t full[] = {4096, 4096, 1000, 10, 0, 100, 50, 50, 1, 0, 255};

	say(s, WIRE_EXTENDED_REPLY, id);
	for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++)
		wire_put_u64(&s->out, full[i]);
	done(s);
	flush(s);
}

static void honest(struct server *s, unsigned type, uint32_t id, struct wire_in in)
{
	switch (type) {
	case WIRE_OPEN:
	case WIRE_OPENDIR:
		s->opened++;
		say(s, WIRE_HANDLE, id);
		wire_put_text(&s->out, "h");
		done(s);
		flush(s);
		return;
	case WIRE_LSTAT:
	case WIRE_STAT:
	case WIRE_FSTAT:
		say(s, WIRE_ATTRS, id);
		put_full_attrs(s, FILE_BYTES);
		done(s);
		flush(s);
		return;
	case WIRE_READ: {
		uint64_t offset;

		(void)wire_string(&in);
		offset = wire_u64(&in);
		honest_read(s, id, offset, wire_u32(&in));
		return;
	}
	case WIRE_READDIR:
		if (s->listed++ > 0)
			status(s, id, 1, "");
		else
			names(s, id, 3);
		return;
	case WIRE_EXTENDED:
		if (wire_string(&in).n == strlen("statvfs@openssh.com"))
			statvfs(s, id);
		else
			status(s, id, 8, "Operation unsupported");
		return;
	case WIRE_CLOSE:
		s->closed++;
		status(s, id, 0, "Success");
		return;
	default:
		status(s, id, 0, "Success");
		return;
	}
}

/* Neither reads nor answers any more, until the test is over. */
static void stall(struct server *s)
{
	struct err e;

	s->is_stalled = true;
	(void)fiber_sleep(60000, "the end of the test", &e);
	s->is_over = true;
}

/* Breaks of the framing and of the rules of request and answer. */
static bool vice_of_packets(struct server *s, uint32_t id)
{
	switch (s->vice) {
	case GIANT:
		raw(s, "\xff\xff\xff\xf0\x68", 5);
		return true;
	case GIANT_NAME:
		raw(s, "\x01\x00\x00\x01\x68", 5);
		return true;
	case ZERO:
		raw(s, "\0\0\0\0", 4);
		return true;
	case TINY:
		raw(s, "\0\0\0\2\x65\0", 6);
		return true;
	case STRANGE_ID:
		status(s, id ^ 0x55, 0, "");
		return true;
	case TWICE:
		status(s, id, 0, "once");
		status(s, id, 0, "twice");
		return true;
	case REQUEST_TYPE:
		say(s, WIRE_OPEN, id);
		done(s);
		flush(s);
		return true;
	case CUT_SHORT:
		raw(s, "\0\0\1\364\x68\0\0", 7);
		s->is_over = true;
		return true;
	case CUT_FIELD:
		say(s, WIRE_STATUS, id);
		wire_put_u32(&s->out, 4);
		wire_put_u32(&s->out, 1000);
		done(s);
		flush(s);
		return true;
	default:
		return false;
	}
}

static bool vice_of_answers(struct server *s, uint32_t id)
{
	switch (s->vice) {
	case WRONG_TYPE:
		say(s, s->target == WIRE_OPEN ? WIRE_DATA : WIRE_HANDLE, id);
		wire_put_text(&s->out, "h");
		done(s);
		flush(s);
		return true;
	case OK_INSTEAD:
		status(s, id, 0, "fine");
		return true;
	case STALL:
		stall(s);
		return true;
	case DIES:
		s->is_over = true;
		return true;
	case REFUSES:
		status(s, id, 4, "\x1b[31mbad\n");
		return true;
	case BACKEND:
		status(s, id, 7, "lost it");
		return true;
	case QUOTA:
		status(s, id, 15, "over quota");
		return true;
	case FULL_WORDS:
		status(s, id, 4, "Disk quota exceeded");
		return true;
	case FULL_DISK:
		status(s, id, 4, "Failure");
		return true;
	case NO_STAT:
		status(s, id, 3, "no");
		return true;
	case NO_SYNC:
	case NO_MODE:
		status(s, id, 8, "unsupported");
		return true;
	case LONG_HANDLE:
		say(s, WIRE_HANDLE, id);
		wire_put_u32(&s->out, 5000);
		check(buf_reserve(&s->out, 5000));
		buf_added(&s->out, 5000);
		done(s);
		flush(s);
		return true;
	case CRAZY_SIZE:
	case LOSES_BYTES:
		say(s, WIRE_ATTRS, id);
		put_full_attrs(s, s->vice == CRAZY_SIZE ? UINT64_MAX : 7);
		done(s);
		flush(s);
		return true;
	default:
		return false;
	}
}

static bool vice_of_content(struct server *s, uint32_t id, struct wire_in in)
{
	switch (s->vice) {
	case COUNT:
		say(s, WIRE_NAME, id);
		wire_put_u32(&s->out, UINT32_MAX);
		put_name(s, "x", 1);
		done(s);
		flush(s);
		return true;
	case EMPTY_LISTS:
		names(s, id, 0);
		return true;
	case BOMB:
		names(s, id, 400);
		return true;
	case EVIL_NAMES:
		if (s->asked > 1)
			return false;
		evil_names(s, id);
		return true;
	case ATTR_BOMB:
		say(s, WIRE_ATTRS, id);
		wire_put_u32(&s->out, WIRE_ATTR_EXTENDED);
		wire_put_u32(&s->out, UINT32_MAX);
		wire_put_text(&s->out, "x");
		done(s);
		flush(s);
		return true;
	case TOO_MUCH:
		(void)wire_string(&in);
		(void)wire_u64(&in);
		honest_read(s, id, 0, wire_u32(&in) + 1);
		return true;
	case NO_BYTES:
		say(s, WIRE_DATA, id);
		wire_put_u32(&s->out, 0);
		done(s);
		flush(s);
		return true;
	case AFTER_END: /* first EOF, then data */
		if (s->asked > 1)
			return false;
		status(s, id, 1, "EOF");
		return true;
	default:
		return false;
	}
}

static void version(struct server *s)
{
	static const unsigned char six[] = {0, 0, 0, 5, 2, 0, 0, 0, 6};
	static const char hello[] = "Welcome to ACME, all is logged\n";

	(void)buf_add(&s->out, "\0\0\0\0\2\0\0\0\3", 9);
	wire_put_text(&s->out, "fsync@openssh.com");
	wire_put_text(&s->out, "1");
	if (s->vice == FULL_DISK) {
		wire_put_text(&s->out, "statvfs@openssh.com");
		wire_put_text(&s->out, "2");
	}
	if (s->vice == VERSION_CUT)
		wire_put_u32(&s->out, 1000);
	done(s);
	if (s->vice == VERSION_6 || s->vice == CHATTY || s->vice == NO_VERSION)
		buf_clear(&s->out);
	if (s->vice == VERSION_6)
		raw(s, six, sizeof(six));
	else if (s->vice == CHATTY)
		raw(s, hello, sizeof(hello) - 1);
	else if (s->vice == NO_VERSION)
		status(s, 3, 0, "");
	else
		flush(s);
}

static void serve_packet(struct server *s, struct wire_in in)
{
	unsigned type = wire_u8(&in);
	uint32_t id = wire_u32(&in);

	if (type == WIRE_INIT && s->vice == SILENT) {
		stall(s);
	} else if (type == WIRE_INIT) {
		s->is_over = s->vice == GONE;
		if (!s->is_over)
			version(s);
	} else if (s->target != type) {
		honest(s, type, id, in);
	} else {
		s->asked++;
		if (s->vice == LATE_HANDLE && s->asked == 1)
			s->held_id = id;
		else if (!vice_of_packets(s, id) && !vice_of_answers(s, id) &&
		         !vice_of_content(s, id, in))
			honest(s, type, id, in);
	}
}

static void serve(void *arg)
{
	struct server *s = arg;
	struct err e;

	while (!s->is_over) {
		size_t n = 0;
		ssize_t got;

		if (buf_len(&s->in) > 0 &&
		    wire_frame(buf_data(&s->in), buf_len(&s->in), &n) == WIRE_FRAME_WHOLE) {
			serve_packet(s, (struct wire_in){buf_data(&s->in) + 4, n, false});
			buf_consume(&s->in, n + 4);
			continue;
		}
		check(buf_reserve(&s->in, 65536));
		got = io_read(s->io, buf_data(&s->in) + buf_len(&s->in), 65536, "request",
		              deadline_in(10000), &e);
		if (got <= 0)
			break;
		buf_added(&s->in, (size_t)got);
	}
	io_abort(s->io);
	s->is_over = true;
}

/* ---- the client's side --------------------------------------------------------------------- */

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

static int count_entry(const struct entry *entry, void *arg, struct err *e)
{
	(void)e;
	check(entry->name[entry->name_bytes] == '\0');
	++*(size_t *)arg;
	return 0;
}

enum deed { LIST, GET, GET_SMALL, GET_BLIND, PUT, STAT, RENAME, MKDIR, OPEN_SESSION };

static int act(struct sftp_client *c, enum deed deed, struct err *e)
{
	const struct list_limits limits = {5000, 1 << 20};
	uint64_t bytes = 0, left = FILE_BYTES;
	struct get_options get = {.sink = {swallow, &bytes},
	                          .expect_size = deed == GET         ? FILE_BYTES
	                                         : deed == GET_SMALL ? 1000
	                                                             : SIZE_UNKNOWN,
	                          .expect_mtime_ms = MTIME_UNKNOWN,
	                          .max_size = 4 << 20};
	struct put_options put = {
	        .source = {zeros, &left, FILE_BYTES}, .mode = 0600, .durable = true};
	enum verification level = VERIFIED_NONE;
	struct entry entry;
	size_t n = 0;

	switch (deed) {
	case LIST:
		return sftp_list(c, "/dir", &limits, count_entry, &n, e);
	case GET:
	case GET_SMALL:
	case GET_BLIND:
		return sftp_get(c, "/file", &get, e);
	case PUT:
		return sftp_put(c, "/file", &put, &level, e);
	case STAT:
		return sftp_stat(c, "/file", &entry, e);
	case RENAME:
		return sftp_rename(c, "/file", "/other", RENAME_REPLACE, e);
	case MKDIR:
		return sftp_mkdir(c, "/dir/new", e);
	default:
		return sftp_ping(c, e);
	}
}

enum after { ALIVE, DEAD };

static const struct row {
	enum vice vice;
	unsigned target;
	enum deed deed;
	int kind; /* 0 = succeeds */
	const char *code, *words;
	enum after after;
} rows[] = {
        {HONEST, 0, LIST, 0, "", "", ALIVE},
        {HONEST, 0, GET, 0, "", "", ALIVE},
        {HONEST, 0, GET_BLIND, 0, "", "", ALIVE},
        {HONEST, 0, PUT, 0, "", "", ALIVE},
        {HONEST, 0, RENAME, 0, "", "", ALIVE},
        {SILENT, 0, OPEN_SESSION, ERR_NETWORK, "TIMEOUT", "start SFTP", DEAD},
        {GONE, 0, OPEN_SESSION, ERR_NETWORK, "SFTP-ENDED", "before it began", DEAD},
        {CHATTY, 0, OPEN_SESSION, ERR_PROTOCOL, "SFTP-GARBAGE", "\"Welcome to ACME", DEAD},
        {VERSION_6, 0, OPEN_SESSION, ERR_PROTOCOL, "SFTP-VERSION", "version 6", DEAD},
        {NO_VERSION, 0, OPEN_SESSION, ERR_PROTOCOL, "SFTP-NO-VERSION", "VERSION", DEAD},
        {VERSION_CUT, 0, OPEN_SESSION, ERR_PROTOCOL, "SFTP-TRUNCATED", "VERSION", DEAD},
        {GIANT, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-LENGTH", "list /dir: ", DEAD},
        {GIANT, WIRE_READ, GET, ERR_PROTOCOL, "SFTP-LENGTH", "read /file: ", DEAD},
        {GIANT_NAME, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-LENGTH", "longer than", DEAD},
        {ZERO, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-LENGTH", "no bytes", DEAD},
        {TINY, WIRE_LSTAT, STAT, ERR_PROTOCOL, "SFTP-TRUNCATED", "2 bytes", DEAD},
        {STRANGE_ID, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-UNKNOWN-ID", "never asked", DEAD},
        {STRANGE_ID, WIRE_OPEN, PUT, ERR_PROTOCOL, "SFTP-UNKNOWN-ID", "create /file", DEAD},
        {TWICE, WIRE_WRITE, PUT, ERR_PROTOCOL, "SFTP-UNKNOWN-ID", "answered already", DEAD},
        {WRONG_TYPE, WIRE_READ, GET, ERR_PROTOCOL, "SFTP-WRONG-REPLY", "wrong kind", DEAD},
        {WRONG_TYPE, WIRE_OPEN, GET, ERR_PROTOCOL, "SFTP-WRONG-REPLY", "wrong kind", DEAD},
        {WRONG_TYPE, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-WRONG-REPLY", "list /dir", DEAD},
        {REQUEST_TYPE, WIRE_LSTAT, STAT, ERR_PROTOCOL, "SFTP-WRONG-REPLY", "look at /file", DEAD},
        {OK_INSTEAD, WIRE_READ, GET, ERR_PROTOCOL, "SFTP-NO-DATA", "says OK", DEAD},
        {OK_INSTEAD, WIRE_OPEN, PUT, ERR_PROTOCOL, "SFTP-NO-DATA", "create /file", DEAD},
        {OK_INSTEAD, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-NO-DATA", "list /dir", DEAD},
        {CUT_SHORT, WIRE_READDIR, LIST, ERR_NETWORK, "SFTP-ENDED", "in the middle", DEAD},
        {CUT_FIELD, WIRE_LSTAT, STAT, ERR_PROTOCOL, "SFTP-TRUNCATED", "within a field", DEAD},
        {STALL, WIRE_READDIR, LIST, ERR_NETWORK, "SFTP-TIMEOUT", "not answered READDIR", DEAD},
        {STALL, WIRE_READ, GET, ERR_NETWORK, "SFTP-TIMEOUT", "not answered READ", DEAD},
        {STALL, WIRE_WRITE, PUT, ERR_NETWORK, "SFTP-TIMEOUT", "not answered WRITE", DEAD},
        {STALL, WIRE_CLOSE, PUT, ERR_NETWORK, "SFTP-TIMEOUT", "close /file", DEAD},
        {STALL, WIRE_LSTAT, STAT, ERR_NETWORK, "SFTP-TIMEOUT", "not answered LSTAT", DEAD},
        {DIES, WIRE_READ, GET, ERR_NETWORK, "SFTP-ENDED", "read /file", DEAD},
        {DIES, WIRE_READDIR, LIST, ERR_NETWORK, "SFTP-ENDED", "list /dir", DEAD},
        {DIES, WIRE_CLOSE, PUT, ERR_NETWORK, NULL, "/file", DEAD},
        {REFUSES, WIRE_READDIR, LIST, ERR_OBJECT, "OBJ-FAILED",
         "the server says: \\x1b[31mbad\\x0a (SSH_FX_FAILURE 4)", ALIVE},
        {REFUSES, WIRE_READ, GET_SMALL, ERR_OBJECT, "OBJ-FAILED", "read /file: the server", ALIVE},
        {REFUSES, WIRE_CLOSE, PUT, ERR_OBJECT, "OBJ-FAILED", "close /file: the server", ALIVE},
        {REFUSES, WIRE_RENAME, RENAME, ERR_OBJECT, "OBJ-FAILED", "rename /file", ALIVE},
        {REFUSES, WIRE_REMOVE, RENAME, 0, "", "", ALIVE},
        {BACKEND, WIRE_OPEN, GET, ERR_NETWORK, "SFTP-BACKEND", "lost it", DEAD},
        {COUNT, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-COUNT", "4294967295 names", DEAD},
        {EMPTY_LISTS, WIRE_READDIR, LIST, ERR_PROTOCOL, "SFTP-EMPTY-LIST", "without an end", DEAD},
        {BOMB, WIRE_READDIR, LIST, ERR_POLICY, "LIST-TOO-LONG", "more than 5000 names", ALIVE},
        {EVIL_NAMES, WIRE_READDIR, LIST, 0, "", "", ALIVE},
        {BARE_NAMES, WIRE_READDIR, LIST, 0, "", "", ALIVE},
        {ATTR_BOMB, WIRE_LSTAT, STAT, ERR_PROTOCOL, "SFTP-TRUNCATED", "within a field", DEAD},
        {LONG_HANDLE, WIRE_OPEN, GET, ERR_PROTOCOL, "SFTP-HANDLE", "too long", DEAD},
        {TOO_MUCH, WIRE_READ, GET, ERR_PROTOCOL, "SFTP-TOO-MUCH", "more bytes than", DEAD},
        {NO_BYTES, WIRE_READ, GET, ERR_INTEGRITY, "DATA-SHORT", "ends before", ALIVE},
        {ENDLESS, 0, GET, ERR_INTEGRITY, "DATA-LONG", "longer than the 300000", ALIVE},
        {ENDLESS, 0, GET_SMALL, ERR_INTEGRITY, "DATA-LONG", "longer than the 1000", ALIVE},
        {ENDLESS, 0, GET_BLIND, ERR_POLICY, "FILE-TOO-LARGE", "4194304", ALIVE},
        {SHORT_READS, 0, GET, 0, "", "", ALIVE},
        {SHORT_READS, 0, GET_BLIND, 0, "", "", ALIVE},
        {AFTER_END, WIRE_READ, GET, ERR_INTEGRITY, "DATA-SHORT", "ends before", ALIVE},
        {CRAZY_SIZE, WIRE_LSTAT, STAT, 0, "", "", ALIVE},
        {CRAZY_SIZE, WIRE_STAT, PUT, ERR_INTEGRITY, "DATA-LONG", "the server holds", ALIVE},
        {LOSES_BYTES, WIRE_STAT, PUT, ERR_INTEGRITY, "DATA-SHORT", "holds 7 bytes", ALIVE},
        {LOSES_BYTES, WIRE_FSTAT, GET_BLIND, ERR_INTEGRITY, "DATA-CHANGED", "7 bytes now", ALIVE},
        {FULL_WORDS, WIRE_WRITE, PUT, ERR_BUSY, "OBJ-NO-SPACE", "Disk quota exceeded", ALIVE},
        {FULL_DISK, WIRE_WRITE, PUT, ERR_BUSY, "OBJ-NO-SPACE", "its disk is full", ALIVE},
        {QUOTA, WIRE_CLOSE, PUT, ERR_BUSY, "OBJ-NO-SPACE", "close /file", ALIVE},
        {NO_STAT, WIRE_STAT, PUT, 0, "", "", ALIVE},
        {NO_STAT, WIRE_FSTAT, GET_BLIND, 0, "", "", ALIVE},
        {NO_SYNC, WIRE_EXTENDED, PUT, 0, "", "", ALIVE},
        {NO_MODE, WIRE_FSETSTAT, PUT, ERR_OBJECT, "OBJ-FAILED", "remove mode:", ALIVE},
};

static void check_row(const struct row *row, int r, const struct err *e)
{
	bool good = r == row->kind;

	if (r < 0)
		good = good && e->kind == r && (!row->code || strcmp(e->code, row->code) == 0) &&
		       strstr(e->message, row->words);
	if (good)
		return;
	(void)fprintf(stderr, "%s at %s: %d %s \"%s\", want %s %s \"%s\"\n", vice_names[row->vice],
	              wire_type_name(row->target), r, r < 0 ? e->code : "", r < 0 ? e->message : "",
	              err_kind_name(row->kind), row->code ? row->code : "any", row->words);
	abort();
}

static void play(struct worker *w, struct server *s, struct group *g, struct sftp_peer *peer)
{
	struct err e;
	int fds[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	buf_init(&s->in, 4 << 20);
	buf_init(&s->out, 4 << 20);
	check(io_adopt(fds[1], &s->io, &e) == 0);
	group_init(g, w);
	group_start(g, "server", serve, s);
	*peer = (struct sftp_peer){0};
	peer_stream(peer, fds[0]);
}

static void play_end(struct server *s, struct group *g)
{
	io_abort(s->io);
	group_cancel(g);
	group_wait(g, "the server");
	io_close(s->io);
	buf_release(&s->in);
	buf_release(&s->out);
}

static void meet(struct worker *w, const struct row *row)
{
	const struct sftp_settings hasty = {.request_ms = PATIENCE_MS, .stall_ms = PATIENCE_MS};
	struct server s = {.vice = row->vice, .target = row->target};
	int64_t began = clock_mono_ms();
	struct sftp_client *c = NULL;
	struct sftp_peer peer;
	struct group g;
	struct err e;
	int r;

	play(w, &s, &g, &peer);
	r = sftp_client_open(&peer.ours.stream, &hasty, &c, &e);
	if (r == 0)
		r = act(c, row->deed, &e);
	check_row(row, r, &e);
	check(clock_mono_ms() - began < 20 * PATIENCE_MS);
	check((c && sftp_client_is_alive(c)) == (row->after == ALIVE));
	if (row->after == ALIVE)
		check(sftp_ping(c, &e) == 0);
	for (int i = 0; row->after == ALIVE && sftp_client_in_flight(c) && i < 1000; i++)
		check(fiber_sleep(1, "late answers", &e) == 0);
	check(row->after == DEAD || s.target == WIRE_CLOSE || s.opened == s.closed);
	peer_stop(&peer, c);
	play_end(&s, &g);
}

static void body_rows(struct worker *w)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		meet(w, &rows[i]);
}

static void test_sftp_hostile__ends_every_vice_with_its_cause(void **state)
{
	(void)state;
	rig_run(body_rows);
}

/* ---- a late handle ------------------------------------------------------------------------- */

struct opener {
	struct sftp_client *client;
	bool is_done;
};

static void open_and_go(void *arg)
{
	struct opener *o = arg;
	struct err e;

	check(act(o->client, GET, &e) == ERR_CANCELED);
	o->is_done = true;
}

/* The OPEN is cancelled before its answer: the handle that comes late is closed. */
static void body_late_handle(struct worker *w)
{
	struct server s = {.vice = LATE_HANDLE, .target = WIRE_OPEN};
	struct sftp_settings settings = peer_settings();
	struct opener o = {0};
	struct sftp_peer peer;
	struct fiber *f;
	struct group g;
	struct err e;

	play(w, &s, &g, &peer);
	check(sftp_client_open(&peer.ours.stream, &settings, &o.client, &e) == 0);
	f = fiber_start(w, "opener", open_and_go, &o);
	while (!s.held_id)
		check(fiber_sleep(1, "the OPEN", &e) == 0);
	fiber_cancel(f);
	rig_await(&o.is_done);
	check(s.closed == 0 && sftp_client_in_flight(o.client) == 1);
	honest(&s, WIRE_OPEN, s.held_id, (struct wire_in){0});
	for (int i = 0; s.closed == 0 && i < 1000; i++)
		check(fiber_sleep(1, "the CLOSE", &e) == 0);
	check(s.closed == 1);
	check(act(o.client, GET, &e) == 0);
	peer_stop(&peer, o.client);
	play_end(&s, &g);
}

static void test_sftp_hostile__closes_a_handle_that_comes_late(void **state)
{
	(void)state;
	rig_run(body_late_handle);
}

/* ---- everyone is told ---------------------------------------------------------------------- */

struct waiter {
	struct sftp_client *client;
	int result;
	bool is_done;
};

static void wait_long(void *arg)
{
	struct waiter *waiter = arg;
	struct err e;

	waiter->result = act(waiter->client, STAT, &e);
	waiter->is_done = true;
}

static void body_abort(struct worker *w)
{
	struct server s = {.vice = STALL, .target = WIRE_LSTAT};
	struct sftp_settings settings = peer_settings();
	struct waiter waiters[8] = {0};
	struct sftp_client *c;
	struct sftp_peer peer;
	struct group g;
	struct err e;

	play(w, &s, &g, &peer);
	check(sftp_client_open(&peer.ours.stream, &settings, &c, &e) == 0);
	for (int i = 0; i < 8; i++) {
		waiters[i].client = c;
		(void)fiber_start(w, "waiter", wait_long, &waiters[i]);
	}
	rig_await(&s.is_stalled);
	sftp_client_abort(c);
	for (int i = 0; i < 8; i++) {
		rig_await(&waiters[i].is_done);
		check(waiters[i].result == ERR_CANCELED);
	}
	check(act(c, GET, &e) == ERR_CANCELED);
	peer_stop(&peer, c);
	play_end(&s, &g);
}

static void test_sftp_hostile__abort_ends_all_at_once(void **state)
{
	(void)state;
	rig_run(body_abort);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_sftp_hostile__ends_every_vice_with_its_cause),
	        cmocka_unit_test(test_sftp_hostile__closes_a_handle_that_comes_late),
	        cmocka_unit_test(test_sftp_hostile__abort_ends_all_at_once),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
