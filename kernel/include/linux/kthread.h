/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_KTHREAD_H
#define _LINUX_KTHREAD_H

#include <linux/err.h>
#include <linux/sched.h>

struct completion;

extern __printf(4, 5) struct task_struct *kthread_create_on_node(int (*threadfn)(void *data), void *data,
								 int node, const char namefmt[], ...);
extern int kthread_stop(struct task_struct *k);
extern bool kthread_should_stop(void);
extern bool kthread_should_park(void);
extern int kthread_park(struct task_struct *k);
extern void kthread_unpark(struct task_struct *k);
extern void kthread_parkme(void);
extern void kthread_bind(struct task_struct *k, unsigned int cpu);
extern void __noreturn kthread_exit(long result);
extern void __noreturn kthread_complete_and_exit(struct completion *comp, long code);
#define kthread_create(threadfn, data, namefmt, arg...) \
	kthread_create_on_node(threadfn, data, -1, namefmt, ##arg)
#define kthread_create_on_cpu(threadfn, data, cpu, namefmt) kthread_create_on_node(threadfn, data, -1, namefmt, cpu)
#define kthread_run(threadfn, data, namefmt, ...)                                    \
	({                                                                           \
		struct task_struct *__k =                                            \
			kthread_create(threadfn, data, namefmt, ##__VA_ARGS__);      \
		if (!IS_ERR(__k))                                                    \
			wake_up_process(__k);                                        \
		__k;                                                                 \
	})
#define do_exit(code) kthread_exit(code)

#endif /* _LINUX_KTHREAD_H */
