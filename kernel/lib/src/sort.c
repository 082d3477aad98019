/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting and searching: Linux's lib/sort.c, lib/list_sort.c, lib/bsearch.c by contract. */
#include "lib.h"
#include <linux/bsearch.h>
#include <linux/list_sort.h>
#include <linux/sort.h>

struct sorter {
	char *base;
	size_t size;
	cmp_func_t cmp;
	cmp_r_func_t cmp_r; /* when cmp is NULL */
	swap_func_t swap_func;
	const void *priv;
};

static int compare(struct sorter *s, size_t i, size_t j)
{
	void *a = s->base + i * s->size, *b = s->base + j * s->size;

	return s->cmp ? s->cmp(a, b) : s->cmp_r(a, b, s->priv);
}

static void exchange(struct sorter *s, size_t i, size_t j)
{
	char *a = s->base + i * s->size, *b = s->base + j * s->size;
	size_t n;

	if (s->swap_func) {
		s->swap_func(a, b, s->size);
		return;
	}
	for (n = 0; n < s->size; n++)
		swap(a[n], b[n]);
}

static void sift_down(struct sorter *s, size_t root, size_t end)
{
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= end)
			return;
		if (child + 1 < end && compare(s, child, child + 1) < 0)
			child++;
		if (compare(s, root, child) >= 0)
			return;
		exchange(s, root, child);
		root = child;
	}
}

static void heapsort(struct sorter *s, size_t num)
{
	size_t i;

	for (i = num / 2; i > 0; i--)
		sift_down(s, i - 1, num);
	for (i = num; i > 1; i--) {
		exchange(s, 0, i - 1);
		sift_down(s, 0, i - 1);
	}
}

void sort(void *base, size_t num, size_t size, cmp_func_t cmp_func, swap_func_t swap_func)
{
	struct sorter s = { .base = base, .size = size, .cmp = cmp_func, .swap_func = swap_func };

	heapsort(&s, num);
}

void sort_r(void *base, size_t num, size_t size, cmp_r_func_t cmp_func, swap_func_t swap_func, const void *priv)
{
	struct sorter s = { .base = base, .size = size, .cmp_r = cmp_func, .swap_func = swap_func, .priv = priv };

	heapsort(&s, num);
}

void *bsearch(const void *key, const void *base, size_t num, size_t size, cmp_func_t cmp)
{
	const char *low = base;

	while (num > 0) {
		const char *middle = low + (num / 2) * size;
		int order = cmp(key, middle);

		if (order == 0)
			return (void *)middle;
		if (order > 0) {
			low = middle + size;
			num--;
		}
		num /= 2;
	}
	return NULL;
}

/* Merges two chains that end in NULL; of equals, a's come first. */
static struct list_head *merge(void *priv, list_cmp_func_t cmp, struct list_head *a, struct list_head *b)
{
	struct list_head *head = NULL, **tail = &head;

	while (a && b) {
		struct list_head **from = cmp(priv, a, b) <= 0 ? &a : &b;

		*tail = *from;
		tail = &(*from)->next;
		*from = (*from)->next;
	}
	*tail = a ? a : b;
	return head;
}

void list_sort(void *priv, struct list_head *head, list_cmp_func_t cmp)
{
	/* runs[i] holds a sorted chain of 2^i nodes, or nothing: a binary counter. */
	struct list_head *runs[32] = { NULL }, *node, *next, *prev;
	int i;

	if (list_empty(head))
		return;
	head->prev->next = NULL;
	for (node = head->next; node; node = next) {
		next = node->next;
		node->next = NULL;
		for (i = 0; i < 31 && runs[i]; i++) {
			node = merge(priv, cmp, runs[i], node);
			runs[i] = NULL;
		}
		runs[i] = node;
	}
	node = NULL;
	for (i = 0; i < 32; i++)
		if (runs[i])
			node = node ? merge(priv, cmp, runs[i], node) : runs[i];
	head->next = node;
	for (prev = head; node; prev = node, node = node->next)
		node->prev = prev;
	prev->next = head;
	head->prev = prev;
}
