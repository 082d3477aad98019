/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_TIMER_H
#define _LINUX_TIMER_H

#include <linux/list.h>
#include <linux/ktime.h>
#include <linux/stddef.h>
#include <linux/preempt.h>

struct timer_list {
	struct hlist_node entry; /* entry.pprev is NULL: not pending */
	unsigned long expires; /* jiffies */
	void (*function)(struct timer_list *timer);
	u32 flags;
	unsigned long data; /* what an old-style function (TIMER_OLDSTYLE) is called with */
};
#define TIMER_DEFERRABLE 0x00080000
#define TIMER_PINNED 0x00100000
#define TIMER_IRQSAFE 0x00200000
#define TIMER_OLDSTYLE 0x40000000
#define __TIMER_INITIALIZER(_function, _flags) { .function = (_function), .flags = (_flags) }
#define DEFINE_TIMER(_name, _function) struct timer_list _name = __TIMER_INITIALIZER(_function, 0)

extern void init_timer_key(struct timer_list *timer, void (*func)(struct timer_list *timer), unsigned int flags,
			   const char *name, struct lock_class_key *key);
extern void add_timer(struct timer_list *timer);
extern int mod_timer(struct timer_list *timer, unsigned long expires);
extern int mod_timer_pending(struct timer_list *timer, unsigned long expires);
extern int del_timer(struct timer_list *timer);
extern int del_timer_sync(struct timer_list *timer);
#define timer_setup(timer, callback, flags) init_timer_key((timer), (callback), (flags), #timer, NULL)
#define timer_setup_on_stack timer_setup
#define init_timer(timer) init_timer_key((timer), NULL, TIMER_OLDSTYLE, #timer, NULL)
#define setup_timer(timer, fn, d)                                                             \
	do {                                                                                  \
		init_timer_key((timer), (void (*)(struct timer_list *))(fn), TIMER_OLDSTYLE, #timer, NULL); \
		(timer)->data = (d);                                                          \
	} while (0)
#define from_timer(var, callback_timer, timer_fieldname) container_of(callback_timer, typeof(*var), timer_fieldname)
#define timer_container_of from_timer
#define timer_delete del_timer
#define timer_delete_sync del_timer_sync
#define timer_shutdown_sync del_timer_sync
#define try_to_del_timer_sync del_timer
static inline int timer_pending(const struct timer_list *timer) { return !hlist_unhashed(&timer->entry); }
static inline void destroy_timer_on_stack(struct timer_list *timer) {}

#endif /* _LINUX_TIMER_H */
