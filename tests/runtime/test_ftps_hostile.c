/*
 * The FTPS adapter against servers that lie, stop and refuse: each its own code, in its time.
 */
#include "tests/runtime/ftp_rig.h"

enum stage { CONNECTS, LISTS, STATS, GETS, RESUMES, PUTS, PINGS, REMOVES, RENAMES, MKDIRS };

static const struct row {
	const char *mode;
	enum stage stage; /* that fails */
	enum err_kind kind;
	const char *code;
} rows[] = {
        {"silence", CONNECTS, ERR_NETWORK, "FTP-GREETING-TIMEOUT"},
        {"ssh", CONNECTS, ERR_PROTOCOL, "FTP-NOT-FTP"},
        {"http", CONNECTS, ERR_PROTOCOL, "FTP-NOT-FTP"},
        {"hangup", CONNECTS, ERR_NETWORK, "FTP-LOST"},
        {"greet_421", CONNECTS, ERR_BUSY, "FTP-TOO-MANY"},
        {"user_530", CONNECTS, ERR_AUTH, "FTP-LOGIN-REFUSED"},
        {"pass_530", CONNECTS, ERR_AUTH, "FTP-LOGIN-REFUSED"},
        {"pass_421", CONNECTS, ERR_BUSY, "FTP-TOO-MANY"},
        {"pass_silence", CONNECTS, ERR_NETWORK, "FTP-LOGIN-TIMEOUT"},
        {"endless_line", CONNECTS, ERR_PROTOCOL, "FTP-REPLY-FLOOD"},
        {"endless_reply", CONNECTS, ERR_PROTOCOL, "FTP-REPLY-FLOOD"},
        {"feat_hangup", CONNECTS, ERR_NETWORK, "FTP-LOST"},
        {"tls_refused", CONNECTS, ERR_TRUST, "TLS-REFUSED"},
        {"tls_prot", CONNECTS, ERR_TRUST, "TLS-PROT-REFUSED"},
        {"tls_silence", CONNECTS, ERR_NETWORK, "TLS-TIMEOUT"},
        {"tls_expired", CONNECTS, ERR_TRUST, "TLS-EXPIRED"},
        {"tls_early", CONNECTS, ERR_TRUST, "TLS-NOT-YET"},
        {"tls_name", CONNECTS, ERR_TRUST, "TLS-NAME"},
        {"tls_stranger", CONNECTS, ERR_TRUST, "TLS-UNKNOWN-CA"},
        {"tls_self", CONNECTS, ERR_TRUST, "TLS-UNKNOWN-CA"},
        {"pasv_garbage", GETS, ERR_PROTOCOL, "FTP-PASV-REPLY"},
        {"pasv_silence", GETS, ERR_NETWORK, "FTP-DATA-REFUSED"},
        {"pasv_control", GETS, ERR_NETWORK, "FTP-DATA-REFUSED"},
        {"pasv_blackhole", GETS, ERR_NETWORK, "FTP-DATA-TIMEOUT"},
        {"reuse_522", GETS, ERR_NETWORK, "TLS-SESSION-REUSE"},
        {"tls_reuse_425", GETS, ERR_NETWORK, "TLS-SESSION-REUSE"},
        {"acct", CONNECTS, ERR_AUTH, "FTP-ACCOUNT-WANTED"},
        {"idle_421", PINGS, ERR_NETWORK, "FTP-LOST"},
        {"never_150", GETS, ERR_NETWORK, "FTP-TIMEOUT"},
        {"never_226", GETS, ERR_NETWORK, "FTP-NO-CONFIRMATION"},
        {"never_226", PUTS, ERR_NETWORK, "FTP-NO-CONFIRMATION"},
        {"stall_stor", PUTS, ERR_NETWORK, "FTP-STALLED"},
        {"cut_data", GETS, ERR_INTEGRITY, "DATA-SHORT"},
        {"cut_426", GETS, ERR_NETWORK, "FTP-DATA-LOST"},
        {"long_data", GETS, ERR_INTEGRITY, "DATA-LONG"},
        {"stall_data", GETS, ERR_NETWORK, "FTP-STALLED"},
        {"good", RESUMES, ERR_OBJECT, "DATA-NO-RESUME"},
        {"rest_refused", RESUMES, ERR_OBJECT, "FTP-UNSUPPORTED"},
        {"rest_ignored", RESUMES, ERR_INTEGRITY, "DATA-LONG"},
        {"retr_550", GETS, ERR_OBJECT, "OBJ-DENIED"},
        {"stor_552", PUTS, ERR_BUSY, "OBJ-NO-SPACE"},
        {"list_unknown", LISTS, ERR_PROTOCOL, "FTP-LIST-DIALECT"},
        {"list_crlf", LISTS, ERR_PROTOCOL, "FTP-LIST-DIALECT"},
        {"list_long", LISTS, ERR_PROTOCOL, "FTP-LIST-LINE"},
        {"list_endless", LISTS, ERR_POLICY, "LIST-TOO-LONG"},
        {"mlst_lies", STATS, ERR_PROTOCOL, "FTP-MLST-REPLY"},
        {"tls_cut", GETS, ERR_INTEGRITY, "DATA-SHORT"},
        {"tls_list_cut", LISTS, ERR_NETWORK, "TLS-TRUNCATED"},
#define CUT_AT(verb, stage)                                    \
	{                                                      \
		"cut_at_" verb, stage, ERR_NETWORK, "FTP-LOST" \
	}
        CUT_AT("USER", CONNECTS),
        CUT_AT("PASS", CONNECTS),
        CUT_AT("FEAT", CONNECTS),
        CUT_AT("SYST", CONNECTS),
        CUT_AT("PWD", CONNECTS),
        CUT_AT("TYPE", GETS),
        CUT_AT("EPSV", GETS),
        CUT_AT("RETR", GETS),
        CUT_AT("STOR", PUTS),
        CUT_AT("SIZE", PUTS),
        CUT_AT("MLSD", LISTS),
        CUT_AT("MLST", STATS),
        CUT_AT("NOOP", PINGS),
        CUT_AT("DELE", REMOVES),
        CUT_AT("RNFR", RENAMES),
        CUT_AT("RNTO", RENAMES),
        CUT_AT("MKD", MKDIRS),
#undef CUT_AT
        {"tls_cut_at_AUTH", CONNECTS, ERR_NETWORK, "FTP-LOST"},
        {"tls_cut_at_USER", CONNECTS, ERR_NETWORK, "FTP-LOST"},
        {"tls_cut_at_PBSZ", CONNECTS, ERR_NETWORK, "FTP-LOST"},
        {"tls_cut_at_PROT", CONNECTS, ERR_NETWORK, "FTP-LOST"},
};

static int ignore_entry(const struct entry *entry, void *arg, struct err *e)
{
	(void)entry;
	(void)arg;
	(void)e;
	return 0;
}

static int runs(struct connection *c, enum stage stage, struct err *e)
{
	static const struct list_limits limits = {100000, 1000000};
	struct entry found;

	switch (stage) {
	case LISTS:
		return adapter_ftps.list(c, "/", &limits, ignore_entry, NULL, e);
	case STATS:
		return adapter_ftps.stat(c, "/a.txt", &found, e);
	case GETS:
		return get_a(c, 0, e);
	case RESUMES:
		return get_a(c, 60000, e);
	case PUTS:
		return sends(c, "/new.txt", 1, 20 << 20, e); /* more than the kernel holds */
	case REMOVES:
		return adapter_ftps.remove(c, "/a.txt", e);
	case RENAMES:
		return adapter_ftps.rename(c, "/a.txt", "/b.txt", RENAME_REPLACE, e);
	case MKDIRS:
		return adapter_ftps.mkdir(c, "/new", e);
	default:
		return adapter_ftps.ping(c, e);
	}
}

static void short_times(struct partner *p)
{
	p->endpoint.timeouts = (struct endpoint_timeouts){.connect_ms = 400,
	                                                  .handshake_ms = 400,
	                                                  .auth_ms = 400,
	                                                  .request_ms = 400,
	                                                  .stall_ms = 400};
}

/* What another libcurl (8.14) notices first. */
static const struct row others[] = {
        {"tls_cut", GETS, ERR_NETWORK, "TLS-TRUNCATED"},
};

static bool is_row(const struct row *row, int r, const struct err *e)
{
	return r == (int)row->kind && strcmp(e->code, row->code) == 0;
}

static bool is_expected(const struct row *row, int r, const struct err *e)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i].mode, row->mode) == 0 && is_row(&others[i], r, e))
			return true;
	return is_row(row, r, e);
}

/* What the server has heard, from its own notes. */
static bool has_heard(const struct partner *p, const char *mode, const char *verb)
{
	char path[512], line[512];
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%.*s/%s.commands",
	               (int)(strrchr(p->peer->ca, '/') - p->peer->ca), p->peer->ca, mode);
	f = fopen(path, "r");
	check(f);
	while (fgets(line, sizeof(line), f))
		found |= strncmp(line, verb, strlen(verb)) == 0;
	(void)fclose(f);
	return found;
}

static bool is_before_trust(const struct row *row)
{
	return strncmp(row->mode, "tls_", 4) == 0 && row->stage == CONNECTS &&
	       (row->kind == ERR_TRUST || strcmp(row->code, "TLS-TIMEOUT") == 0) &&
	       strcmp(row->code, "TLS-PROT-REFUSED") != 0;
}

static void check_row(size_t i)
{
	char name[64];
	struct partner p;
	struct connection *c = NULL;
	struct err e = {0};
	int64_t began = clock_mono_ms();
	int r;

	(void)snprintf(name, sizeof(name), "evil_%s", rows[i].mode);
	partner_of(&p, name);
	if (strstr(rows[i].code, "TIMEOUT") || strstr(rows[i].code, "STALLED") ||
	    strstr(rows[i].code, "NO-CONFIRMATION"))
		short_times(&p);
	r = adapter_ftps.connect(&p.endpoint, NULL, &c, &e);
	if (rows[i].stage != CONNECTS) {
		must(r, &e);
		r = runs(c, rows[i].stage, &e);
	}
	if (!is_expected(&rows[i], r, &e)) {
		print_error("%s: %d %s, not %s: %s\n", name, r, e.code ? e.code : "none",
		            rows[i].code, e.message);
		abort();
	}
	adapter_ftps.close(c);
	if (is_before_trust(&rows[i])) {
		check(has_heard(&p, rows[i].mode, "AUTH TLS"));
		check(!has_heard(&p, rows[i].mode, "USER") && !has_heard(&p, rows[i].mode, "PASS"));
	}
	if (clock_mono_ms() - began > 8000) {
		print_error("%s: %lld ms\n", name, (long long)(clock_mono_ms() - began));
		abort();
	}
	if (getenv("FERRYD_SHOW"))
		print_message("%-14s %s\n", rows[i].mode, e.message);
}

/* Another route on the same worker, whose server is good. */
struct neighbour {
	struct partner p;
	struct connection *c;
	struct fiber *fiber;
	int files;
	bool may_end, has_ended;
};

static void transfer_on(void *arg)
{
	struct neighbour *n = arg;
	struct err e;

	while (!n->may_end) {
		must(get_a(n->c, 0, &e), &e);
		n->files++;
	}
	n->has_ended = true;
}

static void begin_neighbour(struct neighbour *n, struct worker *w)
{
	*n = (struct neighbour){0};
	partner_of(&n->p, "evil_tls_good");
	n->c = opens(&n->p);
	n->fiber = fiber_start(w, "neighbour", transfer_on, n);
}

static void end_neighbour(struct neighbour *n)
{
	n->may_end = true;
	rig_await(&n->has_ended);
	adapter_ftps.close(n->c);
}

static void body_rows(struct worker *w)
{
	const int count = sizeof(rows) / sizeof(rows[0]);
	struct neighbour n;

	begin_neighbour(&n, w);
	for (int i = 0; i < count; i++)
		check_row((size_t)i);
	end_neighbour(&n);
	check(n.files > count);
}

static void test_ftps_hostile__each_ends_in_its_own_code(void **state)
{
	(void)state;
	rig_run(body_rows);
}

/* Early words are no harm as long as all bytes and the confirmation are there. */
static void body_good(struct worker *w)
{
	static const char *const modes[] = {"evil_good", "evil_tls_good", "evil_early_226"};
	struct partner p;
	struct err e;

	(void)w;
	for (size_t i = 0; i < 3; i++) {
		struct connection *c;

		partner_of(&p, modes[i]);
		c = opens(&p);
		must(get_a(c, 0, &e), &e);
		adapter_ftps.close(c);
	}
}

static void test_ftps_hostile__the_same_server_without_malice(void **state)
{
	(void)state;
	rig_run(body_good);
}

/* ---- ends ---------------------------------------------------------------------------------- */

struct hanging {
	struct partner p;
	struct connection *c;
	struct err e;
	int result;
	bool has_ended, lists;
};

static void hang(void *arg)
{
	static const struct list_limits endless = {SIZE_MAX, SIZE_MAX};
	struct hanging *h = arg;

	h->result = h->lists ? adapter_ftps.list(h->c, "/", &endless, ignore_entry, NULL, &h->e)
	                     : get_a(h->c, 0, &h->e);
	h->has_ended = true;
}

static struct fiber *begin_hang(struct hanging *h, struct worker *w, const char *mode)
{
	*h = (struct hanging){.lists = strstr(mode, "list") != NULL};
	partner_of(&h->p, mode);
	h->c = opens(&h->p);
	return fiber_start(w, "hangs", hang, h);
}

/* In each of these the server has stopped; libcurl may be inside a call that waits for it. */
static void end_hangs(struct worker *w, void (*end)(struct hanging *h, struct fiber *f))
{
	static const char *const modes[] = {"evil_never_150", "evil_never_226", "evil_stall_data",
	                                    "evil_pasv_blackhole"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct hanging h;
		struct fiber *f = begin_hang(&h, w, modes[i]);
		int64_t began;

		check(fiber_sleep(150, "the server to hang", &h.e) == 0);
		check(!h.has_ended);
		began = clock_mono_ms();
		end(&h, f);
		rig_await(&h.has_ended);
		check(clock_mono_ms() - began < 1000 && h.result == ERR_CANCELED);
		check(!adapter_ftps.is_alive(h.c) && adapter_ftps.ping(h.c, &h.e) < 0);
		adapter_ftps.close(h.c);
	}
}

/* The worker is not held up by a server that is: the hang is still on after many other transfers. */
static void body_neighbour(struct worker *w)
{
	static const char *const modes[] = {"evil_never_150", "evil_never_226", "evil_stall_data",
	                                    "evil_pasv_blackhole", "evil_list_endless"};
	struct neighbour n;

	begin_neighbour(&n, w);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct hanging h;
		struct fiber *f = begin_hang(&h, w, modes[i]);
		int until = n.files + 20;

		while (n.files < until && !h.has_ended)
			check(fiber_sleep(5, "the neighbour", &h.e) == 0);
		check(!h.has_ended);
		fiber_cancel(f);
		rig_await(&h.has_ended);
		adapter_ftps.close(h.c);
	}
	end_neighbour(&n);
}

static void test_ftps_hostile__another_route_keeps_its_pace(void **state)
{
	(void)state;
	rig_run(body_neighbour);
}

static void cancel(struct hanging *h, struct fiber *f)
{
	(void)h;
	fiber_cancel(f);
}

static void body_cancel(struct worker *w)
{
	end_hangs(w, cancel);
}

static void test_ftps_hostile__cancel_takes_less_than_a_second(void **state)
{
	(void)state;
	rig_run(body_cancel);
}

static void cut_off(struct hanging *h, struct fiber *f)
{
	(void)f;
	adapter_ftps.abort(h->c);
}

static void body_abort(struct worker *w)
{
	end_hangs(w, cut_off);
}

static void test_ftps_hostile__abort_ends_what_runs(void **state)
{
	(void)state;
	rig_run(body_abort);
}

/* A server that says goodbye between two operations is noticed without being asked. */
static void body_idle(struct worker *w)
{
	struct partner p;
	struct connection *c = NULL;
	int64_t until = clock_mono_ms() + 5000;
	struct err e;

	(void)w;
	partner_of(&p, "evil_idle_hangup");
	if (adapter_ftps.connect(&p.endpoint, NULL, &c, &e) < 0)
		return; /* it was quicker */
	while (adapter_ftps.is_alive(c)) {
		check(clock_mono_ms() < until);
		check(fiber_sleep(5, "the end of the connection", &e) == 0);
	}
	check(adapter_ftps.ping(c, &e) == ERR_NETWORK);
	adapter_ftps.close(c);
}

static void test_ftps_hostile__an_idle_connection_that_ends_is_dead(void **state)
{
	(void)state;
	rig_run(body_idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ftps_hostile__the_same_server_without_malice),
	        cmocka_unit_test(test_ftps_hostile__each_ends_in_its_own_code),
	        cmocka_unit_test(test_ftps_hostile__another_route_keeps_its_pace),
	        cmocka_unit_test(test_ftps_hostile__cancel_takes_less_than_a_second),
	        cmocka_unit_test(test_ftps_hostile__abort_ends_what_runs),
	        cmocka_unit_test(test_ftps_hostile__an_idle_connection_that_ends_is_dead),
	};

	return peers_run("evil", tests);
}
