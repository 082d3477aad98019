/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_POLL_H
#define _LINUX_POLL_H

#include <uapi/linux/poll.h>
#include <linux/wait.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#define DEFAULT_POLLMASK (EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM)
typedef void (*poll_queue_proc)(struct file *filp, wait_queue_head_t *wait_address, struct poll_table_struct *p);
typedef struct poll_table_struct {
	poll_queue_proc _qproc; /* NULL: only ask, do not wait */
	__poll_t _key;
} poll_table;
static inline void poll_wait(struct file *filp, wait_queue_head_t *wait_address, poll_table *p)
{
	if (p && p->_qproc && wait_address)
		p->_qproc(filp, wait_address, p);
}
static inline bool poll_does_not_wait(const poll_table *p) { return p == NULL || p->_qproc == NULL; }
static inline __poll_t poll_requested_events(const poll_table *p) { return p ? p->_key : ~(__poll_t)0; }
static inline bool file_can_poll(struct file *file) { return file->f_op->poll != NULL; }
extern __poll_t vfs_poll(struct file *file, struct poll_table_struct *pt);

#endif /* _LINUX_POLL_H */
