package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A task that does not sleep has not been woken: the next exclusive one is (kernel/sched/wait.c
// __wake_up_common).
func TestExclusiveTaskThatRuns(t *testing.T) {
	k := Boot(Config{})
	var q WaitQueue
	runs, sleeps, last := k.NewTask(), k.NewTask(), k.NewTask()
	for _, task := range []*Task{runs, sleeps, last} {
		q.Add(&Waiter{task: task, Exclusive: true})
	}
	sleeps.SetState(TaskInterruptible)
	last.SetState(TaskInterruptible)
	q.Wake(0)
	require.Equal(t, TaskRunning, sleeps.State())
	require.Equal(t, TaskInterruptible, last.State(), "one is enough")
	require.NoError(t, k.Shutdown())
}
