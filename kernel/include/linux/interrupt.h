/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_INTERRUPT_H
#define _LINUX_INTERRUPT_H

#include <linux/types.h>
#include <linux/irqreturn.h>
#include <linux/preempt.h>
#include <linux/hrtimer.h>
#include <linux/bitops.h>
#include <linux/atomic.h>

/* No line finds itself here: a driver is told its number. */
static inline unsigned long probe_irq_on(void) { return 0; }
static inline int probe_irq_off(unsigned long mask) { return 0; }
static inline unsigned int probe_irq_mask(unsigned long mask) { return 0; }

#define IRQF_TRIGGER_NONE 0x0
#define IRQF_TRIGGER_RISING 0x1
#define IRQF_TRIGGER_FALLING 0x2
#define IRQF_TRIGGER_HIGH 0x4
#define IRQF_TRIGGER_LOW 0x8
#define IRQF_SHARED 0x80
#define IRQF_ONESHOT 0x2000
#define IRQF_NO_SUSPEND 0x4000

typedef irqreturn_t (*irq_handler_t)(int irq, void *dev_id);
extern int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread_fn,
				unsigned long flags, const char *name, void *dev);
extern const void *free_irq(unsigned int irq, void *dev_id);
extern void enable_irq(unsigned int irq);
extern void disable_irq(unsigned int irq);
extern void disable_irq_nosync(unsigned int irq);
extern void synchronize_irq(unsigned int irq);
static inline int request_irq(unsigned int irq, irq_handler_t handler, unsigned long flags, const char *name, void *dev)
{
	return request_threaded_irq(irq, handler, NULL, flags, name, dev);
}

struct tasklet_struct {
	struct tasklet_struct *next;
	unsigned long state; /* bit 0: scheduled, bit 1: runs */
	atomic_t count; /* nonzero: disabled */
	bool use_callback;
	union {
		void (*func)(unsigned long data);
		void (*callback)(struct tasklet_struct *t);
	};
	unsigned long data;
};
#define TASKLET_STATE_SCHED 0
#define TASKLET_STATE_RUN 1
extern void tasklet_init(struct tasklet_struct *t, void (*func)(unsigned long), unsigned long data);
extern void tasklet_setup(struct tasklet_struct *t, void (*callback)(struct tasklet_struct *));
extern void __tasklet_schedule(struct tasklet_struct *t);
extern void __tasklet_hi_schedule(struct tasklet_struct *t);
extern void tasklet_kill(struct tasklet_struct *t);
#define __DECLARE_TASKLET2(name, _callback) struct tasklet_struct name = { .use_callback = true, .callback = (_callback) }
#define __DECLARE_TASKLET3(name, _func, _data) struct tasklet_struct name = { .func = (_func), .data = (_data) }
#define __DECLARE_TASKLET_PICK(_1, _2, _3, name, ...) name
/* (name, callback) since 5.9, (name, func, data) before. */
#define DECLARE_TASKLET(...) \
	__DECLARE_TASKLET_PICK(__VA_ARGS__, __DECLARE_TASKLET3, __DECLARE_TASKLET2, 0)(__VA_ARGS__)
#define DECLARE_TASKLET_OLD(name, _func) struct tasklet_struct name = { .func = (_func) }
#define from_tasklet(var, callback_tasklet, tasklet_fieldname) container_of(callback_tasklet, typeof(*var), tasklet_fieldname)
static inline void tasklet_schedule(struct tasklet_struct *t)
{
	if (!test_and_set_bit(TASKLET_STATE_SCHED, &t->state))
		__tasklet_schedule(t);
}
static inline void tasklet_hi_schedule(struct tasklet_struct *t)
{
	if (!test_and_set_bit(TASKLET_STATE_SCHED, &t->state))
		__tasklet_hi_schedule(t);
}
static inline void tasklet_disable(struct tasklet_struct *t) { atomic_inc(&t->count); }
static inline void tasklet_disable_nosync(struct tasklet_struct *t) { atomic_inc(&t->count); }
static inline void tasklet_enable(struct tasklet_struct *t) { atomic_dec(&t->count); }

#endif /* _LINUX_INTERRUPT_H */
