/*
 * ferryd: options, --check, exit codes. What runs is engine.c.
 *
 *	0  stopped as told; --check: no errors
 *	1  cannot start (store, socket, workers): the log says why
 *	2  usage
 *	3  the configuration has errors
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/adapter.h"
#include "daemon/base/digest.h"
#include "daemon/base/escape.h"
#include "daemon/base/log.h"
#include "daemon/control/codes.h"
#include "daemon/engine.h"
#include "daemon/runtime/work.h"
#include "daemon/signals.h"

#define DEFAULT_CONFIG "/etc/ferryd/ferryd.yaml"

enum { EXIT_OK = 0, EXIT_START = 1, EXIT_USAGE = 2, EXIT_CONFIG = 3 };

enum action {
	ACTION_RUN,
	ACTION_CHECK,
	ACTION_SCHEMA,
	ACTION_REFERENCE,
	ACTION_CODES,
	ACTION_VERSION
};

static const char usage_text[] =
        "usage: ferryd [--config FILE] [--check [--explain ENDPOINT]]\n"
        "       ferryd --print-schema | --print-reference | --print-codes | --version | --help\n"
        "\n"
        "  --config FILE      configuration, default " DEFAULT_CONFIG "\n"
        "  --check            read it, print every problem as file:line:col: key: sentence, end;\n"
        "                     exit status 0 if there is no error\n"
        "  --explain ENDPOINT with --check: every setting of the endpoint and the file and line\n"
        "                     it comes from\n"
        "  --print-schema     the JSON Schema of the configuration, for editors\n"
        "  --print-reference  every key, its meaning, range and default (Markdown)\n"
        "  --print-codes      every code of an error, at length (Markdown)\n"
        "  --version          version, linked libraries and what they can do\n"
        "\n"
        "SIGHUP loads the configuration again, SIGTERM lets running transfers end and stops.\n"
        "The operator's command is ferryctl.\n";

/* ---- what is asked ------------------------------------------------------------------------- */

struct asked {
	enum action action;
	const char *file, *explain; /* explain: an endpoint, or NULL */
};

static int parse(int argc, char **argv, struct asked *asked)
{
	static const struct option options[] = {
	        {"config", required_argument, NULL, 'c'},
	        {"check", no_argument, NULL, 'k'},
	        {"explain", required_argument, NULL, 'e'},
	        {"print-schema", no_argument, NULL, 's'},
	        {"print-reference", no_argument, NULL, 'r'},
	        {"print-codes", no_argument, NULL, 'o'},
	        {"version", no_argument, NULL, 'V'},
	        {"help", no_argument, NULL, 'h'},
	        {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			asked->file = optarg;
			break;
		case 'k':
			asked->action = ACTION_CHECK;
			break;
		case 'e':
			asked->explain = optarg;
			break;
		case 's':
			asked->action = ACTION_SCHEMA;
			break;
		case 'r':
			asked->action = ACTION_REFERENCE;
			break;
		case 'o':
			asked->action = ACTION_CODES;
			break;
		case 'V':
			asked->action = ACTION_VERSION;
			break;
		case 'h':
			(void)fputs(usage_text, stdout);
			exit(EXIT_OK);
		default:
			return -1;
		}
	}
	if (asked->explain && asked->action != ACTION_CHECK)
		return -1;
	return optind == argc ? 0 : -1;
}

/* ---- printing ------------------------------------------------------------------------------ */

static int print_made(void (*make)(struct buf *))
{
	struct buf b;

	buf_init(&b, 4 * 1024 * 1024);
	make(&b);
	(void)fputs(buf_text(&b), stdout);
	buf_release(&b);
	return fflush(stdout) == 0 ? EXIT_OK : EXIT_START;
}

static int print_version(void)
{
	(void)printf("ferryd %s\n", FERRYD_VERSION);
	(void)printf("  %s\n  %s\n  %s\n  %s\n", worker_library(), store_library(),
	             config_library(), digest_library());
	(void)print_made(adapter_for(PROTOCOL_SFTP)->describe);
	return print_made(adapter_for(PROTOCOL_FTPS)->describe);
}

/* Prints what there is to say and releases it. */
static int tell(const char *file, const struct config *c, struct config_report *report)
{
	(void)fputs(buf_text(&report->text), stderr);
	if (!c)
		(void)fprintf(stderr, "%s: %zu error%s\n", file, report->errors,
		              report->errors == 1 ? "" : "s");
	config_report_release(report);
	return c ? EXIT_OK : EXIT_CONFIG;
}

static struct config *load(const char *file, int *exit_code)
{
	struct config_report report;
	struct config *c;

	config_report_init(&report);
	c = config_load(file, &engine_judges, &report);
	*exit_code = tell(file, c, &report);
	return c;
}

static int explain(const struct asked *asked)
{
	struct config_report report;
	struct config *c;
	struct escaped tmp;
	struct buf out;
	int exit_code;

	config_report_init(&report);
	buf_init(&out, 1024 * 1024);
	c = config_explain(asked->file, &engine_judges, &report, asked->explain, &out);
	exit_code = tell(asked->file, c, &report);
	if (c && !buf_len(&out)) {
		(void)fputs("ferryd: no endpoint has that name; these are there:\n", stderr);
		for (size_t i = 0; i < c->endpoint_count; i++)
			if (c->endpoints[i]->host)
				(void)fprintf(stderr, "  %s\n",
				              escape_name(c->endpoints[i]->name, &tmp));
		exit_code = EXIT_USAGE;
	}
	(void)fputs(buf_text(&out), stdout);
	buf_release(&out);
	config_unref(c);
	return exit_code;
}

static int check(const char *file)
{
	int exit_code;
	struct config *c = load(file, &exit_code);

	if (c)
		(void)printf("%s: ok, %zu route%s, %zu endpoint%s\n", file, c->route_count,
		             c->route_count == 1 ? "" : "s", c->endpoint_count,
		             c->endpoint_count == 1 ? "" : "s");
	config_unref(c);
	return exit_code;
}

/* ---- the process --------------------------------------------------------------------------- */

/* A store file must never become descriptor 2, where stray messages go. */
static void keep_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

/* 256 deliveries at once hold some 768 descriptors; the soft limit is often 1024. */
static void allow_all_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* then it stays as it was */
	}
}

/* While somebody logs in, a password is in memory: no dump of it, whatever the unit or the shell
 * that started us allows (LimitCORE=0 in the unit says the same to the kernel's pipe). */
static void forbid_dumps(void)
{
	static const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
	(void)prctl(PR_SET_DUMPABLE, 0); /* the leak checker must attach */
#endif
}

static void prepare_process(void)
{
	keep_standard_descriptors();
	allow_all_descriptors();
	work_setup();
	(void)umask(0027);
	forbid_dumps();
	(void)unsetenv("SSLKEYLOGFILE");
	signals_block();
}

static enum log_level level_of(const char *word)
{
	static const char *const words[] = {"error", "warning", "info", "debug"};

	for (int i = 0; i < 4; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum log_level)i;
	return LOG_LEVEL_INFO;
}

/* The variable is inherited by whatever a service or a desktop session starts; the journal reads
 * along only if it names our own stderr (systemd.exec(5)). */
static bool is_read_by_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM"); /* "DEVICE:INODE" */
	unsigned long long device, inode;
	struct stat st;
	char *end;

	if (!text || fstat(STDERR_FILENO, &st) < 0)
		return false;
	device = strtoull(text, &end, 10);
	if (*end != ':')
		return false;
	inode = strtoull(end + 1, &end, 10);
	return !*end && st.st_dev == device && st.st_ino == inode;
}

static int run(const char *file)
{
	struct engine *engine;
	struct config *c;
	struct err e;
	int exit_code;

	prepare_process();
	c = load(file, &exit_code);
	if (!c)
		return exit_code;
	log_setup(level_of(c->daemon.log_level), is_read_by_journal());
	if (engine_new(c, &engine, &e) < 0) {
		log_error("ferryd cannot start", "code=%s error=\"%s\"", e.code, e.message);
		config_unref(c);
		return EXIT_START;
	}
	config_unref(c);
	exit_code = engine_run(engine);
	engine_free(engine);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct asked asked = {.action = ACTION_RUN, .file = DEFAULT_CONFIG};

	if (parse(argc, argv, &asked) < 0) {
		(void)fputs(usage_text, stderr);
		return EXIT_USAGE;
	}
	switch (asked.action) {
	case ACTION_CHECK:
		return asked.explain ? explain(&asked) : check(asked.file);
	case ACTION_SCHEMA:
		return print_made(config_schema);
	case ACTION_REFERENCE:
		return print_made(config_reference);
	case ACTION_CODES:
		return print_made(codes_markdown);
	case ACTION_VERSION:
		return print_version();
	case ACTION_RUN:
		break;
	}
	return run(asked.file);
}
