/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_OVERFLOW_H
#define _LINUX_OVERFLOW_H

#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/types.h>

#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d) __builtin_sub_overflow(a, b, d)
#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)
/* Of two size_t: no 128-bit product, and no division where b is known. */
static inline bool __size_mul_overflow(size_t a, size_t b, size_t *r)
{
	*r = a * b;
	return b && a > SIZE_MAX / b;
}
static inline size_t size_mul(size_t a, size_t b)
{
	size_t r;

	return __size_mul_overflow(a, b, &r) ? SIZE_MAX : r;
}
/* What the compiler makes of a product of 128 bits; *product is low, high. */
extern void __multi3(unsigned long *product, unsigned long al, unsigned long ah, unsigned long bl, unsigned long bh);
static inline size_t size_add(size_t a, size_t b)
{
	size_t r;

	return check_add_overflow(a, b, &r) ? SIZE_MAX : r;
}
#define array_size(a, b) size_mul(a, b)
#define array3_size(a, b, c) size_mul(size_mul(a, b), c)
#define struct_size(p, member, count) \
	size_add(sizeof(*(p)), size_mul(sizeof(*(p)->member), (count)))
#define flex_array_size(p, member, count) size_mul(count, sizeof(*(p)->member))

#endif /* _LINUX_OVERFLOW_H */
