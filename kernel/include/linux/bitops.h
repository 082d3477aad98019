/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_BITOPS_H
#define _LINUX_BITOPS_H

#include <linux/types.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/log2.h>

/*
 * One C thread runs at a time and gives up the kernel lock only in calls and at loop ends, so a plain
 * read-modify-write is atomic here.
 */
static inline void set_bit(long nr, volatile unsigned long *addr) { addr[BIT_WORD(nr)] |= BIT_MASK(nr); }
static inline void clear_bit(long nr, volatile unsigned long *addr) { addr[BIT_WORD(nr)] &= ~BIT_MASK(nr); }
static inline void change_bit(long nr, volatile unsigned long *addr) { addr[BIT_WORD(nr)] ^= BIT_MASK(nr); }
static inline bool test_bit(long nr, const volatile unsigned long *addr)
{
	return (addr[BIT_WORD(nr)] & BIT_MASK(nr)) != 0;
}
static inline bool test_and_set_bit(long nr, volatile unsigned long *addr)
{
	bool old = test_bit(nr, addr);

	set_bit(nr, addr);
	return old;
}
static inline bool test_and_clear_bit(long nr, volatile unsigned long *addr)
{
	bool old = test_bit(nr, addr);

	clear_bit(nr, addr);
	return old;
}
static inline bool test_and_change_bit(long nr, volatile unsigned long *addr)
{
	bool old = test_bit(nr, addr);

	change_bit(nr, addr);
	return old;
}
#define __set_bit set_bit
#define __clear_bit clear_bit
#define __change_bit change_bit
#define __test_and_set_bit test_and_set_bit
#define __test_and_clear_bit test_and_clear_bit
#define __test_and_change_bit test_and_change_bit
#define test_and_set_bit_lock test_and_set_bit
#define clear_bit_unlock clear_bit
#define assign_bit(nr, addr, value) ((value) ? set_bit((nr), (addr)) : clear_bit((nr), (addr)))
#define __assign_bit assign_bit

static inline unsigned long __ffs(unsigned long word) { return __builtin_ctzl(word); }
static inline unsigned long __fls(unsigned long word) { return BITS_PER_LONG - 1 - __builtin_clzl(word); }
static inline unsigned long ffz(unsigned long word) { return __builtin_ctzl(~word); }
static inline unsigned long __ffs64(u64 word) { return __builtin_ctzll(word); }
static inline int ffs(int x) { return x ? __builtin_ctz(x) + 1 : 0; }
static inline int fls(unsigned int x) { return x ? 32 - __builtin_clz(x) : 0; }
static inline int fls64(u64 x) { return x ? 64 - __builtin_clzll(x) : 0; }
static inline int fls_long(unsigned long l) { return fls64(l); }

#define hweight8(w) ((unsigned int)__builtin_popcount((u8)(w)))
#define hweight16(w) ((unsigned int)__builtin_popcount((u16)(w)))
#define hweight32(w) ((unsigned int)__builtin_popcount((u32)(w)))
#define hweight64(w) ((unsigned int)__builtin_popcountll((u64)(w)))
#define hweight_long(w) hweight64(w)

static inline u64 rol64(u64 w, unsigned int s) { return (w << (s & 63)) | (w >> (-s & 63)); }
static inline u64 ror64(u64 w, unsigned int s) { return (w >> (s & 63)) | (w << (-s & 63)); }
static inline u32 rol32(u32 w, unsigned int s) { return (w << (s & 31)) | (w >> (-s & 31)); }
static inline u32 ror32(u32 w, unsigned int s) { return (w >> (s & 31)) | (w << (-s & 31)); }
static inline u16 rol16(u16 w, unsigned int s) { return (w << (s & 15)) | (w >> (-s & 15)); }
static inline u16 ror16(u16 w, unsigned int s) { return (w >> (s & 15)) | (w << (-s & 15)); }
static inline u8 rol8(u8 w, unsigned int s) { return (w << (s & 7)) | (w >> (-s & 7)); }
static inline u8 ror8(u8 w, unsigned int s) { return (w >> (s & 7)) | (w << (-s & 7)); }
static inline s32 sign_extend32(u32 value, int index) { return (s32)(value << (31 - index)) >> (31 - index); }
static inline s64 sign_extend64(u64 value, int index) { return (s64)(value << (63 - index)) >> (63 - index); }

extern unsigned long _find_next_bit(const unsigned long *addr, unsigned long nbits, unsigned long start);
extern unsigned long _find_next_zero_bit(const unsigned long *addr, unsigned long nbits, unsigned long start);
extern unsigned long _find_last_bit(const unsigned long *addr, unsigned long size);
#define find_next_bit(addr, size, offset) _find_next_bit(addr, size, offset)
#define find_next_zero_bit(addr, size, offset) _find_next_zero_bit(addr, size, offset)
#define find_first_bit(addr, size) _find_next_bit(addr, size, 0)
#define find_first_zero_bit(addr, size) _find_next_zero_bit(addr, size, 0)
#define find_last_bit(addr, size) _find_last_bit(addr, size)
#define for_each_set_bit(bit, addr, size)                                  \
	for ((bit) = find_first_bit((addr), (size)); (bit) < (size);       \
	     (bit) = find_next_bit((addr), (size), (bit) + 1))
#define for_each_set_bit_from(bit, addr, size)                             \
	for ((bit) = find_next_bit((addr), (size), (bit)); (bit) < (size); \
	     (bit) = find_next_bit((addr), (size), (bit) + 1))
#define for_each_clear_bit(bit, addr, size)                                \
	for ((bit) = find_first_zero_bit((addr), (size)); (bit) < (size);  \
	     (bit) = find_next_zero_bit((addr), (size), (bit) + 1))

#define smp_mb__before_atomic() barrier()
#define smp_mb__after_atomic() barrier()
#define smp_mb__before_clear_bit() barrier()
#define smp_mb__after_clear_bit() barrier()

#endif /* _LINUX_BITOPS_H */
