/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_PERCPU_H
#define _LINUX_PERCPU_H

#include <linux/preempt.h>
#include <linux/slab.h>

/* One processor, so a per-CPU variable is a variable. */
#define DEFINE_PER_CPU(type, name) typeof(type) name
#define DECLARE_PER_CPU(type, name) extern typeof(type) name
#define per_cpu(var, cpu) (*({ (void)(cpu); &(var); }))
#define per_cpu_ptr(ptr, cpu) ({ (void)(cpu); (ptr); })
#define this_cpu_ptr(ptr) (ptr)
#define raw_cpu_ptr(ptr) (ptr)
#define get_cpu_var(var) (*({ preempt_disable(); &(var); }))
#define put_cpu_var(var) do { (void)&(var); preempt_enable(); } while (0)
#define get_cpu_ptr(var) ({ preempt_disable(); (var); })
#define put_cpu_ptr(var) do { (void)(var); preempt_enable(); } while (0)
#define alloc_percpu(type) ((type *)kzalloc(sizeof(type), GFP_KERNEL))
#define free_percpu(ptr) kfree(ptr)
#define this_cpu_read(v) (v)
#define this_cpu_write(v, x) ((v) = (x))
#define this_cpu_inc(v) ((void)(v)++)
#define this_cpu_dec(v) ((void)(v)--)
#define this_cpu_add(v, x) ((void)((v) += (x)))
#define __this_cpu_read(v) (v)

#endif /* _LINUX_PERCPU_H */
