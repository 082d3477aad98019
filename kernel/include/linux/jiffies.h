/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_JIFFIES_H
#define _LINUX_JIFFIES_H

#include <linux/types.h>
#include <linux/time.h>
#include <asm/param.h>

#define INITIAL_JIFFIES ((unsigned long)(unsigned int)(-300 * HZ))
#define MAX_JIFFY_OFFSET ((LONG_MAX >> 1) - 1)
/* No tick runs in the simulated kernel: who reads these calls the function (kernel/ko/object/live.go). */
extern unsigned long volatile jiffies;
extern u64 volatile jiffies_64;
extern unsigned long __jiffies_now(void);
extern u64 get_jiffies_64(void);

#define time_after(a, b) (typecheck(unsigned long, a) && typecheck(unsigned long, b) && ((long)((b) - (a)) < 0))
#define time_before(a, b) time_after(b, a)
#define time_after_eq(a, b) (typecheck(unsigned long, a) && typecheck(unsigned long, b) && ((long)((a) - (b)) >= 0))
#define time_before_eq(a, b) time_after_eq(b, a)
#define time_in_range(a, b, c) (time_after_eq(a, b) && time_before_eq(a, c))
#define time_is_before_jiffies(a) time_after(jiffies, a)
#define time_is_after_jiffies(a) time_before(jiffies, a)
#define time_after64(a, b) ((s64)((b) - (a)) < 0)
#define time_before64(a, b) time_after64(b, a)

static inline unsigned int jiffies_to_msecs(const unsigned long j) { return (1000 / HZ) * j; }
static inline unsigned int jiffies_to_usecs(const unsigned long j) { return (1000000 / HZ) * j; }
static inline u64 jiffies_to_nsecs(const unsigned long j) { return (u64)(1000000000 / HZ) * j; }
static inline unsigned long msecs_to_jiffies(const unsigned int m)
{
	if ((int)m < 0)
		return ((~0UL >> 1) >> 1) - 1;
	return (m + (1000 / HZ) - 1) / (1000 / HZ);
}
static inline unsigned long usecs_to_jiffies(const unsigned int u)
{
	return u / (1000000 / HZ) + (u % (1000000 / HZ) != 0);
}
static inline unsigned long nsecs_to_jiffies(u64 n) { return (unsigned long)(n / (1000000000 / HZ)); }
static inline clock_t jiffies_to_clock_t(unsigned long x) { return x / (HZ / USER_HZ); }
static inline unsigned long round_jiffies(unsigned long j) { return j; }
static inline unsigned long round_jiffies_relative(unsigned long j) { return j; }

#endif /* _LINUX_JIFFIES_H */
