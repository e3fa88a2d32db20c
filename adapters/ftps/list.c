#include <string.h>

#include "adapters/charset.h"
#include "adapters/ftps/files.h"
#include "adapters/ftps/path.h"
#include "daemon/base/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/fiber.h"

/* Weeks to ask for in one listing, and refusals in a row after which the rest is taken as it is. */
enum { ASK_MOST = 64, REFUSALS_MOST = 3 };

/* An entry that waits until the server's zone is known. */
struct held {
	struct held *next;
	struct entry entry;
	char *name;
};

struct ftp_list {
	struct ftp_session *session;
	const char *path; /* as the caller names it, for errors */
	const char *there;
	const struct list_limits *limits;
	list_fn *each;
	void *arg;
	struct ftp_listing *parser;
	size_t names, bytes;
	struct held *held, **last; /* whose zone is not known yet */
};

enum ftp_dialect ftp_session_dialect(const struct ftp_session *s)
{
	switch (s->endpoint->ftp.list) {
	case FTP_LIST_BY_MLSD:
		return FTP_MLSD;
	case FTP_LIST_BY_LIST:
		return FTP_LIST;
	default:
		return s->features.mlst ? FTP_MLSD : FTP_LIST;
	}
}

/* A listed local time. One that is a date only stays as it is: 0 o'clock of that day. */
static bool has_zone(const struct ftp_list *l, const struct entry *entry)
{
	return ftp_session_dialect(l->session) == FTP_LIST && l->session->features.mdtm &&
	       entry->mtime_ms != MTIME_UNKNOWN &&
	       ftp_listing_precision_ms(l->parser) <= TOLD_MINUTE_MS;
}

/* ---- entries ------------------------------------------------------------------------------- */

static int check_limits(struct ftp_list *l, const struct entry *entry, struct err *e)
{
	l->names++;
	l->bytes += entry->name_bytes;
	if (l->names <= l->limits->names && l->bytes <= l->limits->bytes)
		return 0;
	return err_set(e, ERR_POLICY, "LIST-TOO-LONG", 0,
	               "the directory has more than %zu names or %zu bytes of names; the partner "
	               "should clear it, or the route should poll a smaller one",
	               l->limits->names, l->limits->bytes);
}

static void hold(struct ftp_list *l, const struct entry *entry, char *name)
{
	struct held *h = mem_new_of(struct held);

	h->entry = *entry;
	h->name = name;
	h->entry.name = name;
	*l->last = h;
	l->last = &h->next;
}

static int on_entry(const struct entry *entry, void *arg, struct err *e)
{
	struct ftp_list *l = arg;
	struct entry mine = *entry;
	char *name;
	int r = check_limits(l, entry, e);

	if (r < 0)
		return r;
	mine.mtime_precision_ms = ftp_listing_precision_ms(l->parser);
	name = charset_decode(l->session->endpoint->charset, entry->name, &mine.name_bytes);
	mine.name = name;
	if (has_zone(l, &mine)) {
		if (!server_zone_knows(&l->session->zone, mine.mtime_ms)) {
			hold(l, &mine, name);
			return 0;
		}
		mine.mtime_ms -= server_zone_ahead(&l->session->zone, mine.mtime_ms);
	}
	r = l->each(&mine, l->arg, e);
	free(name);
	return r;
}

static int on_bytes(void *arg, const void *data, size_t n, struct err *e)
{
	struct ftp_list *l = arg;

	return ftp_listing_feed(l->parser, data, n, on_entry, l, e);
}

/* ---- the server's zone --------------------------------------------------------------------- */

/* 1 = learnt, 0 = refused or absurd. */
static int learn_from(struct ftp_list *l, const struct held *h, struct err *e)
{
	struct ftp_session *s = l->session;
	_cleanup_free_ char *there =
	        mem_printf("%s%s%s", l->there, strcmp(l->there, "/") == 0 ? "" : "/", h->name);
	int64_t real, listed = h->entry.mtime_ms;
	int r = ftp_ask_mdtm(s, there, &real, e);

	if (r == ERR_NETWORK || r == ERR_CANCELED)
		return r;
	if (r < 0 || !server_zone_learn(&s->zone, listed, real))
		return 0;
	TRACE(s->trace, TRACE_SFTP, "the server's local time is %+lld min from UTC in that week",
	      (long long)server_zone_ahead(&s->zone, listed) / TOLD_MINUTE_MS);
	return 1;
}

static bool is_witness(const struct ftp_list *l, const struct held *h)
{
	return h->entry.type == ENTRY_FILE && !memchr(h->name, '/', h->entry.name_bytes) &&
	       !server_zone_knows(&l->session->zone, h->entry.mtime_ms);
}

/* One file of each week is asked for its time in UTC. */
static int learn_zone(struct ftp_list *l, struct err *e)
{
	int asked = 0, refused = 0;

	for (const struct held *h = l->held; h && asked < ASK_MOST && refused < REFUSALS_MOST;
	     h = h->next) {
		int r;

		if (!is_witness(l, h))
			continue;
		r = learn_from(l, h, e);
		if (r < 0)
			return r;
		asked++;
		refused = r ? 0 : refused + 1;
	}
	return 0;
}

/* The zone of the nearest week is a guess: by summer time it may be wrong. */
static void tell_in_utc(const struct server_zone *z, struct entry *entry)
{
	if (!server_zone_knows(z, entry->mtime_ms))
		entry->mtime_precision_ms = TOLD_HOUR_MS;
	entry->mtime_ms -= server_zone_ahead(z, entry->mtime_ms);
}

static int deliver_held(struct ftp_list *l, struct err *e)
{
	int r = learn_zone(l, e);

	for (struct held *h = l->held; h && r == 0; h = h->next) {
		tell_in_utc(&l->session->zone, &h->entry);
		r = l->each(&h->entry, l->arg, e);
		if (r == 0)
			r = fiber_breathe(e);
	}
	return r;
}

static void release(struct ftp_list *l)
{
	struct held *next;

	for (struct held *h = l->held; h; h = next) {
		next = h->next;
		free(h->name);
		free(h);
	}
	ftp_listing_free(l->parser);
}

/* ---- MLSD and LIST ------------------------------------------------------------------------- */

/* Nothing else tells how long a listing is. */
static int run_to_its_end(struct ftp_list *l, struct curl_job *job, struct err *e)
{
	unsigned before = l->session->tls.evidence.ends;
	struct escaped tmp;
	int r = ftp_session_run(l->session, job, "list", l->path, e);

	if (r < 0 || l->session->endpoint->protocol != PROTOCOL_FTPS ||
	    l->session->tls.evidence.ends != before)
		return r;
	return err_set(e, ERR_NETWORK, "TLS-TRUNCATED", 0,
	               "list %s: the listing ended without TLS's end mark (close_notify): it may "
	               "have been cut off",
	               escape_name(l->path, &tmp));
}

static int run_mlsd(struct ftp_list *l, struct err *e)
{
	_cleanup_free_ char *url = ftp_path_url(l->session, l->there, PATH_IS_DIR);
	struct curl_job job = {
	        .label = "a directory listing",
	        .kind = CURL_RECEIVE,
	        .url = url,
	        .request = "MLSD",
	        .sink = {on_bytes, l},
	};

	return run_to_its_end(l, &job, e);
}

/* CWD tells whether the directory is there: many servers answer LIST of a missing one with an empty
 * listing. Where the way back is not known, LIST gets the path. */
static int run_list(struct ftp_list *l, struct err *e)
{
	_cleanup_free_ char *cwd = mem_printf("CWD %s", l->there);
	const char *commands[1] = {cwd};
	bool may_go = l->there[0] == '/';
	_cleanup_free_ char *url = ftp_path_url(l->session, may_go ? "" : l->there, PATH_IS_DIR);
	struct curl_job job = {
	        .label = "a directory listing",
	        .kind = CURL_RECEIVE,
	        .url = url,
	        .request = may_go && l->session->features.is_unix ? "LIST -a" : "LIST",
	        .sink = {on_bytes, l},
	};

	if (may_go && ftp_session_commands(l->session, "list", l->path, commands, 1, e) < 0)
		return e->kind;
	return run_to_its_end(l, &job, e);
}

int ftp_list(struct ftp_session *s, const char *path, const struct list_limits *limits,
             list_fn *each, void *arg, struct err *e)
{
	_cleanup_free_ char *there = ftp_path(s, path, e);
	enum ftp_dialect dialect = ftp_session_dialect(s);
	struct ftp_list l = {
	        .session = s, .path = path, .limits = limits, .each = each, .arg = arg};
	int r;

	if (!there)
		return e->kind;
	l.there = there;
	l.last = &l.held;
	l.parser = ftp_listing_new(dialect, clock_wall_ms(), 0);
	r = dialect == FTP_MLSD ? run_mlsd(&l, e) : run_list(&l, e);
	if (r == 0)
		r = ftp_listing_end(l.parser, on_entry, &l, e);
	if (r == 0)
		r = deliver_held(&l, e);
	release(&l);
	return r;
}
