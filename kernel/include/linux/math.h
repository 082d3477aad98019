/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MATH_H
#define _LINUX_MATH_H

#include <linux/types.h>
#include <linux/compiler.h>

#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define DIV_ROUND_DOWN_ULL(ll, d) ((unsigned long long)(ll) / (d))
#define DIV_ROUND_UP_ULL(ll, d) (((unsigned long long)(ll) + (d) - 1) / (d))
#define DIV_ROUND_UP_SECTOR_T(ll, d) DIV_ROUND_UP_ULL(ll, d)
#define DIV_ROUND_CLOSEST(x, divisor)                                           \
	({                                                                      \
		typeof(x) __x = (x);                                            \
		typeof(divisor) __d = (divisor);                                \
		(((typeof(x))-1) > 0 || ((typeof(divisor))-1) > 0 ||            \
		 ((__x > 0) == (__d > 0))) ? ((__x + (__d / 2)) / __d)          \
					   : ((__x - (__d / 2)) / __d);         \
	})
#define DIV_ROUND_CLOSEST_ULL(x, d) (((unsigned long long)(x) + (d) / 2) / (d))
#define __round_mask(x, y) ((typeof(x))((y)-1))
#define round_up(x, y) ((((x)-1) | __round_mask(x, y)) + 1)
#define round_down(x, y) ((x) & ~__round_mask(x, y))
#define roundup(x, y)                              \
	({                                         \
		typeof(y) __y = (y);               \
		(((x) + (__y - 1)) / __y) * __y;   \
	})
#define rounddown(x, y)                            \
	({                                         \
		typeof(x) __x = (x);               \
		__x - (__x % (y));                 \
	})
#define mult_frac(x, n, d)                         \
	({                                         \
		typeof(x) x_ = (x);                \
		typeof(n) n_ = (n);                \
		typeof(d) d_ = (d);                \
		typeof(x_) q_ = x_ / d_;           \
		typeof(x_) r_ = x_ % d_;           \
		q_ * n_ + r_ * n_ / d_;            \
	})
#define abs(x)                                     \
	({                                         \
		typeof(x) __v = (x);               \
		__v < 0 ? -__v : __v;              \
	})
#define abs_diff(a, b)                             \
	({                                         \
		typeof(a) __a = (a);               \
		typeof(b) __b = (b);               \
		__a > __b ? (__a - __b) : (__b - __a); \
	})
#define sector_div(a, b)                           \
	({                                         \
		u32 __r = (a) % (b);               \
		(a) /= (b);                        \
		__r;                               \
	})

extern u64 int_pow(u64 base, unsigned int exp);
extern unsigned long int_sqrt(unsigned long x);
extern unsigned long gcd(unsigned long a, unsigned long b);
extern unsigned long lcm(unsigned long a, unsigned long b);
static inline u32 int_sqrt64(u64 x)
{
	u64 root = 0, bit = 1ULL << 62;

	while (bit > x)
		bit >>= 2;
	for (; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return (u32)root;
}

#endif /* _LINUX_MATH_H */
