#include "daemon/route/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/digest.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"

enum { NOTED_BYTES = 1000 };

/* ---- words --------------------------------------------------------------------------------- */

typedef int put_fn(const struct command_values *v, struct buf *out);

static int put_path(const struct command_values *v, struct buf *out)
{
	return buf_add_text(out, v->path);
}

static int put_name(const struct command_values *v, struct buf *out)
{
	return buf_add_text(out, v->name);
}

static int put_dir(const struct command_values *v, struct buf *out)
{
	return buf_add_text(out, *v->dir ? v->dir : ".");
}

static int put_route(const struct command_values *v, struct buf *out)
{
	return buf_add_text(out, v->route);
}

static int put_job(const struct command_values *v, struct buf *out)
{
	return buf_printf(out, "%" PRId64, v->job);
}

static int put_size(const struct command_values *v, struct buf *out)
{
	return buf_printf(out, "%" PRIu64, v->size);
}

static int put_sha256(const struct command_values *v, struct buf *out)
{
	char text[DIGEST_TEXT_BYTES];

	return v->sha256 ? buf_add_text(out, digest_text(v->sha256, text)) : 0;
}

static const struct {
	const char *name;
	put_fn *put;
} parts[] = {
        {"path", put_path}, {"name", put_name}, {"dir", put_dir},       {"route", put_route},
        {"job", put_job},   {"size", put_size}, {"sha256", put_sha256},
};

static put_fn *find_part(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (strlen(parts[i].name) == length && strncmp(parts[i].name, name, length) == 0)
			return parts[i].put;
	return NULL;
}

const char *command_judge(const char *word)
{
	while (*(word += strcspn(word, "{}"))) {
		size_t length = strcspn(word + 1, "{}");

		if (word[1] == *word) {
			word += 2;
			continue;
		}
		if (*word == '}')
			return "a \"}\" without its \"{\": }} is a brace itself";
		if (word[1 + length] != '}' || !find_part(word + 1, length))
			return "knows {path}, {name}, {dir}, {route}, {job}, {size} and {sha256}; "
			       "{{ and }} are braces";
		word += length + 2;
	}
	return NULL;
}

int command_expand(const char *word, const struct command_values *v, struct buf *out, struct err *e)
{
	const char *wrong = command_judge(word);
	int r = 0;

	buf_clear(out);
	if (wrong)
		return err_set(e, ERR_CONFIG, "COMMAND-WORD", 0, "a word of the command %s", wrong);
	while (r == 0 && *word) {
		size_t plain = strcspn(word, "{}"), length;

		r = buf_add(out, word, plain);
		word += plain;
		if (r < 0 || !*word)
			break;
		length = word[1] == *word ? 0 : strcspn(word + 1, "}");
		r = length ? find_part(word + 1, length)(v, out) : buf_add(out, word, 1);
		word += length + 2;
	}
	if (r == 0)
		return 0;
	return err_set(e, ERR_POLICY, "COMMAND-WORD", 0,
	               "a word of the command is longer than %d bytes", COMMAND_LINE_BYTES);
}

/* ---- what came of it ----------------------------------------------------------------------- */

static void add_output(struct buf *out, const char *what, const struct command_output *o)
{
	const char *text = (const char *)buf_data(&o->text);
	size_t n = buf_len(&o->text), skipped;
	char shown[ESCAPE_ROOM];

	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (!n)
		return;
	skipped = n > NOTED_BYTES ? n - NOTED_BYTES : 0;
	(void)buf_printf(out, "; %s: %s%s", what, skipped || o->dropped ? "…" : "",
	                 escape(text + skipped, n - skipped, shown, sizeof(shown)));
}

void command_note(const struct command_result *r, struct buf *out)
{
	(void)buf_add_text(out, "status 0"); /* cut at the limit, as what follows */
	add_output(out, "stderr", &r->err);
	add_output(out, "stdout", &r->out);
}

/* ---- running ------------------------------------------------------------------------------- */

/* All of `from` expanded, as copies; NULL and told when one fails. */
static char **expand_all(const char *const *from, size_t count, const struct command_values *v,
                         struct err *e)
{
	char **all = mem_new_array(count + 1, sizeof(*all));
	struct buf word;
	size_t i;

	buf_init(&word, COMMAND_LINE_BYTES);
	for (i = 0; i < count && command_expand(from[i], v, &word, e) == 0; i++)
		all[i] = mem_dup(buf_text(&word));
	buf_release(&word);
	if (i == count)
		return all;
	while (i)
		free(all[--i]);
	free(all);
	return NULL;
}

static void free_all(char **all)
{
	for (size_t i = 0; all && all[i]; i++)
		free(all[i]);
	free(all);
}

static int execute(struct lease *l, const struct command *c, struct buf *note, struct err *e)
{
	struct command_result result;
	int r;

	command_result_init(&result);
	r = l->adapter->execute(l->connection, c, &result, e);
	if (r == 0 && note)
		command_note(&result, note);
	command_result_release(&result);
	return r;
}

int command_run(struct lease *l, const struct remote_command *c, const struct command_values *v,
                struct buf *note, struct err *e)
{
	char **words, **variables = NULL;
	int r = ERR_BUG;

	if (!l->adapter->execute)
		return err_set(e, ERR_CONFIG, "EXEC-REFUSED", 0,
		               "protocol %s has no way to run a command", l->adapter->protocol);
	words = expand_all(c->argv.items, c->argv.count, v, e);
	if (words)
		variables = expand_all(c->env.items, c->env.count, v, e);
	if (!words || !variables)
		r = e->kind;
	else
		r = execute(l,
		            &(struct command){.words = (const char *const *)words,
		                              .count = c->argv.count,
		                              .environment = (const char *const *)variables,
		                              .environment_count = c->env.count,
		                              .timeout_ms = c->timeout_ms},
		            note, e);
	free_all(words);
	free_all(variables);
	return r;
}
