/* Who a server is, and what was put on record about it (render.h). */
#include "daemon/control/render.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/control/shown.h"

static void add(struct buf *out, const char *before, const char *text, const char *after)
{
	(void)buf_add_text(out, before);
	shown_again(out, text);
	(void)buf_add_text(out, after);
}

/* "/etc/ferryd/known_hosts:12" */
static void add_place(struct buf *out, const json_t *place)
{
	shown_again(out, json_text(place, "file"));
	(void)buf_printf(out, ":%" PRId64, json_number(place, "line"));
}

static void add_key(struct buf *out, const json_t *r)
{
	int64_t bits = json_number(r, "bits");

	add(out, "  key     ", json_text(r, "type"), "");
	if (bits)
		(void)buf_printf(out, ", %" PRId64 " bits", bits);
	add(out, "\n  SHA256  ", json_text(r, "sha256"), "\n");
	if (*json_text(r, "md5"))
		add(out, "  MD5     ", json_text(r, "md5"), "\n");
}

/* What known_hosts says, as a person would. */
static void add_state(struct buf *out, const json_t *r)
{
	static const struct {
		const char *state, *words;
	} all[] = {
	        {"ok", "is on record"},
	        {"changed", "is NOT the one on record"},
	        {"other", "is of ANOTHER TYPE than those on record"},
	        {"unknown", "is not on record"},
	        {"not found", "is not on record: there is no known_hosts file"},
	        {"error", "cannot be compared: a known_hosts file cannot be read"},
	        {"revoked", "is REVOKED"},
	};
	const char *state = json_text(r, "state");

	(void)buf_add_text(out, "  It ");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].state, state) == 0)
			(void)buf_add_text(out, all[i].words);
	if (json_is_object(json_object_get(r, "record"))) {
		(void)buf_add_text(out, ": ");
		add_place(out, json_object_get(r, "record"));
	}
	(void)buf_add_text(out, "\n");
}

static void add_replaced(struct buf *out, const json_t *all)
{
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);

		(void)buf_add_text(out, "  ");
		add_place(out, one);
		(void)buf_add_text(
		        out, json_truth(one, "left")
		                     ? " holds another key for this host, which is still "
		                       "accepted: ferryd may not write there, take the line "
		                       "away by hand\n"
		                     : " held another key; it no longer counts for this host\n");
	}
}

static void add_stored(struct buf *out, const struct answered *a)
{
	const json_t *stored = json_object_get(a->result, "stored");

	add(out, "", json_text(a->args, "endpoint"), " is trusted with ");
	add(out, "", json_text(a->result, "sha256"), "\n  the key ");
	(void)buf_add_text(out,
	                   json_truth(stored, "was_there") ? "was on record: " : "is stored: ");
	add_place(out, stored);
	(void)buf_add_text(out, "\n");
	add_replaced(out, json_object_get(a->result, "replaced"));
}

void render_trust(const struct answered *a, const struct style *style, struct buf *out)
{
	const json_t *r = a->result;

	(void)style;
	if (!json_is_object(r))
		return;
	if (json_is_object(json_object_get(r, "stored"))) {
		add_stored(out, a);
		return;
	}
	add(out, "", json_text(a->args, "endpoint"), ": ");
	add(out, "", json_text(r, "host"), "");
	(void)buf_printf(out, " port %" PRId64 " shows\n", json_number(r, "port"));
	add_key(out, r);
	add_state(out, r);
	if (strcmp(json_text(r, "state"), "ok") == 0 ||
	    strcmp(json_text(r, "state"), "revoked") == 0)
		return;
	(void)buf_add_text(out, "Compare the fingerprint with the partner (telephone, or mail to a "
	                        "known address). If it is theirs:\n");
	add(out, "  ferryctl trust ", json_text(a->args, "endpoint"), " ");
	add(out, "", json_text(r, "sha256"), "\n");
}
