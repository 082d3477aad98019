/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_DEV_PRINTK_H
#define _LINUX_DEV_PRINTK_H

#include <linux/printk.h>
#include <linux/ratelimit.h>

struct device;
extern __printf(3, 4) void _dev_printk(const char *level, const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_emerg(const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_alert(const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_crit(const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_err(const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_warn(const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_notice(const struct device *dev, const char *fmt, ...);
extern __printf(2, 3) void _dev_info(const struct device *dev, const char *fmt, ...);
extern __printf(3, 4) int dev_err_probe(const struct device *dev, int err, const char *fmt, ...);

#ifndef dev_fmt
#define dev_fmt(fmt) fmt
#endif
#define dev_printk(level, dev, fmt, ...) _dev_printk(level, dev, fmt, ##__VA_ARGS__)
#define dev_emerg(dev, fmt, ...) _dev_emerg(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_alert(dev, fmt, ...) _dev_alert(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_crit(dev, fmt, ...) _dev_crit(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_err(dev, fmt, ...) _dev_err(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_warn(dev, fmt, ...) _dev_warn(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_notice(dev, fmt, ...) _dev_notice(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define dev_info(dev, fmt, ...) _dev_info(dev, dev_fmt(fmt), ##__VA_ARGS__)
#define __dev_never(dev, fmt, ...)                                              \
	({                                                                      \
		if (0)                                                          \
			_dev_printk(KERN_DEBUG, dev, dev_fmt(fmt), ##__VA_ARGS__); \
	})
#ifdef DEBUG
#define dev_dbg(dev, fmt, ...) _dev_printk(KERN_DEBUG, dev, dev_fmt(fmt), ##__VA_ARGS__)
#else
#define dev_dbg(dev, fmt, ...) __dev_never(dev, fmt, ##__VA_ARGS__)
#endif
#define dev_vdbg(dev, fmt, ...) __dev_never(dev, fmt, ##__VA_ARGS__)
#define __dev_ratelimited(dev_level, dev, fmt, ...)                                             \
	do {                                                                                    \
		static DEFINE_RATELIMIT_STATE(_rs, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST); \
		if (__ratelimit(&_rs))                                                          \
			dev_level(dev, fmt, ##__VA_ARGS__);                                     \
	} while (0)
#define dev_err_ratelimited(dev, fmt, ...) __dev_ratelimited(dev_err, dev, fmt, ##__VA_ARGS__)
#define dev_warn_ratelimited(dev, fmt, ...) __dev_ratelimited(dev_warn, dev, fmt, ##__VA_ARGS__)
#define dev_notice_ratelimited(dev, fmt, ...) __dev_ratelimited(dev_notice, dev, fmt, ##__VA_ARGS__)
#define dev_info_ratelimited(dev, fmt, ...) __dev_ratelimited(dev_info, dev, fmt, ##__VA_ARGS__)
#define dev_dbg_ratelimited(dev, fmt, ...) __dev_ratelimited(dev_dbg, dev, fmt, ##__VA_ARGS__)
#define __dev_once(dev_level, dev, fmt, ...)                    \
	do {                                                    \
		static bool __print_once;                       \
		if (!__print_once) {                            \
			__print_once = true;                    \
			dev_level(dev, fmt, ##__VA_ARGS__);     \
		}                                               \
	} while (0)
#define dev_err_once(dev, fmt, ...) __dev_once(dev_err, dev, fmt, ##__VA_ARGS__)
#define dev_warn_once(dev, fmt, ...) __dev_once(dev_warn, dev, fmt, ##__VA_ARGS__)
#define dev_info_once(dev, fmt, ...) __dev_once(dev_info, dev, fmt, ##__VA_ARGS__)
#define dev_WARN(dev, format, arg...) WARN(1, "%s: " format, dev_name(dev), ##arg)

#endif /* _LINUX_DEV_PRINTK_H */
