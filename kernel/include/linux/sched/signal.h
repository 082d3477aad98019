/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _LINUX_SCHED_SIGNAL_H
#define _LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGABRT 6
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 17
#define SIGSTOP 19
#define SIGIO 29
#define SIGPOLL SIGIO
#define POLL_IN 0x20001
#define POLL_OUT 0x20002
#define POLL_MSG 0x20003
#define POLL_ERR 0x20004
#define POLL_PRI 0x20005
#define POLL_HUP 0x20006
extern int send_sig(int sig, struct task_struct *p, int priv);
extern void flush_signals(struct task_struct *t);
extern void allow_signal(int sig);
extern void disallow_signal(int sig);

#endif /* _LINUX_SCHED_SIGNAL_H */
