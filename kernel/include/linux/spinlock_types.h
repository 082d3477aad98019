/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SPINLOCK_TYPES_H
#define _LINUX_SPINLOCK_TYPES_H

#include <linux/types.h>
#include <linux/preempt.h>

struct task_struct;
typedef struct raw_spinlock {
	unsigned int locked;
	struct task_struct *owner; /* while locked; for the report of a lock taken twice */
} raw_spinlock_t;
typedef struct spinlock {
	struct raw_spinlock rlock;
} spinlock_t;
typedef struct {
	int readers; /* -1: one writer */
	struct task_struct *owner;
} rwlock_t;
#define __RAW_SPIN_LOCK_UNLOCKED(name) { 0, (void *)0 }
#define __SPIN_LOCK_UNLOCKED(name) { { 0, (void *)0 } }
#define SPIN_LOCK_UNLOCKED { { 0, (void *)0 } }
#define __RW_LOCK_UNLOCKED(name) { 0, (void *)0 }
#define DEFINE_RAW_SPINLOCK(x) raw_spinlock_t x = __RAW_SPIN_LOCK_UNLOCKED(x)
#define DEFINE_SPINLOCK(x) spinlock_t x = __SPIN_LOCK_UNLOCKED(x)
#define DEFINE_RWLOCK(x) rwlock_t x = __RW_LOCK_UNLOCKED(x)

#endif /* _LINUX_SPINLOCK_TYPES_H */
