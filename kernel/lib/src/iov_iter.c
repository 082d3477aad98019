/* SPDX-License-Identifier: Apache-2.0 */
/* A place in scattered memory: Linux's lib/iov_iter.c by contract, for user and kernel segments. */
#include "lib.h"
#include <linux/uio.h>

void iov_iter_init(struct iov_iter *i, unsigned int direction, const struct iovec *iov, unsigned long nr_segs,
		   size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_IOVEC, .data_source = direction, .iov = iov, .nr_segs = nr_segs, .count = count };
}

void iov_iter_kvec(struct iov_iter *i, unsigned int direction, const struct kvec *kvec, unsigned long nr_segs,
		   size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_KVEC, .data_source = direction, .kvec = kvec, .nr_segs = nr_segs, .count = count };
}

/* The bytes that lie in one piece from here; *at is where. struct iovec and struct kvec look alike. */
static size_t piece(const struct iov_iter *i, void **at)
{
	if (i->iter_type == ITER_UBUF) {
		*at = i->ubuf + i->iov_offset;
		return i->count;
	}
	if (i->iter_type == ITER_DISCARD || !i->nr_segs) {
		*at = NULL;
		return i->iter_type == ITER_DISCARD ? i->count : 0;
	}
	*at = i->kvec->iov_base + i->iov_offset;
	return min(i->kvec->iov_len - i->iov_offset, i->count);
}

static void step(struct iov_iter *i, size_t n)
{
	i->count -= n;
	i->iov_offset += n;
	if (i->iter_type != ITER_IOVEC && i->iter_type != ITER_KVEC)
		return;
	while (i->nr_segs && i->iov_offset >= i->kvec->iov_len) {
		i->iov_offset -= i->kvec->iov_len;
		i->kvec++;
		i->nr_segs--;
	}
}

void iov_iter_advance(struct iov_iter *i, size_t bytes)
{
	step(i, min(bytes, i->count));
}

void iov_iter_revert(struct iov_iter *i, size_t bytes)
{
	i->count += bytes;
	while (bytes > i->iov_offset) {
		bytes -= i->iov_offset;
		i->kvec--;
		i->nr_segs++;
		i->iov_offset = i->kvec->iov_len;
	}
	i->iov_offset -= bytes;
}

size_t iov_iter_single_seg_count(const struct iov_iter *i)
{
	void *at;

	return piece(i, &at);
}

enum what { TO_ITER, FROM_ITER, ZERO_ITER };

/* Gives how many bytes went well; a user address that faults ends it. */
static size_t transfer(void *addr, size_t bytes, struct iov_iter *i, enum what what)
{
	size_t done = 0;

	while (done < bytes && i->count) {
		void *at;
		size_t n = min(piece(i, &at), bytes - done), left = 0;

		if (!n) { /* an empty segment */
			step(i, 0);
			if (!i->nr_segs)
				break;
			continue;
		}
		if (i->iter_type == ITER_KVEC) {
			if (what == TO_ITER)
				memcpy(at, addr + done, n);
			else if (what == FROM_ITER)
				memcpy(addr + done, at, n);
			else
				memset(at, 0, n);
		} else if (i->iter_type != ITER_DISCARD) {
			if (what == TO_ITER)
				left = copy_to_user(at, addr + done, n);
			else if (what == FROM_ITER)
				left = copy_from_user(addr + done, at, n);
			else
				left = clear_user(at, n);
		}
		step(i, n - left);
		done += n - left;
		if (left)
			break;
	}
	return done;
}

size_t _copy_to_iter(const void *addr, size_t bytes, struct iov_iter *i)
{
	return transfer((void *)addr, bytes, i, TO_ITER);
}

size_t _copy_from_iter(void *addr, size_t bytes, struct iov_iter *i)
{
	return transfer(addr, bytes, i, FROM_ITER);
}

size_t iov_iter_zero(size_t bytes, struct iov_iter *i)
{
	return transfer(NULL, bytes, i, ZERO_ITER);
}
