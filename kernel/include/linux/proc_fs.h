/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_PROC_FS_H
#define _LINUX_PROC_FS_H

#include <linux/types.h>
#include <linux/fs.h>
#include <linux/seq_file.h>

struct proc_dir_entry;
struct proc_ops {
	unsigned int proc_flags;
	int (*proc_open)(struct inode *, struct file *);
	ssize_t (*proc_read)(struct file *, char __user *, size_t, loff_t *);
	ssize_t (*proc_read_iter)(struct kiocb *, struct iov_iter *);
	ssize_t (*proc_write)(struct file *, const char __user *, size_t, loff_t *);
	loff_t (*proc_lseek)(struct file *, loff_t, int);
	int (*proc_release)(struct inode *, struct file *);
	__poll_t (*proc_poll)(struct file *, struct poll_table_struct *);
	long (*proc_ioctl)(struct file *, unsigned int, unsigned long);
	int (*proc_mmap)(struct file *, struct vm_area_struct *);
	unsigned long (*proc_get_unmapped_area)(struct file *, unsigned long, unsigned long, unsigned long, unsigned long);
};
#define PROC_ENTRY_PERMANENT 1
extern struct proc_dir_entry *proc_create_data(const char *name, umode_t mode, struct proc_dir_entry *parent, const struct proc_ops *proc_ops, void *data);
/* The same with file_operations, as before 5.6. */
extern struct proc_dir_entry *__proc_create_data_fops(const char *name, umode_t mode, struct proc_dir_entry *parent, const struct file_operations *fops, void *data);
extern struct proc_dir_entry *proc_create_single_data(const char *name, umode_t mode, struct proc_dir_entry *parent, int (*show)(struct seq_file *, void *), void *data);
extern struct proc_dir_entry *proc_create_seq_private(const char *name, umode_t mode, struct proc_dir_entry *parent, const struct seq_operations *ops, unsigned int state_size, void *data);
extern struct proc_dir_entry *proc_mkdir(const char *name, struct proc_dir_entry *parent);
extern struct proc_dir_entry *proc_mkdir_data(const char *name, umode_t mode, struct proc_dir_entry *parent, void *data);
extern struct proc_dir_entry *proc_symlink(const char *name, struct proc_dir_entry *parent, const char *dest);
extern void proc_remove(struct proc_dir_entry *de);
extern void remove_proc_entry(const char *name, struct proc_dir_entry *parent);
extern int remove_proc_subtree(const char *name, struct proc_dir_entry *parent);
extern void proc_set_size(struct proc_dir_entry *de, loff_t size);
extern void proc_set_user(struct proc_dir_entry *de, kuid_t uid, kgid_t gid);
extern void *pde_data(const struct inode *inode);
#define PDE_DATA pde_data
#define __proc_create_data(name, mode, parent, ops, data)                             \
	_Generic((ops),                                                               \
		const struct file_operations *: __proc_create_data_fops,              \
		struct file_operations *: __proc_create_data_fops,                    \
		default: proc_create_data)(name, mode, parent, (void *)(ops), data)
#define proc_create_data(name, mode, parent, ops, data) __proc_create_data(name, mode, parent, ops, data)
#define proc_create(name, mode, parent, ops) __proc_create_data(name, mode, parent, ops, NULL)
#define proc_create_single(name, mode, parent, show) proc_create_single_data(name, mode, parent, show, NULL)
#define proc_create_seq(name, mode, parent, ops) proc_create_seq_private(name, mode, parent, ops, 0, NULL)
#define proc_create_seq_data(name, mode, parent, ops, data) proc_create_seq_private(name, mode, parent, ops, 0, data)

#endif /* _LINUX_PROC_FS_H */
