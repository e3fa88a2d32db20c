#include "daemon/control/answer.h"

#include "daemon/control/shown.h"

void answer_init(struct answer *a, size_t line_bytes)
{
	a->line_bytes = line_bytes;
	buf_init(&a->out, ANSWER_PIECE_BYTES + line_bytes + 1);
}

void answer_release(struct answer *a)
{
	buf_release(&a->out);
}

static int flush(struct answer *a, struct err *e)
{
	int r = 0;

	if (buf_len(&a->out) > 0)
		r = a->write(a->arg, buf_data(&a->out), buf_len(&a->out), e);
	buf_clear(&a->out);
	return r;
}

/* Takes `line`. */
static int put_line(struct answer *a, json_t *line, struct err *e)
{
	char *text = json_dumps(line, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	int r = 0;

	json_decref(line);
	if (!text || n >= a->line_bytes)
		r = err_set(e, ERR_BUG, "CONTROL-ANSWER", 0,
		            "a line of the answer is longer than %zu bytes", a->line_bytes);
	else if (buf_add(&a->out, text, n) < 0 || buf_add(&a->out, "\n", 1) < 0)
		r = err_set(e, ERR_BUG, "CONTROL-ANSWER", 0, "no room for a line of the answer");
	free(text);
	if (r == 0 && buf_len(&a->out) >= ANSWER_PIECE_BYTES)
		r = flush(a, e);
	return r;
}

int answer_item(struct answer *a, json_t *item, struct err *e)
{
	return put_line(a, json_pack("{so}", "item", item), e);
}

int answer_end(struct answer *a, json_t *result, const struct err *failure, struct err *e)
{
	json_t *end = json_pack("{sb}", "ok", !failure);
	int r;

	if (!result && !failure)
		result = json_object();
	if (result)
		(void)json_object_set_new(end, "result", result);
	if (failure)
		(void)json_object_set_new(end, "error",
		                          json_pack("{ss ss so}", "kind",
		                                    err_kind_name(failure->kind), "code",
		                                    failure->code ? failure->code : "", "message",
		                                    answer_text(failure->message)));
	r = put_line(a, end, e);
	return r < 0 ? r : flush(a, e);
}

json_t *answer_name(const char *raw)
{
	size_t n = strlen(raw);
	struct buf shown;
	json_t *text;

	buf_init(&shown, 4 * n + 1);
	shown_raw(&shown, raw, n);
	text = json_string(buf_text(&shown));
	buf_release(&shown);
	return text;
}

json_t *answer_text(const char *text)
{
	json_t *made = json_string(text);

	return made ? made : answer_name(text);
}

json_t *answer_time(int64_t ms)
{
	return ms == 0 ? json_null() : json_integer(ms);
}
