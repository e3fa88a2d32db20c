#include <string.h>

#include "adapters/ftps/files.h"
#include "adapters/ftps/path.h"
#include "adapters/ftps/stamp.h"
#include "adapters/received.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

/* ---- get ----------------------------------------------------------------------------------- */

struct get {
	struct ftp_session *session;
	struct received got;
};

static int on_bytes(void *arg, const void *data, size_t n, struct err *e)
{
	return received_write(arg, data, n, e);
}

/* A server that has told what it can do, and not that, is not asked: libcurl would drop the
 * connection with the refusal. */
static int check_may_resume(const struct get *g, struct err *e)
{
	struct escaped tmp;

	if (g->got.o->offset == 0 || g->session->features.rest)
		return 0;
	return err_set(e, ERR_OBJECT, "DATA-NO-RESUME", 0,
	               "read %s: the server cannot begin in the middle of a file (no REST STREAM "
	               "in its answer to FEAT)",
	               escape_name(g->got.path, &tmp));
}

static int receive(struct get *g, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(g->session, g->got.path, e);
	_cleanup_free_ char *url = NULL;
	struct curl_job job = {
	        .label = "data of a file",
	        .kind = CURL_RECEIVE,
	        .sink = {on_bytes, &g->got},
	        .offset = g->got.o->offset,
	};

	if (!there)
		return e->kind;
	url = ftp_path_url(g->session, there, PATH_IS_FILE);
	job.url = url;
	return ftp_session_run(g->session, &job, "read", g->got.path, e);
}

/* libcurl demands this as well; that it does is not ours to rely on (F10). */
static int check_confirmed(struct ftp_session *s, const char *verb, const char *path, struct err *e)
{
	struct ftp_reply r = ftp_session_reply(s, verb);
	struct escaped tmp;

	if (r.code == 226 || r.code == 250)
		return 0;
	return err_set(e, ERR_INTEGRITY, "FTP-NO-CONFIRMATION", r.code,
	               "%s %s: the server has not confirmed that all was transferred", verb,
	               escape_name(path, &tmp));
}

static int check_unchanged(const struct get *g, struct err *e)
{
	struct escaped tmp;
	struct entry now;
	int r = ftp_stat(g->session, g->got.path, &now, e);

	if (r < 0)
		return err_wrap(e, "after reading it");
	if (now.size == SIZE_UNKNOWN && g->got.o->expect_size == SIZE_UNKNOWN)
		return err_set(e, ERR_INTEGRITY, "DATA-SIZE-UNKNOWN", 0,
		               "read %s: the server does not tell the size, so nothing proves that "
		               "all has arrived",
		               escape_name(g->got.path, &tmp));
	return received_unchanged(&g->got, &now, e);
}

int ftp_get(struct ftp_session *s, const char *path, const struct get_options *o, struct err *e)
{
	struct get g = {.session = s};
	int r = received_begin(&g.got, path, o, e);

	if (r == 0)
		r = check_may_resume(&g, e);
	if (r == 0)
		r = receive(&g, e);
	if (r == 0)
		r = check_confirmed(s, "RETR", path, e);
	if (r == 0)
		r = received_end(&g.got, e);
	if (r == 0 && received_wants_look(&g.got))
		r = check_unchanged(&g, e);
	return r;
}

/* ---- put, append --------------------------------------------------------------------------- */

struct sending {
	struct ftp_session *session;
	const char *path, *there; /* the latter as the server is told it */
	const struct put_options *o;
	const char *verb;
	uint64_t before; /* what the file held */
};

static int send_file(struct sending *p, struct err *e)
{
	_cleanup_free_ char *url = ftp_path_url(p->session, p->there, PATH_IS_FILE);
	struct curl_job job = {
	        .label = "the server to take a file",
	        .kind = CURL_SEND,
	        .url = url,
	        .source = p->o->source,
	        .is_append = strcmp(p->verb, "APPE") == 0,
	};
	int r = ftp_session_run(p->session, &job, "write", p->path, e);

	if (r == 0)
		r = check_confirmed(p->session, p->verb, p->path, e);
	return r;
}

/* SIZE where there is one, else what MLST or the listing says; unknown is no error. */
static int ask_size(const struct sending *p, uint64_t *size, struct err *e)
{
	struct entry now;
	int r = 1;

	if (p->session->features.size)
		r = ftp_ask_size(p->session, p->there, size, e);
	if (r == 0 || r == ERR_NETWORK || r == ERR_CANCELED || r == ERR_PROTOCOL)
		return r;
	r = ftp_stat(p->session, p->path, &now, e);
	*size = r == 0 ? now.size : SIZE_UNKNOWN;
	return r == ERR_OBJECT ? 0 : r; /* a directory one may only write into */
}

static int verify(const struct sending *p, struct err *e)
{
	uint64_t sent = p->o->source.size, size;
	struct escaped tmp;
	int r = ask_size(p, &size, e);

	if (r < 0)
		return r;
	if (size == SIZE_UNKNOWN)
		return VERIFIED_CLOSED;
	if (size == p->before + sent)
		return VERIFIED_SIZE;
	return err_set(e, ERR_INTEGRITY, size < p->before + sent ? "DATA-SHORT" : "DATA-LONG", 0,
	               "write %s: the server holds %llu bytes, %llu were there and %llu were sent",
	               escape_name(p->path, &tmp), (unsigned long long)size,
	               (unsigned long long)p->before, (unsigned long long)sent);
}

static int run_commands(struct ftp_session *s, const char *const *commands, size_t count,
                        struct err *e)
{
	if (count == 0)
		return 0;
	return ftp_session_commands(s, "the endpoint's own commands", NULL, commands, count, e);
}

static int set_mode(const struct sending *p, struct err *e)
{
	_cleanup_free_ char *chmod =
	        mem_printf("SITE CHMOD %03o %s", (unsigned)p->o->mode & 07777, p->there);
	const char *commands[] = {chmod};

	if (ftp_session_commands(p->session, "set mode of", p->path, commands, 1, e) < 0)
		return e->kind == ERR_OBJECT ? err_wrap(e, "remove mode: from the destination if "
		                                           "the server does not let it be set")
		                             : e->kind;
	return 0;
}

static bool sets_time(const struct sending *p)
{
	return p->o->mtime_ms > 0 && strcmp(p->verb, "STOR") == 0;
}

/* Asked before the file is sent, not after. */
static int check_may_set_time(const struct sending *p, struct err *e)
{
	struct escaped tmp;

	if (!sets_time(p) || p->session->features.mfmt)
		return 0;
	return err_set(e, ERR_POLICY, "FTP-NO-MFMT", 0,
	               "write %s: the server cannot set the time of a file (no MFMT in its answer "
	               "to FEAT); remove mtime: from the destination",
	               escape_name(p->path, &tmp));
}

/* draft-somers-ftp-mfxx §3 */
static int set_time(const struct sending *p, struct err *e)
{
	char stamp[FTP_STAMP_ROOM];
	_cleanup_free_ char *mfmt = NULL;
	const char *commands[1];

	if (!sets_time(p))
		return 0;
	ftp_stamp_write(p->o->mtime_ms, stamp);
	mfmt = mem_printf("MFMT %s %s", stamp, p->there);
	commands[0] = mfmt;
	if (ftp_session_commands(p->session, "set the time of", p->path, commands, 1, e) < 0)
		return e->kind == ERR_OBJECT ? err_wrap(e, "remove mtime: from the destination if "
		                                           "the server does not let it be set")
		                             : e->kind;
	return 0;
}

static int carry(struct sending *p, enum verification *level, struct err *e)
{
	const struct ftp_commands *own = &p->session->endpoint->ftp.commands;
	int reached = 0;
	int r = check_may_set_time(p, e);

	if (r == 0)
		r = run_commands(p->session, own->before_put, own->before_put_count, e);
	if (r == 0)
		r = send_file(p, e);
	if (r == 0)
		r = reached = verify(p, e);
	if (r >= 0 && p->o->mode >= 0 && strcmp(p->verb, "STOR") == 0)
		r = set_mode(p, e);
	if (r >= 0)
		r = set_time(p, e);
	if (r >= 0)
		r = run_commands(p->session, own->after_put, own->after_put_count, e);
	if (r < 0)
		return r;
	*level = (enum verification)reached;
	return 0;
}

int ftp_put(struct ftp_session *s, const char *path, const struct put_options *o,
            enum verification *level, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, path, e);
	struct sending p = {s, path, there, o, "STOR", 0};

	return there ? carry(&p, level, e) : e->kind;
}

/* APPE would make the file where it has gone meanwhile: the size afterwards tells. */
int ftp_append(struct ftp_session *s, const char *path, const struct put_options *o,
               enum verification *level, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, path, e);
	struct sending p = {s, path, there, o, "APPE", o->append_at};

	return there ? carry(&p, level, e) : e->kind;
}
