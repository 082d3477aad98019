/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_PANIC_H
#define _LINUX_PANIC_H

#include <linux/compiler.h>
#include <linux/types.h>

extern __printf(1, 2) void __noreturn panic(const char *fmt, ...);
extern void add_taint(unsigned int flag, int lockdep_ok);

enum lockdep_ok { LOCKDEP_STILL_OK, LOCKDEP_NOW_UNRELIABLE };

#define TAINT_PROPRIETARY_MODULE 0
#define TAINT_FORCED_MODULE 1
#define TAINT_FORCED_RMMOD 3
#define TAINT_USER 6
#define TAINT_DIE 7
#define TAINT_WARN 9
#define TAINT_CRAP 10
#define TAINT_OOT_MODULE 12
#define TAINT_UNSIGNED_MODULE 13

#endif /* _LINUX_PANIC_H */
