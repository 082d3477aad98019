/* SPDX-License-Identifier: Apache-2.0 */
/* The running thread's preempt count; the machine keeps it across sleeps. */
int __preempt_count;
int __irqs_off;
