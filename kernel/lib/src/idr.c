/* SPDX-License-Identifier: Apache-2.0 */
/* Small numbers for pointers: Linux's lib/idr.c by contract, over an array. */
#include "lib.h"
#include <linux/idr.h>

static bool grow(struct idr *idr, int want, gfp_t gfp)
{
	int size = idr->size ? idr->size : 16;
	void **slots;
	unsigned char *used;

	if (want < idr->size)
		return true;
	while (size <= want)
		size *= 2;
	slots = kcalloc(size, sizeof(*slots), gfp);
	used = kzalloc(size, gfp);
	if (!slots || !used) {
		kfree(slots);
		kfree(used);
		return false;
	}
	if (idr->size) {
		memcpy(slots, idr->slots, idr->size * sizeof(*slots));
		memcpy(used, idr->used, idr->size);
		kfree(idr->slots);
		kfree(idr->used);
	}
	idr->slots = slots;
	idr->used = used;
	idr->size = size;
	return true;
}

/* end is exclusive; 0 or less is no limit. */
int idr_alloc(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
	long limit = end > 0 ? end : INT_MAX;
	int i = max(start - idr->base, 0);

	if (start < 0)
		return -EINVAL;
	while (i < idr->size && idr->used[i])
		i++;
	if (i + idr->base >= limit)
		return -ENOSPC;
	if (!grow(idr, i, gfp))
		return -ENOMEM;
	idr->used[i] = 1;
	idr->slots[i] = ptr;
	return i + idr->base;
}

int idr_alloc_cyclic(struct idr *idr, void *ptr, int start, int end, gfp_t gfp)
{
	int id = idr_alloc(idr, ptr, max(start, idr->next), end, gfp);

	if (id == -ENOSPC)
		id = idr_alloc(idr, ptr, start, end, gfp);
	if (id >= 0)
		idr->next = id + 1;
	return id;
}

static bool holds(const struct idr *idr, unsigned long id)
{
	unsigned long i = id - idr->base;

	return i < idr->size && idr->used[i];
}

void *idr_find(const struct idr *idr, unsigned long id)
{
	return holds(idr, id) ? idr->slots[id - idr->base] : NULL;
}

void *idr_remove(struct idr *idr, unsigned long id)
{
	void *p = idr_find(idr, id);

	if (holds(idr, id)) {
		idr->used[id - idr->base] = 0;
		idr->slots[id - idr->base] = NULL;
	}
	return p;
}

void *idr_replace(struct idr *idr, void *ptr, unsigned long id)
{
	void *old = idr_find(idr, id);

	if (!holds(idr, id))
		return ERR_PTR(-ENOENT);
	idr->slots[id - idr->base] = ptr;
	return old;
}

int idr_for_each(const struct idr *idr, int (*fn)(int id, void *p, void *data), void *data)
{
	int i, err;

	for (i = 0; i < idr->size; i++) {
		if (!idr->used[i])
			continue;
		err = fn(i + idr->base, idr->slots[i], data);
		if (err)
			return err;
	}
	return 0;
}

void *idr_get_next(struct idr *idr, int *nextid)
{
	int i = max(*nextid - idr->base, 0);

	for (; i < idr->size; i++) {
		if (idr->used[i] && idr->slots[i]) {
			*nextid = i + idr->base;
			return idr->slots[i];
		}
	}
	return NULL;
}

void idr_destroy(struct idr *idr)
{
	kfree(idr->slots);
	kfree(idr->used);
	idr->slots = NULL;
	idr->used = NULL;
	idr->size = 0;
}

int ida_alloc_range(struct ida *ida, unsigned int min, unsigned int max, gfp_t flags)
{
	return idr_alloc(&ida->idr, ida, min, max < INT_MAX ? (int)max + 1 : 0, flags);
}

void ida_free(struct ida *ida, unsigned int id)
{
	WARN(!idr_remove(&ida->idr, id), "ida_free called for id=%d which is not allocated.\n", id);
}

void ida_destroy(struct ida *ida)
{
	idr_destroy(&ida->idr);
}
