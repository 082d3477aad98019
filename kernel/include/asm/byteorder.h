/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _ASM_BYTEORDER_H
#define _ASM_BYTEORDER_H

#include <uapi/linux/types.h>

/* Little endian, as every wasm machine. */
#define __LITTLE_ENDIAN 1234
#define __LITTLE_ENDIAN_BITFIELD

#define swab16(x) ((__u16)__builtin_bswap16((__u16)(x)))
#define swab32(x) ((__u32)__builtin_bswap32((__u32)(x)))
#define swab64(x) ((__u64)__builtin_bswap64((__u64)(x)))
#define __swab16(x) swab16(x)
#define __swab32(x) swab32(x)
#define __swab64(x) swab64(x)


#define cpu_to_le16(x) ((__le16)(__u16)(x))
#define cpu_to_le32(x) ((__le32)(__u32)(x))
#define cpu_to_le64(x) ((__le64)(__u64)(x))
#define le16_to_cpu(x) ((__u16)(__le16)(x))
#define le32_to_cpu(x) ((__u32)(__le32)(x))
#define le64_to_cpu(x) ((__u64)(__le64)(x))
#define cpu_to_be16(x) ((__be16)swab16(x))
#define cpu_to_be32(x) ((__be32)swab32(x))
#define cpu_to_be64(x) ((__be64)swab64(x))
#define be16_to_cpu(x) swab16(x)
#define be32_to_cpu(x) swab32(x)
#define be64_to_cpu(x) swab64(x)
#define __cpu_to_le16 cpu_to_le16
#define __cpu_to_le32 cpu_to_le32
#define __cpu_to_le64 cpu_to_le64
#define __le16_to_cpu le16_to_cpu
#define __le32_to_cpu le32_to_cpu
#define __le64_to_cpu le64_to_cpu
#define __cpu_to_be16 cpu_to_be16
#define __cpu_to_be32 cpu_to_be32
#define __be16_to_cpu be16_to_cpu
#define __be32_to_cpu be32_to_cpu
#define __constant_cpu_to_le16 cpu_to_le16
#define __constant_cpu_to_le32 cpu_to_le32

static inline __u16 le16_to_cpup(const __le16 *p) { return *p; }
static inline __u32 le32_to_cpup(const __le32 *p) { return *p; }
static inline __u64 le64_to_cpup(const __le64 *p) { return *p; }
static inline __u16 be16_to_cpup(const __be16 *p) { return swab16(*p); }
static inline __u32 be32_to_cpup(const __be32 *p) { return swab32(*p); }
static inline __u64 be64_to_cpup(const __be64 *p) { return swab64(*p); }
#define le16_to_cpus(p) do { (void)(p); } while (0)
#define le32_to_cpus(p) do { (void)(p); } while (0)
#define cpu_to_le16s(p) do { (void)(p); } while (0)
#define cpu_to_le32s(p) do { (void)(p); } while (0)
static inline void le16_add_cpu(__le16 *p, __u16 v) { *p += v; }
static inline void le32_add_cpu(__le32 *p, __u32 v) { *p += v; }

#define htons(x) cpu_to_be16(x)
#define ntohs(x) be16_to_cpu(x)
#define htonl(x) cpu_to_be32(x)
#define ntohl(x) be32_to_cpu(x)

#endif /* _ASM_BYTEORDER_H */
