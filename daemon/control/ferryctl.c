/*
 * ferryctl: the operator's command. Asks the running ferryd over its socket and shows the answer.
 *
 * With --json the answer is shown line by line as the daemon gives it (protocol.md); otherwise as
 * tables (render.h), and a person at a terminal is asked for what is missing. What went wrong goes to standard error, with the exit code of options.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/control/client.h"
#include "daemon/control/codes.h"
#include "daemon/control/options.h"
#include "daemon/control/render.h"
#include "daemon/control/request.h"
#include "daemon/control/shown.h"

enum { SCREEN_BYTES = 256 * 1024 * 1024, LONG_SILENCE_MS = 15 * 60 * 1000 };

static struct style style_of_output(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
	struct style style = {0};
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return style;
	style.has_colour =
	        !(no_colour && *no_colour) && !(terminal && strcmp(terminal, "dumb") == 0);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		style.width = size.ws_col;
	return style;
}

static void complain(const char *code, const char *message)
{
	struct buf line;

	buf_init(&line, CLIENT_LINE_BYTES * 4);
	(void)buf_add_text(&line, "ferryctl: ");
	shown_again(&line, message);
	if (*code) {
		(void)buf_add_text(&line, " (");
		shown_again(&line, code);
		(void)buf_add_text(&line, ")");
	}
	(void)fprintf(stderr, "%s\n", buf_text(&line));
	buf_release(&line);
}

static enum ctl_exit exit_of(const struct err *e)
{
	complain(e->code, e->message);
	if (e->kind == ERR_AUTH)
		return EXIT_DENIED;
	return e->kind == ERR_PROTOCOL ? EXIT_PROTOCOL : EXIT_UNREACHABLE;
}

/* A test that found something, a retry that was refused for every job: it is shown already. */
static bool says_no(const json_t *result)
{
	return json_is_false(json_object_get(result, "passed")) ||
	       (json_number(result, "refused") > 0 && json_number(result, "retried") == 0);
}

static enum ctl_exit exit_of_answer(const json_t *end)
{
	const json_t *error = json_object_get(end, "error");
	const char *code = json_text(error, "code");

	if (json_is_true(json_object_get(end, "ok")))
		return says_no(json_object_get(end, "result")) ? EXIT_REFUSED : EXIT_DONE;
	complain(code, json_text(error, "message"));
	if (strcmp(code, "CONTROL-NOT-PERMITTED") == 0)
		return EXIT_DENIED;
	return strcmp(code, "CONTROL-VERSION") == 0 || strcmp(code, "CONTROL-VERB") == 0
	               ? EXIT_PROTOCOL
	               : EXIT_REFUSED;
}

/* ---- showing ------------------------------------------------------------------------------- */

static void print_json(const json_t *line)
{
	(void)json_dumpf(line, stdout, JSON_COMPACT);
	(void)fputc('\n', stdout);
}

static void print_item(const json_t *item, void *arg)
{
	json_t *line = json_pack("{sO}", "item", item);

	(void)arg;
	print_json(line);
	json_decref(line);
}

static void keep_item(const json_t *item, void *items)
{
	(void)json_array_append(items, (json_t *)(uintptr_t)item);
}

static void show(const json_t *request, const json_t *items, const json_t *end)
{
	const struct style style = style_of_output();
	struct answered a = {.verb = json_text(request, "verb"),
	                     .args = json_object_get(request, "args"),
	                     .items = items};
	struct buf screen;

	if (json_is_true(json_object_get(end, "ok")))
		a.result = json_object_get(end, "result");
	else if (json_array_size(items) == 0)
		return;
	buf_init(&screen, SCREEN_BYTES);
	render(&a, &style, &screen);
	(void)fputs(buf_text(&screen), stdout);
	buf_release(&screen);
}

/* ---- asking back --------------------------------------------------------------------------- */

/* Whether a person is there who can be asked, and the answer leaves something to ask. */
static bool wants_fingerprint(const json_t *request, const json_t *end, const struct options *o)
{
	const char *state = json_text(json_object_get(end, "result"), "state");

	return strcmp(json_text(request, "verb"), "trust") == 0 && !o->wants_json &&
	       !json_object_get(json_object_get(request, "args"), "fingerprint") &&
	       json_is_true(json_object_get(end, "ok")) && strcmp(state, "ok") != 0 &&
	       strcmp(state, "revoked") != 0 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* One line from the terminal without blanks around it; false at its end or when it is empty. */
static bool read_word(const char *question, char *out, size_t room)
{
	size_t n, from;

	(void)printf("%s", question);
	(void)fflush(stdout);
	if (!fgets(out, (int)room, stdin))
		return false;
	from = strspn(out, " \t");
	n = strcspn(out + from, " \t\r\n");
	memmove(out, out + from, n);
	out[n] = '\0';
	return n > 0;
}

/* Adds a request, when the operator names the fingerprint. The connection is made anew, as a
 * telephone call may last longer than the daemon waits. */
static int ask_back(struct client *c, const json_t *request, const struct options *o, struct err *e)
{
	json_t *args = json_copy(json_object_get(request, "args")), *typed;
	char word[256];

	if (!read_word("\nFingerprint that the partner has named (empty: leave it): ", word,
	               sizeof(word))) {
		json_decref(args);
		(void)puts("Nothing was stored.");
		return EXIT_REFUSED;
	}
	typed = json_string(word); /* not if it is not UTF-8 */
	(void)json_object_set_new(args, "fingerprint", typed ? typed : json_string("?"));
	(void)json_array_append_new(o->requests, json_pack("{si ss so}", "v", REQUEST_VERSION,
	                                                   "verb", "trust", "args", args));
	client_close(c);
	if (client_open(c, o->socket, e) < 0) {
		c->fd = -1; /* closed for good */
		return e->kind;
	}
	return EXIT_DONE;
}

/* ---- asking -------------------------------------------------------------------------------- */

static int ask(struct client *c, json_t *request, const struct options *o, struct err *e)
{
	json_t *items = json_array(), *end = NULL;
	int r = client_ask(c, json_incref(request), o->wants_json ? print_item : keep_item, items,
	                   &end, e);

	if (r == 0) {
		if (o->wants_json)
			print_json(end);
		else
			show(request, items, end);
		r = (int)exit_of_answer(end);
		if (wants_fingerprint(request, end, o))
			r = ask_back(c, request, o, e);
	}
	json_decref(items);
	json_decref(end);
	return r;
}

/* A walk along an endpoint, whose steps have deadlines of their own; or a commit for each of many
 * jobs. */
static bool takes_long(const struct options *o)
{
	const char *verb = json_text(json_array_get(o->requests, 0), "verb");

	return strcmp(verb, "test") == 0 || strcmp(verb, "retry-all") == 0 ||
	       strcmp(verb, "hold-all") == 0;
}

/* All requests; the first failure decides. */
static enum ctl_exit run(const struct options *o)
{
	enum ctl_exit worst = EXIT_DONE;
	struct client c;
	struct err e;

	if (client_open(&c, o->socket, &e) < 0)
		return exit_of(&e);
	if (takes_long(o))
		c.silence_ms = LONG_SILENCE_MS;
	for (size_t i = 0; i < json_array_size(o->requests); i++) {
		int r = ask(&c, json_array_get(o->requests, i), o, &e);

		if (r < 0)
			worst = exit_of(&e);
		else if (worst == EXIT_DONE)
			worst = (enum ctl_exit)r;
		if (r < 0)
			break;
	}
	client_close(&c);
	return worst;
}

static enum ctl_exit tell_code(const struct options *o)
{
	struct buf out;
	int r;

	buf_init(&out, SCREEN_BYTES);
	r = codes_explain(o->explain, o->wants_json ? EXPLAIN_JSON : EXPLAIN_TEXT, &out);
	if (r < 0)
		(void)fprintf(stderr, "ferryctl: %s", buf_text(&out));
	else
		(void)fputs(buf_text(&out), stdout);
	buf_release(&out);
	return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* A full disk or a closed pipe must not look like success. */
static enum ctl_exit finish(enum ctl_exit code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno != EPIPE)
		complain("", "the answer could not be written");
	return code == EXIT_DONE ? EXIT_REFUSED : code;
}

int main(int argc, char **argv)
{
	enum ctl_exit code = EXIT_DONE;
	struct options o;
	struct buf said;

	buf_init(&said, 64 * 1024);
	switch (options_parse(argc, argv, &o, &said)) {
	case OPTIONS_RUN:
		code = o.explain ? tell_code(&o) : run(&o);
		break;
	case OPTIONS_TOLD:
		(void)fputs(buf_text(&said), stdout);
		break;
	case OPTIONS_WRONG:
		(void)fputs(buf_text(&said), stderr);
		code = EXIT_USAGE;
		break;
	}
	options_release(&o);
	buf_release(&said);
	return (int)finish(code);
}
