/* SPDX-License-Identifier: Apache-2.0 */
/* Mutexes, semaphores and completions: sleeping until it is our turn. Exclusive waiters, first come first served. */
#include "lib.h"
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/semaphore.h>

/* Any value but NULL; who holds a mutex is not looked up, which would cost more than the lock. */
#define HELD ((struct task_struct *)1)

/*
 * Waits in wq until try, which takes what is waited for, succeeds. 0, or -EINTR when a signal that the state allows
 * came first, or -ETIME when *left (jiffies) ran out.
 */
#define WAIT_TURN(wq, state, left, try)                                          \
	({                                                                       \
		struct wait_queue_entry __e;                                     \
		long __err = 0;                                                  \
		init_wait_entry(&__e, WQ_FLAG_EXCLUSIVE);                        \
		for (;;) {                                                       \
			prepare_to_wait_exclusive(wq, &__e, state);              \
			if (try)                                                 \
				break;                                           \
			if (signal_pending_state(state, current)) {              \
				__err = -EINTR;                                  \
				break;                                           \
			}                                                        \
			if (*(left) <= 0) {                                      \
				__err = -ETIME;                                  \
				break;                                           \
			}                                                        \
			*(left) = schedule_timeout(*(left));                     \
		}                                                                \
		finish_wait(wq, &__e);                                           \
		__err;                                                           \
	})

void __mutex_init(struct mutex *lock, const char *name, struct lock_class_key *key)
{
	lock->owner = NULL;
	init_waitqueue_head(&lock->wait);
}

int mutex_trylock(struct mutex *lock)
{
	if (lock->owner)
		return 0;
	lock->owner = HELD;
	return 1;
}

static int mutex_acquire(struct mutex *lock, int state)
{
	long forever = MAX_SCHEDULE_TIMEOUT;

	if (likely(mutex_trylock(lock)))
		return 0;
	might_sleep();
	return WAIT_TURN(&lock->wait, state, &forever, mutex_trylock(lock));
}

void mutex_lock(struct mutex *lock)
{
	mutex_acquire(lock, TASK_UNINTERRUPTIBLE);
}

int mutex_lock_interruptible(struct mutex *lock)
{
	return mutex_acquire(lock, TASK_INTERRUPTIBLE);
}

int mutex_lock_killable(struct mutex *lock)
{
	return mutex_acquire(lock, TASK_KILLABLE);
}

void mutex_unlock(struct mutex *lock)
{
	WARN_ON(!lock->owner);
	lock->owner = NULL;
	__wake_up(&lock->wait, TASK_NORMAL, 1, NULL);
}

bool mutex_is_locked(struct mutex *lock)
{
	return lock->owner != NULL;
}

int atomic_dec_and_mutex_lock(atomic_t *cnt, struct mutex *lock)
{
	if (atomic_add_unless(cnt, -1, 1))
		return 0;
	mutex_lock(lock);
	if (atomic_dec_and_test(cnt))
		return 1;
	mutex_unlock(lock);
	return 0;
}

static int take(struct semaphore *sem)
{
	if (!sem->count)
		return 0;
	sem->count--;
	return 1;
}

/* 0 means taken, as Linux has it. */
int down_trylock(struct semaphore *sem)
{
	return !take(sem);
}

static int sem_acquire(struct semaphore *sem, int state, long timeout)
{
	if (take(sem))
		return 0;
	might_sleep();
	return WAIT_TURN(&sem->wait, state, &timeout, take(sem));
}

void down(struct semaphore *sem)
{
	sem_acquire(sem, TASK_UNINTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
}

int down_interruptible(struct semaphore *sem)
{
	return sem_acquire(sem, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
}

int down_killable(struct semaphore *sem)
{
	return sem_acquire(sem, TASK_KILLABLE, MAX_SCHEDULE_TIMEOUT);
}

int down_timeout(struct semaphore *sem, long timeout)
{
	return sem_acquire(sem, TASK_UNINTERRUPTIBLE, timeout);
}

void up(struct semaphore *sem)
{
	sem->count++;
	__wake_up(&sem->wait, TASK_NORMAL, 1, NULL);
}

void __init_rwsem(struct rw_semaphore *sem, const char *name, struct lock_class_key *key)
{
	sem->count = 0;
	sem->writers_waiting = 0;
	init_waitqueue_head(&sem->wait);
}

/* A waiting writer keeps new readers out. */
int down_read_trylock(struct rw_semaphore *sem)
{
	if (sem->count < 0 || sem->writers_waiting)
		return 0;
	sem->count++;
	return 1;
}

int down_write_trylock(struct rw_semaphore *sem)
{
	if (sem->count != 0)
		return 0;
	sem->count = -1;
	return 1;
}

static int read_acquire(struct rw_semaphore *sem, int state)
{
	long forever = MAX_SCHEDULE_TIMEOUT;

	if (down_read_trylock(sem))
		return 0;
	might_sleep();
	return WAIT_TURN(&sem->wait, state, &forever, down_read_trylock(sem));
}

static int write_acquire(struct rw_semaphore *sem, int state)
{
	long forever = MAX_SCHEDULE_TIMEOUT;
	int err;

	if (down_write_trylock(sem))
		return 0;
	might_sleep();
	sem->writers_waiting++;
	err = WAIT_TURN(&sem->wait, state, &forever, down_write_trylock(sem));
	sem->writers_waiting--;
	if (err)
		wake_up_all(&sem->wait);
	return err;
}

void down_read(struct rw_semaphore *sem)
{
	read_acquire(sem, TASK_UNINTERRUPTIBLE);
}

int down_read_interruptible(struct rw_semaphore *sem)
{
	return read_acquire(sem, TASK_INTERRUPTIBLE);
}

int down_read_killable(struct rw_semaphore *sem)
{
	return read_acquire(sem, TASK_KILLABLE);
}

void down_write(struct rw_semaphore *sem)
{
	write_acquire(sem, TASK_UNINTERRUPTIBLE);
}

int down_write_killable(struct rw_semaphore *sem)
{
	return write_acquire(sem, TASK_KILLABLE);
}

void up_read(struct rw_semaphore *sem)
{
	WARN_ON(sem->count <= 0);
	if (--sem->count == 0)
		wake_up_all(&sem->wait);
}

void up_write(struct rw_semaphore *sem)
{
	WARN_ON(sem->count != -1);
	sem->count = 0;
	wake_up_all(&sem->wait);
}

void downgrade_write(struct rw_semaphore *sem)
{
	WARN_ON(sem->count != -1);
	sem->count = 1;
	wake_up_all(&sem->wait);
}

bool try_wait_for_completion(struct completion *x)
{
	if (!x->done)
		return false;
	if (x->done != UINT_MAX)
		x->done--;
	return true;
}

bool completion_done(struct completion *x)
{
	return x->done != 0;
}

void complete(struct completion *x)
{
	if (x->done != UINT_MAX)
		x->done++;
	__wake_up(&x->wait, TASK_NORMAL, 1, NULL);
}

void complete_all(struct completion *x)
{
	x->done = UINT_MAX;
	__wake_up(&x->wait, TASK_NORMAL, 0, NULL);
}

/* Jiffies left (at least 1), 0 when time ran out, -ERESTARTSYS after a signal. */
static long wait_common(struct completion *x, long timeout, int state)
{
	long err;

	might_sleep();
	if (try_wait_for_completion(x))
		return timeout ? timeout : 1;
	err = WAIT_TURN(&x->wait, state, &timeout, try_wait_for_completion(x));
	if (err == -EINTR)
		return -ERESTARTSYS;
	if (err)
		return 0;
	return timeout > 0 ? timeout : 1;
}

static int wait_forever(struct completion *x, int state)
{
	return wait_common(x, MAX_SCHEDULE_TIMEOUT, state) == -ERESTARTSYS ? -ERESTARTSYS : 0;
}

void wait_for_completion(struct completion *x)
{
	wait_forever(x, TASK_UNINTERRUPTIBLE);
}

int wait_for_completion_interruptible(struct completion *x)
{
	return wait_forever(x, TASK_INTERRUPTIBLE);
}

int wait_for_completion_killable(struct completion *x)
{
	return wait_forever(x, TASK_KILLABLE);
}

unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout)
{
	return wait_common(x, timeout, TASK_UNINTERRUPTIBLE);
}

long wait_for_completion_interruptible_timeout(struct completion *x, unsigned long timeout)
{
	return wait_common(x, timeout, TASK_INTERRUPTIBLE);
}

long wait_for_completion_killable_timeout(struct completion *x, unsigned long timeout)
{
	return wait_common(x, timeout, TASK_KILLABLE);
}
