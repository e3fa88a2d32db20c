#include "adapters/sftp/agent.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "adapters/sftp/agent_reply.h"
#include "adapters/sftp/openssh_key.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/runtime/io.h"

/* draft-miller-ssh-agent §5.3: flags of a request to sign */
enum { AGENT_RSA_SHA2_256 = 2, AGENT_RSA_SHA2_512 = 4 };

struct agent {
	struct io *io;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct buf reply;
};

/* ---- opening ------------------------------------------------------------------------------- */

static int nobody_listens(const char *path, int native, const char *words, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_LOCAL, "SSH-AGENT-MISSING", native,
	               "no SSH agent answers at %s: %s. Start it (as ferryd's user), or correct "
	               "`socket:`",
	               escape_name(path, &tmp), words);
}

int agent_open(const char *path, struct deadline d, struct agent **out, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct agent *a;
	struct io *io;
	struct err why;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(e, ERR_CONFIG, "SSH-AGENT-MISSING", 0,
		               "the path of the agent's socket is longer than %zu bytes, which no "
		               "socket can have",
		               sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (io_connect((const struct sockaddr *)&address, sizeof(address), d, &io, &why) < 0) {
		if (why.kind == ERR_CANCELED) {
			*e = why;
			return e->kind;
		}
		return nobody_listens(path, why.native,
		                      why.native ? strerrordesc_np(why.native) : why.message, e);
	}
	a = mem_new_of(struct agent);
	a->io = io;
	memcpy(a->path, path, strlen(path));
	buf_init(&a->reply, AGENT_MESSAGE_MAX + 4);
	*out = a;
	return 0;
}

void agent_close(struct agent *a)
{
	if (!a)
		return;
	io_close(a->io);
	buf_release(&a->reply);
	free(a);
}

/* ---- one request, one reply ---------------------------------------------------------------- */

static int broken(const struct agent *a, const char *what, struct err *e)
{
	struct escaped tmp;

	return err_set(e, ERR_LOCAL, "SSH-AGENT-PROTOCOL", 0,
	               "what listens at %s does not speak as an SSH agent does: %s",
	               escape_name(a->path, &tmp), what);
}

/* e is the io's: timeouts and losses get the agent's name. */
static int lost(const struct agent *a, struct err *e)
{
	struct escaped tmp;
	struct err why = *e;

	if (why.kind == ERR_CANCELED)
		return why.kind;
	if (strcmp(why.code, "TIMEOUT") == 0)
		return err_set(e, ERR_LOCAL, "SSH-AGENT-TIMEOUT", 0,
		               "the SSH agent at %s does not answer in time: it may hang, or wait "
		               "for somebody to confirm (`ssh-add -c`)",
		               escape_name(a->path, &tmp));
	return err_set(e, ERR_LOCAL, "SSH-AGENT-PROTOCOL", why.native,
	               "the SSH agent at %s closed the connection without an answer",
	               escape_name(a->path, &tmp));
}

static int read_until(struct agent *a, size_t want, struct deadline d, struct err *e)
{
	while (buf_len(&a->reply) < want) {
		size_t room = want - buf_len(&a->reply);
		unsigned char *into = buf_reserve(&a->reply, room < 16384 ? room : 16384);
		ssize_t n;

		if (!into)
			return broken(a, "its answer is too long", e);
		n = io_read(a->io, into, room < 16384 ? room : 16384, "the SSH agent's answer", d,
		            e);
		if (n < 0)
			return lost(a, e);
		buf_added(&a->reply, (size_t)n);
	}
	return 0;
}

static void put_number(struct buf *b, uint32_t n)
{
	unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
	                          (unsigned char)(n >> 8), (unsigned char)n};

	(void)buf_add(b, bytes, sizeof(bytes)); /* callers check the whole against the limit */
}

static void put_string(struct buf *b, const void *data, size_t n)
{
	put_number(b, (uint32_t)n);
	(void)buf_add(b, data, n);
}

/* `request` without its length; *reply: type and body, until the next call. */
static int call(struct agent *a, struct buf *request, struct key_part *reply, struct deadline d,
                struct err *e)
{
	unsigned char length[4] = {0};
	size_t n = buf_len(request);
	struct key_part head;
	uint32_t announced = 0;

	length[0] = (unsigned char)(n >> 24);
	length[1] = (unsigned char)(n >> 16);
	length[2] = (unsigned char)(n >> 8);
	length[3] = (unsigned char)n;
	buf_clear(&a->reply);
	if (io_write_all(a->io, length, sizeof(length), "the SSH agent", d, e) < 0 ||
	    io_write_all(a->io, buf_data(request), n, "the SSH agent", d, e) < 0)
		return lost(a, e);
	if (read_until(a, 4, d, e) < 0)
		return e->kind;
	head = (struct key_part){buf_data(&a->reply), 4};
	(void)key_part_number(&head, &announced);
	if (announced < 1 || announced > AGENT_MESSAGE_MAX)
		return broken(a, "its answer has no sensible length", e);
	if (read_until(a, 4 + (size_t)announced, d, e) < 0)
		return e->kind;
	*reply = (struct key_part){buf_data(&a->reply) + 4, announced};
	return 0;
}

/* ---- what it can do ------------------------------------------------------------------------ */

int agent_keys(struct agent *a, agent_key_fn *on_key, void *arg, struct deadline d, struct err *e)
{
	const char *complaint = NULL;
	struct key_part reply = {0};
	struct buf request;
	int r;

	buf_init(&request, 16);
	(void)buf_add(&request, &(unsigned char){AGENT_REQUEST_IDENTITIES}, 1); /* fits */
	r = call(a, &request, &reply, d, e);
	buf_release(&request);
	if (r < 0)
		return r;
	if (agent_reply_keys(reply.p, reply.n, on_key, arg, &complaint) == AGENT_DONE)
		return 0;
	return broken(a, complaint, e);
}

static uint32_t flags_of(const char *algorithm)
{
	if (strcmp(algorithm, "rsa-sha2-256") == 0)
		return AGENT_RSA_SHA2_256;
	return strcmp(algorithm, "rsa-sha2-512") == 0 ? AGENT_RSA_SHA2_512 : 0;
}

int agent_sign(struct agent *a, const struct agent_request *r, struct buf *out, struct deadline d,
               struct err *e)
{
	const char *complaint = NULL;
	struct key_part reply = {0};
	struct buf request;
	struct escaped tmp;
	int result;

	if (r->blob_bytes + r->data_bytes > AGENT_MESSAGE_MAX / 2)
		return broken(a, "the request would be too long for it", e);
	buf_init(&request, AGENT_MESSAGE_MAX);
	(void)buf_add(&request, &(unsigned char){AGENT_SIGN_REQUEST}, 1);
	put_string(&request, r->blob, r->blob_bytes);
	put_string(&request, r->data, r->data_bytes);
	put_number(&request, flags_of(r->algorithm));
	result = call(a, &request, &reply, d, e);
	buf_release(&request);
	if (result < 0)
		return result;
	switch (agent_reply_signature(reply.p, reply.n, r->algorithm, out, &complaint)) {
	case AGENT_DONE:
		return 0;
	case AGENT_REFUSED:
		return err_set(e, ERR_LOCAL, "SSH-AGENT-REFUSED", 0,
		               "the SSH agent at %s refuses to sign: it is locked, the use was not "
		               "confirmed, or the key is gone",
		               escape_name(a->path, &tmp));
	case AGENT_BROKEN:
		break;
	}
	return broken(a, complaint, e);
}
