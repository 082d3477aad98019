/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping for a time in a given state. */
#include "lib.h"

#define TIMEOUT_IN(name, state)                       \
	long schedule_timeout_##name(long timeout)    \
	{                                             \
		set_current_state(state);             \
		return schedule_timeout(timeout);     \
	}
TIMEOUT_IN(interruptible, TASK_INTERRUPTIBLE)
TIMEOUT_IN(killable, TASK_KILLABLE)
TIMEOUT_IN(uninterruptible, TASK_UNINTERRUPTIBLE)
TIMEOUT_IN(idle, TASK_IDLE)

void io_schedule(void)
{
	schedule();
}

long io_schedule_timeout(long timeout)
{
	return schedule_timeout(timeout);
}
