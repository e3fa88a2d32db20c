/*
 * Any bytes as a configuration. Must hold: no crash, no leak; a refusal says why; what is accepted
 * is whole (every route has an endpoint at each end, and a fingerprint), and loads the same a
 * second time. The disk is not touched.
 */
#include "config/load.h"
#include "daemon/route/command.h"
#include "daemon/route/naming.h"
#include "daemon/route/schedule.h"
#include "tests/fuzz/oracle.h"

/* The judge of time zones would read files. */
static const struct config_judges judges = {
        .cron = schedule_judge_cron, .name_template = naming_judge, .command_word = command_judge};

static void check_whole(const struct config *c)
{
	must(c->daemon.state_dir && c->daemon.socket && c->trace.dir);
	for (size_t i = 0; i < c->endpoint_count; i++)
		must(c->endpoints[i]->name && (c->endpoints[i]->root || c->endpoints[i]->host));
	for (size_t i = 0; i < c->route_count; i++) {
		const struct route_config *r = c->routes[i];

		must(r->name && r->fingerprint && r->from.endpoint && r->from.path);
		must(r->from.poll_ms > 0 || r->from.cron);
		must(r->to_count >= 1 && r->to_count <= 32);
		for (size_t k = 0; k < r->to_count; k++)
			must(r->to[k].id && r->to[k].endpoint && r->to[k].path && r->to[k].name);
		must(config_route(c, r->name) == r);
	}
}

static void check_again(const struct config_text *text, const struct config *c)
{
	struct config_report r;
	struct config *again;

	config_report_init(&r);
	again = config_load_text(text, &judges, DISK_IGNORE, &r);
	must(again && again->route_count == c->route_count);
	for (size_t i = 0; i < c->route_count; i++)
		must(strcmp(again->routes[i]->fingerprint, c->routes[i]->fingerprint) == 0);
	config_unref(again);
	config_report_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_text text = {"fuzz.yaml", data, size};
	struct config_report r;
	struct config *c;

	config_report_init(&r);
	c = config_load_text(&text, &judges, DISK_IGNORE, &r);
	if (c) {
		check_whole(c);
		check_again(&text, c);
	} else {
		must(r.errors > 0 && buf_len(&r.text) > 0);
	}
	must_be_visible(buf_text(&r.text), buf_len(&r.text), SIZE_MAX);
	config_unref(c);
	config_report_release(&r);
	return 0;
}
