#include "adapters/sftp/ssh_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdalign.h>

#include "adapters/sftp/auth_state.h"
#include "adapters/sftp/exit_report.h"

/* Stands before every block where blocks are listed. */
struct block {
	alignas(max_align_t) struct link link;
	size_t n;
};

/* What the allocator needs for a block, about: tiny packets are what the limit is for. */
enum { BLOCK_COST = 16, WIPED_MOST = 4096, NEWEST = 32 };

static size_t cost(void *p)
{
	return malloc_usable_size(p) + BLOCK_COST;
}

static bool fits(const struct ssh *s, size_t n)
{
	return n <= SSH_MEMORY_MAX && s->memory_bytes <= SSH_MEMORY_MAX - n;
}

static void *alloc_plain(size_t n, void **abstract)
{
	struct ssh *s = *abstract;
	void *p = fits(s, n) ? malloc(n) : NULL;

	if (p)
		s->memory_bytes += cost(p);
	return p;
}

static void give_back(void *p, struct ssh *s)
{
	size_t bytes = p ? cost(p) : 0;

	/* what libssh2 gave to free() itself may make this the smaller number */
	s->memory_bytes -= bytes < s->memory_bytes ? bytes : s->memory_bytes;
	free(p);
}

/* libssh2 1.10 does not wipe what was sent to log in; small blocks may be that at any time. */
static void look_and_wipe(struct ssh *s, void *p, size_t n)
{
	exit_report_watch(s, p, n);
	if (s->login)
		auth_reply_watch(s, p, n);
	if (s->login || n <= WIPED_MOST)
		OPENSSL_cleanse(p, n);
}

static void free_plain(void *p, void **abstract)
{
	if (p)
		look_and_wipe(*abstract, p, malloc_usable_size(p));
	give_back(p, *abstract);
}

static void *grow_plain(void *p, size_t n, void **abstract)
{
	struct ssh *s = *abstract;
	size_t before = p ? cost(p) : 0;
	void *larger = fits(s, n) ? realloc(p, n) : NULL;

	if (larger)
		s->memory_bytes += cost(larger) - before;
	return larger;
}

static void *list_block(size_t n, void **abstract)
{
	struct ssh *s = *abstract;
	struct block *b =
	        n <= SSH_MEMORY_MAX ? alloc_plain(sizeof(struct block) + n, abstract) : NULL;

	if (!b)
		return NULL;
	b->n = n;
	list_append(&s->memory, &b->link);
	return b + 1;
}

static void note_freed(struct ssh *s, const void *p)
{
	if (p && p == s->rekey.block)
		s->rekey.is_freed = true;
}

static void free_noted(void *p, void **abstract)
{
	note_freed(*abstract, p);
	free_plain(p, abstract);
}

/* libssh2 1.10 copies the name of a prompt (byte 60, string name: RFC 4256 §3.2) without a look at
 * the packet's end, first asking for as much memory as the packet says. The packet is one of the
 * newest blocks; a name that reaches past it is refused here. */
static bool reaches_past_its_packet(const struct ssh *s, size_t n)
{
	const struct link *l = s->memory.prev;

	for (int looked = 0; l != &s->memory && looked < NEWEST; looked++, l = l->prev) {
		const struct block *b = (const struct block *)(const void *)l; /* its first */
		const unsigned char *p = (const unsigned char *)(b + 1);

		if (b->n > 5 && p[0] == 60 && n > b->n - 5 &&
		    n == ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]))
			return true;
	}
	return false;
}

static void *alloc_listed(size_t n, void **abstract)
{
	struct ssh *s = *abstract;

	if (s->login && reaches_past_its_packet(s, n))
		return NULL;
	return list_block(n, abstract);
}

static void free_listed(void *p, void **abstract)
{
	struct block *b = p;

	if (!b)
		return;
	note_freed(*abstract, p);
	look_and_wipe(*abstract, p, b[-1].n);
	list_remove(&b[-1].link);
	give_back(b - 1, *abstract);
}

static void *grow_listed(void *p, size_t n, void **abstract)
{
	struct block *b = p;
	void *larger = alloc_listed(n, abstract);

	if (larger && b) {
		size_t old = b[-1].n;

		memcpy(larger, p, old < n ? old : n);
		free_listed(p, abstract);
	}
	return larger;
}

static bool is_looked_through(const char *version)
{
	return strcmp(version, "1.10.0") == 0 || strcmp(version, "1.11.1") == 0;
}

LIBSSH2_SESSION *ssh_memory_session(struct ssh *s)
{
	s->memory_listed = is_looked_through(libssh2_version(0));
	list_init(&s->memory);
	list_init(&s->exit_reports);
	return s->memory_listed ? libssh2_session_init_ex(alloc_listed, free_listed, grow_listed, s)
	                        : libssh2_session_init_ex(alloc_plain, free_noted, grow_plain, s);
}

void *ssh_memory_alloc(size_t n, void **abstract)
{
	struct ssh *s = *abstract;

	return s->memory_listed ? alloc_listed(n, abstract) : alloc_plain(n, abstract);
}

static size_t number(const unsigned char *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool holds_two_strings(const unsigned char *p, size_t n)
{
	size_t first;

	if (n < 9)
		return false;
	first = number(p + 1);
	return first <= n - 9 && number(p + 5 + first) <= n - 9 - first;
}

const unsigned char *ssh_memory_packet(const struct ssh *s, unsigned char type, size_t *n)
{
	if (!s->memory_listed)
		return NULL;
	for (struct link *l = s->memory.next; l != &s->memory; l = l->next) {
		const struct block *b = list_item(l, struct block, link);
		const unsigned char *p = (const unsigned char *)(b + 1);

		if (b->n < 9 || p[0] != type || !holds_two_strings(p, b->n))
			continue;
		*n = b->n;
		return p;
	}
	return NULL;
}

size_t ssh_memory_end(struct ssh *s)
{
	size_t left = 0;

	for (struct link *l; (l = list_take_first(&s->memory));) {
		struct block *b = list_item(l, struct block, link);

		left += b->n;
		OPENSSL_cleanse(b + 1, b->n);
		free(b);
	}
	s->memory_bytes = 0;
	return left;
}
