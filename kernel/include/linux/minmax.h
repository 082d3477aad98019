/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MINMAX_H
#define _LINUX_MINMAX_H

#include <linux/compiler.h>

/* Each argument is evaluated once; both must have one type, as in Linux 6.1 (a warning says so otherwise). */
#define __same_cmp_type(x, y) ((void)(sizeof((typeof(x) *)1 == (typeof(y) *)1)))
#define __cmp_once(x, y, op, ux, uy)           \
	({                                     \
		typeof(x) ux = (x);            \
		typeof(y) uy = (y);            \
		__same_cmp_type(ux, uy);       \
		ux op uy ? ux : uy;            \
	})
#define __cmp(x, y, op) __cmp_once(x, y, op, __UNIQUE_ID(__x), __UNIQUE_ID(__y))
#define min(x, y) __cmp(x, y, <)
#define max(x, y) __cmp(x, y, >)
#define min3(x, y, z) min((typeof(x))min(x, y), z)
#define max3(x, y, z) max((typeof(x))max(x, y), z)
#define min_t(type, x, y) min((type)(x), (type)(y))
#define max_t(type, x, y) max((type)(x), (type)(y))
#define umin(x, y) min_t(unsigned long long, x, y)
#define umax(x, y) max_t(unsigned long long, x, y)
#define min_not_zero(x, y)                                                  \
	({                                                                  \
		typeof(x) __mx = (x);                                       \
		typeof(y) __my = (y);                                       \
		__mx == 0 ? __my : ((__my == 0) ? __mx : min(__mx, __my));  \
	})
#define clamp(val, lo, hi) min((typeof(val))max(val, lo), hi)
#define clamp_t(type, val, lo, hi) min_t(type, max_t(type, val, lo), hi)
#define clamp_val(val, lo, hi) clamp_t(typeof(val), val, lo, hi)
#define swap(a, b)                       \
	do {                             \
		typeof(a) __tmp = (a);   \
		(a) = (b);               \
		(b) = __tmp;             \
	} while (0)
#define in_range(val, start, len) ((u64)(val) - (u64)(start) < (u64)(len))

#endif /* _LINUX_MINMAX_H */
