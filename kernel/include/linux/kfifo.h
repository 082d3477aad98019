/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_KFIFO_H
#define _LINUX_KFIFO_H

#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/spinlock.h>
#include <linux/slab.h>
#include <linux/err.h>
#include <linux/uaccess.h>

/* A ring of a power of two of elements; in and out run freely. */
struct __kfifo {
	unsigned int in;
	unsigned int out;
	unsigned int mask; /* elements - 1; 0 and data NULL: no ring */
	unsigned int esize;
	void *data;
};
#define __STRUCT_KFIFO(type, count) { struct __kfifo kfifo; type *type_of[0]; type buf[count]; }
#define __STRUCT_KFIFO_PTR(type) { struct __kfifo kfifo; type *type_of[0]; type buf[0]; }
#define STRUCT_KFIFO(type, size) struct __STRUCT_KFIFO(type, ((size) < 2 || ((size) & ((size)-1))) ? -1 : (size))
#define STRUCT_KFIFO_PTR(type) struct __STRUCT_KFIFO_PTR(type)
struct kfifo __STRUCT_KFIFO_PTR(unsigned char);
#define DECLARE_KFIFO(fifo, type, size) STRUCT_KFIFO(type, size) fifo
#define DECLARE_KFIFO_PTR(fifo, type) STRUCT_KFIFO_PTR(type) fifo
#define DEFINE_KFIFO(fifo, type, size)                                                  \
	DECLARE_KFIFO(fifo, type, size) = (typeof(fifo)){                               \
		{ .mask = (size)-1, .esize = sizeof(type), .data = NULL } }
#define __kfifo_esize(fifo) sizeof(**(fifo)->type_of)
#define __kfifo_inline(fifo) (sizeof((fifo)->buf) != 0)
/* The ring of a DEFINE_KFIFO lies behind its head, and its address is filled in at the first use. */
#define __kfifo_of(fifo)                                                                \
	({                                                                              \
		struct __kfifo *__kf = &(fifo)->kfifo;                                  \
		if (__kfifo_inline(fifo) && !__kf->data)                                \
			__kf->data = (fifo)->buf;                                       \
		__kf;                                                                   \
	})

extern int __kfifo_alloc(struct __kfifo *fifo, unsigned int size, size_t esize, gfp_t gfp_mask);
extern void __kfifo_free(struct __kfifo *fifo);
extern int __kfifo_init(struct __kfifo *fifo, void *buffer, unsigned int size, size_t esize);
extern unsigned int __kfifo_in(struct __kfifo *fifo, const void *buf, unsigned int len);
extern unsigned int __kfifo_out(struct __kfifo *fifo, void *buf, unsigned int len);
extern unsigned int __kfifo_out_peek(struct __kfifo *fifo, void *buf, unsigned int len);
extern int __kfifo_from_user(struct __kfifo *fifo, const void __user *from, unsigned long len, unsigned int *copied);
extern int __kfifo_to_user(struct __kfifo *fifo, void __user *to, unsigned long len, unsigned int *copied);

#define INIT_KFIFO(fifo)                                                                \
	do {                                                                            \
		typeof(&(fifo)) __f = &(fifo);                                          \
		__kfifo_init(&__f->kfifo, __kfifo_inline(__f) ? __f->buf : NULL,        \
			     ARRAY_SIZE(__f->buf) * __kfifo_esize(__f), __kfifo_esize(__f)); \
	} while (0)
#define kfifo_alloc(fifo, size, gfp) __kfifo_alloc(&(fifo)->kfifo, size, __kfifo_esize(fifo), gfp)
#define kfifo_init(fifo, buffer, size) __kfifo_init(&(fifo)->kfifo, buffer, size, __kfifo_esize(fifo))
#define kfifo_free(fifo) __kfifo_free(&(fifo)->kfifo)
#define kfifo_initialized(fifo) ((fifo)->kfifo.mask != 0)
#define kfifo_esize(fifo) __kfifo_esize(fifo)
#define kfifo_size(fifo) ((fifo)->kfifo.mask + 1)
#define kfifo_len(fifo) ((fifo)->kfifo.in - (fifo)->kfifo.out)
#define kfifo_avail(fifo) (kfifo_size(fifo) - kfifo_len(fifo))
#define kfifo_is_empty(fifo) ((fifo)->kfifo.in == (fifo)->kfifo.out)
#define kfifo_is_full(fifo) (kfifo_len(fifo) > (fifo)->kfifo.mask)
#define kfifo_reset(fifo) ((void)((fifo)->kfifo.in = (fifo)->kfifo.out = 0))
#define kfifo_reset_out(fifo) ((void)((fifo)->kfifo.out = (fifo)->kfifo.in))
#define kfifo_skip(fifo) ((void)(fifo)->kfifo.out++)
#define kfifo_skip_count(fifo, count) ((void)((fifo)->kfifo.out += (count)))
#define kfifo_put(fifo, val)                                                            \
	({                                                                              \
		typeof(**(fifo)->type_of) __val = (val);                                \
		__kfifo_in(__kfifo_of(fifo), &__val, 1);                                \
	})
#define kfifo_get(fifo, val) __kfifo_out(__kfifo_of(fifo), (typeof(*(fifo)->type_of))(val), 1)
#define kfifo_peek(fifo, val) __kfifo_out_peek(__kfifo_of(fifo), (typeof(*(fifo)->type_of))(val), 1)
#define kfifo_in(fifo, buf, n) __kfifo_in(__kfifo_of(fifo), (buf), (n))
#define kfifo_out(fifo, buf, n) __kfifo_out(__kfifo_of(fifo), (buf), (n))
#define kfifo_out_peek(fifo, buf, n) __kfifo_out_peek(__kfifo_of(fifo), (buf), (n))
#define kfifo_in_spinlocked(fifo, buf, n, lock)                 \
	({                                                      \
		unsigned long __flags;                          \
		unsigned int __n;                               \
		spin_lock_irqsave(lock, __flags);               \
		__n = kfifo_in(fifo, buf, n);                   \
		spin_unlock_irqrestore(lock, __flags);          \
		__n;                                            \
	})
#define kfifo_out_spinlocked(fifo, buf, n, lock)                \
	({                                                      \
		unsigned long __flags;                          \
		unsigned int __n;                               \
		spin_lock_irqsave(lock, __flags);               \
		__n = kfifo_out(fifo, buf, n);                  \
		spin_unlock_irqrestore(lock, __flags);          \
		__n;                                            \
	})
#define kfifo_in_locked kfifo_in_spinlocked
#define kfifo_out_locked kfifo_out_spinlocked
#define kfifo_from_user(fifo, from, len, copied) __kfifo_from_user(__kfifo_of(fifo), from, len, copied)
#define kfifo_to_user(fifo, to, len, copied) __kfifo_to_user(__kfifo_of(fifo), to, len, copied)

#endif /* _LINUX_KFIFO_H */
