/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_UNALIGNED_H
#define _LINUX_UNALIGNED_H

#include <asm/byteorder.h>

/* Loads and stores at any address. */
#define __UNALIGNED_PAIR(name, type, to_cpu, from_cpu)                       \
	static inline type get_unaligned_##name(const void *p)               \
	{                                                                    \
		struct { type v; } __attribute__((__packed__)) const *u = p; \
		return to_cpu(u->v);                                         \
	}                                                                    \
	static inline void put_unaligned_##name(type v, void *p)             \
	{                                                                    \
		struct { type v; } __attribute__((__packed__)) *u = p;       \
		u->v = from_cpu(v);                                          \
	}
__UNALIGNED_PAIR(le16, __u16, le16_to_cpu, cpu_to_le16)
__UNALIGNED_PAIR(le32, __u32, le32_to_cpu, cpu_to_le32)
__UNALIGNED_PAIR(le64, __u64, le64_to_cpu, cpu_to_le64)
__UNALIGNED_PAIR(be16, __u16, be16_to_cpu, cpu_to_be16)
__UNALIGNED_PAIR(be32, __u32, be32_to_cpu, cpu_to_be32)
__UNALIGNED_PAIR(be64, __u64, be64_to_cpu, cpu_to_be64)
#undef __UNALIGNED_PAIR

#define get_unaligned(ptr)                                                        \
	({                                                                        \
		const struct { typeof(*(ptr)) v; } __attribute__((__packed__)) *__u = \
			(const void *)(ptr);                                      \
		__u->v;                                                           \
	})
#define put_unaligned(val, ptr)                                                   \
	do {                                                                      \
		struct { typeof(*(ptr)) v; } __attribute__((__packed__)) *__u =   \
			(void *)(ptr);                                            \
		__u->v = (val);                                                   \
	} while (0)

#endif /* _LINUX_UNALIGNED_H */
