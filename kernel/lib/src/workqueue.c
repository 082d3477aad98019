/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work queues: Linux's kernel/workqueue.c by contract, with one worker thread for each queue, so that works of one
 * queue run one after the other.
 */
#include "lib.h"
#include <linux/completion.h>
#include <linux/workqueue.h>

struct workqueue_struct {
	struct list_head works;
	wait_queue_head_t more;
	struct task_struct *worker; /* made when the first work comes */
	struct work_struct *running;
	wait_queue_head_t idle; /* woken after each work */
	char name[24];
};

static struct workqueue_struct system = {
	.works = LIST_HEAD_INIT(system.works),
	.more = __WAIT_QUEUE_HEAD_INITIALIZER(system.more),
	.idle = __WAIT_QUEUE_HEAD_INITIALIZER(system.idle),
	.name = "events",
};
struct workqueue_struct *system_wq = &system;
struct workqueue_struct *system_highpri_wq = &system;
struct workqueue_struct *system_long_wq = &system;
struct workqueue_struct *system_unbound_wq = &system;
struct workqueue_struct *system_freezable_wq = &system;
struct workqueue_struct *system_power_efficient_wq = &system;

static int work_loop(void *data)
{
	struct workqueue_struct *wq = data;
	struct wait_queue_entry wait;

	init_wait_entry(&wait, 0);
	for (;;) {
		struct work_struct *work;

		prepare_to_wait(&wq->more, &wait, TASK_IDLE);
		if (list_empty(&wq->works)) {
			if (kthread_should_stop())
				break;
			schedule();
			continue;
		}
		finish_wait(&wq->more, &wait);
		work = list_first_entry(&wq->works, struct work_struct, entry);
		list_del_init(&work->entry);
		wq->running = work;
		work->pending = 0; /* from here on it may be queued again */
		work->func(work);
		wq->running = NULL; /* work may be gone */
		wake_up_all(&wq->idle);
	}
	finish_wait(&wq->more, &wait);
	return 0;
}

static void insert(struct workqueue_struct *wq, struct work_struct *work, struct list_head *before)
{
	work->wq = wq;
	list_add_tail(&work->entry, before);
	if (!wq->worker) {
		struct task_struct *t;

		wq->worker = ERR_PTR(-EAGAIN); /* nobody else shall begin */
		t = kthread_create(work_loop, wq, "kworker/%s", wq->name);
		if (WARN(IS_ERR(t), "workqueue %s: no worker: error %ld\n", wq->name, PTR_ERR(t))) {
			wq->worker = NULL;
			return;
		}
		wq->worker = t;
		wake_up_process(t);
	}
	wake_up(&wq->more);
}

bool queue_work_on(int cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	if (work->pending)
		return false;
	work->pending = 1;
	insert(wq, work, &wq->works);
	return true;
}

void delayed_work_timer_fn(struct timer_list *t)
{
	struct delayed_work *dwork = from_timer(dwork, t, timer);

	insert(dwork->wq, &dwork->work, &dwork->wq->works);
}

bool queue_delayed_work_on(int cpu, struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
{
	if (!delay)
		return queue_work_on(cpu, wq, &dwork->work);
	if (dwork->work.pending)
		return false;
	dwork->work.pending = 1;
	dwork->wq = wq;
	dwork->timer.expires = jiffies + delay;
	add_timer(&dwork->timer);
	return true;
}

bool mod_delayed_work_on(int cpu, struct workqueue_struct *wq, struct delayed_work *dwork, unsigned long delay)
{
	bool was = cancel_delayed_work(dwork);

	queue_delayed_work_on(cpu, wq, dwork, delay);
	return was;
}

/* A work of its own, put where everything before it is what shall be waited for. */
struct barrier {
	struct work_struct work;
	struct completion done;
};

static void barrier_func(struct work_struct *work)
{
	complete(&container_of(work, struct barrier, work)->done);
}

static void wait_before(struct workqueue_struct *wq, struct list_head *before)
{
	struct barrier b;

	INIT_WORK(&b.work, barrier_func);
	init_completion(&b.done);
	b.work.pending = 1;
	insert(wq, &b.work, before);
	wait_for_completion(&b.done);
}

bool flush_work(struct work_struct *work)
{
	struct workqueue_struct *wq = work->wq;

	if (!wq)
		return false;
	if (!list_empty(&work->entry)) {
		wait_before(wq, work->entry.next);
		return true;
	}
	if (wq->running != work)
		return false;
	wait_before(wq, wq->works.next);
	return true;
}

bool flush_delayed_work(struct delayed_work *dwork)
{
	if (del_timer_sync(&dwork->timer))
		insert(dwork->wq, &dwork->work, &dwork->wq->works);
	return flush_work(&dwork->work);
}

void __flush_workqueue(struct workqueue_struct *wq)
{
	if (wq->worker)
		wait_before(wq, &wq->works);
}

void drain_workqueue(struct workqueue_struct *wq)
{
	do
		__flush_workqueue(wq);
	while (!list_empty(&wq->works));
}

bool cancel_work(struct work_struct *work)
{
	if (!work->pending || list_empty(&work->entry))
		return false;
	list_del_init(&work->entry);
	work->pending = 0;
	return true;
}

/* While this waits for a running work, the work cannot queue itself again: pending is taken. */
bool cancel_work_sync(struct work_struct *work)
{
	struct workqueue_struct *wq = work->wq;
	bool was = cancel_work(work);

	if (wq && wq->running == work && current != wq->worker) {
		work->pending = 1;
		wait_event(wq->idle, wq->running != work);
		work->pending = 0;
	}
	return was;
}

bool cancel_delayed_work(struct delayed_work *dwork)
{
	if (del_timer(&dwork->timer)) {
		dwork->work.pending = 0;
		return true;
	}
	return cancel_work(&dwork->work);
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	bool was = del_timer_sync(&dwork->timer);

	if (was)
		dwork->work.pending = 0;
	was |= cancel_work_sync(&dwork->work);
	if (del_timer_sync(&dwork->timer)) /* it had queued itself while it ran */
		dwork->work.pending = 0;
	return was;
}

unsigned int work_busy(struct work_struct *work)
{
	return (work->pending ? 1 : 0) | (work->wq && work->wq->running == work ? 2 : 0);
}

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);
	va_list args;

	if (!wq)
		return NULL;
	va_start(args, max_active);
	vsnprintf(wq->name, sizeof(wq->name), fmt, args);
	va_end(args);
	INIT_LIST_HEAD(&wq->works);
	init_waitqueue_head(&wq->more);
	init_waitqueue_head(&wq->idle);
	return wq;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	drain_workqueue(wq);
	if (wq->worker)
		kthread_stop(wq->worker);
	kfree(wq);
}
