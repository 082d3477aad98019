/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_ATOMIC_H
#define _LINUX_ATOMIC_H

#include <linux/types.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

/* Plain arithmetic: see bitops.h for why that is atomic here. */
#define atomic_read(v) READ_ONCE((v)->counter)
#define atomic_set(v, i) WRITE_ONCE((v)->counter, (i))
#define atomic64_read(v) READ_ONCE((v)->counter)
#define atomic64_set(v, i) WRITE_ONCE((v)->counter, (i))
#define ATOMIC64_INIT(i) { (i) }

#define __ATOMIC_FAMILY(pfx, type, num)                                                             \
	static inline void pfx##_add(num i, type *v) { v->counter += i; }                           \
	static inline void pfx##_sub(num i, type *v) { v->counter -= i; }                           \
	static inline void pfx##_inc(type *v) { v->counter++; }                                     \
	static inline void pfx##_dec(type *v) { v->counter--; }                                     \
	static inline void pfx##_and(num i, type *v) { v->counter &= i; }                           \
	static inline void pfx##_or(num i, type *v) { v->counter |= i; }                            \
	static inline void pfx##_xor(num i, type *v) { v->counter ^= i; }                           \
	static inline void pfx##_andnot(num i, type *v) { v->counter &= ~i; }                       \
	static inline num pfx##_add_return(num i, type *v) { return v->counter += i; }              \
	static inline num pfx##_sub_return(num i, type *v) { return v->counter -= i; }              \
	static inline num pfx##_inc_return(type *v) { return ++v->counter; }                        \
	static inline num pfx##_dec_return(type *v) { return --v->counter; }                        \
	static inline num pfx##_fetch_add(num i, type *v)                                           \
	{                                                                                           \
		num old = v->counter;                                                               \
		v->counter += i;                                                                    \
		return old;                                                                         \
	}                                                                                           \
	static inline num pfx##_fetch_sub(num i, type *v) { return pfx##_fetch_add(-i, v); }        \
	static inline num pfx##_fetch_inc(type *v) { return v->counter++; }                         \
	static inline num pfx##_fetch_dec(type *v) { return v->counter--; }                         \
	static inline num pfx##_fetch_or(num i, type *v)                                            \
	{                                                                                           \
		num old = v->counter;                                                               \
		v->counter |= i;                                                                    \
		return old;                                                                         \
	}                                                                                           \
	static inline num pfx##_fetch_and(num i, type *v)                                           \
	{                                                                                           \
		num old = v->counter;                                                               \
		v->counter &= i;                                                                    \
		return old;                                                                         \
	}                                                                                           \
	static inline num pfx##_xchg(type *v, num n)                                                \
	{                                                                                           \
		num old = v->counter;                                                               \
		v->counter = n;                                                                     \
		return old;                                                                         \
	}                                                                                           \
	static inline num pfx##_cmpxchg(type *v, num old, num n)                                    \
	{                                                                                           \
		num seen = v->counter;                                                              \
		if (seen == old)                                                                    \
			v->counter = n;                                                             \
		return seen;                                                                        \
	}                                                                                           \
	static inline bool pfx##_try_cmpxchg(type *v, num *old, num n)                              \
	{                                                                                           \
		num seen = pfx##_cmpxchg(v, *old, n);                                               \
		if (seen == *old)                                                                   \
			return true;                                                                \
		*old = seen;                                                                        \
		return false;                                                                       \
	}                                                                                           \
	static inline bool pfx##_sub_and_test(num i, type *v) { return (v->counter -= i) == 0; }    \
	static inline bool pfx##_dec_and_test(type *v) { return --v->counter == 0; }                \
	static inline bool pfx##_inc_and_test(type *v) { return ++v->counter == 0; }                \
	static inline bool pfx##_add_negative(num i, type *v) { return (v->counter += i) < 0; }     \
	static inline num pfx##_fetch_add_unless(type *v, num a, num u)                             \
	{                                                                                           \
		num old = v->counter;                                                               \
		if (old != u)                                                                       \
			v->counter += a;                                                            \
		return old;                                                                         \
	}                                                                                           \
	static inline bool pfx##_add_unless(type *v, num a, num u)                                  \
	{                                                                                           \
		return pfx##_fetch_add_unless(v, a, u) != u;                                        \
	}                                                                                           \
	static inline bool pfx##_inc_not_zero(type *v) { return pfx##_add_unless(v, 1, 0); }        \
	static inline num pfx##_dec_if_positive(type *v)                                            \
	{                                                                                           \
		num left = v->counter - 1;                                                          \
		if (left >= 0)                                                                      \
			v->counter = left;                                                          \
		return left;                                                                        \
	}
__ATOMIC_FAMILY(atomic, atomic_t, int)
__ATOMIC_FAMILY(atomic64, atomic64_t, s64)
#undef __ATOMIC_FAMILY

typedef atomic64_t atomic_long_t;
#define ATOMIC_LONG_INIT(i) ATOMIC_INIT(i)
#define atomic_long_read(v) ((long)atomic64_read(v))
#define atomic_long_set(v, i) atomic64_set(v, i)
#define atomic_long_add(i, v) atomic64_add(i, v)
#define atomic_long_sub(i, v) atomic64_sub(i, v)
#define atomic_long_inc(v) atomic64_inc(v)
#define atomic_long_dec(v) atomic64_dec(v)
#define atomic_long_inc_return(v) atomic64_inc_return(v)
#define atomic_long_dec_return(v) atomic64_dec_return(v)
#define atomic_long_add_return(i, v) atomic64_add_return(i, v)
#define atomic_long_dec_and_test(v) atomic64_dec_and_test(v)
#define atomic_read_acquire atomic_read
#define atomic_set_release atomic_set

#define xchg(ptr, v)                               \
	({                                         \
		typeof(*(ptr)) __old = *(ptr);     \
		*(ptr) = (v);                      \
		__old;                             \
	})
#define cmpxchg(ptr, o, n)                         \
	({                                         \
		typeof(*(ptr)) __seen = *(ptr);    \
		if (__seen == (o))                 \
			*(ptr) = (n);              \
		__seen;                            \
	})
#define cmpxchg64 cmpxchg
#define cmpxchg_relaxed cmpxchg
#define try_cmpxchg(ptr, oldp, n)                                  \
	({                                                         \
		typeof(*(ptr)) __want = *(oldp);                   \
		typeof(*(ptr)) __got = cmpxchg(ptr, __want, n);    \
		*(oldp) = __got;                                   \
		__got == __want;                                   \
	})

#endif /* _LINUX_ATOMIC_H */
