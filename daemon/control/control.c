#include "daemon/control/control.h"

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"

int control_no_route(const char *route, const char *const *names, size_t count, struct err *e)
{
	const char *nearest = text_nearest(route, names, count);
	struct escaped tmp;

	(void)escape(route, strlen(route), tmp.text, 128);
	if (nearest)
		return err_set(e, ERR_OBJECT, "CONTROL-NO-ROUTE", 0,
		               "there is no route \"%s\"; did you mean \"%s\"?", tmp.text, nearest);
	return err_set(e, ERR_OBJECT, "CONTROL-NO-ROUTE", 0,
	               "there is no route \"%s\"; ferryctl routes lists them", tmp.text);
}

int control_no_endpoint(const char *endpoint, const char *const *names, size_t count, struct err *e)
{
	const char *nearest = text_nearest(endpoint, names, count);
	struct escaped tmp;

	(void)escape(endpoint, strlen(endpoint), tmp.text, 128);
	return err_set(e, ERR_OBJECT, "CONTROL-NO-ENDPOINT", 0,
	               "there is no endpoint \"%s\"%s%s%s; `endpoints:` of the configuration names "
	               "them",
	               tmp.text, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
	               nearest ? "\"?" : "");
}

void control_status_release(struct control_status *s)
{
	free(s->reload_error);
	free(s->workers);
	free(s->endpoints);
	free(s->tunnels);
	free(s->orphans);
}

void control_routes_free(struct control_route *routes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < routes[i].to_count; k++)
			free(routes[i].to[k]);
		free(routes[i].to);
	}
	free(routes);
}
