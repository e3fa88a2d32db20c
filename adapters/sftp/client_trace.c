#include <string.h>

#include "adapters/sftp/client_state.h"
#include "adapters/sftp/errors.h"
#include "adapters/trace_text.h"

static void add_number(struct trace_text *line, const char *name, uint64_t number)
{
	trace_text_add(line, name);
	trace_text_number(line, number);
}

/* What the server says to its status. */
static void add_words(const struct sftp_request *rq, struct trace_text *line)
{
	trace_text_add(line, " \"");
	if (rq->body)
		trace_text_escaped(line, rq->body, rq->body_bytes);
	trace_text_add(line, "\"");
}

static void add_status(const struct sftp_request *rq, struct trace_text *line)
{
	add_number(line, " ", rq->status);
	trace_text_add(line, " ");
	trace_text_add(line, sftp_status_name(rq->status));
	add_words(rq, line);
}

static void add_attrs(const struct wire_attrs *a, struct trace_text *line)
{
	add_number(line, " size=", a->size);
	add_number(line, " mtime=", a->mtime);
	trace_text_add(line, " mode=");
	trace_text_octal(line, a->permissions);
}

static void add_request(const struct sftp_request *rq, struct trace_text *line)
{
	trace_text_add(line, sftp_ops[rq->op].name);
	trace_text_add(line, " ");
	if (rq->path)
		trace_text_escaped(line, rq->path, strlen(rq->path));
}

void sftp_trace_request(const struct sftp_request *rq)
{
	struct trace *t = rq->client->settings.trace;
	struct trace_text line;

	if (!trace_text_begin(&line, t, TRACE_SFTP))
		return;
	add_number(&line, "> ", rq->id);
	trace_text_add(&line, " ");
	add_request(rq, &line);
	if (rq->op == SFTP_READ || rq->op == SFTP_WRITE) {
		add_number(&line, " offset=", rq->offset);
		add_number(&line, " bytes=", rq->length);
	}
	trace_text_put(&line, t);
}

/* Every non-zero status, for who looks only for what went wrong. */
static void trace_refusal(const struct sftp_request *rq, struct trace *t)
{
	struct trace_text line;

	if (rq->reply != WIRE_STATUS || rq->status <= SFTP_FX_EOF ||
	    !trace_text_begin(&line, t, TRACE_ERROR))
		return;
	add_request(rq, &line);
	trace_text_add(&line, ": ");
	trace_text_add(&line, sftp_status_name(rq->status));
	add_number(&line, " ", rq->status);
	add_words(rq, &line);
	trace_text_put(&line, t);
}

void sftp_trace_answer(const struct sftp_client *c, const struct slot *slot, uint32_t id,
                       unsigned type)
{
	const struct sftp_request *rq = slot->rq;
	struct trace *t = c->settings.trace;
	struct trace_text line;

	if (rq)
		trace_refusal(rq, t);
	if (!trace_text_begin(&line, t, TRACE_SFTP))
		return;
	add_number(&line, "< ", id);
	trace_text_add(&line, " ");
	if (rq)
		add_request(rq, &line);
	if (!rq || (type != WIRE_STATUS && type != WIRE_ATTRS)) {
		trace_text_add(&line, rq ? " " : "");
		trace_text_add(&line, wire_type_name(type));
	}
	if (!rq)
		trace_text_add(&line, " (late, thrown away)");
	else if (type == WIRE_STATUS)
		add_status(rq, &line);
	else if (type == WIRE_ATTRS)
		add_attrs(&rq->attrs, &line);
	else
		add_number(&line, " bytes=", type == WIRE_DATA ? rq->data_bytes : rq->body_bytes);
	trace_text_ms(&line, line.at_us - slot->asked_us);
	trace_text_put(&line, t);
}
