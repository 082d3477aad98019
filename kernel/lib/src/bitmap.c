/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps: Linux's lib/bitmap.c and lib/find_bit.c by contract. */
#include "lib.h"
#include <linux/bitmap.h>

/* invert is all ones to look for zeros. */
static unsigned long find(const unsigned long *addr, unsigned long size, unsigned long start, unsigned long invert)
{
	unsigned long i, word;

	if (start >= size)
		return size;
	i = BIT_WORD(start);
	word = (addr[i] ^ invert) & BITMAP_FIRST_WORD_MASK(start);
	while (!word) {
		if (++i * BITS_PER_LONG >= size)
			return size;
		word = addr[i] ^ invert;
	}
	return min(i * BITS_PER_LONG + __ffs(word), size);
}

unsigned long _find_next_bit(const unsigned long *addr, unsigned long nbits, unsigned long start)
{
	return find(addr, nbits, start, 0);
}

unsigned long _find_next_zero_bit(const unsigned long *addr, unsigned long nbits, unsigned long start)
{
	return find(addr, nbits, start, ~0UL);
}

unsigned long _find_last_bit(const unsigned long *addr, unsigned long size)
{
	unsigned long i;

	for (i = size; i > 0; i--)
		if (test_bit(i - 1, addr))
			return i - 1;
	return size;
}

void __bitmap_set(unsigned long *map, unsigned int start, int len)
{
	for (; len > 0; len--)
		set_bit(start++, map);
}

void __bitmap_clear(unsigned long *map, unsigned int start, int len)
{
	for (; len > 0; len--)
		clear_bit(start++, map);
}

int __bitmap_weight(const unsigned long *bitmap, unsigned int nbits)
{
	unsigned int i, full = nbits / BITS_PER_LONG;
	int w = 0;

	for (i = 0; i < full; i++)
		w += hweight_long(bitmap[i]);
	if (nbits % BITS_PER_LONG)
		w += hweight_long(bitmap[full] & BITMAP_LAST_WORD_MASK(nbits));
	return w;
}

bool __bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b, unsigned int nbits)
{
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(nbits); i++)
		dst[i] = a[i] & b[i];
	return !bitmap_empty(dst, nbits);
}

void __bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b, unsigned int nbits)
{
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(nbits); i++)
		dst[i] = a[i] | b[i];
}

void __bitmap_xor(unsigned long *dst, const unsigned long *a, const unsigned long *b, unsigned int nbits)
{
	unsigned int i;

	for (i = 0; i < BITS_TO_LONGS(nbits); i++)
		dst[i] = a[i] ^ b[i];
}

bool __bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int nbits)
{
	unsigned int i, full = nbits / BITS_PER_LONG;

	for (i = 0; i < full; i++)
		if (a[i] != b[i])
			return false;
	return nbits % BITS_PER_LONG == 0 || !((a[full] ^ b[full]) & BITMAP_LAST_WORD_MASK(nbits));
}

unsigned long bitmap_find_next_zero_area_off(unsigned long *map, unsigned long size, unsigned long start,
					     unsigned int nr, unsigned long align_mask, unsigned long align_offset)
{
	for (;;) {
		unsigned long used;

		start = find_next_zero_bit(map, size, start);
		start = (((start + align_offset) + align_mask) & ~align_mask) - align_offset;
		if (start + nr > size)
			return start + nr;
		used = find_next_bit(map, start + nr, start);
		if (used >= start + nr)
			return start;
		start = used + 1;
	}
}
