/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SCHED_H
#define _LINUX_SCHED_H

#include <linux/types.h>
#include <linux/list.h>
#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/cred.h>
#include <linux/mm_types.h>
#include <linux/jiffies.h>
#include <asm/page.h>

#define TASK_RUNNING 0x0000
#define TASK_INTERRUPTIBLE 0x0001
#define TASK_UNINTERRUPTIBLE 0x0002
#define __TASK_STOPPED 0x0004
#define __TASK_TRACED 0x0008
#define EXIT_DEAD 0x0010
#define EXIT_ZOMBIE 0x0020
#define TASK_PARKED 0x0040
#define TASK_DEAD 0x0080
#define TASK_WAKEKILL 0x0100
#define TASK_NOLOAD 0x0400
#define TASK_KILLABLE (TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)
#define TASK_IDLE (TASK_UNINTERRUPTIBLE | TASK_NOLOAD)
#define TASK_NORMAL (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)
#define TASK_COMM_LEN 16
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000
#define MAX_SCHEDULE_TIMEOUT LONG_MAX

struct files_struct;
struct nsproxy;
struct task_struct {
	unsigned int __state; /* TASK_*; written by the thread itself and by who wakes it */
	unsigned int flags; /* PF_* */
	int prio, static_prio, normal_prio;
	unsigned int policy;
	int exit_state;
	int exit_code;
	pid_t pid;
	pid_t tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct list_head children;
	struct list_head sibling;
	struct list_head tasks;
	struct task_struct *group_leader;
	const struct cred *real_cred;
	const struct cred *cred;
	struct mm_struct *mm;
	struct mm_struct *active_mm;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	u64 utime, stime;
	u64 start_time;
	atomic_t usage;
	char comm[TASK_COMM_LEN];
	void *kthread_data; /* what kthread_create was given */
	void *stack;
};

extern struct task_struct *get_current(void);
#define current get_current()
extern struct task_struct init_task;

extern void schedule(void);
extern long schedule_timeout(long timeout);
extern long schedule_timeout_interruptible(long timeout);
extern long schedule_timeout_killable(long timeout);
extern long schedule_timeout_uninterruptible(long timeout);
extern long schedule_timeout_idle(long timeout);
extern void io_schedule(void);
extern long io_schedule_timeout(long timeout);
extern int wake_up_process(struct task_struct *tsk);
/* The wake-up itself: 1 when p slept in one of the states of the mask and now runs. */
extern int wake_up_state(struct task_struct *tsk, unsigned int state);
extern void yield(void);
extern int __cond_resched(void);
extern int signal_pending(struct task_struct *p);
extern int fatal_signal_pending(struct task_struct *p);
extern void __put_task_struct(struct task_struct *t);
extern char *__get_task_comm(char *to, size_t len, struct task_struct *tsk);
extern void set_user_nice(struct task_struct *p, long nice);
extern void sched_set_fifo(struct task_struct *p);
extern void sched_set_normal(struct task_struct *p, int nice);
extern struct task_struct *next_task(struct task_struct *p);

#define cond_resched() __cond_resched()
#define need_resched() 0
#define cond_resched_lock(lock) ({ (void)(lock); 0; })
static inline int signal_pending_state(unsigned int state, struct task_struct *p)
{
	if (!(state & (TASK_INTERRUPTIBLE | TASK_WAKEKILL)) || !signal_pending(p))
		return 0;
	return (state & TASK_INTERRUPTIBLE) || fatal_signal_pending(p);
}
#define get_current_state() READ_ONCE(current->__state)
#define __set_current_state(value) WRITE_ONCE(current->__state, (value))
#define set_current_state(value) smp_store_mb(current->__state, (value))
#define __set_task_state(tsk, value) WRITE_ONCE((tsk)->__state, (value))
#define set_task_state(tsk, value) WRITE_ONCE((tsk)->__state, (value))
#define task_is_running(t) (READ_ONCE((t)->__state) == TASK_RUNNING)
#define get_task_comm(buf, tsk) __get_task_comm(buf, sizeof(buf), tsk)
#define for_each_process(p) for ((p) = &init_task; ((p) = next_task(p)) != &init_task;)

static inline struct task_struct *get_task_struct(struct task_struct *t)
{
	atomic_inc(&t->usage);
	return t;
}
static inline void put_task_struct(struct task_struct *t)
{
	if (atomic_dec_and_test(&t->usage))
		__put_task_struct(t);
}
static inline pid_t task_pid_nr(struct task_struct *t) { return t->pid; }
static inline pid_t task_tgid_nr(struct task_struct *t) { return t->tgid; }
static inline pid_t task_pid_vnr(struct task_struct *t) { return t->pid; }
static inline pid_t task_tgid_vnr(struct task_struct *t) { return t->tgid; }
static inline pid_t task_ppid_nr(const struct task_struct *t) { return t->real_parent ? t->real_parent->tgid : 0; }

#define raw_smp_processor_id() 0
#define smp_processor_id() 0
#define get_cpu() ({ preempt_disable(); 0; })
#define put_cpu() preempt_enable()
#define task_cpu(p) 0
#define num_online_cpus() 1U
#define num_possible_cpus() 1U
#define nr_cpu_ids 1U
#define for_each_online_cpu(cpu) for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define cpu_online(cpu) ((cpu) == 0)
#define cpu_relax() __cond_resched()

#endif /* _LINUX_SCHED_H */
