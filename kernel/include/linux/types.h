/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_TYPES_H
#define _LINUX_TYPES_H

#include <uapi/linux/types.h>
#include <linux/stddef.h>

typedef __s8 s8;
typedef __u8 u8;
typedef __s16 s16;
typedef __u16 u16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;

typedef __s8 int8_t;
typedef __u8 uint8_t;
typedef __u8 u_int8_t;
typedef __s16 int16_t;
typedef __u16 uint16_t;
typedef __u16 u_int16_t;
typedef __s32 int32_t;
typedef __u32 uint32_t;
typedef __u32 u_int32_t;
typedef __s64 int64_t;
typedef __u64 uint64_t;
typedef __u64 u_int64_t;

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
typedef unsigned char unchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
typedef unsigned long long ullong;

typedef _Bool bool;

/* Eight bytes are aligned to eight on this machine (C's own rule for long long). */
typedef __kernel_size_t size_t;
typedef __kernel_ssize_t ssize_t;
typedef long ptrdiff_t;
typedef __kernel_loff_t loff_t;
typedef long off_t;
typedef unsigned long uintptr_t;
typedef long intptr_t;

typedef u32 dev_t;
typedef u32 __kernel_dev_t;
typedef unsigned long ino_t;
typedef unsigned int nlink_t;
typedef unsigned short umode_t;
typedef unsigned short mode_t;
typedef __kernel_pid_t pid_t;
typedef __kernel_uid32_t uid_t;
typedef __kernel_gid32_t gid_t;
typedef unsigned short uid16_t;
typedef unsigned short gid16_t;
typedef __kernel_old_time_t time_t;
typedef __kernel_time64_t time64_t;
typedef __kernel_suseconds_t suseconds_t;
typedef __kernel_clockid_t clockid_t;
typedef int timer_t;
typedef long clock_t;
typedef char *caddr_t;
typedef int key_t;
typedef unsigned int gfp_t;
typedef unsigned int slab_flags_t;
typedef unsigned int fmode_t;
typedef u64 sector_t;
typedef u64 blkcnt_t;
typedef u64 phys_addr_t;
typedef u64 dma_addr_t;
typedef phys_addr_t resource_size_t;
typedef unsigned long irq_hw_number_t;
typedef unsigned long pgoff_t;
typedef u64 async_cookie_t;

typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
#define ATOMIC_INIT(i) { (i) }

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct callback_head {
	struct callback_head *next;
	void (*func)(struct callback_head *head);
};
#define rcu_head callback_head
typedef void (*rcu_callback_t)(struct rcu_head *head);

#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]
#define aligned_u64 __aligned_u64

#include <linux/bits.h>

#endif /* _LINUX_TYPES_H */
