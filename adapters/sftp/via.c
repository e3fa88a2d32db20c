#include "adapters/sftp/via.h"

#include "adapters/sftp/channel.h"
#include "daemon/base/mem.h"

struct via {
	struct carrier carrier; /* first */
	struct session *bastion;
	struct channel *channel; /* the session's */
	char name[64];           /* of the bastion's endpoint */
};

static struct via *via_of(struct carrier *c)
{
	return (struct via *)(void *)c;
}

/* The session to the bastion broke: that is not the server's doing. */
static int blame(const struct via *v, struct err *e)
{
	if (e->kind == ERR_CANCELED || carrier_is_blamed(e))
		return e->kind;
	e->code = "SSH-VIA-LOST";
	return err_wrap(e, VIA_WORDS "%s", v->name);
}

static ssize_t try_read(struct carrier *c, void *data, size_t room, struct err *e)
{
	struct via *v = via_of(c);
	ssize_t n = channel_try_read(v->channel, data, room, e);

	return n < 0 && strcmp(e->code, "NET-EOF") != 0 ? blame(v, e) : n;
}

static ssize_t try_write(struct carrier *c, const void *data, size_t n, struct err *e)
{
	struct via *v = via_of(c);
	ssize_t moved = channel_try_write(v->channel, data, n, e);

	return moved < 0 ? blame(v, e) : moved;
}

static int await(struct carrier *c, int want, const char *label, struct err *e)
{
	struct via *v = via_of(c);

	return channel_wait(v->channel, want, label, e) < 0 ? blame(v, e) : 0;
}

/* What was written already goes out first: a good-bye, for example. */
static void abort_via(struct carrier *c)
{
	session_flush(via_of(c)->bastion);
	session_abort(via_of(c)->bastion);
}

static void close_via(struct carrier *c)
{
	session_close(via_of(c)->bastion);
	free(c);
}

static const struct carrier_ops via_ops = {
        .try_read = try_read,
        .try_write = try_write,
        .wait = await,
        .abort = abort_via,
        .close = close_via,
};

int via_open(struct session *bastion, const struct endpoint_config *next, struct carrier **out,
             struct err *e)
{
	struct via *v = mem_new_of(struct via);
	const char *name = session_endpoint(bastion)->name;

	(void)snprintf(v->name, sizeof(v->name), "%s", name);
	if (session_open_forward(bastion, next->host, next->port, &v->channel, e) < 0) {
		(void)err_wrap(e, VIA_WORDS "%s", name);
		session_close(bastion);
		free(v);
		return e->kind;
	}
	v->carrier.ops = &via_ops;
	v->carrier.fd = session_fd(bastion);
	v->bastion = bastion;
	*out = &v->carrier;
	return 0;
}
