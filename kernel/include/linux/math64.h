/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MATH64_H
#define _LINUX_MATH64_H

#include <linux/types.h>
#include <linux/math.h>

/* wasm divides 64 bits itself, so these cost nothing. */
static inline u64 div_u64_rem(u64 dividend, u32 divisor, u32 *remainder)
{
	*remainder = (u32)(dividend % divisor);
	return dividend / divisor;
}
static inline s64 div_s64_rem(s64 dividend, s32 divisor, s32 *remainder)
{
	*remainder = (s32)(dividend % divisor);
	return dividend / divisor;
}
static inline u64 div64_u64_rem(u64 dividend, u64 divisor, u64 *remainder)
{
	*remainder = dividend % divisor;
	return dividend / divisor;
}
static inline u64 div_u64(u64 dividend, u32 divisor) { return dividend / divisor; }
static inline s64 div_s64(s64 dividend, s32 divisor) { return dividend / divisor; }
static inline u64 div64_u64(u64 dividend, u64 divisor) { return dividend / divisor; }
static inline s64 div64_s64(s64 dividend, s64 divisor) { return dividend / divisor; }
#define div64_ul(x, y) div64_u64((x), (y))
#define div64_long(x, y) div64_s64((x), (y))
#define do_div(n, base)                                \
	({                                             \
		u32 __base = (base);                   \
		u32 __rem = (u32)((u64)(n) % __base);  \
		(n) = (u64)(n) / __base;               \
		__rem;                                 \
	})
static inline u64 mul_u32_u32(u32 a, u32 b) { return (u64)a * b; }
static inline u64 mul_u64_u32_shr(u64 a, u32 mul, unsigned int shift)
{
	u64 high = (a >> 32) * mul, low = (a & 0xffffffffu) * mul;

	return shift >= 32 ? (high + (low >> 32)) >> (shift - 32)
			   : (low >> shift) + (high << (32 - shift));
}
static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 divisor)
{
	u64 high = (a >> 32) * mul, low = (a & 0xffffffffu) * mul;
	u64 rest;

	high += low >> 32;
	rest = high % divisor;
	return ((high / divisor) << 32) + ((rest << 32) | (low & 0xffffffffu)) / divisor;
}

#endif /* _LINUX_MATH64_H */
