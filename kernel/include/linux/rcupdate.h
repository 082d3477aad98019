/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_RCUPDATE_H
#define _LINUX_RCUPDATE_H

#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/preempt.h>

/* Readers hold off preemption and cannot sleep, so a grace period ends at the next sleep of every thread. */
#define rcu_read_lock() preempt_disable()
#define rcu_read_unlock() preempt_enable()
#define rcu_read_lock_bh() preempt_disable()
#define rcu_read_unlock_bh() preempt_enable()
#define rcu_read_lock_held() 1
#define rcu_dereference(p) READ_ONCE(p)
#define rcu_dereference_raw(p) READ_ONCE(p)
#define rcu_dereference_protected(p, c) (p)
#define rcu_dereference_check(p, c) READ_ONCE(p)
#define rcu_access_pointer(p) READ_ONCE(p)
#define rcu_assign_pointer(p, v) WRITE_ONCE(p, v)
#define RCU_INIT_POINTER(p, v) WRITE_ONCE(p, v)
#define RCU_INITIALIZER(v) (v)
extern void synchronize_rcu(void);
extern void rcu_barrier(void);
extern void call_rcu(struct rcu_head *head, rcu_callback_t func);
extern void kvfree(const void *addr);
#define synchronize_sched synchronize_rcu
#define kfree_rcu(ptr, ...)             \
	do {                            \
		synchronize_rcu();      \
		kvfree(ptr);            \
	} while (0)
#define init_rcu_head(head) do { } while (0)
#define destroy_rcu_head(head) do { } while (0)

#endif /* _LINUX_RCUPDATE_H */
