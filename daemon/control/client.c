#include "daemon/control/client.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/clock.h"

/* ---- connecting ---------------------------------------------------------------------------- */

/* Whom the socket lets in besides its owner; where that cannot be seen, whom it is made for. */
static const char *group_of(const char *path, char *out, size_t room)
{
	struct group entry, *found = NULL;
	struct stat st;
	char text[4096];

	if (stat(path, &st) == 0 &&
	    getgrgid_r(st.st_gid, &entry, text, sizeof(text), &found) == 0 && found)
		(void)snprintf(out, room, "%s", found->gr_name);
	else
		(void)snprintf(out, room, "ferryd");
	return out;
}

static int explain_connect(const char *path, struct err *e)
{
	int error = errno;
	char group[64];

	if (error == EACCES || error == EPERM)
		return err_set(e, ERR_AUTH, "CTL-DENIED", error,
		               "%s: permission denied. Operators are root and members of the "
		               "socket's group: sudo usermod -aG %s $USER, then log in again",
		               path, group_of(path, group, sizeof(group)));
	if (error == ENOENT || error == ENOTDIR)
		return err_set(e, ERR_NETWORK, "CTL-UNREACHABLE", error,
		               "ferryd does not answer at %s: no such socket. Is it running? "
		               "systemctl status ferryd",
		               path);
	if (error == ECONNREFUSED)
		return err_set(e, ERR_NETWORK, "CTL-UNREACHABLE", error,
		               "ferryd does not answer at %s: the socket is there, but nobody "
		               "listens. Did it stop? journalctl -u ferryd",
		               path);
	if (error == EAGAIN)
		return err_set(e, ERR_NETWORK, "CTL-UNREACHABLE", error,
		               "ferryd does not answer at %s: too many wait already. Is it stuck? "
		               "journalctl -u ferryd",
		               path);
	errno = error;
	return err_errno(e, ERR_NETWORK, "CTL-UNREACHABLE", "ferryd does not answer at %s", path);
}

int client_open(struct client *c, const char *path, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path))
		return err_set(e, ERR_NETWORK, "CTL-UNREACHABLE", 0,
		               "%s: a socket's path is at most %zu bytes long", path,
		               sizeof(a.sun_path) - 1);
	memcpy(a.sun_path, path, strlen(path) + 1);
	c->path = path;
	c->silence_ms = CLIENT_SILENCE_MS;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return err_errno(e, ERR_NETWORK, "CTL-UNREACHABLE", "socket");
	if (connect(c->fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		(void)explain_connect(path, e);
		(void)close(c->fd);
		return e->kind;
	}
	buf_init(&c->in, 2 * CLIENT_LINE_BYTES);
	return 0;
}

void client_close(struct client *c)
{
	(void)close(c->fd);
	buf_release(&c->in);
}

/* ---- asking -------------------------------------------------------------------------------- */

static int wait_for(struct client *c, short what, struct err *e)
{
	struct pollfd p = {.fd = c->fd, .events = what};
	int64_t until = clock_mono_ms() + c->silence_ms, left;

	while ((left = until - clock_mono_ms()) > 0) {
		int r = poll(&p, 1, (int)left);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_errno(e, ERR_NETWORK, "CTL-UNREACHABLE", "poll");
	}
	return err_set(
	        e, ERR_NETWORK, "CTL-UNREACHABLE", ETIMEDOUT,
	        "ferryd at %s has said nothing for %lld s. Is it stuck? journalctl -u ferryd",
	        c->path, (long long)c->silence_ms / 1000);
}

/* A daemon that hangs up while we write has said why: its words are read next. */
static int send_all(struct client *c, const char *text, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t sent = send(c->fd, text, n, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return err_errno(e, ERR_NETWORK, "CTL-UNREACHABLE", "send to ferryd");
		if (sent < 0 && wait_for(c, POLLOUT, e) < 0)
			return e->kind;
		if (sent > 0) {
			text += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

static int send_request(struct client *c, json_t *request, struct err *e)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	int r;

	json_decref(request);
	if (!text || n >= CLIENT_LINE_BYTES)
		r = err_set(e, ERR_PROTOCOL, "CTL-PROTOCOL", 0, "the request is too long");
	else if ((r = send_all(c, text, n, e)) == 0)
		r = send_all(c, "\n", 1, e);
	free(text);
	return r;
}

static int receive(struct client *c, struct err *e)
{
	char piece[8192];
	ssize_t n;

	if (wait_for(c, POLLIN, e) < 0)
		return e->kind;
	n = recv(c->fd, piece, sizeof(piece), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return err_set(e, ERR_NETWORK, "CTL-UNREACHABLE", n < 0 ? errno : 0,
		               "ferryd at %s hung up in the middle of its answer. Did it stop? "
		               "journalctl -u ferryd",
		               c->path);
	(void)buf_add(&c->in, piece, (size_t)n); /* there is room for a line and more */
	return 0;
}

static int not_protocol(const struct client *c, struct err *e)
{
	return err_set(e, ERR_PROTOCOL, "CTL-PROTOCOL", 0,
	               "what answers at %s does not speak ferryd's control protocol", c->path);
}

/* The next line, parsed; the caller's. */
static int read_line(struct client *c, json_t **out, struct err *e)
{
	for (;;) {
		const char *from = buf_len(&c->in) ? (const char *)buf_data(&c->in) : NULL;
		const char *end = from ? memchr(from, '\n', buf_len(&c->in)) : NULL;

		if (end) {
			*out = json_loadb(from, (size_t)(end - from), JSON_REJECT_DUPLICATES, NULL);
			buf_consume(&c->in, (size_t)(end - from) + 1);
			return json_is_object(*out) ? 0 : not_protocol(c, e);
		}
		if (buf_len(&c->in) >= CLIENT_LINE_BYTES)
			return not_protocol(c, e);
		if (receive(c, e) < 0)
			return e->kind;
	}
}

static int check_end(const struct client *c, const json_t *end, struct err *e)
{
	if (json_is_true(json_object_get(end, "ok")))
		return 0;
	if (json_is_string(json_object_get(json_object_get(end, "error"), "message")))
		return 0;
	return not_protocol(c, e);
}

int client_ask(struct client *c, json_t *request, client_item_fn *each, void *arg, json_t **end,
               struct err *e)
{
	int r = send_request(c, request, e);

	while (r == 0) {
		json_t *line = NULL;
		const json_t *item;

		r = read_line(c, &line, e);
		item = json_object_get(line, "item");
		if (r == 0 && item) {
			each(item, arg);
		} else if (r == 0 && (r = check_end(c, line, e)) == 0) {
			*end = line;
			return 0;
		}
		json_decref(line);
	}
	return r;
}
