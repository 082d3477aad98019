/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spin locks. The holder must not sleep and is not preempted, so who finds a lock taken has either taken it himself,
 * or runs in a timer or an interrupt above a holder that slept: both hang a real machine, and oops here.
 */
#include "lib.h"
#include <linux/spinlock.h>

static void __noreturn stuck(const char *what, void *lock)
{
	pr_emerg("BUG: spinlock %s on CPU#0, %s/%d\n", what, current->comm, current->pid);
	pr_emerg(" lock: %px\n", lock);
	BUG();
}

void _raw_spin_lock(raw_spinlock_t *lock)
{
	if (unlikely(lock->locked))
		stuck("recursion", lock);
	preempt_disable();
	lock->locked = 1;
}

int _raw_spin_trylock(raw_spinlock_t *lock)
{
	if (lock->locked)
		return 0;
	preempt_disable();
	lock->locked = 1;
	return 1;
}

void _raw_spin_unlock(raw_spinlock_t *lock)
{
	if (unlikely(!lock->locked))
		stuck("already unlocked", lock);
	lock->locked = 0;
	preempt_enable();
}

void _raw_read_lock(rwlock_t *lock)
{
	if (unlikely(lock->readers < 0))
		stuck("recursion", lock);
	preempt_disable();
	lock->readers++;
}

int _raw_read_trylock(rwlock_t *lock)
{
	if (lock->readers < 0)
		return 0;
	_raw_read_lock(lock);
	return 1;
}

void _raw_read_unlock(rwlock_t *lock)
{
	if (unlikely(lock->readers <= 0))
		stuck("already unlocked", lock);
	lock->readers--;
	preempt_enable();
}

void _raw_write_lock(rwlock_t *lock)
{
	if (unlikely(lock->readers != 0))
		stuck("recursion", lock);
	preempt_disable();
	lock->readers = -1;
}

int _raw_write_trylock(rwlock_t *lock)
{
	if (lock->readers != 0)
		return 0;
	_raw_write_lock(lock);
	return 1;
}

void _raw_write_unlock(rwlock_t *lock)
{
	if (unlikely(lock->readers != -1))
		stuck("already unlocked", lock);
	lock->readers = 0;
	preempt_enable();
}
