/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SEMAPHORE_H
#define _LINUX_SEMAPHORE_H

#include <linux/wait.h>

struct semaphore {
	unsigned int count;
	wait_queue_head_t wait;
};
#define __SEMAPHORE_INITIALIZER(name, n) { .count = n, .wait = __WAIT_QUEUE_HEAD_INITIALIZER((name).wait) }
#define DEFINE_SEMAPHORE1(name) struct semaphore name = __SEMAPHORE_INITIALIZER(name, 1)
#define DEFINE_SEMAPHORE2(name, n) struct semaphore name = __SEMAPHORE_INITIALIZER(name, n)
#define __DEFINE_SEMAPHORE_PICK(_1, _2, name, ...) name
/* One argument before 6.4, two since. */
#define DEFINE_SEMAPHORE(...) \
	__DEFINE_SEMAPHORE_PICK(__VA_ARGS__, DEFINE_SEMAPHORE2, DEFINE_SEMAPHORE1, 0)(__VA_ARGS__)
#define DECLARE_MUTEX(name) DEFINE_SEMAPHORE1(name)
static inline void sema_init(struct semaphore *sem, int val)
{
	sem->count = val;
	init_waitqueue_head(&sem->wait);
}
#define init_MUTEX(sem) sema_init(sem, 1)
#define init_MUTEX_LOCKED(sem) sema_init(sem, 0)
extern void down(struct semaphore *sem);
extern int __must_check down_interruptible(struct semaphore *sem);
extern int __must_check down_killable(struct semaphore *sem);
extern int __must_check down_trylock(struct semaphore *sem);
extern int __must_check down_timeout(struct semaphore *sem, long timeout);
extern void up(struct semaphore *sem);

#endif /* _LINUX_SEMAPHORE_H */
