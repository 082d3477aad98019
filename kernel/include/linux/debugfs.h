/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_DEBUGFS_H
#define _LINUX_DEBUGFS_H

#include <linux/fs.h>
#include <linux/seq_file.h>
#include <linux/types.h>

extern struct dentry *debugfs_create_file(const char *name, umode_t mode, struct dentry *parent, void *data, const struct file_operations *fops);
extern struct dentry *debugfs_create_dir(const char *name, struct dentry *parent);
extern struct dentry *debugfs_lookup(const char *name, struct dentry *parent);
extern void debugfs_remove(struct dentry *dentry);
extern void debugfs_create_u8(const char *name, umode_t mode, struct dentry *parent, u8 *value);
extern void debugfs_create_u16(const char *name, umode_t mode, struct dentry *parent, u16 *value);
extern void debugfs_create_u32(const char *name, umode_t mode, struct dentry *parent, u32 *value);
extern void debugfs_create_u64(const char *name, umode_t mode, struct dentry *parent, u64 *value);
extern void debugfs_create_x32(const char *name, umode_t mode, struct dentry *parent, u32 *value);
extern void debugfs_create_atomic_t(const char *name, umode_t mode, struct dentry *parent, atomic_t *value);
extern void debugfs_create_bool(const char *name, umode_t mode, struct dentry *parent, bool *value);
extern void debugfs_create_x8(const char *name, umode_t mode, struct dentry *parent, u8 *value);
extern void debugfs_create_x16(const char *name, umode_t mode, struct dentry *parent, u16 *value);
extern void debugfs_create_x64(const char *name, umode_t mode, struct dentry *parent, u64 *value);
extern void debugfs_create_size_t(const char *name, umode_t mode, struct dentry *parent, size_t *value);
extern void debugfs_create_ulong(const char *name, umode_t mode, struct dentry *parent, unsigned long *value);
#define debugfs_remove_recursive debugfs_remove
#define debugfs_create_file_unsafe debugfs_create_file
#define DEFINE_DEBUGFS_ATTRIBUTE DEFINE_SIMPLE_ATTRIBUTE
#define DEFINE_DEBUGFS_ATTRIBUTE_SIGNED DEFINE_SIMPLE_ATTRIBUTE_SIGNED
#define debugfs_attr_read simple_attr_read
#define debugfs_attr_write simple_attr_write

static inline bool debugfs_initialized(void)
{
	return true;
}

static inline void debugfs_lookup_and_remove(const char *name, struct dentry *parent)
{
	debugfs_remove(debugfs_lookup(name, parent));
}

/* Bytes in memory as a file that can be read. */
struct debugfs_blob_wrapper {
	void *data;
	unsigned long size;
};

static inline ssize_t __debugfs_read_blob(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct debugfs_blob_wrapper *blob = file->private_data;

	return simple_read_from_buffer(buf, count, pos, blob->data, blob->size);
}

static inline struct dentry *debugfs_create_blob(const char *name, umode_t mode, struct dentry *parent,
						 struct debugfs_blob_wrapper *blob)
{
	static const struct file_operations fops = {
		.read = __debugfs_read_blob, .open = simple_open, .llseek = default_llseek,
	};

	return debugfs_create_file(name, mode & 0444, parent, blob, &fops);
}

#endif /* _LINUX_DEBUGFS_H */
