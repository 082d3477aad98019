/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _ASM_TYPES_H
#define _ASM_TYPES_H

/* The fixed-width integers of a 64-bit (LP64) machine, little endian. */
typedef signed char __s8;
typedef unsigned char __u8;
typedef signed short __s16;
typedef unsigned short __u16;
typedef signed int __s32;
typedef unsigned int __u32;
typedef signed long long __s64;
typedef unsigned long long __u64;

#define BITS_PER_LONG 64
#define __BITS_PER_LONG 64
#define BITS_PER_LONG_LONG 64

#endif /* _ASM_TYPES_H */
