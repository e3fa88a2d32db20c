/*
 * Any bytes as an ssh_config. The first two choose the host and the user who asks. Each line that
 * holds has visible words and a place inside the file; of keywords that do not collect there is one
 * at most; a second reading and asking gives the same; what is told is one line each; expansion
 * ends, and fits.
 */
#include "config/ssh_config.h"
#include "config/ssh_expand.h"
#include "tests/fuzz/oracle.h"

static const struct source_text file = {"f", 1};

struct reading {
	struct arena arena;
	struct problems problems;
	struct ssh_lines *lines;
	struct ssh_result result;
};

static void begin(struct reading *r, const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"acme", "sftp.acme.example", "*", "!"};
	const struct ssh_who who = {hosts[data[0] & 3], data[0] & 4 ? "ferry" : NULL, "ferryd"};
	struct ssh_config_input in = {&file, data + 1, size - 1};

	arena_init(&r->arena);
	problems_init(&r->problems);
	r->lines = ssh_config_parse(&in, &r->arena, &r->problems);
	ssh_config_evaluate(r->lines, &who, &r->arena, &r->result);
}

static void end(struct reading *r)
{
	problems_release(&r->problems);
	arena_release(&r->arena);
}

static void check_expansion(struct reading *r, const char *text)
{
	const struct ssh_tokens t = {"/h", "h", "n", "k", "u", "22", "j", "lu", "lh.x", "0", NULL};
	const char *wrong = NULL, *out = ssh_expand(&r->arena, text, &t, &wrong);

	must(!out == (wrong != NULL));
	must(!out || strlen(out) <= SSH_EXPAND_MAX);
	must(!wrong || *wrong);
	if (wrong)
		must_be_visible(wrong, strlen(wrong), 0);
}

static void check_line(struct reading *r, const struct ssh_line *l)
{
	must(l->count >= 1 && l->count <= SSH_ARGS_MAX && l->at.line >= 1 && l->at.col >= 1);
	for (size_t i = 0; i < l->count; i++) {
		must(*l->args[i] && strlen(l->args[i]) <= SSH_LINE_MAX);
		check_expansion(r, l->args[i]);
	}
}

static void check_same(const struct ssh_result *a, const struct ssh_result *b)
{
	for (int k = 0; k < SSH_KEYWORD_COUNT; k++) {
		must(a->of[k].count == b->of[k].count);
		must(a->of[k].count <= 1 || k == SSH_IDENTITY_FILE || k == SSH_CERTIFICATE_FILE);
		for (size_t i = 0; i < a->of[k].count; i++)
			must(strcmp(a->of[k].items[i]->args[0], b->of[k].items[i]->args[0]) == 0);
	}
}

static void check_told(struct reading *r)
{
	struct config_report report;
	const char *p;

	config_report_init(&report);
	problems_write(&r->problems, &report);
	must_be_visible(buf_text(&report.text), buf_len(&report.text), SIZE_MAX);
	for (p = buf_text(&report.text); *p; p = strchr(p, '\n') + 1)
		must(strncmp(p, "f:", 2) == 0 || strncmp(p, "... and ", 8) == 0);
	config_report_release(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading once, again;

	if (size < 1)
		return 0;
	begin(&once, data, size);
	begin(&again, data, size);
	for (size_t i = 0; i < once.lines->count; i++)
		check_line(&once, &once.lines->items[i]);
	check_same(&once.result, &again.result);
	check_told(&once);
	end(&once);
	end(&again);
	return 0;
}
