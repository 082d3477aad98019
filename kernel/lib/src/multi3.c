/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's own helper for products of 128 bits ([compiler-rt] lib/builtins/multi3.c, by contract). */
#include <linux/overflow.h>

void __multi3(unsigned long *product, unsigned long al, unsigned long ah, unsigned long bl, unsigned long bh)
{
	unsigned long a0 = (u32)al, a1 = al >> 32, b0 = (u32)bl, b1 = bl >> 32;
	unsigned long low = a0 * b0, mid = a1 * b0 + (low >> 32);
	unsigned long mid2 = a0 * b1 + (u32)mid;

	product[0] = (mid2 << 32) | (u32)low;
	product[1] = a1 * b1 + (mid >> 32) + (mid2 >> 32) + al * bh + ah * bl;
}
