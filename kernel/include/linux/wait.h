/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_WAIT_H
#define _LINUX_WAIT_H

#include <linux/list.h>
#include <linux/stddef.h>
#include <linux/spinlock.h>
#include <linux/errno.h>

struct wait_queue_entry;
typedef struct wait_queue_entry wait_queue_entry_t;
typedef struct wait_queue_entry wait_queue_t;
/* Nonzero: somebody was woken. key carries poll events, or NULL. */
typedef int (*wait_queue_func_t)(struct wait_queue_entry *wq_entry, unsigned int mode, int flags, void *key);

#define WQ_FLAG_EXCLUSIVE 0x01
#define WQ_FLAG_WOKEN 0x02

struct wait_queue_entry {
	unsigned int flags;
	void *private;
	wait_queue_func_t func;
	struct list_head entry;
};
typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

extern int default_wake_function(struct wait_queue_entry *wq_entry, unsigned int mode, int flags, void *key);
extern int autoremove_wake_function(struct wait_queue_entry *wq_entry, unsigned int mode, int sync, void *key);
extern int woken_wake_function(struct wait_queue_entry *wq_entry, unsigned int mode, int sync, void *key);
extern long wait_woken(struct wait_queue_entry *wq_entry, unsigned int mode, long timeout);
extern void __init_waitqueue_head(struct wait_queue_head *wq_head, const char *name, struct lock_class_key *key);
extern void add_wait_queue(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry);
extern void add_wait_queue_exclusive(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry);
extern void remove_wait_queue(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry);
extern void prepare_to_wait(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry, int state);
extern bool prepare_to_wait_exclusive(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry, int state);
extern long prepare_to_wait_event(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry, int state);
extern void finish_wait(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry);
extern void init_wait_entry(struct wait_queue_entry *wq_entry, int flags);
extern int __wake_up(struct wait_queue_head *wq_head, unsigned int mode, int nr, void *key);
extern void __wake_up_sync(struct wait_queue_head *wq_head, unsigned int mode);

#define __WAITQUEUE_INITIALIZER(name, tsk) { .private = tsk, .func = default_wake_function, .entry = { NULL, NULL } }
#define DECLARE_WAITQUEUE(name, tsk) struct wait_queue_entry name = __WAITQUEUE_INITIALIZER(name, tsk)
#define __WAIT_QUEUE_HEAD_INITIALIZER(name) \
	{ .lock = __SPIN_LOCK_UNLOCKED(name.lock), .head = LIST_HEAD_INIT((name).head) }
#define DECLARE_WAIT_QUEUE_HEAD(name) struct wait_queue_head name = __WAIT_QUEUE_HEAD_INITIALIZER(name)
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK(name) DECLARE_WAIT_QUEUE_HEAD(name)
#define DEFINE_WAIT_FUNC(name, function) \
	struct wait_queue_entry name = { .private = current, .func = function, .entry = LIST_HEAD_INIT((name).entry) }
#define DEFINE_WAIT(name) DEFINE_WAIT_FUNC(name, autoremove_wake_function)
#define init_waitqueue_head(wq_head) __init_waitqueue_head((wq_head), #wq_head, NULL)
#define init_wait(wait)                                      \
	do {                                                 \
		(wait)->private = current;                   \
		(wait)->func = autoremove_wake_function;     \
		INIT_LIST_HEAD(&(wait)->entry);              \
		(wait)->flags = 0;                           \
	} while (0)
static inline void init_waitqueue_entry(struct wait_queue_entry *e, struct task_struct *p)
{
	e->flags = 0;
	e->private = p;
	e->func = default_wake_function;
}
static inline void init_waitqueue_func_entry(struct wait_queue_entry *e, wait_queue_func_t func)
{
	e->flags = 0;
	e->private = NULL;
	e->func = func;
}
static inline int waitqueue_active(struct wait_queue_head *wq_head) { return !list_empty(&wq_head->head); }
static inline bool wq_has_sleeper(struct wait_queue_head *wq_head) { return waitqueue_active(wq_head); }

#define poll_to_key(m) ((void *)(uintptr_t)(__poll_t)(m))
#define key_to_poll(m) ((__poll_t)(uintptr_t)(void *)(m))
#define wake_up(x) __wake_up(x, TASK_NORMAL, 1, NULL)
#define wake_up_nr(x, nr) __wake_up(x, TASK_NORMAL, nr, NULL)
#define wake_up_all(x) __wake_up(x, TASK_NORMAL, 0, NULL)
#define wake_up_locked(x) __wake_up(x, TASK_NORMAL, 1, NULL)
#define wake_up_interruptible(x) __wake_up(x, TASK_INTERRUPTIBLE, 1, NULL)
#define wake_up_interruptible_nr(x, nr) __wake_up(x, TASK_INTERRUPTIBLE, nr, NULL)
#define wake_up_interruptible_all(x) __wake_up(x, TASK_INTERRUPTIBLE, 0, NULL)
#define wake_up_sync(x) __wake_up_sync(x, TASK_NORMAL)
#define wake_up_interruptible_sync(x) __wake_up_sync(x, TASK_INTERRUPTIBLE)
#define wake_up_poll(x, m) __wake_up(x, TASK_NORMAL, 1, poll_to_key(m))
#define wake_up_interruptible_poll(x, m) __wake_up(x, TASK_INTERRUPTIBLE, 1, poll_to_key(m))
#define wake_up_interruptible_sync_poll(x, m) __wake_up(x, TASK_INTERRUPTIBLE, 1, poll_to_key(m))

/*
 * Register, look again, then sleep: the state is set before the condition is read, so a wake-up between the
 * two makes schedule() return at once. sleep is the statement that sleeps; its effects are seen by condition.
 */
#define __wait_loop(wq_head, condition, state, exclusive, ret, sleep)                          \
	({                                                                                     \
		struct wait_queue_entry __wqe;                                                 \
		long __ret = (ret);                                                            \
		long __signal = 0;                                                             \
		init_wait_entry(&__wqe, (exclusive) ? WQ_FLAG_EXCLUSIVE : 0);                  \
		for (;;) {                                                                     \
			__signal = prepare_to_wait_event(&(wq_head), &__wqe, (state));         \
			if (condition)                                                         \
				break;                                                         \
			if (__signal) {                                                        \
				__ret = __signal;                                              \
				break;                                                         \
			}                                                                      \
			sleep;                                                                 \
		}                                                                              \
		finish_wait(&(wq_head), &__wqe);                                               \
		__ret;                                                                         \
	})
/* True also when time is up; a condition that came true just then leaves at least one jiffy. */
#define ___wait_cond_timeout(condition, left)         \
	({                                            \
		bool __cond = (condition);            \
		if (__cond && !(left))                \
			(left) = 1;                   \
		__cond || !(left);                    \
	})

#define wait_event(wq_head, condition)                                                          \
	do {                                                                                    \
		might_sleep();                                                                  \
		if (!(condition))                                                               \
			(void)__wait_loop(wq_head, condition, TASK_UNINTERRUPTIBLE, 0, 0, schedule()); \
	} while (0)
#define io_wait_event(wq_head, condition) wait_event(wq_head, condition)
#define wait_event_freezable(wq_head, condition) wait_event_interruptible(wq_head, condition)
#define wait_event_interruptible(wq_head, condition)                                            \
	({                                                                                      \
		int __wret = 0;                                                                 \
		might_sleep();                                                                  \
		if (!(condition))                                                               \
			__wret = __wait_loop(wq_head, condition, TASK_INTERRUPTIBLE, 0, 0, schedule()); \
		__wret;                                                                         \
	})
#define wait_event_interruptible_exclusive(wq_head, condition)                                  \
	({                                                                                      \
		int __wret = 0;                                                                 \
		might_sleep();                                                                  \
		if (!(condition))                                                               \
			__wret = __wait_loop(wq_head, condition, TASK_INTERRUPTIBLE, 1, 0, schedule()); \
		__wret;                                                                         \
	})
#define wait_event_killable(wq_head, condition)                                                 \
	({                                                                                      \
		int __wret = 0;                                                                 \
		might_sleep();                                                                  \
		if (!(condition))                                                               \
			__wret = __wait_loop(wq_head, condition, TASK_KILLABLE, 0, 0, schedule()); \
		__wret;                                                                         \
	})
#define __wait_event_timeout(wq_head, condition, state, timeout)                                \
	({                                                                                      \
		long __left = (timeout), __wsig = 0;                                            \
		might_sleep();                                                                  \
		if (!___wait_cond_timeout(condition, __left))                                   \
			__wsig = __wait_loop(wq_head, ___wait_cond_timeout(condition, __left),  \
					     state, 0, 0, __left = schedule_timeout(__left));   \
		__wsig ?: __left;                                                               \
	})
#define wait_event_timeout(wq_head, condition, timeout) \
	__wait_event_timeout(wq_head, condition, TASK_UNINTERRUPTIBLE, timeout)
#define wait_event_interruptible_timeout(wq_head, condition, timeout) \
	__wait_event_timeout(wq_head, condition, TASK_INTERRUPTIBLE, timeout)
#define wait_event_killable_timeout(wq_head, condition, timeout) \
	__wait_event_timeout(wq_head, condition, TASK_KILLABLE, timeout)
#define wait_event_cmd(wq_head, condition, cmd1, cmd2)                                          \
	do {                                                                                    \
		if (!(condition))                                                               \
			(void)__wait_loop(wq_head, condition, TASK_UNINTERRUPTIBLE, 0, 0,       \
					  ({ cmd1; schedule(); cmd2; }));                       \
	} while (0)
/* The lock is held when the condition is read, given up while asleep, held again after. */
#define wait_event_lock_irq(wq_head, condition, lock)                                           \
	do {                                                                                    \
		if (!(condition))                                                               \
			(void)__wait_loop(wq_head, condition, TASK_UNINTERRUPTIBLE, 0, 0,       \
					  ({ spin_unlock_irq(&lock); schedule(); spin_lock_irq(&lock); })); \
	} while (0)
#define wait_event_interruptible_lock_irq(wq_head, condition, lock)                             \
	({                                                                                      \
		int __wret = 0;                                                                 \
		if (!(condition))                                                               \
			__wret = __wait_loop(wq_head, condition, TASK_INTERRUPTIBLE, 0, 0,      \
					     ({ spin_unlock_irq(&lock); schedule(); spin_lock_irq(&lock); })); \
		__wret;                                                                         \
	})
#define wait_event_interruptible_locked(wq, condition)                                          \
	({                                                                                      \
		int __wret = 0;                                                                 \
		if (!(condition)) {                                                             \
			struct wait_queue_head *__wqh = &(wq);                                  \
			__wret = __wait_loop(*__wqh, condition, TASK_INTERRUPTIBLE, 0, 0,       \
				({ spin_unlock(&__wqh->lock); schedule(); spin_lock(&__wqh->lock); })); \
		}                                                                               \
		__wret;                                                                         \
	})
/* Older drivers, removed from Linux in 3.15: racy there, not here. */
extern void interruptible_sleep_on(struct wait_queue_head *q);
extern void sleep_on(struct wait_queue_head *q);

#include <linux/sched.h>

#endif /* _LINUX_WAIT_H */
