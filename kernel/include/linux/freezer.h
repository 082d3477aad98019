/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/wait.h>
#include <linux/sched.h>
