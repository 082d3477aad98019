/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_CRED_H
#define _LINUX_CRED_H

#include <linux/uidgid.h>
#include <linux/capability.h>

struct cred {
	atomic_t usage;
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
};
#define current_cred() (current->cred)
#define current_uid() (current->cred->uid)
#define current_gid() (current->cred->gid)
#define current_euid() (current->cred->euid)
#define current_egid() (current->cred->egid)
#define current_fsuid() (current->cred->fsuid)
#define current_fsgid() (current->cred->fsgid)
#define current_user_ns() (&init_user_ns)
#define task_uid(task) ((task)->cred->uid)
#define task_euid(task) ((task)->cred->euid)
#define __task_cred(task) ((task)->real_cred)

#endif /* _LINUX_CRED_H */
