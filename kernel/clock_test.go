package kernel

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slow is the clock of a machine that has half of the host's time.
type slow struct{ hostClock }

func (c slow) Now() time.Duration { return c.hostClock.Now() / 2 }

// What waits for a time waits for the machine's, and is woken at once when something comes before.
func TestLateMachine(t *testing.T) {
	const d = time.Second
	var q WaitQueue
	never := func() bool { return false }
	for name, wait := range map[string]func(*testing.T, *Task){
		"Sleep": func(t *testing.T, task *Task) { require.Zero(t, task.Sleep(d)) },
		"ScheduleTimeout": func(t *testing.T, task *Task) {
			task.SetState(TaskUninterruptible)
			require.Zero(t, task.ScheduleTimeout(d))
		},
		"WaitEventTimeout": func(t *testing.T, task *Task) {
			require.ErrorIs(t, task.WaitEventTimeout(&q, d, never), ETIMEDOUT)
		},
		"Poll": func(t *testing.T, task *Task) {
			n, err := task.Poll(nil, d)
			require.NoError(t, err)
			require.Zero(t, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := Boot(Config{Clock: slow{hostClock{time.Now()}}})
				task := k.NewTask()
				start := k.Uptime()
				wait(t, task)
				require.GreaterOrEqual(t, k.Uptime()-start, d)
				require.Less(t, k.Uptime()-start, d+lastPause)
				task.Exit()
				require.NoError(t, k.Shutdown())
			})
		})
	}
	t.Run("woken", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := Boot(Config{Clock: slow{hostClock{time.Now()}}})
			task := k.NewTask()
			task.SetState(TaskUninterruptible)
			time.AfterFunc(d*3/2, func() { task.WakeUp() }) // the host's timer was there
			require.Equal(t, d/4, task.ScheduleTimeout(d))
			require.NoError(t, k.Shutdown())
		})
	})
}
