/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SYSFS_H
#define _LINUX_SYSFS_H

#include <linux/types.h>
#include <linux/stringify.h>
#include <linux/stat.h>

struct kobject;
struct file;
struct attribute {
	const char *name;
	umode_t mode;
};
struct bin_attribute {
	struct attribute attr;
	size_t size;
	void *private;
	ssize_t (*read)(struct file *, struct kobject *, struct bin_attribute *, char *, loff_t, size_t);
	ssize_t (*write)(struct file *, struct kobject *, struct bin_attribute *, char *, loff_t, size_t);
};
struct attribute_group {
	const char *name; /* a sub-folder, or NULL */
	umode_t (*is_visible)(struct kobject *, struct attribute *, int);
	umode_t (*is_bin_visible)(struct kobject *, struct bin_attribute *, int);
	struct attribute **attrs; /* ends in NULL */
	struct bin_attribute **bin_attrs;
};
struct sysfs_ops {
	ssize_t (*show)(struct kobject *, struct attribute *, char *);
	ssize_t (*store)(struct kobject *, struct attribute *, const char *, size_t);
};
#define __ATTR(_name, _mode, _show, _store) \
	{ .attr = { .name = __stringify(_name), .mode = VERIFY_OCTAL_PERMISSIONS(_mode) }, .show = _show, .store = _store }
#define __ATTR_PREALLOC __ATTR
#define __ATTR_RO(_name) { .attr = { .name = __stringify(_name), .mode = 0444 }, .show = _name##_show }
#define __ATTR_RO_MODE(_name, _mode) { .attr = { .name = __stringify(_name), .mode = _mode }, .show = _name##_show }
#define __ATTR_WO(_name) { .attr = { .name = __stringify(_name), .mode = 0200 }, .store = _name##_store }
#define __ATTR_RW(_name) __ATTR(_name, 0644, _name##_show, _name##_store)
#define __ATTR_RW_MODE(_name, _mode) __ATTR(_name, _mode, _name##_show, _name##_store)
#define __ATTR_NULL { .attr = { .name = NULL } }
#define __ATTRIBUTE_GROUPS(_name) \
	static const struct attribute_group *_name##_groups[] = { &_name##_group, NULL }
#define ATTRIBUTE_GROUPS(_name)                                                        \
	static const struct attribute_group _name##_group = { .attrs = _name##_attrs }; \
	__ATTRIBUTE_GROUPS(_name)
#define sysfs_attr_init(attr) do { } while (0)
#define sysfs_bin_attr_init(attr) do { } while (0)
extern int sysfs_create_file_ns(struct kobject *kobj, const struct attribute *attr, const void *ns);
extern void sysfs_remove_file_ns(struct kobject *kobj, const struct attribute *attr, const void *ns);
extern int sysfs_create_files(struct kobject *kobj, const struct attribute *const *attr);
extern void sysfs_remove_files(struct kobject *kobj, const struct attribute *const *attr);
extern int sysfs_create_bin_file(struct kobject *kobj, const struct bin_attribute *attr);
extern void sysfs_remove_bin_file(struct kobject *kobj, const struct bin_attribute *attr);
extern int sysfs_create_group(struct kobject *kobj, const struct attribute_group *grp);
extern int sysfs_create_groups(struct kobject *kobj, const struct attribute_group **groups);
extern void sysfs_remove_group(struct kobject *kobj, const struct attribute_group *grp);
extern void sysfs_remove_groups(struct kobject *kobj, const struct attribute_group **groups);
extern int sysfs_create_link(struct kobject *kobj, struct kobject *target, const char *name);
extern void sysfs_remove_link(struct kobject *kobj, const char *name);
extern void sysfs_notify(struct kobject *kobj, const char *dir, const char *attr);
extern __printf(2, 3) int sysfs_emit(char *buf, const char *fmt, ...);
extern __printf(3, 4) int sysfs_emit_at(char *buf, int at, const char *fmt, ...);
#define sysfs_create_file(kobj, attr) sysfs_create_file_ns(kobj, attr, NULL)
#define sysfs_remove_file(kobj, attr) sysfs_remove_file_ns(kobj, attr, NULL)

#endif /* _LINUX_SYSFS_H */
