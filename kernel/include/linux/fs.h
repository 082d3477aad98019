/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_FS_H
#define _LINUX_FS_H

#include <linux/types.h>
#include <linux/kernel.h>
#include <linux/errno.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kdev_t.h>
#include <linux/list.h>
#include <linux/stat.h>
#include <linux/fcntl.h>
#include <linux/path.h>
#include <linux/cred.h>
#include <linux/uio.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/mm_types.h>
#include <linux/ioctl.h>
#include <linux/sched/signal.h>

struct poll_table_struct;
struct file;
struct inode;
struct cdev;
struct module;
struct seq_file;
struct pipe_inode_info;
struct file_lock;
struct dir_context;
struct io_comp_batch;
struct io_uring_cmd;
struct fasync_struct;
struct page;
struct super_block;

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4

#define FMODE_READ 0x1u
#define FMODE_WRITE 0x2u
#define FMODE_LSEEK 0x4u
#define FMODE_PREAD 0x8u
#define FMODE_PWRITE 0x10u
#define FMODE_EXEC 0x20u
#define FMODE_NDELAY 0x40u
#define FMODE_EXCL 0x80u
#define FMODE_ATOMIC_POS 0x8000u
#define FMODE_CAN_READ 0x20000u
#define FMODE_CAN_WRITE 0x40000u
#define FMODE_STREAM 0x200000u
#define FMODE_NOWAIT 0x8000000u

#define IOCB_APPEND 0x2
#define IOCB_DIRECT 0x20000
#define IOCB_NOWAIT 0x8
#define CHRDEV_MAJOR_MAX 512
#define MAX_LFS_FILESIZE ((loff_t)0x7fffffffffffffffLL)

typedef void *fl_owner_t;
typedef int (*filldir_t)(struct dir_context *, const char *, int, loff_t, u64, unsigned int);

struct kiocb {
	struct file *ki_filp;
	loff_t ki_pos;
	void (*ki_complete)(struct kiocb *iocb, long ret); /* NULL: the caller waits */
	void *private;
	int ki_flags;
	u16 ki_ioprio;
};
static inline bool is_sync_kiocb(struct kiocb *kiocb) { return kiocb->ki_complete == NULL; }

struct inode {
	umode_t i_mode;
	unsigned short i_opflags;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	dev_t i_rdev;
	loff_t i_size;
	struct rw_semaphore i_rwsem;
	const struct file_operations *i_fop;
	struct list_head i_devices;
	struct cdev *i_cdev;
	void *i_private;
};

struct fown_struct {
	pid_t pid;
	int signum;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	const struct file_operations *f_op;
	spinlock_t f_lock;
	atomic_long_t f_count;
	unsigned int f_flags; /* O_* */
	fmode_t f_mode; /* FMODE_* */
	struct mutex f_pos_lock;
	loff_t f_pos;
	struct fown_struct f_owner;
	const struct cred *f_cred;
	void *private_data;
};
#define f_dentry f_path.dentry
#define f_vfsmnt f_path.mnt

/* Linux 6.1's, member for member. */
struct file_operations {
	struct module *owner;
	loff_t (*llseek)(struct file *, loff_t, int);
	ssize_t (*read)(struct file *, char __user *, size_t, loff_t *);
	ssize_t (*write)(struct file *, const char __user *, size_t, loff_t *);
	ssize_t (*read_iter)(struct kiocb *, struct iov_iter *);
	ssize_t (*write_iter)(struct kiocb *, struct iov_iter *);
	int (*iopoll)(struct kiocb *kiocb, struct io_comp_batch *, unsigned int flags);
	int (*iterate)(struct file *, struct dir_context *);
	int (*iterate_shared)(struct file *, struct dir_context *);
	__poll_t (*poll)(struct file *, struct poll_table_struct *);
	long (*unlocked_ioctl)(struct file *, unsigned int, unsigned long);
	long (*compat_ioctl)(struct file *, unsigned int, unsigned long);
	int (*mmap)(struct file *, struct vm_area_struct *);
	unsigned long mmap_supported_flags;
	int (*open)(struct inode *, struct file *);
	int (*flush)(struct file *, fl_owner_t id);
	int (*release)(struct inode *, struct file *);
	int (*fsync)(struct file *, loff_t, loff_t, int datasync);
	int (*fasync)(int, struct file *, int);
	int (*lock)(struct file *, int, struct file_lock *);
	ssize_t (*sendpage)(struct file *, struct page *, int, size_t, loff_t *, int);
	unsigned long (*get_unmapped_area)(struct file *, unsigned long, unsigned long, unsigned long, unsigned long);
	int (*check_flags)(int);
	int (*flock)(struct file *, int, struct file_lock *);
	ssize_t (*splice_write)(struct pipe_inode_info *, struct file *, loff_t *, size_t, unsigned int);
	ssize_t (*splice_read)(struct file *, loff_t *, struct pipe_inode_info *, size_t, unsigned int);
	int (*setlease)(struct file *, long, struct file_lock **, void **);
	long (*fallocate)(struct file *file, int mode, loff_t offset, loff_t len);
	void (*show_fdinfo)(struct seq_file *m, struct file *f);
	ssize_t (*copy_file_range)(struct file *, loff_t, struct file *, loff_t, size_t, unsigned int);
	loff_t (*remap_file_range)(struct file *file_in, loff_t pos_in, struct file *file_out, loff_t pos_out, loff_t len, unsigned int remap_flags);
	int (*fadvise)(struct file *, loff_t, loff_t, int);
	int (*uring_cmd)(struct io_uring_cmd *ioucmd, unsigned int issue_flags);
};

/* Character devices. Majors: 0 asks for a free one. */
extern int __register_chrdev(unsigned int major, unsigned int baseminor, unsigned int count, const char *name,
			     const struct file_operations *fops);
extern void __unregister_chrdev(unsigned int major, unsigned int baseminor, unsigned int count, const char *name);
extern int alloc_chrdev_region(dev_t *dev, unsigned int baseminor, unsigned int count, const char *name);
extern int register_chrdev_region(dev_t from, unsigned int count, const char *name);
extern void unregister_chrdev_region(dev_t from, unsigned int count);
static inline int register_chrdev(unsigned int major, const char *name, const struct file_operations *fops)
{
	return __register_chrdev(major, 0, 256, name, fops);
}
static inline void unregister_chrdev(unsigned int major, const char *name) { __unregister_chrdev(major, 0, 256, name); }

static inline unsigned int iminor(const struct inode *inode) { return MINOR(inode->i_rdev); }
static inline unsigned int imajor(const struct inode *inode) { return MAJOR(inode->i_rdev); }
static inline struct inode *file_inode(const struct file *f) { return f->f_inode; }
static inline struct dentry *file_dentry(const struct file *file) { return file->f_path.dentry; }
static inline loff_t i_size_read(const struct inode *inode) { return inode->i_size; }
static inline void i_size_write(struct inode *inode, loff_t i_size) { inode->i_size = i_size; }
static inline uid_t i_uid_read(const struct inode *inode) { return inode->i_uid.val; }
static inline gid_t i_gid_read(const struct inode *inode) { return inode->i_gid.val; }
static inline void inode_lock(struct inode *inode) { down_write(&inode->i_rwsem); }
static inline void inode_unlock(struct inode *inode) { up_write(&inode->i_rwsem); }

extern loff_t no_llseek(struct file *file, loff_t offset, int whence);
extern loff_t noop_llseek(struct file *file, loff_t offset, int whence);
extern loff_t default_llseek(struct file *file, loff_t offset, int whence);
extern loff_t generic_file_llseek(struct file *file, loff_t offset, int whence);
extern loff_t generic_file_llseek_size(struct file *file, loff_t offset, int whence, loff_t maxsize, loff_t eof);
extern loff_t fixed_size_llseek(struct file *file, loff_t offset, int whence, loff_t size);
extern loff_t no_seek_end_llseek(struct file *file, loff_t offset, int whence);
extern loff_t no_seek_end_llseek_size(struct file *file, loff_t offset, int whence, loff_t size);
extern loff_t vfs_setpos(struct file *file, loff_t offset, loff_t maxsize);
extern loff_t vfs_llseek(struct file *file, loff_t offset, int whence);
extern int generic_file_open(struct inode *inode, struct file *filp);
extern int nonseekable_open(struct inode *inode, struct file *filp);
extern int stream_open(struct inode *inode, struct file *filp);
extern int simple_open(struct inode *inode, struct file *file);

/* Files of one number: get gives it, set takes it, fmt is how it is printed (fs/libfs.c). */
extern int simple_attr_open(struct inode *inode, struct file *file, int (*get)(void *, u64 *), int (*set)(void *, u64), const char *fmt);
extern int simple_attr_release(struct inode *inode, struct file *file);
extern ssize_t simple_attr_read(struct file *file, char __user *buf, size_t len, loff_t *ppos);
extern ssize_t simple_attr_write(struct file *file, const char __user *buf, size_t len, loff_t *ppos);
extern ssize_t simple_attr_write_signed(struct file *file, const char __user *buf, size_t len, loff_t *ppos);
#define DEFINE_SIMPLE_ATTRIBUTE_XSIGNED(__fops, __get, __set, __fmt, __write)                   \
	static int __fops##_open(struct inode *inode, struct file *file)                         \
	{                                                                                        \
		return simple_attr_open(inode, file, __get, __set, __fmt);                       \
	}                                                                                        \
	static const struct file_operations __fops = {                                           \
		.owner = THIS_MODULE,                                                            \
		.open = __fops##_open,                                                           \
		.release = simple_attr_release,                                                  \
		.read = simple_attr_read,                                                        \
		.write = __write,                                                                \
		.llseek = generic_file_llseek,                                                   \
	}
#define DEFINE_SIMPLE_ATTRIBUTE(__fops, __get, __set, __fmt) \
	DEFINE_SIMPLE_ATTRIBUTE_XSIGNED(__fops, __get, __set, __fmt, simple_attr_write)
#define DEFINE_SIMPLE_ATTRIBUTE_SIGNED(__fops, __get, __set, __fmt) \
	DEFINE_SIMPLE_ATTRIBUTE_XSIGNED(__fops, __get, __set, __fmt, simple_attr_write_signed)

extern long compat_ptr_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
extern ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *ppos, const void *from, size_t available);
extern ssize_t simple_write_to_buffer(void *to, size_t available, loff_t *ppos, const void __user *from, size_t count);
extern ssize_t memory_read_from_buffer(void *to, size_t count, loff_t *ppos, const void *from, size_t available);
extern ssize_t generic_file_read_iter(struct kiocb *iocb, struct iov_iter *iter);
extern ssize_t generic_file_write_iter(struct kiocb *iocb, struct iov_iter *iter);

extern struct file *filp_open(const char *filename, int flags, umode_t mode);
extern int filp_close(struct file *filp, fl_owner_t id);
extern ssize_t kernel_read(struct file *file, void *buf, size_t count, loff_t *pos);
extern ssize_t kernel_write(struct file *file, const void *buf, size_t count, loff_t *pos);
extern ssize_t vfs_read(struct file *file, char __user *buf, size_t count, loff_t *pos);
extern ssize_t vfs_write(struct file *file, const char __user *buf, size_t count, loff_t *pos);
extern void fput(struct file *file);
extern struct file *fget(unsigned int fd);
static inline struct file *get_file(struct file *f)
{
	atomic_long_inc(&f->f_count);
	return f;
}

extern int fasync_helper(int fd, struct file *filp, int on, struct fasync_struct **fapp);
extern void kill_fasync(struct fasync_struct **fp, int sig, int band);

/* In an open(): use these operations from now on. The module of the new ones is pinned by fops_get. */
#define fops_get(fops) ((fops) && try_module_get((fops)->owner) ? (fops) : NULL)
#define fops_put(fops) do { if (fops) module_put((fops)->owner); } while (0)
#define replace_fops(f, fops)                  \
	do {                                   \
		struct file *__file = (f);     \
		fops_put(__file->f_op);        \
		__file->f_op = (fops);         \
	} while (0)

/* What Linux's fs.h brings along (percpu-rwsem.h, quota.h, ioprio.h), and drivers count on. */
#include <linux/capability.h>
#include <linux/dcache.h>
#include <linux/rbtree.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#endif /* _LINUX_FS_H */
