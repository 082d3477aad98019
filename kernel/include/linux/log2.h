/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_LOG2_H
#define _LINUX_LOG2_H

#include <linux/types.h>
#include <linux/compiler.h>

static inline __attribute_const__ int __ilog2(u64 n) { return n ? 63 - __builtin_clzll(n) : -1; }
#define ilog2(n) __ilog2((u64)(n))
static inline __attribute_const__ bool is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}
static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return n <= 1 ? 1 : 1UL << (__ilog2(n - 1) + 1);
}
static inline unsigned long rounddown_pow_of_two(unsigned long n) { return 1UL << __ilog2(n); }
static inline int order_base_2(unsigned long n) { return n > 1 ? __ilog2(n - 1) + 1 : 0; }
static inline int bits_per(unsigned long n) { return n < 2 ? 1 : __ilog2(n) + 1; }
static inline int get_order(unsigned long size)
{
	size = (size - 1) >> 12;
	return size ? __ilog2(size) + 1 : 0;
}

#endif /* _LINUX_LOG2_H */
