#include "daemon/control/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>

#include "config/units.h"
#include "daemon/base/escape.h"
#include "daemon/base/text.h"
#include "daemon/control/commands.h"
#include "daemon/control/verbs.h"

static const struct option long_options[] = {
        {"all", no_argument, NULL, 'a'},          {"before", required_argument, NULL, 'b'},
        {"file", required_argument, NULL, 'f'},   {"for", required_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},         {"json", no_argument, NULL, 'j'},
        {"limit", required_argument, NULL, 'n'},  {"route", required_argument, NULL, 'r'},
        {"socket", required_argument, NULL, 's'}, {"state", required_argument, NULL, 't'},
        {"path", required_argument, NULL, 'p'},   {"write", no_argument, NULL, 'w'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
};
enum { LONG_OPTIONS = sizeof(long_options) / sizeof(long_options[0]) - 1 };

/* What was typed, before it makes sense. */
struct typed {
	const char *route, *state, *limit, *before, *lasts, *file, *path;
	int given; /* TAKES_… bits */
	bool wants_help, wants_version;
	char **words; /* verb and operands */
	int word_count;
};

/* ---- telling ------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static enum options_result complain(struct buf *out,
                                                                          const char *verb,
                                                                          const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* a cut complaint is still one */
	va_end(ap);
	(void)buf_printf(out, "ferryctl: %s\nTry: ferryctl %s%s--help\n", text, verb ? verb : "",
	                 verb ? " " : "");
	return OPTIONS_WRONG;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum options_result unknown_option(const char *word, struct buf *out)
{
	const char *names[LONG_OPTIONS], *nearest = NULL;
	struct escaped tmp;

	for (int i = 0; i < LONG_OPTIONS; i++)
		names[i] = long_options[i].name;
	if (text_starts(word, "--"))
		nearest = text_nearest(word + 2, names, LONG_OPTIONS);
	(void)escape(word, strlen(word), tmp.text, 64);
	if (nearest)
		return complain(out, NULL, "there is no option \"%s\"; did you mean \"--%s\"?",
		                tmp.text, nearest);
	return complain(out, NULL, "there is no option \"%s\"", tmp.text);
}

static void take_option(int letter, struct typed *t, struct options *o)
{
	switch (letter) {
	case 'a':
		t->given |= TAKES_ALL;
		break;
	case 'b':
		t->given |= TAKES_BEFORE;
		t->before = optarg;
		break;
	case 'd':
		t->given |= TAKES_FOR;
		t->lasts = optarg;
		break;
	case 'f':
		t->given |= TAKES_FILE;
		t->file = optarg;
		break;
	case 'p':
		t->given |= TAKES_PATH;
		t->path = optarg;
		break;
	case 'w':
		t->given |= TAKES_WRITE;
		break;
	case 'n':
		t->given |= TAKES_LIMIT;
		t->limit = optarg;
		break;
	case 'r':
		t->given |= TAKES_ROUTE;
		t->route = optarg;
		break;
	case 't':
		t->given |= TAKES_STATE;
		t->state = optarg;
		break;
	case 's':
		o->socket = optarg;
		break;
	case 'j':
		o->wants_json = true;
		break;
	case 'h':
		t->wants_help = true;
		break;
	default:
		t->wants_version = true;
		break;
	}
}

static enum options_result read_options(int argc, char **argv, struct typed *t, struct options *o,
                                        struct buf *out)
{
	int letter;

	optind = 0; /* GNU: begin anew, also a second time in one process */
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
		if (letter == ':')
			return complain(out, NULL, "%s needs a value", argv[optind - 1]);
		if (letter == '?')
			return unknown_option(argv[optind - 1], out);
		take_option(letter, t, o);
	}
	t->words = argv + optind;
	t->word_count = argc - optind;
	return OPTIONS_RUN;
}

static const struct ctl_command *find_command(const char *word, struct buf *out)
{
	const char *nearest;
	const struct ctl_command *c = ctl_command_find(word, &nearest);
	struct escaped tmp;

	if (c)
		return c;
	(void)escape(word, strlen(word), tmp.text, 64);
	if (nearest)
		(void)complain(out, NULL, "there is no verb \"%s\"; did you mean \"%s\"?", tmp.text,
		               nearest);
	else
		(void)complain(out, NULL, "there is no verb \"%s\"", tmp.text);
	return NULL;
}

static bool read_number(const char *text, int64_t most, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out >= 1 &&
	       *out <= most;
}

/* ---- requests ------------------------------------------------------------------------------ */

static void add_request(struct options *o, const char *verb, json_t *args)
{
	(void)json_array_append_new(o->requests, json_pack("{si ss so}", "v", REQUEST_VERSION,
	                                                   "verb", verb, "args", args));
}

/* Text of the command line that is not UTF-8 cannot be a name ferryd knows, but can be asked for.
 */
static json_t *text_json(const char *text)
{
	json_t *made = json_string(text);
	struct escaped tmp;

	return made ? made : json_string(escape_name(text, &tmp));
}

static enum options_result list_jobs(const struct typed *t, struct options *o, struct buf *out)
{
	json_t *args = json_object();
	int64_t number = o->wants_json ? VERBS_JOB_LIMIT : 50;
	bool fits = !t->limit || read_number(t->limit, VERBS_JOB_LIMIT, &number);

	(void)json_object_set_new(args, "limit", json_integer(number));
	if (t->route)
		(void)json_object_set_new(args, "route", text_json(t->route));
	if (t->state)
		(void)json_object_set_new(args, "state", text_json(t->state));
	if (fits && t->before) {
		fits = read_number(t->before, INT64_MAX, &number);
		(void)json_object_set_new(args, "before", json_integer(number));
	}
	add_request(o, "jobs", args);
	if (fits)
		return OPTIONS_RUN;
	return complain(out, "jobs",
	                "--limit needs a whole number up to %d, --before the number of a job",
	                VERBS_JOB_LIMIT);
}

static enum options_result ask_jobs(const struct ctl_command *c, const struct typed *t,
                                    struct options *o, struct buf *out)
{
	struct escaped tmp;

	for (int i = 1; i < t->word_count; i++) {
		int64_t job;

		if (!read_number(t->words[i], INT64_MAX, &job)) {
			(void)escape(t->words[i], strlen(t->words[i]), tmp.text, 64);
			return complain(out, c->name, "\"%s\" is not the number of a job",
			                tmp.text);
		}
		add_request(o, c->name, json_pack("{sI}", "job", (json_int_t)job));
	}
	return OPTIONS_RUN;
}

static enum options_result ask_all(const struct ctl_command *c, const struct typed *t,
                                   struct options *o)
{
	json_t *args = json_object();
	char verb[32];

	if (t->route)
		(void)json_object_set_new(args, "route", text_json(t->route));
	(void)snprintf(verb, sizeof(verb), "%s-all", c->name);
	add_request(o, verb, args);
	return OPTIONS_RUN;
}

static enum options_result order_trace(const struct typed *t, struct options *o, struct buf *out)
{
	json_t *args;
	int64_t ms = 0;

	if (t->word_count == 1) {
		add_request(o, "traces", json_object());
		return OPTIONS_RUN;
	}
	if (t->lasts && (unit_parse(units_duration, t->lasts, &ms) != UNIT_OK || ms < 1))
		return complain(out, "trace", "--for needs a time with its unit, such as 10m");
	args = json_pack("{so so}", "endpoint", text_json(t->words[1]), "mask",
	                 text_json(t->words[2]));
	if (t->lasts)
		(void)json_object_set_new(args, "for_ms", json_integer(ms));
	if (t->file)
		(void)json_object_set_new(args, "file", text_json(t->file));
	add_request(o, "trace", args);
	return OPTIONS_RUN;
}

static enum options_result ask_trust(const struct typed *t, struct options *o)
{
	json_t *args = json_pack("{so}", "endpoint", text_json(t->words[1]));

	if (t->word_count > 2)
		(void)json_object_set_new(args, "fingerprint", text_json(t->words[2]));
	add_request(o, "trust", args);
	return OPTIONS_RUN;
}

static enum options_result ask_test(const struct typed *t, struct options *o)
{
	json_t *args = json_pack("{so}", "endpoint", text_json(t->words[1]));

	if (t->path)
		(void)json_object_set_new(args, "path", text_json(t->path));
	if (t->given & TAKES_WRITE)
		(void)json_object_set_new(args, "write", json_true());
	add_request(o, "test", args);
	return OPTIONS_RUN;
}

static enum options_result make_requests(const struct ctl_command *c, const struct typed *t,
                                         struct options *o, struct buf *out)
{
	if (t->given & TAKES_ALL)
		return ask_all(c, t, o);
	if (c->operand == ONE_JOB || c->operand == SOME_JOBS)
		return ask_jobs(c, t, o, out);
	if (c->takes & TAKES_LIMIT)
		return list_jobs(t, o, out);
	if (c->operand == ENDPOINT_AND_MASK)
		return order_trace(t, o, out);
	if (c->operand == ENDPOINT_AND_PIN)
		return ask_trust(t, o);
	if (c->operand == ONE_ENDPOINT)
		return ask_test(t, o);
	if (c->operand == ONE_CODE)
		return OPTIONS_RUN; /* the daemon is not asked */
	if (c->operand == ONE_ROUTE)
		add_request(o, c->name, json_pack("{so}", "route", text_json(t->words[1])));
	else
		add_request(o, c->name, json_object());
	return OPTIONS_RUN;
}

/* ---- what fits together -------------------------------------------------------------------- */

static enum options_result check_options(const struct ctl_command *c, const struct typed *t,
                                         struct buf *out)
{
	static const struct {
		int bit;
		const char *name;
	} all[] = {{TAKES_ROUTE, "--route"},   {TAKES_STATE, "--state"}, {TAKES_LIMIT, "--limit"},
	           {TAKES_BEFORE, "--before"}, {TAKES_ALL, "--all"},     {TAKES_FOR, "--for"},
	           {TAKES_FILE, "--file"},     {TAKES_WRITE, "--write"}, {TAKES_PATH, "--path"}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if ((t->given & all[i].bit) && !(c->takes & all[i].bit))
			return complain(out, c->name, "this verb takes no %s", all[i].name);
	if (c->operand == SOME_JOBS && (t->given & TAKES_ROUTE) && !(t->given & TAKES_ALL))
		return complain(out, c->name, "--route goes with --all");
	if (strcmp(c->name, "hold") == 0 && (t->given & TAKES_ALL) && !t->route)
		return complain(out, c->name, "--all needs --route: which route?");
	if (c->operand == ENDPOINT_AND_MASK && t->given && t->word_count == 1)
		return complain(out, c->name, "which endpoint, and which mask?");
	return OPTIONS_RUN;
}

static enum options_result check_operands(const struct ctl_command *c, const struct typed *t,
                                          struct buf *out)
{
	struct escaped tmp;
	int given = t->word_count - 1;
	int least = c->operand == NO_OPERAND || (t->given & TAKES_ALL) ? 0 : 1;
	int most = (t->given & TAKES_ALL) ? 0 : c->operand == SOME_JOBS ? 10000 : least;

	if (c->operand == ENDPOINT_AND_MASK)
		least = most = given ? 2 : 0;
	if (c->operand == ENDPOINT_AND_PIN)
		most = 2;
	if (c->operand == ONE_CODE)
		least = 0;
	if (given < least)
		return complain(out, c->name, "%s is missing",
		                c->operand == ONE_ROUTE           ? "the route"
		                : c->operand == ENDPOINT_AND_MASK ? "the mask"
		                : c->operand == ENDPOINT_AND_PIN || c->operand == ONE_ENDPOINT
		                        ? "the endpoint"
		                        : "the number of a job");
	if (given > most) {
		(void)escape(t->words[most + 1], strlen(t->words[most + 1]), tmp.text, 64);
		return complain(out, c->name, "\"%s\" is one word too many", tmp.text);
	}
	return OPTIONS_RUN;
}

static enum options_result make_sense(const struct typed *t, struct options *o, struct buf *out)
{
	const struct ctl_command *c;
	enum options_result r;

	if (t->wants_version) {
		(void)buf_add_text(out, "ferryctl " FERRYD_VERSION "\n");
		return OPTIONS_TOLD;
	}
	if (t->word_count == 0) {
		ctl_commands_tell(out);
		return t->wants_help ? OPTIONS_TOLD : OPTIONS_WRONG;
	}
	c = find_command(t->words[0], out);
	if (!c)
		return OPTIONS_WRONG;
	if (t->wants_help) {
		ctl_command_tell(c, out);
		return OPTIONS_TOLD;
	}
	o->verb = c->name;
	if (c->operand == ONE_CODE)
		o->explain = t->word_count > 1 ? t->words[1] : "";
	r = check_options(c, t, out);
	if (r == OPTIONS_RUN)
		r = check_operands(c, t, out);
	return r == OPTIONS_RUN ? make_requests(c, t, o, out) : r;
}

enum options_result options_parse(int argc, char **argv, struct options *o, struct buf *out)
{
	const char *socket = getenv("FERRYD_SOCKET");
	enum options_result r;
	struct typed t = {0};

	*o = (struct options){.socket = socket && *socket ? socket : CTL_SOCKET};
	o->requests = json_array();
	r = read_options(argc, argv, &t, o, out);
	return r == OPTIONS_RUN ? make_sense(&t, o, out) : r;
}

void options_release(struct options *o)
{
	json_decref(o->requests);
	o->requests = NULL;
}
