/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_DCACHE_H
#define _LINUX_DCACHE_H

#include <linux/types.h>
#include <linux/list.h>

struct inode;
struct qstr {
	u32 hash;
	u32 len;
	const unsigned char *name;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	void *d_fsdata;
};
static inline struct inode *d_inode(const struct dentry *dentry) { return dentry->d_inode; }
struct path;
extern char *d_path(const struct path *path, char *buf, int buflen);

/* Short names lie in the dentry itself on Linux; here all names lie behind d_name. */
#define d_iname d_name.name

#endif /* _LINUX_DCACHE_H */
