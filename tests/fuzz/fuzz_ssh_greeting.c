/*
 * Any bytes from a server before encryption: lines, identification, KEXINIT, DISCONNECT. What is
 * understood does not depend on how the network cut the bytes (the first byte chooses the cuts),
 * texts stay inside their room, and each diagnosis is at most three lines of a terminal (brief.h).
 */
#include "adapters/brief.h"
#include "adapters/diagnosis.h"
#include "adapters/sftp/identification.h"
#include "adapters/sftp/kexinit.h"
#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "tests/fuzz/oracle.h"

static void must_tell_briefly(int returned, const struct err *e)
{
	must_tell(returned, e);
	must(brief_lines(e->message) <= BRIEF_LINES);
}

/* Sizes of pieces: 0 is everything at once. */
static size_t piece(uint8_t cuts, size_t at, size_t left)
{
	size_t n = !cuts ? left : cuts < 128 ? cuts : 1 + (at * 31 + cuts) % 61;

	return n < left ? n : left;
}

/* ---- the identification -------------------------------------------------------------------- */

static enum identification_state scan(struct identification *id, uint8_t cuts, const uint8_t *data,
                                      size_t size)
{
	enum identification_state state = IDENTIFICATION_WANTS_MORE;
	struct buf in;

	memset(id, 0, sizeof(*id));
	buf_init(&in, 1 << 20);
	for (size_t at = 0, n; at < size && state == IDENTIFICATION_WANTS_MORE; at += n) {
		n = piece(cuts, at, size - at);
		must(buf_add(&in, data + at, n) == 0);
		state = identification_scan(id, &in);
		(void)identification_is_binary(id, &in);
	}
	must(id->bytes + buf_len(&in) <= size);
	must(cuts || id->bytes + buf_len(&in) == size);
	if (state == IDENTIFICATION_FOUND)
		must(buf_len(&in) >= strlen(id->text) && memcmp(buf_data(&in), "SSH-", 4) == 0);
	buf_release(&in);
	return state;
}

static void tell(const struct identification *id, enum identification_state state)
{
	struct err e;

	if (state == IDENTIFICATION_FLOOD)
		must_tell_briefly(
		        diagnosis_flood(id->lines, id->bytes, id->first, id->first_bytes, &e), &e);
	else
		must_tell_briefly(diagnosis_not_ssh(id->first, id->first_bytes, &e), &e);
}

static void check_identification(uint8_t cuts, const uint8_t *data, size_t size)
{
	struct identification whole, cut;
	enum identification_state state = scan(&whole, 0, data, size);
	struct err e;

	must(scan(&cut, cuts, data, size) == state);
	must(strcmp(cut.text, whole.text) == 0 && cut.lines == whole.lines);
	must(whole.bytes == cut.bytes && whole.bytes <= size);
	must(whole.first_bytes <= sizeof(whole.first));
	must(whole.lines <= IDENTIFICATION_LINES);
	must(whole.bytes <= IDENTIFICATION_BYTES + IDENTIFICATION_LINE_BYTES);
	tell(&whole, state);
	must_tell_briefly(diagnosis_not_ssh(data, size, &e), &e);
}

/* ---- key exchange -------------------------------------------------------------------------- */

static void feed(struct kex_tap *tap, uint8_t cuts, const uint8_t *data, size_t size)
{
	kex_tap_init(tap);
	for (size_t at = 0, n; at < size; at += n) {
		n = piece(cuts, at, size - at);
		kex_tap_feed(tap, data + at, n);
	}
}

static void must_be_equal(const struct kex_tap *a, const struct kex_tap *b)
{
	must(a->done == b->done && a->disconnected == b->disconnected);
	must(a->disconnect_code == b->disconnect_code);
	must(strcmp(a->disconnect_text, b->disconnect_text) == 0);
	must(!a->kexinit.text == !b->kexinit.text);
	for (int i = 0; a->kexinit.text && i < KEX_LIST_COUNT; i++)
		must(strcmp(a->kexinit.list[i], b->kexinit.list[i]) == 0);
}

/* The lines of the trace are the list, no more and no less. */
static void check_lines(const char *list)
{
	const char *end = list + strlen(list);

	do {
		size_t n = kex_list_line(list);

		must(n <= KEX_LINE_BYTES && n <= (size_t)(end - list) && (n || list == end));
		list += n;
	} while (*list);
	must(list == end);
}

static void compare_lists(const struct kexinit *theirs)
{
	static char list[] = "ext-info-c,aes256-gcm@openssh.com,aes128-ctr,hmac-sha2-256,none";
	struct kexinit ours = {.text = list};
	struct diagnosis_algorithms a = {.ours = list, .library = "libssh2"};
	enum kex_list missing;
	struct err e;

	for (int i = 0; i < KEX_LIST_COUNT; i++) {
		ours.list[i] = list;
		check_lines(theirs->list[i]);
		must_be_visible(theirs->list[i], strlen(theirs->list[i]), 0);
	}
	missing = kex_missing(&ours, theirs);
	if (missing == KEX_LIST_COUNT)
		return;
	must(missing <= KEX_COMPRESSION_IN && *kex_list_name(missing));
	a.which = DIAGNOSIS_CIPHER;
	a.theirs = theirs->list[missing];
	must_tell_briefly(diagnosis_no_common(&a, &e), &e);
}

static void check_payload(const uint8_t *data, size_t size)
{
	struct kexinit k;

	if (kexinit_parse(data, size, &k) < 0)
		return;
	compare_lists(&k);
	(void)kex_missing(&k, &k);
	kexinit_release(&k);
}

static void tell_goodbye(const struct kex_tap *tap)
{
	struct diagnosis_loss loss = {.where = "key exchange",
	                              .disconnect_code = tap->disconnect_code,
	                              .disconnect_text = tap->disconnect_text};
	struct err e;

	must(strlen(tap->disconnect_text) < sizeof(tap->disconnect_text));
	must_tell_briefly(diagnosis_lost(&loss, &e), &e);
}

static void check_kex(uint8_t cuts, const uint8_t *data, size_t size)
{
	struct kex_tap whole, cut;

	feed(&whole, 0, data, size);
	feed(&cut, cuts, data, size);
	must_be_equal(&whole, &cut);
	if (whole.kexinit.text)
		compare_lists(&whole.kexinit);
	tell_goodbye(&whole);
	kex_tap_release(&whole);
	kex_tap_release(&cut);
}

/* ---- what is shown of it ------------------------------------------------------------------- */

static void must_fit(const char *shown, size_t room)
{
	must(*shown && strlen(shown) < room);
	must_be_visible(shown, strlen(shown), 0);
	must(escape_is_utf8(shown, strlen(shown)));
}

static void check_brief(uint8_t first, const uint8_t *data, size_t size)
{
	static const struct brief_items names = {",", ", ", false};
	size_t room = BRIEF_ROOM_LEAST + first;
	char *text = mem_dup_bytes(data, size), out[BRIEF_ROOM_LEAST + UINT8_MAX];

	must_fit(brief_list(text, &names, out, room), room);
	must_fit(brief_text(text, out, room), room);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	check_identification(data[0], data + 1, size - 1);
	check_kex(data[0], data + 1, size - 1);
	check_payload(data + 1, size - 1);
	check_brief(data[0], data + 1, size - 1);
	return 0;
}
