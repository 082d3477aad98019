/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_BITMAP_H
#define _LINUX_BITMAP_H

#include <linux/bitops.h>
#include <linux/string.h>
#include <linux/slab.h>

#define BITMAP_FIRST_WORD_MASK(start) (~0UL << ((start) & (BITS_PER_LONG - 1)))
#define BITMAP_LAST_WORD_MASK(nbits) (~0UL >> (-(nbits) & (BITS_PER_LONG - 1)))
#define bitmap_size(nbits) (BITS_TO_LONGS(nbits) * sizeof(unsigned long))

static inline void bitmap_zero(unsigned long *dst, unsigned int nbits) { memset(dst, 0, bitmap_size(nbits)); }
static inline void bitmap_fill(unsigned long *dst, unsigned int nbits) { memset(dst, 0xff, bitmap_size(nbits)); }
static inline void bitmap_copy(unsigned long *dst, const unsigned long *src, unsigned int nbits)
{
	memcpy(dst, src, bitmap_size(nbits));
}
extern void __bitmap_set(unsigned long *map, unsigned int start, int len);
extern void __bitmap_clear(unsigned long *map, unsigned int start, int len);
extern int __bitmap_weight(const unsigned long *bitmap, unsigned int nbits);
extern bool __bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b, unsigned int nbits);
extern void __bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b, unsigned int nbits);
extern void __bitmap_xor(unsigned long *dst, const unsigned long *a, const unsigned long *b, unsigned int nbits);
extern bool __bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned int nbits);
extern unsigned long bitmap_find_next_zero_area_off(unsigned long *map, unsigned long size,
						    unsigned long start, unsigned int nr,
						    unsigned long align_mask,
						    unsigned long align_offset);
#define bitmap_set __bitmap_set
#define bitmap_clear __bitmap_clear
#define bitmap_weight __bitmap_weight
#define bitmap_and __bitmap_and
#define bitmap_or __bitmap_or
#define bitmap_xor __bitmap_xor
#define bitmap_equal __bitmap_equal
#define bitmap_find_next_zero_area(map, size, start, nr, align_mask) \
	bitmap_find_next_zero_area_off(map, size, start, nr, align_mask, 0)
static inline bool bitmap_empty(const unsigned long *src, unsigned int nbits)
{
	return find_first_bit(src, nbits) >= nbits;
}
static inline bool bitmap_full(const unsigned long *src, unsigned int nbits)
{
	return find_first_zero_bit(src, nbits) >= nbits;
}
static inline unsigned long *bitmap_alloc(unsigned int nbits, gfp_t flags)
{
	return kmalloc(bitmap_size(nbits), flags);
}
static inline unsigned long *bitmap_zalloc(unsigned int nbits, gfp_t flags)
{
	return kzalloc(bitmap_size(nbits), flags);
}
static inline void bitmap_free(const unsigned long *bitmap) { kfree(bitmap); }

#endif /* _LINUX_BITMAP_H */
