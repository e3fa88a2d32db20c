#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapters/ftps/curl_state.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

/*
 * libcurl 7.88.1 does not always go on as far as it can: when something has happened it is called
 * once more before we wait.
 *
 * FRUITLESS_MOST: a socket that stays readable while libcurl does not read it (a reply that comes
 * before its data) must not make the thread spin: after so many polls that led to nothing it only
 * looks every NAP_MS.
 */
enum { POLL_MS = 1000, NAP_MS = 20, FRUITLESS_MOST = 8 };

/* ---- what the server owes ------------------------------------------------------------------ */

static int64_t allowance(const struct endpoint_timeouts *t, enum curl_step step)
{
	switch (step) {
	case STEP_CONNECT:
		return t->connect_ms;
	case STEP_GREETING:
	case STEP_TLS:
		return t->handshake_ms;
	case STEP_LOGIN:
		return t->auth_ms;
	case STEP_HASH: /* it reads the whole file */
	case STEP_DATA:
	case STEP_FINAL:
		return t->stall_ms;
	default:
		return t->request_ms;
	}
}

void curl_expect(struct curl_loop *l, enum curl_step step)
{
	int64_t now = clock_mono_ms();

	atomic_store(&l->step, (int)step);
	atomic_store(&l->step_since_ms, now);
	atomic_store(&l->limit_at_ms, now + allowance(l->settings.timeouts, step));
}

/* A password prompt is part of the login and gets no time of its own. */
static void expect_after_command(struct curl_loop *l, const char *verb)
{
	if (strcmp(verb, "PASS") == 0 || strcmp(verb, "ACCT") == 0)
		return;
	if (strcmp(verb, "USER") == 0)
		curl_expect(l, STEP_LOGIN);
	else if (strcmp(verb, "AUTH") == 0)
		curl_expect(l, STEP_TLS);
	else if (strcmp(verb, "HASH") == 0 || verb[0] == 'X')
		curl_expect(l, STEP_HASH);
	else
		curl_expect(l, STEP_REPLY);
}

static void expect_after_reply(struct curl_loop *l, int code)
{
	switch (code) {
	case 234: /* the handshake follows; its time runs since AUTH */
	case 331:
	case 332:
		return;
	case 227:
	case 229:
		curl_expect(l, STEP_OPEN_DATA);
		return;
	case 125:
	case 150:
		curl_expect(l, STEP_DATA);
		return;
	default:
		if (atomic_load(&l->step) != STEP_FINAL)
			curl_expect(l, STEP_REPLY);
	}
}

/* ---- libcurl's callbacks ------------------------------------------------------------------- */

static void on_line_sent(struct curl_loop *l, const char *line, size_t n)
{
	char verb[12];

	pthread_mutex_lock(&l->lock);
	dialogue_sent(&l->dialogue, line, n, clock_mono_us());
	(void)snprintf(verb, sizeof(verb), "%s", dialogue_last(&l->dialogue)->verb);
	pthread_mutex_unlock(&l->lock);
	expect_after_command(l, verb);
}

static void on_line_heard(struct curl_loop *l, const char *line, size_t n)
{
	int code, before;
	bool is_flood, is_ftp;

	pthread_mutex_lock(&l->lock);
	before = l->dialogue.last_code;
	l->dialogue.last_code = 0;
	(void)dialogue_heard(&l->dialogue, line, n, clock_mono_us());
	code = l->dialogue.last_code;
	if (!code)
		l->dialogue.last_code = before;
	is_flood = l->dialogue.is_flood;
	is_ftp = code || l->dialogue.multi || l->dialogue.has_greeting;
	pthread_mutex_unlock(&l->lock);
	if (code)
		expect_after_reply(l, code);
	if (is_flood || !is_ftp)
		curl_loop_cut(l, is_flood ? CUT_FLOOD : CUT_NOT_FTP);
}

static int on_debug(CURL *easy, curl_infotype type, char *data, size_t n, void *arg)
{
	struct curl_loop *l = arg;

	(void)easy;
	l->activity++; /* libcurl's remarks are signs of life as well */
	if (type == CURLINFO_HEADER_OUT)
		on_line_sent(l, data, n);
	else if (type == CURLINFO_HEADER_IN)
		on_line_heard(l, data, n);
	return 0;
}

/* What is left is the confirmation. */
static void data_has_ended(struct curl_loop *l)
{
	if (!curl_is_cut(l) && atomic_load(&l->step) == STEP_DATA)
		curl_expect(l, STEP_FINAL);
}

static void sweep(struct curl_loop *l)
{
	if (curl_sockets_sweep(l))
		data_has_ended(l);
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
	(void)down_all;
	(void)down;
	(void)up_all;
	(void)up;
	if (curl_sockets_accepted(arg)) /* libcurl waits for the confirmation in one go */
		sweep(arg);
	return curl_is_cut(arg) ? 1 : 0;
}

static int port_of(const struct curl_sockaddr *a)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (a->family == AF_INET6) {
		memcpy(&in6, &a->addr, sizeof(in6));
		return ntohs(in6.sin6_port);
	}
	memcpy(&in, &a->addr, sizeof(in));
	return ntohs(in.sin_port);
}

/* libcurl would silently log in once more when the server has closed the connection; what we know
 * about it would then be another one's. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct curl_loop *l = arg;
	int fd;

	if (curl_is_cut(l) || (l->has_logged_in && port_of(a) == l->settings.control_port))
		return CURL_SOCKET_BAD;
	fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0 || curl_sockets_add(l, fd, purpose))
		return fd;
	(void)close(fd);
	return CURL_SOCKET_BAD;
}

/* A connection that was accepted (active mode) does not come through on_open. */
static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	if (purpose == CURLSOCKTYPE_ACCEPT && !curl_sockets_add(arg, fd, purpose))
		return CURL_SOCKOPT_ERROR;
	return CURL_SOCKOPT_OK;
}

static int on_close(void *arg, curl_socket_t fd)
{
	struct curl_loop *l = arg;

	curl_sockets_remove(l, fd);
	if (!curl_sockets_accepted(l)) /* else it is the one that waited for it */
		data_has_ended(l);
	return close(fd);
}

/* ---- one job ------------------------------------------------------------------------------- */

/* Commands of the job's own: before anything else, and between the data connection and RETR. */
struct curl_orders {
	struct curl_slist *before, *just_before;
};

static void configure_transfer(struct curl_loop *l, const struct curl_job *job)
{
	CURL *c = l->easy;

	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, curl_on_data);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, l);
	(void)curl_easy_setopt(c, CURLOPT_READFUNCTION, curl_on_room);
	(void)curl_easy_setopt(c, CURLOPT_READDATA, l);
	if (job->kind == CURL_COMMAND)
		(void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	if (job->kind == CURL_RECEIVE) {
		/* no SIZE of libcurl's own: we know what must come, and one round trip less */
		(void)curl_easy_setopt(c, CURLOPT_IGNORE_CONTENT_LENGTH, 1L);
		(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, job->request);
	}
	if (job->kind == CURL_SEND) {
		(void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(c, CURLOPT_APPEND, job->is_append ? 1L : 0L);
		(void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->source.size);
	}
}

static void configure(struct curl_loop *l, struct curl_job *job, const struct curl_orders *orders)
{
	CURL *c = l->easy;

	curl_easy_reset(c); /* keeps the connection and the TLS session */
	l->settings.configure(c, l->settings.arg);
	(void)curl_easy_setopt(c, CURLOPT_VERBOSE, 1L); /* without it no debug callback */
	(void)curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, on_debug);
	(void)curl_easy_setopt(c, CURLOPT_DEBUGDATA, l);
	(void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, l);
	(void)curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
	(void)curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, l);
	(void)curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_socket);
	(void)curl_easy_setopt(c, CURLOPT_SOCKOPTDATA, l);
	(void)curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	(void)curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, l);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, job->words);
	(void)curl_easy_setopt(c, CURLOPT_URL, job->url);
	(void)curl_easy_setopt(c, CURLOPT_QUOTE, orders->before);
	(void)curl_easy_setopt(c, CURLOPT_PREQUOTE, orders->just_before);
	configure_transfer(l, job);
}

static unsigned view(struct curl_loop *l, struct curl_waitfd *fds)
{
	unsigned n = 0;

	fds[n++] = (struct curl_waitfd){.fd = l->bell, .events = CURL_WAIT_POLLIN};
	sweep(l);
	if (l->fruitless >= FRUITLESS_MOST)
		return n;
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->socket_count; i++, n++) {
		fds[n] = (struct curl_waitfd){.fd = l->sockets[i].fd, .events = CURL_WAIT_POLLIN};
		if (!l->sockets[i].is_connected)
			fds[n].events |= CURL_WAIT_POLLOUT;
	}
	pthread_mutex_unlock(&l->lock);
	return n;
}

/* The sockets are as they were in view(): only this thread changes them. */
static void note_connected(struct curl_loop *l, const struct curl_waitfd *fds, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		if (!(fds[i].revents & CURL_WAIT_POLLOUT))
			continue;
		l->sockets[i - 1].is_connected = true;
		if (atomic_load(&l->step) == STEP_CONNECT)
			curl_expect(l, STEP_GREETING);
	}
}

static void wait_for_news(struct curl_loop *l)
{
	struct curl_waitfd fds[1 + SOCKETS_MOST];
	int timeout_ms = POLL_MS;
	unsigned n;

	l->fruitless = l->activity == l->seen_activity ? l->fruitless + 1 : 0;
	l->seen_activity = l->activity;
	n = view(l, fds);
	if (l->fruitless == 0)
		timeout_ms = 0;
	else if (n == 1)
		timeout_ms = NAP_MS;
	(void)curl_multi_poll(l->multi, fds, n, timeout_ms, NULL);
	if (fds[0].revents)
		curl_drain_bell(l);
	note_connected(l, fds, n);
}

static CURLcode result(struct curl_loop *l)
{
	CURLcode rc = CURLE_ABORTED_BY_CALLBACK; /* cut before it had a result */
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(l->multi, &left)))
		if (m->msg == CURLMSG_DONE)
			rc = m->data.result;
	return rc;
}

static CURLcode perform(struct curl_loop *l)
{
	int running = 1;

	if (curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
		return CURLE_FAILED_INIT;
	l->fruitless = 0;
	while (!curl_is_cut(l) && curl_multi_perform(l->multi, &running) == CURLM_OK && running)
		wait_for_news(l);
	return result(l);
}

/* Takes the text. */
static struct curl_slist *make_order(char *text)
{
	struct curl_slist *order = curl_slist_append(NULL, text);

	if (!order)
		abort(); /* as mem_new */
	free(text);
	return order;
}

/*
 * "*": libcurl closes the connection when a command is refused; we look at the reply ourselves. Not
 * so for REST: after a refusal the file must not come from its start. It is said by us because
 * libcurl forgets it where it does not ask for the SIZE (7.88.1, 8.14.1).
 */
static struct curl_orders make_orders(const struct curl_job *job)
{
	struct curl_orders orders = {NULL, NULL};

	if (job->command)
		orders.before = make_order(mem_printf("*%s", job->command));
	if (job->offset)
		orders.just_before =
		        make_order(mem_printf("REST %llu", (unsigned long long)job->offset));
	return orders;
}

/* True when the connection can be used on. */
static bool do_job(struct curl_loop *l, struct curl_job *job)
{
	struct curl_orders orders = make_orders(job);
	CURLcode rc;

	configure(l, job, &orders);
	rc = perform(l);
	(void)curl_multi_remove_handle(l->multi, l->easy);
	(void)curl_sockets_sweep(l);
	(void)curl_easy_setopt(l->easy, CURLOPT_ERRORBUFFER, NULL); /* the job's frame will go */
	curl_slist_free_all(orders.before);
	curl_slist_free_all(orders.just_before);
	job->rc = rc;
	if (rc == CURLE_OK)
		l->has_logged_in = true;
	else
		atomic_store(&l->is_dead, true);
	return rc == CURLE_OK;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Between jobs: the server's end of the connection is watched. */
static bool is_hung_up(struct curl_loop *l)
{
	struct pollfd fds[2] = {{.fd = l->bell, .events = POLLIN}, {.fd = -1, .events = POLLRDHUP}};

	if (l->socket_count > 0)
		fds[1].fd = l->sockets[0].fd;
	(void)poll(fds, 2, -1);
	if (fds[0].revents)
		curl_drain_bell(l);
	return fds[1].revents != 0;
}

static struct curl_job *take_job(struct curl_loop *l, bool *is_over)
{
	struct curl_job *job;

	pthread_mutex_lock(&l->lock);
	job = l->job;
	l->job = NULL;
	*is_over = l->is_closing || curl_is_cut(l);
	pthread_mutex_unlock(&l->lock);
	return job;
}

static void work(struct curl_loop *l)
{
	bool is_over = false;

	for (;;) {
		struct curl_job *job = take_job(l, &is_over);
		bool may_go_on = true;

		if (job)
			may_go_on = do_job(l, job);
		else if (is_over)
			return;
		else if (is_hung_up(l))
			may_go_on = false;
		if (!may_go_on) {
			atomic_store(&l->is_dead, true);
			return;
		}
		if (job) {
			atomic_store(&l->is_done, true);
			curl_loop_notify(l);
		}
	}
}

/*
 * libcurl says QUIT and waits for the answer: it may say it, but reads the end of the stream at
 * once. On a dead connection it cannot even say it.
 */
static void say_goodbye(struct curl_loop *l)
{
	int how = atomic_load(&l->is_dead) || curl_is_cut(l) ? SHUT_RDWR : SHUT_RD;

	curl_sockets_shut_down(l, how);
}

void *curl_thread_run(void *loop)
{
	struct curl_loop *l = loop;

	l->easy = curl_easy_init();
	l->multi = curl_multi_init();
	if (!l->easy || !l->multi)
		abort(); /* as mem_new */
	work(l);
	say_goodbye(l);
	curl_easy_cleanup(l->easy);
	(void)curl_multi_cleanup(l->multi);
	(void)curl_sockets_sweep(l);
	atomic_store(&l->has_ended, true);
	curl_loop_notify(l);
	return NULL;
}
