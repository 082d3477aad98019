/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MISCDEVICE_H
#define _LINUX_MISCDEVICE_H

#include <linux/types.h>
#include <linux/list.h>
#include <linux/device.h>
#include <linux/major.h>

#define PSMOUSE_MINOR 1
#define WATCHDOG_MINOR 130
#define HWRNG_MINOR 183
#define MISC_DYNAMIC_MINOR 255

struct attribute_group;
struct file_operations;
struct miscdevice {
	int minor;
	const char *name;
	const struct file_operations *fops;
	struct list_head list;
	struct device *parent;
	struct device *this_device;
	const struct attribute_group **groups;
	const char *nodename;
	umode_t mode;
};
extern int misc_register(struct miscdevice *misc);
extern void misc_deregister(struct miscdevice *misc);
#define module_misc_device(__misc_device) module_driver(__misc_device, misc_register, misc_deregister)
#define builtin_misc_device(__misc_device) module_misc_device(__misc_device)

#endif /* _LINUX_MISCDEVICE_H */
