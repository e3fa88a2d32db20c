/*
 * Any bytes as a configuration. Must hold: no crash, no leak; a refusal says why; what is accepted
 * is whole (every route has an endpoint at each end, and a fingerprint). The disk is not touched.
 *
 *	clang -fsanitize=fuzzer,address,undefined ...; ./fuzz_config -dict=config.dict corpus/config
 */
#include <stdint.h>

#include "config/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_whole(const struct config *c)
{
	require(c->daemon.state_dir && c->daemon.socket && c->trace.dir);
	for (size_t i = 0; i < c->endpoint_count; i++)
		require(c->endpoints[i]->name && (c->endpoints[i]->root || c->endpoints[i]->host));
	for (size_t i = 0; i < c->route_count; i++) {
		const struct route_config *r = c->routes[i];

		require(r->name && r->fingerprint && r->from.endpoint && r->from.path);
		require(r->from.poll_ms > 0 || r->from.cron);
		require(r->to_count >= 1 && r->to_count <= 32);
		for (size_t k = 0; k < r->to_count; k++)
			require(r->to[k].id && r->to[k].endpoint && r->to[k].path && r->to[k].name);
		require(config_route(c, r->name) == r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_text text = {"fuzz.yaml", data, size};
	struct config_report r;
	struct config *c;

	config_report_init(&r);
	c = config_load_text(&text, NULL, DISK_IGNORE, &r);
	if (c)
		check_whole(c);
	else
		require(r.errors > 0 && buf_len(&r.text) > 0);
	config_unref(c);
	config_report_release(&r);
	return 0;
}
