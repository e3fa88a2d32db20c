#include "adapters/sftp/ssh_memory.h"

#include <openssl/crypto.h>
#include <stdalign.h>

/* Stands before every allocation. */
struct block {
	alignas(max_align_t) struct link link;
	size_t n;
};

static struct block *block_of(void *p)
{
	return (struct block *)p - 1;
}

void *ssh_memory_alloc(size_t n, void **abstract)
{
	struct ssh *s = *abstract;
	struct block *b;

	if (n > SSH_MEMORY_MAX || s->memory_bytes + n > SSH_MEMORY_MAX)
		return NULL;
	b = malloc(sizeof(*b) + n);
	if (!b)
		return NULL;
	b->n = n;
	list_append(&s->memory, &b->link);
	s->memory_bytes += sizeof(*b) + n;
	return b + 1;
}

void ssh_memory_free(void *p, void **abstract)
{
	struct ssh *s = *abstract;
	struct block *b;

	if (!p)
		return;
	b = block_of(p);
	list_remove(&b->link);
	s->memory_bytes -= sizeof(*b) + b->n;
	free(b);
}

void *ssh_memory_grow(void *p, size_t n, void **abstract)
{
	void *larger = ssh_memory_alloc(n, abstract);

	if (larger && p) {
		size_t old = block_of(p)->n;

		memcpy(larger, p, old < n ? old : n);
		ssh_memory_free(p, abstract);
	}
	return larger;
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
