/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_PATH_H
#define _LINUX_PATH_H

#include <linux/dcache.h>

struct vfsmount;
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

#endif /* _LINUX_PATH_H */
