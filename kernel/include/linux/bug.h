/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_BUG_H
#define _LINUX_BUG_H

#include <linux/compiler.h>
#include <linux/build_bug.h>
#include <linux/types.h>
#include <linux/panic.h>
#include <linux/printk.h>

/* Oopses with "kernel BUG at FILE:LINE!". Never returns. */
extern void __noreturn __bug(const char *file, int line);
/* fmt may be NULL: WARN_ON has nothing to say beyond the place. */
extern __printf(4, 5) void warn_slowpath_fmt(const char *file, const int line, unsigned int taint,
					     const char *fmt, ...);

#define BUG() __bug(__FILE__, __LINE__)
#define BUG_ON(condition)               \
	do {                            \
		if (unlikely(condition)) \
			BUG();          \
	} while (0)

#define WARN_TAINT(condition, taint, format...)                              \
	({                                                                   \
		int __ret_warn_on = !!(condition);                           \
		if (unlikely(__ret_warn_on))                                 \
			warn_slowpath_fmt(__FILE__, __LINE__, taint, format); \
		unlikely(__ret_warn_on);                                     \
	})
#define WARN(condition, format...) WARN_TAINT(condition, TAINT_WARN, format)
#define WARN_ON(condition)                                                          \
	({                                                                          \
		int __ret_warn_on = !!(condition);                                  \
		if (unlikely(__ret_warn_on))                                        \
			warn_slowpath_fmt(__FILE__, __LINE__, TAINT_WARN, (void *)0); \
		unlikely(__ret_warn_on);                                            \
	})
#define WARN_ON_ONCE(condition)                                 \
	({                                                      \
		static bool __warned;                           \
		int __ret_warn_once = !!(condition);            \
		if (unlikely(__ret_warn_once && !__warned)) {   \
			__warned = true;                        \
			WARN_ON(1);                             \
		}                                               \
		unlikely(__ret_warn_once);                      \
	})
#define WARN_ONCE(condition, format...)                         \
	({                                                      \
		static bool __warned;                           \
		int __ret_warn_once = !!(condition);            \
		if (unlikely(__ret_warn_once && !__warned)) {   \
			__warned = true;                        \
			WARN(1, format);                        \
		}                                               \
		unlikely(__ret_warn_once);                      \
	})
#define WARN_ON_SMP(x) WARN_ON(x)
#define VM_BUG_ON(cond) BUILD_BUG_ON_INVALID(cond)
#define CHECK_DATA_CORRUPTION(condition, fmt, ...) \
	({ bool corruption = unlikely(condition); if (corruption) WARN(1, fmt, ##__VA_ARGS__); corruption; })

#endif /* _LINUX_BUG_H */
