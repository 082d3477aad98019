/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_PREEMPT_H
#define _LINUX_PREEMPT_H

#include <linux/types.h>
#include <linux/compiler.h>

/*
 * How deep the running thread is in code that must not sleep, in Linux's layout: spin locks and
 * preempt_disable in the low byte, soft interrupts from bit 8, hard interrupts from bit 16. The kernel
 * saves and restores it with the thread.
 */
extern int __preempt_count;
extern int __irqs_off;
#define PREEMPT_OFFSET 1
#define SOFTIRQ_OFFSET 0x100
#define HARDIRQ_OFFSET 0x10000
#define preempt_count() (__preempt_count)
#define preempt_disable() do { __preempt_count++; barrier(); } while (0)
#define preempt_enable() do { barrier(); __preempt_count--; } while (0)
#define preempt_enable_no_resched() preempt_enable()
#define preemptible() (preempt_count() == 0 && !irqs_disabled())
#define in_hardirq() ((preempt_count() & 0xf0000) != 0)
#define in_irq() in_hardirq()
#define in_softirq() ((preempt_count() & 0xff00) != 0)
#define in_serving_softirq() ((preempt_count() & SOFTIRQ_OFFSET) != 0)
#define in_interrupt() ((preempt_count() & 0xfff00) != 0)
#define in_task() (!in_interrupt())
#define in_nmi() 0
#define in_atomic() (preempt_count() != 0)

#define irqs_disabled() (__irqs_off != 0)
#define local_irq_save(flags) do { (flags) = __irqs_off; __irqs_off = 1; barrier(); } while (0)
#define local_irq_restore(flags) do { barrier(); __irqs_off = (int)(flags); } while (0)
#define local_irq_disable() do { __irqs_off = 1; barrier(); } while (0)
#define local_irq_enable() do { barrier(); __irqs_off = 0; } while (0)
#define local_save_flags(flags) do { (flags) = __irqs_off; } while (0)
#define local_bh_disable() do { __preempt_count += 2 * SOFTIRQ_OFFSET; barrier(); } while (0)
#define local_bh_enable() do { barrier(); __preempt_count -= 2 * SOFTIRQ_OFFSET; } while (0)
#define lockdep_assert_held(l) do { (void)(l); } while (0)
#define lockdep_assert_irqs_disabled() do { } while (0)
#define lockdep_set_class(l, k) do { } while (0)
struct lock_class_key {};

#endif /* _LINUX_PREEMPT_H */
