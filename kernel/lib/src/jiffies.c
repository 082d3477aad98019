/* SPDX-License-Identifier: Apache-2.0 */
/* What time it is. A load of either is a call of the clock; see linux/jiffies.h. */
#include <linux/jiffies.h>

unsigned long volatile jiffies = INITIAL_JIFFIES;
u64 volatile jiffies_64 = INITIAL_JIFFIES;
