/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_MUTEX_H
#define _LINUX_MUTEX_H

#include <linux/wait.h>
#include <linux/list.h>
#include <linux/spinlock_types.h>

struct mutex {
	struct task_struct *owner; /* NULL: free */
	wait_queue_head_t wait;
};
#define __MUTEX_INITIALIZER(lockname) { .owner = NULL, .wait = __WAIT_QUEUE_HEAD_INITIALIZER((lockname).wait) }
#define DEFINE_MUTEX(mutexname) struct mutex mutexname = __MUTEX_INITIALIZER(mutexname)

extern void __mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key);
extern void mutex_lock(struct mutex *lock);
extern int __must_check mutex_lock_interruptible(struct mutex *lock);
extern int __must_check mutex_lock_killable(struct mutex *lock);
extern int mutex_trylock(struct mutex *lock);
extern void mutex_unlock(struct mutex *lock);
extern bool mutex_is_locked(struct mutex *lock);
extern int atomic_dec_and_mutex_lock(atomic_t *cnt, struct mutex *lock);
#define mutex_init(mutex) __mutex_init((mutex), #mutex, NULL)
#define mutex_lock_nested(lock, subclass) mutex_lock(lock)
#define mutex_lock_interruptible_nested(lock, subclass) mutex_lock_interruptible(lock)
#define mutex_lock_io(lock) mutex_lock(lock)
static inline void mutex_destroy(struct mutex *lock) {}

#endif /* _LINUX_MUTEX_H */
