/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_RWSEM_H
#define _LINUX_RWSEM_H

#include <linux/wait.h>

struct rw_semaphore {
	int count; /* readers, or -1: one writer */
	int writers_waiting;
	wait_queue_head_t wait;
};
#define __RWSEM_INITIALIZER(name) { .count = 0, .writers_waiting = 0, .wait = __WAIT_QUEUE_HEAD_INITIALIZER((name).wait) }
#define DECLARE_RWSEM(name) struct rw_semaphore name = __RWSEM_INITIALIZER(name)
extern void __init_rwsem(struct rw_semaphore *sem, const char *name, struct lock_class_key *key);
extern void down_read(struct rw_semaphore *sem);
extern int __must_check down_read_interruptible(struct rw_semaphore *sem);
extern int __must_check down_read_killable(struct rw_semaphore *sem);
extern int down_read_trylock(struct rw_semaphore *sem);
extern void down_write(struct rw_semaphore *sem);
extern int __must_check down_write_killable(struct rw_semaphore *sem);
extern int down_write_trylock(struct rw_semaphore *sem);
extern void up_read(struct rw_semaphore *sem);
extern void up_write(struct rw_semaphore *sem);
extern void downgrade_write(struct rw_semaphore *sem);
#define init_rwsem(sem) __init_rwsem((sem), #sem, NULL)
static inline int rwsem_is_locked(struct rw_semaphore *sem) { return sem->count != 0; }

#endif /* _LINUX_RWSEM_H */
