/*
 * Intrusive doubly linked list: the head is a link whose neighbours are itself when empty.
 *
 *	struct link head; list_init(&head);
 *	list_append(&head, &job->link);
 *	list_for_each(l, &head) { struct job *j = list_item(l, struct job, link); ... }
 *
 * list_for_each allows removing the current item. A link not in a list must be list_init'ed before
 * list_remove or list_is_linked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *prev, *next;
};

static inline void list_init(struct link *l)
{
	l->prev = l->next = l;
}
static inline bool list_is_empty(const struct link *head)
{
	return head->next == head;
}
static inline bool list_is_linked(const struct link *l)
{
	return l->next != l;
}
static inline void list_append(struct link *head, struct link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}
static inline void list_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}
static inline struct link *list_take_first(struct link *head)
{
	struct link *l = head->next;

	if (l == head)
		return NULL;
	list_remove(l);
	return l;
}

#define list_item(l, type, member) ((type *)(void *)((char *)(l) - offsetof(type, member)))
#define list_for_each(l, head)                                                                    \
	for (struct link *l = (head)->next, *l##_next = l->next; l != (head);                     \
	     l = l##_next, l##_next = l->next)
