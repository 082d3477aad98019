/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_PM_H
#define _LINUX_PM_H

struct device;
typedef struct pm_message { int event; } pm_message_t;
struct dev_pm_info { int runtime_status; };
struct dev_pm_ops {
	int (*suspend)(struct device *dev);
	int (*resume)(struct device *dev);
	int (*freeze)(struct device *dev);
	int (*thaw)(struct device *dev);
	int (*runtime_suspend)(struct device *dev);
	int (*runtime_resume)(struct device *dev);
	int (*runtime_idle)(struct device *dev);
};
#define SET_SYSTEM_SLEEP_PM_OPS(suspend_fn, resume_fn) .suspend = suspend_fn, .resume = resume_fn,
#define SET_RUNTIME_PM_OPS(suspend_fn, resume_fn, idle_fn) \
	.runtime_suspend = suspend_fn, .runtime_resume = resume_fn, .runtime_idle = idle_fn,
#define SIMPLE_DEV_PM_OPS(name, suspend_fn, resume_fn) \
	const struct dev_pm_ops name = { SET_SYSTEM_SLEEP_PM_OPS(suspend_fn, resume_fn) }
#define PMSG_SUSPEND ((struct pm_message){ 2 })
#define PMSG_ON ((struct pm_message){ 0 })

#endif /* _LINUX_PM_H */
