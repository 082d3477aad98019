package kernel_test

import (
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/stretchr/testify/require"
)

// A wake-up reaches all waiters that share and as many exclusive ones as it says, first come first
// served.
func TestWakeUps(t *testing.T) {
	for _, tt := range []struct {
		name string
		wake func(q *kernel.WaitQueue)
		want string // who is woken; small letters share
	}{
		{"one", func(q *kernel.WaitQueue) { q.Wake(0) }, "baA"},
		{"two", func(q *kernel.WaitQueue) { q.WakeN(0, 2) }, "baAB"},
		{"all", func(q *kernel.WaitQueue) { q.WakeAll(0) }, "baABC"},
		{"for an event that one exclusive waiter does not want", func(q *kernel.WaitQueue) { q.Wake(kernel.PollOut) }, "baB"},
		{"for an event that nobody wants", func(q *kernel.WaitQueue) { q.Wake(kernel.PollHup) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var q kernel.WaitQueue
			var woken []byte
			var all []*kernel.Waiter
			add := func(name byte, mask kernel.Events, exclusive bool) {
				w := &kernel.Waiter{Func: func(kernel.Events) { woken = append(woken, name) }, Mask: mask, Exclusive: exclusive}
				q.Add(w)
				q.Add(w) // again does nothing
				all = append(all, w)
			}
			add('A', kernel.PollIn, true)
			add('a', kernel.PollIn|kernel.PollOut, false)
			add('B', kernel.PollIn|kernel.PollOut, true)
			add('b', kernel.PollIn|kernel.PollOut, false)
			add('C', kernel.PollIn|kernel.PollOut, true)
			tt.wake(&q)
			require.Equal(t, tt.want, string(woken))
			for _, w := range all {
				require.True(t, q.Active())
				q.Remove(w)
				q.Remove(w)
			}
			require.False(t, q.Active())
			q.WakeAll(0)
			require.Len(t, woken, len(tt.want), "nobody waits any more")
		})
	}
}
