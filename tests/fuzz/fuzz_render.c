/* Any answer a false daemon may give: shown without harm to a terminal. The first byte chooses the
 * verb and the width, the rest is the item and, after a newline, the result. */
#include "daemon/base/mem.h"
#include "daemon/control/render.h"
#include "tests/fuzz/oracle.h"

static void check_screen(struct buf *out)
{
	const char *text = buf_text(out);

	must(strlen(text) == buf_len(out));
	must_be_visible(text, buf_len(out), SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const verbs[] = {"status", "routes", "ps",    "jobs",
	                                    "show",   "reload", "retry", "poll"};
	struct style style = {0};
	struct answered a = {0};
	json_t *items = json_array();
	char *text, *rest;
	struct buf out;

	if (size < 2) {
		json_decref(items);
		return 0;
	}
	style.width = data[0] >> 3;
	rest = text = mem_dup_bytes(data + 1, size - 1);
	(void)json_array_append_new(items, json_loads(strsep(&rest, "\n"), 0, NULL));
	a = (struct answered){.verb = verbs[data[0] & 7], .items = items};
	a.result = rest ? json_loads(rest, 0, NULL) : NULL;
	buf_init(&out, 64 * 1024 * 1024);
	render(&a, &style, &out);
	check_screen(&out);
	buf_release(&out);
	json_decref(items);
	json_decref((json_t *)(uintptr_t)a.result);
	free(text);
	return 0;
}
