/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait queues: Linux's kernel/sched/wait.c by contract.
 *
 * The kernel lock makes a queue safe between sleeps; what may lose it in the middle is a loop, which the kernel may
 * preempt. Loops over a queue therefore hold preemption off. The spin lock in a queue's head is its users' own.
 */
#include "lib.h"
#include <linux/wait.h>

void __init_waitqueue_head(struct wait_queue_head *wq_head, const char *name, struct lock_class_key *key)
{
	spin_lock_init(&wq_head->lock);
	INIT_LIST_HEAD(&wq_head->head);
}

/* Those that wait for all stand at the front, the exclusive ones behind. */
void add_wait_queue(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry)
{
	wq_entry->flags &= ~WQ_FLAG_EXCLUSIVE;
	list_add(&wq_entry->entry, &wq_head->head);
}

void add_wait_queue_exclusive(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry)
{
	wq_entry->flags |= WQ_FLAG_EXCLUSIVE;
	list_add_tail(&wq_entry->entry, &wq_head->head);
}

void remove_wait_queue(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry)
{
	list_del(&wq_entry->entry);
}

/* nr exclusive waiters are woken, all when it is 0, and every one that is not exclusive. Gives how many. */
int __wake_up(struct wait_queue_head *wq_head, unsigned int mode, int nr, void *key)
{
	struct wait_queue_entry *curr, *next;
	int woken = 0;

	if (list_empty(&wq_head->head))
		return 0;
	preempt_disable();
	list_for_each_entry_safe(curr, next, &wq_head->head, entry) {
		unsigned int flags = curr->flags;
		int ret = curr->func(curr, mode, 0, key);

		if (ret < 0)
			break;
		if (!ret)
			continue;
		woken++;
		if ((flags & WQ_FLAG_EXCLUSIVE) && --nr == 0)
			break;
	}
	preempt_enable();
	return woken;
}

void __wake_up_sync(struct wait_queue_head *wq_head, unsigned int mode)
{
	__wake_up(wq_head, mode, 1, NULL);
}

int default_wake_function(struct wait_queue_entry *wq_entry, unsigned int mode, int flags, void *key)
{
	return wake_up_state(wq_entry->private, mode);
}

int autoremove_wake_function(struct wait_queue_entry *wq_entry, unsigned int mode, int sync, void *key)
{
	int ret = default_wake_function(wq_entry, mode, sync, key);

	if (ret)
		list_del_init(&wq_entry->entry);
	return ret;
}

int woken_wake_function(struct wait_queue_entry *wq_entry, unsigned int mode, int sync, void *key)
{
	wq_entry->flags |= WQ_FLAG_WOKEN;
	return default_wake_function(wq_entry, mode, sync, key);
}

long wait_woken(struct wait_queue_entry *wq_entry, unsigned int mode, long timeout)
{
	set_current_state(mode);
	if (!(wq_entry->flags & WQ_FLAG_WOKEN) && !kthread_should_stop())
		timeout = schedule_timeout(timeout);
	__set_current_state(TASK_RUNNING);
	wq_entry->flags &= ~WQ_FLAG_WOKEN;
	return timeout;
}

void init_wait_entry(struct wait_queue_entry *wq_entry, int flags)
{
	wq_entry->flags = flags;
	wq_entry->private = current;
	wq_entry->func = autoremove_wake_function;
	INIT_LIST_HEAD(&wq_entry->entry);
}

void prepare_to_wait(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry, int state)
{
	wq_entry->flags &= ~WQ_FLAG_EXCLUSIVE;
	if (list_empty(&wq_entry->entry))
		list_add(&wq_entry->entry, &wq_head->head);
	set_current_state(state);
}

bool prepare_to_wait_exclusive(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry, int state)
{
	bool was_empty = false;

	wq_entry->flags |= WQ_FLAG_EXCLUSIVE;
	if (list_empty(&wq_entry->entry)) {
		was_empty = list_empty(&wq_head->head);
		list_add_tail(&wq_entry->entry, &wq_head->head);
	}
	set_current_state(state);
	return was_empty;
}

/* -ERESTARTSYS, and no longer in the queue, when a signal that the state allows is pending. */
long prepare_to_wait_event(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry, int state)
{
	if (signal_pending_state(state, current)) {
		/* Not in the queue, so that a wake-up meant for one waiter goes to another. */
		list_del_init(&wq_entry->entry);
		return -ERESTARTSYS;
	}
	if (wq_entry->flags & WQ_FLAG_EXCLUSIVE)
		prepare_to_wait_exclusive(wq_head, wq_entry, state);
	else
		prepare_to_wait(wq_head, wq_entry, state);
	return 0;
}

void finish_wait(struct wait_queue_head *wq_head, struct wait_queue_entry *wq_entry)
{
	__set_current_state(TASK_RUNNING);
	if (!list_empty(&wq_entry->entry))
		list_del_init(&wq_entry->entry);
}

static void sleep_in(struct wait_queue_head *q, int state)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(q, &wait, state);
	schedule();
	finish_wait(q, &wait);
}

void sleep_on(struct wait_queue_head *q)
{
	sleep_in(q, TASK_UNINTERRUPTIBLE);
}

void interruptible_sleep_on(struct wait_queue_head *q)
{
	sleep_in(q, TASK_INTERRUPTIBLE);
}
