#include "daemon/route/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/base/escape.h"
#include "daemon/base/mem.h"
#include "daemon/base/text.h"
#include "daemon/route/civil.h"
#include "daemon/route/zone_rule.h"

#define ZONE_DIR "/usr/share/zoneinfo"

enum {
	FILE_MAX_BYTES = 256 * 1024,
	HEADER_BYTES = 44,
	COUNT_MAX = 20000,
	OFFSET_MAX_S = 26 * 3600
};

struct transition {
	int64_t at_s; /* UTC */
	int32_t offset_s;
};

struct zone {
	struct transition *transitions; /* ascending */
	size_t count;
	int32_t first_offset_s; /* before the first transition */
	bool has_rule;
	struct zone_rule rule; /* after the last */
};

/* ---- the file (RFC 8536 §3) ---------------------------------------------------------------- */

struct header {
	unsigned version;
	size_t isut, isstd, leap, times, types, chars;
};

static uint32_t get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t get_time(const unsigned char *p, size_t width)
{
	if (width == 4)
		return (int32_t)get_u32(p);
	return (int64_t)((uint64_t)get_u32(p) << 32 | get_u32(p + 4));
}

static bool read_header(const unsigned char *p, size_t bytes, struct header *h)
{
	if (bytes < HEADER_BYTES || memcmp(p, "TZif", 4) != 0)
		return false;
	h->version = p[4];
	h->isut = get_u32(p + 20);
	h->isstd = get_u32(p + 24);
	h->leap = get_u32(p + 28);
	h->times = get_u32(p + 32);
	h->types = get_u32(p + 36);
	h->chars = get_u32(p + 40);
	return h->isut <= COUNT_MAX && h->isstd <= COUNT_MAX && h->leap <= COUNT_MAX &&
	       h->times <= COUNT_MAX && h->types >= 1 && h->types <= 256 && h->chars <= COUNT_MAX;
}

static size_t body_bytes(const struct header *h, size_t width)
{
	return h->times * (width + 1) + h->types * 6 + h->chars + h->leap * (width + 4) + h->isstd +
	       h->isut;
}

/* false: an index or an offset out of range, or times not ascending. */
static bool read_body(const unsigned char *p, const struct header *h, size_t width, struct zone *z)
{
	const unsigned char *indexes = p + h->times * width;
	const unsigned char *types = indexes + h->times;

	for (size_t i = 0; i < h->types; i++) {
		int32_t offset = (int32_t)get_u32(types + i * 6);

		if (offset > OFFSET_MAX_S || offset < -OFFSET_MAX_S)
			return false;
	}
	z->first_offset_s = (int32_t)get_u32(types);
	z->transitions = mem_new_array(h->times + 1, sizeof(*z->transitions));
	for (; z->count < h->times; z->count++) {
		struct transition *t = &z->transitions[z->count];

		if (indexes[z->count] >= h->types)
			return false;
		t->at_s = get_time(p + z->count * width, width);
		t->offset_s = (int32_t)get_u32(types + (size_t)indexes[z->count] * 6);
		if (z->count > 0 && t->at_s <= t[-1].at_s)
			return false;
	}
	return true;
}

/* "\nRULE\n"; an empty rule means: the last offset for ever. */
static bool read_footer(const unsigned char *p, size_t bytes, struct zone *z)
{
	const unsigned char *end;

	if (bytes < 2 || p[0] != '\n')
		return false;
	end = memchr(p + 1, '\n', bytes - 1);
	if (!end)
		return false;
	if (end == p + 1)
		return true;
	z->has_rule = zone_rule_parse((const char *)p + 1, (size_t)(end - p) - 1, &z->rule);
	return z->has_rule;
}

static bool read_file(const unsigned char *p, size_t bytes, struct zone *z)
{
	struct header h;
	size_t width = 4, skip;

	if (!read_header(p, bytes, &h))
		return false;
	if (h.version != 0) { /* the 32-bit copy comes first, then the real one */
		skip = HEADER_BYTES + body_bytes(&h, 4);
		if (bytes < skip || !read_header(p + skip, bytes - skip, &h))
			return false;
		p += skip;
		bytes -= skip;
		width = 8;
	}
	skip = HEADER_BYTES + body_bytes(&h, width);
	if (bytes < skip || h.leap != 0 || !read_body(p + HEADER_BYTES, &h, width, z))
		return false;
	return width == 4 || read_footer(p + skip, bytes - skip, z);
}

int zone_parse(const void *data, size_t bytes, struct zone **out, struct err *e)
{
	struct zone *z = mem_new_of(struct zone);

	if (!read_file(data, bytes, z)) {
		zone_free(z);
		return err_set(e, ERR_CONFIG, "ZONE-FILE", 0, "not a zone file ferryd understands");
	}
	*out = z;
	return 0;
}

void zone_free(struct zone *z)
{
	if (!z)
		return;
	free(z->transitions);
	free(z);
}

/* ---- finding it ---------------------------------------------------------------------------- */

static int read_all(int fd, unsigned char *data, size_t *bytes)
{
	ssize_t n;

	*bytes = 0;
	while (*bytes < FILE_MAX_BYTES) {
		n = read(fd, data + *bytes, FILE_MAX_BYTES - *bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		*bytes += (size_t)n;
	}
	errno = EFBIG;
	return -1;
}

static int load_file(const char *path, struct zone **out, struct err *e)
{
	unsigned char *data;
	size_t bytes;
	int r, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(e, ERR_CONFIG, "ZONE-NAME", "%s", path);
	data = mem_new(FILE_MAX_BYTES);
	r = read_all(fd, data, &bytes);
	if (r < 0)
		r = err_errno(e, ERR_CONFIG, "ZONE-NAME", "%s", path);
	else if ((r = zone_parse(data, bytes, out, e)) < 0)
		err_wrap(e, "%s", path);
	free(data);
	(void)close(fd); /* only read */
	return r;
}

/* A name that stays below the zone directory. */
static bool is_zone_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                              "0123456789_+-/";
	size_t n = strlen(name);

	return n > 0 && n <= 100 && name[0] != '/' && name[n - 1] != '/' &&
	       strspn(name, allowed) == n;
}

static int load_named(const char *name, struct zone **out, struct err *e)
{
	struct escaped tmp;
	char path[sizeof(ZONE_DIR) + 128];

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Etc/UTC") == 0) {
		*out = mem_new_of(struct zone);
		return 0;
	}
	if (!is_zone_name(name))
		return err_set(e, ERR_CONFIG, "ZONE-NAME", 0,
		               "\"%s\" is not the name of a time zone; write one like "
		               "Europe/Berlin or UTC",
		               escape_name(name, &tmp));
	(void)snprintf(path, sizeof(path), "%s/%s", ZONE_DIR, name); /* 100 bytes at most */
	if (access(ZONE_DIR, F_OK) != 0)
		return err_set(e, ERR_CONFIG, "ZONE-NAME", ENOENT,
		               "time zone \"%s\": %s is missing; install the package tzdata", name,
		               ZONE_DIR);
	if (load_file(path, out, e) == 0)
		return 0;
	return err_wrap(e, "time zone \"%s\" (names as in timedatectl list-timezones)", name);
}

/* $TZ may hold a name (with or without a colon) or a rule. */
static int load_local(struct zone **out, struct err *e)
{
	const char *tz = getenv("TZ");
	struct zone_rule rule;

	if (tz && *tz == ':')
		tz++;
	if (tz && zone_rule_parse(tz, strlen(tz), &rule)) {
		*out = mem_new_of(struct zone);
		(*out)->has_rule = true;
		(*out)->rule = rule;
		return 0;
	}
	if (tz && *tz && strcmp(tz, "/etc/localtime") != 0) {
		if (load_named(tz, out, e) == 0)
			return 0;
		return err_wrap(e, "environment variable TZ");
	}
	if (access("/etc/localtime", F_OK) != 0)
		return load_named("UTC", out, e);
	return load_file("/etc/localtime", out, e);
}

int zone_load(const char *name, struct zone **out, struct err *e)
{
	return name ? load_named(name, out, e) : load_local(out, e);
}

/* ---- asking it ----------------------------------------------------------------------------- */

int32_t zone_offset(const struct zone *z, int64_t utc_s)
{
	size_t low = 0, high;

	if (!z)
		return 0;
	high = z->count;
	while (low < high) { /* transitions[0..low) are at or before utc_s */
		size_t middle = low + (high - low) / 2;

		if (z->transitions[middle].at_s <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == z->count && z->has_rule)
		return zone_rule_offset(&z->rule, utc_s);
	return low == 0 ? z->first_offset_s : z->transitions[low - 1].offset_s;
}

/* The first moment in (from, to] that no longer has the offset of `from`. */
static int64_t edge_between(const struct zone *z, int64_t from, int64_t to)
{
	int32_t before = zone_offset(z, from);

	while (to - from > 1) {
		int64_t middle = from + (to - from) / 2;

		if (zone_offset(z, middle) == before)
			from = middle;
		else
			to = middle;
	}
	return to;
}

/* Offsets stay below 26 hours, so the offsets that hold that long before and after bracket every
 * change that can touch this local time (two changes never come within two days). */
enum zone_fit zone_to_utc(const struct zone *z, int64_t local_s, int64_t *first, int64_t *second)
{
	int32_t before = zone_offset(z, local_s - OFFSET_MAX_S);
	int32_t after = zone_offset(z, local_s + OFFSET_MAX_S);
	int64_t early = local_s - before, late = local_s - after;
	bool early_fits = zone_offset(z, early) == before;
	bool late_fits = zone_offset(z, late) == after;

	*first = early_fits ? early : late;
	if (early_fits && late_fits && before > after) {
		*second = late;
		return ZONE_TWICE;
	}
	if (early_fits || late_fits)
		return ZONE_ONCE;
	*first = edge_between(z, late, early);
	return ZONE_SKIPPED;
}
