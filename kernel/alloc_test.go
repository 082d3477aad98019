package kernel_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func bootMem(tb testing.TB) *kernel.Kernel {
	k := kerneltest.Boot(tb)
	kerneltest.Load(tb, k, mem.New(), "")
	return k
}

func TestReadPathAllocatesNothing(t *testing.T) {
	k := bootMem(t)
	task := k.Init()
	fd, err := task.Open("/dev/zero", kernel.O_RDWR)
	require.NoError(t, err)
	defer task.Close(fd)
	p := make([]byte, 64)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		_, _ = task.Read(fd, p)
		_, _ = task.Write(fd, p)
		_, _ = task.Lseek(fd, 0, kernel.SEEK_SET)
	}))
}

// waiting is a device that has nothing at the first look of a call, so that the caller registers,
// and something at the next.
type waiting struct {
	queue      kernel.WaitQueue
	empty      bool
	registered bool // at the last Poll
}

func (d *waiting) ops() *kernel.FileOperations {
	return &kernel.FileOperations{
		Read: func(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
			if d.empty = !d.empty; d.empty {
				return 0, kernel.EAGAIN
			}
			return len(p), nil
		},
		Poll: func(_ *kernel.Task, _ *kernel.File, w *kernel.PollTable) kernel.Events {
			w.Wait(&d.queue)
			d.registered = d.queue.Active()
			return kernel.PollIn
		},
	}
}

func openWaiting(t *testing.T, d *waiting) (task *kernel.Task, fd int) {
	k := kerneltest.Boot(t)
	major, err := k.RegisterChrdev(0, "waiting", d.ops())
	require.NoError(t, err)
	t.Cleanup(func() { k.UnregisterChrdev(major, "waiting") })
	require.NoError(t, k.Init().Mknod("/dev/waiting", kernel.S_IFCHR|0o666, kernel.MkDev(major, 0)))
	task = k.NewTask()
	t.Cleanup(task.Exit)
	fd, err = task.Open("/dev/waiting", kernel.O_RDONLY)
	require.NoError(t, err)
	return task, fd
}

// Linux gives a poll that does not wait no queue function (fs/select.c do_poll).
func TestPollRegisters(t *testing.T) {
	d := &waiting{}
	task, fd := openWaiting(t, d)
	fds := []kernel.PollFD{{FD: fd, Events: kernel.PollIn}}
	for _, c := range []struct {
		name       string
		timeout    time.Duration
		registered bool
	}{
		{"only looks", 0, false},
		{"waits", time.Second, true},
		{"waits for ever", -1, true},
		{"only looks after a wait", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := task.Poll(fds, c.timeout)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.Equal(t, c.registered, d.registered)
			require.False(t, d.queue.Active(), "left behind")
		})
	}
}

func TestWaitingAllocatesNothing(t *testing.T) {
	d := &waiting{}
	task, fd := openWaiting(t, d)
	p := make([]byte, 8)
	fds := []kernel.PollFD{{FD: fd, Events: kernel.PollIn}}
	nonblock := task.Kernel().NewTask()
	defer nonblock.Exit()
	again, err := nonblock.Open("/dev/waiting", kernel.O_RDONLY|kernel.O_NONBLOCK)
	require.NoError(t, err)
	var q kernel.WaitQueue
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"poll looks", func() error { _, err := task.Poll(fds, 0); return err }},
		{"poll waits", func() error { _, err := task.Poll(fds, -1); return err }},
		{"read waits", func() error {
			d.empty = false
			_, err := task.Read(fd, p)
			if err == nil && !d.registered {
				err = kernel.EIO
			}
			return err
		}},
		{"read does not wait", func() error {
			d.empty = false
			switch _, err := nonblock.Read(again, p); err {
			case kernel.EAGAIN:
				return nil
			default:
				return fmt.Errorf("not EAGAIN: %v", err)
			}
		}},
		{"event", func() error {
			looks := 0
			return task.WaitEvent(&q, func() bool {
				if looks++; looks == 2 {
					q.Wake(0) // before the sleep: Schedule returns at once
				}
				return looks == 3
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.call())
			require.Zero(t, testing.AllocsPerRun(200, func() {
				if err := c.call(); err != nil {
					t.Error(err)
				}
			}))
			require.False(t, d.queue.Active() || q.Active(), "left behind")
		})
	}
}

// The condition of a wait may wait itself: each has a place in its own queue.
func TestWaitInCondition(t *testing.T) {
	task := kerneltest.Boot(t).NewTask()
	defer task.Exit()
	var outer, inner kernel.WaitQueue
	looks := 0
	require.NoError(t, task.WaitEvent(&outer, func() bool {
		looks++
		if looks == 2 {
			within := 0
			require.NoError(t, task.WaitEvent(&inner, func() bool {
				within++
				require.Equal(t, within == 2, inner.Active())
				require.True(t, outer.Active())
				return within == 2
			}))
		}
		return looks == 2
	}))
	require.False(t, outer.Active() || inner.Active(), "left behind")
}

// More queues than a table keeps waiters for, more than once: each wakes the caller and none is
// left registered.
func TestPollManyQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kernel.Boot(kernel.Config{})
		defer func() { require.NoError(t, k.Shutdown()) }()
		const n = 20
		var queues [n]kernel.WaitQueue
		var ready [n]atomic.Bool
		major, err := k.RegisterChrdev(0, "many", &kernel.FileOperations{
			Poll: func(_ *kernel.Task, f *kernel.File, w *kernel.PollTable) kernel.Events {
				w.Wait(&queues[f.Minor()])
				if ready[f.Minor()].Load() {
					return kernel.PollIn
				}
				return 0
			},
		})
		require.NoError(t, err)
		defer k.UnregisterChrdev(major, "many")
		task := k.NewTask()
		defer task.Exit()
		fds := make([]kernel.PollFD, n)
		for i := range fds {
			path := fmt.Sprintf("/dev/many%d", i)
			require.NoError(t, task.Mknod(path, kernel.S_IFCHR|0o666, kernel.MkDev(major, uint32(i))))
			fd, err := task.Open(path, kernel.O_RDONLY)
			require.NoError(t, err)
			fds[i] = kernel.PollFD{FD: fd, Events: kernel.PollIn}
		}
		for _, c := range []struct{ polled, woken int }{{n, n - 1}, {n, 0}, {3, 2}, {n, 9}, {1, 0}} {
			time.AfterFunc(time.Second, func() {
				ready[c.woken].Store(true)
				queues[c.woken].Wake(kernel.PollIn)
			})
			got, err := task.Poll(fds[:c.polled], -1)
			require.NoError(t, err)
			require.Equal(t, 1, got)
			require.Equal(t, kernel.PollIn, fds[c.woken].Revents)
			ready[c.woken].Store(false)
			for i := range queues {
				require.False(t, queues[i].Active(), "queue %d: left behind", i)
			}
		}
	})
}

func BenchmarkBoot(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		k := kernel.Boot(kernel.Config{})
		_ = k.Shutdown()
	}
}
