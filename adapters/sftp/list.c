#include <string.h>

#include "adapters/sftp/ask.h"
#include "adapters/sftp/errors.h"
#include "adapters/sftp/files.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum {
	READDIRS = 4,          /* in flight */
	BATCH = 32,            /* names looked at together */
	EMPTY_MOST = 16,       /* answers without a name, in a row */
	NAME_BYTES_LEAST = 12, /* name, longname, attributes: three empty fields of uint32 */
	NAME_MOST = 255,
};

struct found {
	struct entry entry;
	char *name, *path;
	bool is_asked, is_gone;
	struct sftp_request rq; /* LSTAT for what the listing left out */
};

struct listing {
	struct sftp_client *client;
	const char *path;
	const struct list_limits *limits;
	list_fn *each;
	void *arg;
	struct sftp_handle dir;
	struct sftp_request asked[READDIRS];
	size_t next; /* the oldest of them */
	size_t names, bytes, empty;
	struct found batch[BATCH];
	size_t in_batch;
};

/* ---- one entry ----------------------------------------------------------------------------- */

static bool is_dots(struct wire_bytes name)
{
	return (name.n == 1 && name.data[0] == '.') ||
	       (name.n == 2 && name.data[0] == '.' && name.data[1] == '.');
}

/* Only a name that is a plain one may be joined to the path; others go up as they are, and the
 * name gate turns them away. */
static bool is_plain(struct wire_bytes name)
{
	return name.n > 0 && name.n <= NAME_MOST && !memchr(name.data, '/', name.n) &&
	       !memchr(name.data, '\0', name.n);
}

/* Servers that leave the type out of the permissions still write "drwxr-xr-x …". */
static void type_from_longname(struct entry *entry, struct wire_bytes longname)
{
	if (entry->type != ENTRY_UNKNOWN || longname.n < 10)
		return;
	switch (longname.data[0]) {
	case '-':
		entry->type = ENTRY_FILE;
		break;
	case 'd':
		entry->type = ENTRY_DIR;
		break;
	case 'l':
		entry->type = ENTRY_LINK;
		break;
	default:
		break;
	}
}

static bool is_incomplete(const struct entry *entry)
{
	return entry->type == ENTRY_UNKNOWN || entry->mtime_ms == MTIME_UNKNOWN ||
	       (entry->type == ENTRY_FILE && entry->size == SIZE_UNKNOWN);
}

static char *join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	if (strcmp(dir, ".") == 0)
		return mem_dup(name);
	return mem_printf("%s%s%s", dir, n > 0 && dir[n - 1] == '/' ? "" : "/", name);
}

static int add_to_batch(struct listing *l, const struct wire_name *n, struct err *e)
{
	struct found *f = &l->batch[l->in_batch];

	*f = (struct found){.name = mem_dup_bytes(n->name.data, n->name.n)};
	l->in_batch++;
	sftp_entry_fill(&f->entry, &n->attrs);
	type_from_longname(&f->entry, n->longname);
	f->entry.name = f->name;
	f->entry.name_bytes = n->name.n;
	if (!is_incomplete(&f->entry) || !is_plain(n->name))
		return 0;
	f->path = join(l->path, f->name);
	f->is_asked = true;
	return sftp_ask(&f->rq, l->client, SFTP_LSTAT, f->path, e);
}

static void release_batch(struct listing *l)
{
	for (size_t i = 0; i < l->in_batch; i++) {
		if (l->batch[i].is_asked)
			sftp_request_release(&l->batch[i].rq);
		free(l->batch[i].name);
		free(l->batch[i].path);
	}
	l->in_batch = 0;
}

/* What LSTAT adds. A name that has vanished meanwhile is no entry any more; one that may not be
 * looked at stays as it was. */
static int complete(struct listing *l, struct found *f, struct err *e)
{
	struct entry known;
	struct err refused;
	int r = sftp_request_await(&f->rq, sftp_client_settings(l->client)->request_ms, e);

	if (r < 0)
		return r;
	r = sftp_request_check(&f->rq, &refused);
	if (r == ERR_NETWORK) {
		*e = refused;
		return r;
	}
	if (r < 0) {
		f->is_gone = strcmp(refused.code, "OBJ-MISSING") == 0;
		return 0;
	}
	sftp_entry_fill(&known, &f->rq.attrs);
	if (known.type != ENTRY_UNKNOWN)
		f->entry.type = known.type;
	if (known.size != SIZE_UNKNOWN)
		f->entry.size = known.size;
	if (known.mtime_ms != MTIME_UNKNOWN)
		f->entry.mtime_ms = known.mtime_ms;
	return 0;
}

static int deliver_batch(struct listing *l, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->in_batch; i++) {
		struct found *f = &l->batch[i];

		if (f->is_asked)
			r = complete(l, f, e);
		if (r == 0 && !f->is_gone)
			r = l->each(&f->entry, l->arg, e);
	}
	release_batch(l);
	return r;
}

/* ---- one NAME packet ----------------------------------------------------------------------- */

static int check_limits(struct listing *l, struct wire_bytes name, struct err *e)
{
	l->names++;
	l->bytes += name.n;
	if (l->names <= l->limits->names && l->bytes <= l->limits->bytes)
		return 0;
	return err_set(e, ERR_POLICY, "LIST-TOO-LONG", 0,
	               "the directory has more than %zu names or %zu bytes of names; the partner "
	               "should clear it, or the route should poll a smaller one",
	               l->limits->names, l->limits->bytes);
}

static int take_names(struct listing *l, struct wire_in *in, uint32_t count, struct err *e)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++) {
		struct wire_name n = wire_name(in);

		if (in->is_broken)
			r = sftp_client_breach(l->client, e, "SFTP-TRUNCATED",
			                       "a list of names ends within a field");
		if (r == 0)
			r = check_limits(l, n.name, e);
		if (r == 0 && !is_dots(n.name))
			r = add_to_batch(l, &n, e);
		if (r == 0 && l->in_batch == BATCH)
			r = deliver_batch(l, e);
		if (r == 0)
			r = fiber_breathe(e);
	}
	return r;
}

static int take_packet(struct listing *l, const struct sftp_request *rq, struct err *e)
{
	struct wire_in in = {rq->body, rq->body_bytes, false};
	uint32_t count = wire_u32(&in);
	int r;

	if (in.is_broken || count > in.left / NAME_BYTES_LEAST)
		return sftp_client_breach(l->client, e, "SFTP-COUNT",
		                          "a list of %u names in %zu bytes", count, rq->body_bytes);
	l->empty = count ? 0 : l->empty + 1;
	if (l->empty > EMPTY_MOST)
		return sftp_client_breach(l->client, e, "SFTP-EMPTY-LIST",
		                          "it goes on listing without a name and without an end");
	r = take_names(l, &in, count, e);
	if (r == 0)
		r = deliver_batch(l, e);
	release_batch(l);
	return r;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static int ask_more(struct listing *l, size_t i, struct err *e)
{
	return sftp_ask_handle(&l->asked[i], &l->dir, SFTP_READDIR, l->path, e);
}

/* Only SSH_FX_EOF makes a listing complete (draft §6.7). */
static int read_all(struct listing *l, struct err *e)
{
	const struct sftp_settings *settings = sftp_client_settings(l->client);
	int r = 0;

	for (size_t i = 0; r == 0 && i < READDIRS; i++)
		r = ask_more(l, i, e);
	while (r == 0) {
		struct sftp_request *rq = &l->asked[l->next];

		r = sftp_request_await(rq, settings->stall_ms, e);
		if (r == 0 && sftp_request_is_eof(rq))
			return 0;
		if (r == 0)
			r = sftp_request_check(rq, e);
		if (r == 0)
			r = take_packet(l, rq, e);
		if (r < 0)
			return r;
		sftp_request_release(rq);
		r = ask_more(l, l->next, e);
		l->next = (l->next + 1) % READDIRS;
	}
	return r;
}

int sftp_list(struct sftp_client *c, const char *path, const struct list_limits *limits,
              list_fn *each, void *arg, struct err *e)
{
	struct listing *l;
	int r = sftp_path_check(path, e);

	if (r < 0)
		return r;
	l = mem_new_of(struct listing);
	l->client = c;
	l->path = sftp_path(path);
	l->limits = limits;
	l->each = each;
	l->arg = arg;
	for (size_t i = 0; i < READDIRS; i++)
		sftp_request_init(&l->asked[i], c, SFTP_READDIR, l->path);
	r = sftp_ask_handle_of(c, SFTP_OPENDIR, l->path, &l->dir, e);
	if (r == ERR_OBJECT)
		r = sftp_explain(c, l->path, SFTP_WANT_DIR, e);
	if (r == 0)
		r = read_all(l, e);
	for (size_t i = 0; i < READDIRS; i++)
		sftp_request_release(&l->asked[i]);
	sftp_handle_drop(&l->dir);
	free(l);
	return r;
}
