/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_KTIME_H
#define _LINUX_KTIME_H

#include <linux/time.h>
#include <linux/jiffies.h>

typedef s64 ktime_t; /* nanoseconds */
#define KTIME_MAX ((s64)~((u64)1 << 63))
extern ktime_t ktime_get(void);
extern ktime_t ktime_get_raw(void);
extern ktime_t ktime_get_real(void);
extern ktime_t ktime_get_boottime(void);
extern u64 ktime_get_ns(void);
extern u64 ktime_get_real_ns(void);
extern u64 ktime_get_boottime_ns(void);
extern u64 ktime_get_raw_ns(void);
extern time64_t ktime_get_seconds(void);
extern time64_t ktime_get_real_seconds(void);
extern void ktime_get_ts64(struct timespec64 *ts);
extern void ktime_get_real_ts64(struct timespec64 *ts);
extern void ktime_get_boottime_ts64(struct timespec64 *ts);
#define ktime_get_raw_ts64 ktime_get_ts64
#define ktime_get_coarse_real_ts64 ktime_get_real_ts64
#define ktime_get_coarse_ts64 ktime_get_ts64
#define ktime_get_mono_fast_ns ktime_get_ns
static inline ktime_t ktime_set(const s64 secs, const unsigned long nsecs) { return secs * NSEC_PER_SEC + (s64)nsecs; }
#define ktime_sub(lhs, rhs) ((lhs) - (rhs))
#define ktime_add(lhs, rhs) ((lhs) + (rhs))
#define ktime_add_ns(kt, nsval) ((kt) + (nsval))
#define ktime_sub_ns(kt, nsval) ((kt) - (nsval))
#define ktime_to_ns(kt) (kt)
#define ns_to_ktime(ns) ((ktime_t)(ns))
static inline s64 ktime_to_us(const ktime_t kt) { return kt / NSEC_PER_USEC; }
static inline s64 ktime_to_ms(const ktime_t kt) { return kt / NSEC_PER_MSEC; }
static inline ktime_t ms_to_ktime(u64 ms) { return ms * NSEC_PER_MSEC; }
static inline ktime_t us_to_ktime(u64 us) { return us * NSEC_PER_USEC; }
static inline s64 ktime_us_delta(ktime_t later, ktime_t earlier) { return ktime_to_us(later - earlier); }
static inline s64 ktime_ms_delta(ktime_t later, ktime_t earlier) { return ktime_to_ms(later - earlier); }
static inline ktime_t ktime_add_us(ktime_t kt, u64 us) { return kt + us * NSEC_PER_USEC; }
static inline ktime_t ktime_add_ms(ktime_t kt, u64 ms) { return kt + ms * NSEC_PER_MSEC; }
static inline int ktime_compare(ktime_t a, ktime_t b) { return a < b ? -1 : a > b; }
static inline bool ktime_after(ktime_t a, ktime_t b) { return a > b; }
static inline bool ktime_before(ktime_t a, ktime_t b) { return a < b; }
#define ktime_to_timespec64(kt) ns_to_timespec64(kt)
static inline ktime_t timespec64_to_ktime(struct timespec64 ts) { return timespec64_to_ns(&ts); }
static inline void do_gettimeofday(struct timeval *tv)
{
	u64 now = ktime_get_real_ns();

	tv->tv_sec = (time_t)(now / NSEC_PER_SEC);
	tv->tv_usec = (suseconds_t)(now % NSEC_PER_SEC / NSEC_PER_USEC);
}
static inline void getnstimeofday(struct timespec *ts)
{
	u64 now = ktime_get_real_ns();

	ts->tv_sec = (time_t)(now / NSEC_PER_SEC);
	ts->tv_nsec = (long)(now % NSEC_PER_SEC);
}
static inline time_t get_seconds(void) { return (time_t)ktime_get_real_seconds(); }

#endif /* _LINUX_KTIME_H */
