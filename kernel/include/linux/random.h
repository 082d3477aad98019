/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_RANDOM_H
#define _LINUX_RANDOM_H

#include <linux/types.h>

extern void get_random_bytes(void *buf, size_t len);
extern u8 get_random_u8(void);
extern u16 get_random_u16(void);
extern u32 get_random_u32(void);
extern u64 get_random_u64(void);
#define get_random_int() get_random_u32()
#define get_random_long() ((unsigned long)get_random_u32())
#define prandom_u32() get_random_u32()
#define prandom_bytes(buf, n) get_random_bytes(buf, n)
static inline u32 get_random_u32_below(u32 ceil) { return ceil ? (u32)(((u64)get_random_u32() * ceil) >> 32) : 0; }
#define prandom_u32_max(n) get_random_u32_below(n)
static inline void add_device_randomness(const void *buf, size_t len) {}

#endif /* _LINUX_RANDOM_H */
