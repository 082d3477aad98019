/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_UIO_H
#define _LINUX_UIO_H

#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/string.h>

struct kiocb;
struct iovec {
	void __user *iov_base;
	size_t iov_len;
};
struct kvec {
	void *iov_base;
	size_t iov_len;
};
enum iter_type { ITER_IOVEC, ITER_KVEC, ITER_BVEC, ITER_PIPE, ITER_XARRAY, ITER_DISCARD, ITER_UBUF };
struct iov_iter {
	u8 iter_type;
	bool nofault;
	bool data_source; /* WRITE: the memory is where data comes from */
	size_t iov_offset;
	size_t count;
	union {
		const struct iovec *iov;
		const struct kvec *kvec;
		void __user *ubuf;
	};
	unsigned long nr_segs;
};
#define iov_iter_rw(i) ((i)->data_source ? WRITE : READ)
static inline size_t iov_iter_count(const struct iov_iter *i) { return i->count; }
static inline bool user_backed_iter(const struct iov_iter *i) { return i->iter_type == ITER_IOVEC || i->iter_type == ITER_UBUF; }
static inline void iov_iter_truncate(struct iov_iter *i, u64 count)
{
	if (i->count > count)
		i->count = (size_t)count;
}
static inline void iov_iter_reexpand(struct iov_iter *i, size_t count) { i->count = count; }
extern void iov_iter_advance(struct iov_iter *i, size_t bytes);
extern void iov_iter_revert(struct iov_iter *i, size_t bytes);
extern size_t iov_iter_single_seg_count(const struct iov_iter *i);
extern size_t iov_iter_zero(size_t bytes, struct iov_iter *i);
extern size_t _copy_to_iter(const void *addr, size_t bytes, struct iov_iter *i);
extern size_t _copy_from_iter(void *addr, size_t bytes, struct iov_iter *i);
extern void iov_iter_init(struct iov_iter *i, unsigned int direction, const struct iovec *iov, unsigned long nr_segs, size_t count);
extern void iov_iter_kvec(struct iov_iter *i, unsigned int direction, const struct kvec *kvec, unsigned long nr_segs, size_t count);
static inline void iov_iter_ubuf(struct iov_iter *i, unsigned int direction, void __user *buf, size_t count)
{
	*i = (struct iov_iter){ .iter_type = ITER_UBUF, .data_source = direction, .ubuf = buf, .count = count, .nr_segs = 1 };
}
#define copy_to_iter _copy_to_iter
#define copy_from_iter _copy_from_iter
static inline bool copy_to_iter_full(const void *addr, size_t bytes, struct iov_iter *i)
{
	return _copy_to_iter(addr, bytes, i) == bytes;
}
static inline bool copy_from_iter_full(void *addr, size_t bytes, struct iov_iter *i)
{
	return _copy_from_iter(addr, bytes, i) == bytes;
}

#endif /* _LINUX_UIO_H */
