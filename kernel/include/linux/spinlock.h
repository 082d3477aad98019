/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SPINLOCK_H
#define _LINUX_SPINLOCK_H

#include <linux/spinlock_types.h>
#include <linux/bug.h>
#include <linux/atomic.h>

extern void _raw_spin_lock(raw_spinlock_t *lock);
extern int _raw_spin_trylock(raw_spinlock_t *lock);
extern void _raw_spin_unlock(raw_spinlock_t *lock);
extern void _raw_read_lock(rwlock_t *lock);
extern int _raw_read_trylock(rwlock_t *lock);
extern void _raw_read_unlock(rwlock_t *lock);
extern void _raw_write_lock(rwlock_t *lock);
extern int _raw_write_trylock(rwlock_t *lock);
extern void _raw_write_unlock(rwlock_t *lock);

#define raw_spin_lock_init(l) do { *(l) = (raw_spinlock_t)__RAW_SPIN_LOCK_UNLOCKED(); } while (0)
#define raw_spin_lock(l) _raw_spin_lock(l)
#define raw_spin_trylock(l) _raw_spin_trylock(l)
#define raw_spin_unlock(l) _raw_spin_unlock(l)
#define raw_spin_lock_irq(l) do { local_irq_disable(); _raw_spin_lock(l); } while (0)
#define raw_spin_unlock_irq(l) do { _raw_spin_unlock(l); local_irq_enable(); } while (0)
#define raw_spin_lock_irqsave(l, flags) do { local_irq_save(flags); _raw_spin_lock(l); } while (0)
#define raw_spin_unlock_irqrestore(l, flags) do { _raw_spin_unlock(l); local_irq_restore(flags); } while (0)

#define spin_lock_init(l) raw_spin_lock_init(&(l)->rlock)
#define spin_lock(l) raw_spin_lock(&(l)->rlock)
#define spin_lock_nested(l, subclass) spin_lock(l)
#define spin_trylock(l) raw_spin_trylock(&(l)->rlock)
#define spin_unlock(l) raw_spin_unlock(&(l)->rlock)
#define spin_lock_irq(l) raw_spin_lock_irq(&(l)->rlock)
#define spin_unlock_irq(l) raw_spin_unlock_irq(&(l)->rlock)
#define spin_lock_irqsave(l, flags) raw_spin_lock_irqsave(&(l)->rlock, flags)
#define spin_unlock_irqrestore(l, flags) raw_spin_unlock_irqrestore(&(l)->rlock, flags)
#define spin_lock_bh(l) do { local_bh_disable(); spin_lock(l); } while (0)
#define spin_unlock_bh(l) do { spin_unlock(l); local_bh_enable(); } while (0)
#define spin_trylock_irqsave(l, flags)                                    \
	({                                                                \
		local_irq_save(flags);                                    \
		spin_trylock(l) ? 1 : ({ local_irq_restore(flags); 0; }); \
	})
#define spin_is_locked(l) ((l)->rlock.locked != 0)
#define assert_spin_locked(l) BUG_ON(!spin_is_locked(l))

#define rwlock_init(l) do { *(l) = (rwlock_t)__RW_LOCK_UNLOCKED(); } while (0)
#define read_lock(l) _raw_read_lock(l)
#define read_trylock(l) _raw_read_trylock(l)
#define read_unlock(l) _raw_read_unlock(l)
#define write_lock(l) _raw_write_lock(l)
#define write_trylock(l) _raw_write_trylock(l)
#define write_unlock(l) _raw_write_unlock(l)
#define read_lock_irq(l) do { local_irq_disable(); read_lock(l); } while (0)
#define read_unlock_irq(l) do { read_unlock(l); local_irq_enable(); } while (0)
#define write_lock_irq(l) do { local_irq_disable(); write_lock(l); } while (0)
#define write_unlock_irq(l) do { write_unlock(l); local_irq_enable(); } while (0)
#define read_lock_irqsave(l, flags) do { local_irq_save(flags); read_lock(l); } while (0)
#define read_unlock_irqrestore(l, flags) do { read_unlock(l); local_irq_restore(flags); } while (0)
#define write_lock_irqsave(l, flags) do { local_irq_save(flags); write_lock(l); } while (0)
#define write_unlock_irqrestore(l, flags) do { write_unlock(l); local_irq_restore(flags); } while (0)
#define read_lock_bh(l) do { local_bh_disable(); read_lock(l); } while (0)
#define read_unlock_bh(l) do { read_unlock(l); local_bh_enable(); } while (0)
#define write_lock_bh(l) do { local_bh_disable(); write_lock(l); } while (0)
#define write_unlock_bh(l) do { write_unlock(l); local_bh_enable(); } while (0)
#define atomic_dec_and_lock(atomic, lock) \
	({ int __z; spin_lock(lock); __z = atomic_dec_and_test(atomic); if (!__z) spin_unlock(lock); __z; })

#endif /* _LINUX_SPINLOCK_H */
