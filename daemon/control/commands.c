#include "daemon/control/commands.h"

#include <string.h>

#include "daemon/base/text.h"
#include "daemon/control/options.h"

static const struct ctl_command commands[] = {
        {"status", NO_OPERAND, 0, "",
         "how the daemon is: version, workers, endpoints, counts, disk",
         "An endpoint that is stopped (a refused password, an unknown host key) stays so until\n"
         "its settings, keys or secrets change, or a route to it is told to go on\n"
         "(ferryctl resume ROUTE).\n"},
        {"routes", NO_OPERAND, 0, "", "all routes: state, counts, last and next poll", ""},
        {"jobs", NO_OPERAND, TAKES_ROUTE | TAKES_STATE | TAKES_LIMIT | TAKES_BEFORE,
         " [--route ROUTE] [--state STATE] [--limit N] [--before JOB]", "jobs, newest first",
         "  --route ROUTE  of this route only\n"
         "  --state STATE  claimed, stored, delivered, done, held, skipped, quarantined, canceled\n"
         "  --limit N      at most so many: 50; with --json 100000\n"
         "  --before JOB   older than that one: the next page\n"},
        {"show", ONE_JOB, 0, " JOB", "all that is known about a job, and its history", ""},
        {"ps", NO_OPERAND, 0, "", "what each fiber waits for, since when, until when", ""},
        {"poll", ONE_ROUTE, 0, " ROUTE", "poll a route now", ""},
        {"pause", ONE_ROUTE, 0, " ROUTE", "begin nothing new on a route; what runs is finished",
         "A paused route stays paused over restarts, until it is resumed.\n"},
        {"resume", ONE_ROUTE, 0, " ROUTE", "end a pause; what waits for a retry is tried now", ""},
        {"retry", SOME_JOBS, TAKES_ROUTE | TAKES_ALL, " JOB... | --all [--route ROUTE]",
         "try held jobs again, now",
         "  --all          all held jobs\n"
         "  --route ROUTE  with --all: of this route only\n"},
        {"hold", SOME_JOBS, TAKES_ROUTE | TAKES_ALL, " JOB... | --all --route ROUTE",
         "stop working on jobs; they wait until they are retried",
         "  --all          all jobs of a route that are under way\n"
         "  --route ROUTE  with --all: of this one\n"
         "A transfer that is running is interrupted, also when the server hangs. Nothing is lost:\n"
         "`ferryctl retry` lets a job go on from where it was. New files of the route are still\n"
         "taken: `ferryctl pause` is what stops that.\n"},
        {"cancel", SOME_JOBS, 0, " JOB...", "give jobs up for good; their sources are left alone",
         "A transfer that is running is interrupted, also when the server hangs. The source is\n"
         "left as it is, or put back under its name, and its route does not take it again. Only\n"
         "when the route is gone, and a destination has the file already, it stays in\n"
         ".ferryd-claim: another route would deliver it twice. Another cancel puts back what the\n"
         "first could not. Destinations that have the file keep it; a temporary file is removed\n"
         "where the server lets it be. What is to be done for a job, ended or not, at a\n"
         "destination that the configuration does not have any more (ferryctl status tells) is\n"
         "given up.\n"},
        {"reload", NO_OPERAND, 0, "", "load the configuration again",
         "If it is refused the old one goes on; the report says why and the exit code is 1.\n"},
        {"trust", ENDPOINT_AND_PIN, 0, " ENDPOINT [FINGERPRINT]",
         "look who answers at an endpoint; with a fingerprint, put its key on record",
         "Connects without logging in and shows the key of the server: type, bits, fingerprints, "
         "and\n"
         "what known_hosts says. On a terminal it then asks for the fingerprint that the partner\n"
         "has named. Only a key with that fingerprint (SHA256:..., or 64 hex digits) is stored;\n"
         "other keys of the host become comments, and what waited for the endpoint goes on.\n"},
        {"explain", ONE_CODE, 0, " [CODE]", "what a code means, what usually causes it, what to do",
         "Needs no running ferryd. Without CODE all codes are listed, with the beginning of one,\n"
         "such as SSH-KEX, those that begin so.\n"},
        {"test", ONE_ENDPOINT, TAKES_WRITE | TAKES_PATH, " ENDPOINT [--path PATH] [--write]",
         "walk along everything an endpoint needs, and show the server's passport",
         "  --path PATH    list, and write, in this directory; else where the login arrives\n"
         "  --write        put a probe of 1 MiB there, read it, rename it, remove it\n"
         "Makes a connection of its own, also while the endpoint is stopped, and does not count\n"
         "against it, unless the server refuses the login: that stops the endpoint as any refused\n"
         "login does. The exit code is 1 when a step failed.\n"},
        {"trace", ENDPOINT_AND_MASK, TAKES_FOR | TAKES_FILE,
         " [ENDPOINT MASK [--for TIME] [--file PATH]]",
         "record what an endpoint's connections do; alone: what is being recorded",
         "  MASK           a number (511: all but socket; 1023: all), or words divided by commas:\n"
         "                 transport kex auth connection scp sftp error publickey socket;\n"
         "                 on is 511, off records nothing, default is what is configured again\n"
         "  --for TIME     30s, 10m, 2h; then what is configured is in force again\n"
         "  --file PATH    all connections into this file, which the daemon makes; without it\n"
         "                 each has a file of its own below `trace.dir`\n"
         "An order holds for the endpoint's name, over reloads, until the daemon ends. Running\n"
         "connections obey at once, and what their flight recorders hold comes first.\n"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

const struct ctl_command *ctl_command_find(const char *word, const char **nearest)
{
	const char *names[COMMANDS];

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, word) == 0)
			return &commands[i];
		names[i] = commands[i].name;
	}
	*nearest = text_nearest(word, names, COMMANDS);
	return NULL;
}

void ctl_commands_tell(struct buf *out)
{
	(void)buf_add_text(out, "Usage: ferryctl [--json] [--socket PATH] VERB ...\n\n"
	                        "Asks the running ferryd, or tells it what to do.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)buf_printf(out, "  %-7s  %s\n", commands[i].name, commands[i].summary);
	(void)buf_add_text(out, "\n  --json         the answer as JSON, for programs\n"
	                        "  --socket PATH  where ferryd listens; else $FERRYD_SOCKET, else\n"
	                        "                 " CTL_SOCKET "\n"
	                        "  --help         after a verb: about that verb\n"
	                        "  --version\n\nExit codes:\n");
#define TELL_EXIT(id, number, text) (void)buf_printf(out, "  %d  %s\n", number, text);
	CTL_EXITS(TELL_EXIT)
#undef TELL_EXIT
}

void ctl_command_tell(const struct ctl_command *c, struct buf *out)
{
	(void)buf_printf(out, "Usage: ferryctl %s%s\n\n%c%s.\n%s%s", c->name, c->usage,
	                 c->summary[0] - 'a' + 'A', c->summary + 1, *c->help ? "\n" : "", c->help);
}
