/* SPDX-License-Identifier: Apache-2.0 */
/* What the C part of the kernel calls in the part that is written in Go. Weak: a machine without them still loads. */
#include <linux/bug.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sched.h>
#include <linux/kthread.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/err.h>

#pragma weak _printk
#pragma weak _printk_deferred
#pragma weak __bug
#pragma weak warn_slowpath_fmt
#pragma weak scnprintf
#pragma weak vsnprintf
#pragma weak __kmalloc
#pragma weak kfree
#pragma weak kvfree
#pragma weak kvmalloc_node
#pragma weak krealloc
#pragma weak get_current
#pragma weak schedule
#pragma weak schedule_timeout
#pragma weak wake_up_state
#pragma weak wake_up_process
#pragma weak signal_pending
#pragma weak fatal_signal_pending
#pragma weak __cond_resched
#pragma weak __might_sleep
#pragma weak __jiffies_now
#pragma weak add_timer
#pragma weak del_timer
#pragma weak del_timer_sync
#pragma weak init_timer_key
#pragma weak kthread_create_on_node
#pragma weak kthread_should_stop
#pragma weak kthread_stop
