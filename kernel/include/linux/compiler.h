/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_COMPILER_H
#define _LINUX_COMPILER_H

#include <linux/compiler_types.h>

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define likely_notrace(x) likely(x)
#define unlikely_notrace(x) unlikely(x)

#define barrier() __asm__ __volatile__("" : : : "memory")
#define barrier_data(ptr) __asm__ __volatile__("" : : "r"(ptr) : "memory")
#define OPTIMIZER_HIDE_VAR(var) __asm__("" : "=r"(var) : "0"(var))
#define unreachable() __builtin_unreachable()
#define __UNIQUE_ID_CAT(a, b) __UNIQUE_ID_CAT_(a, b)
#define __UNIQUE_ID_CAT_(a, b) a##b
#define __UNIQUE_ID(prefix) \
	__UNIQUE_ID_CAT(__UNIQUE_ID_CAT(__UNIQUE_ID_, prefix), __COUNTER__)
#define __PASTE_(a, b) a##b
#define __PASTE(a, b) __PASTE_(a, b)

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, val)                                       \
	do {                                                     \
		*(volatile typeof(x) *)&(x) = (val);             \
	} while (0)
#define ACCESS_ONCE(x) (*(volatile typeof(x) *)&(x))
#define data_race(expr) (expr)

#define __must_be_array(a) BUILD_BUG_ON_ZERO(__same_type((a), &(a)[0]))
#define absolute_pointer(val) ((void *)(val))
#define offset_to_ptr(off) ((void *)((unsigned long)(off) + *(off)))
#define is_signed_type(type) (((type)(-1)) < (__force type)1)
#define is_unsigned_type(type) (!is_signed_type(type))
#define RELOC_HIDE(ptr, off) ((typeof(ptr))((unsigned long)(ptr) + (off)))
#define _THIS_IP_ ((unsigned long)0)
#define _RET_IP_ ((unsigned long)0)

#endif /* _LINUX_COMPILER_H */
