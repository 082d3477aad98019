package kernel_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

// Tasks that share their descriptors open, duplicate, close and read them all at once: every call
// has its file or EBADF, every file is released once, and none too early.
func TestDescriptorStress(t *testing.T) {
	k := kerneltest.Boot(t)
	var opened, released atomic.Int64
	type state struct{ closed atomic.Bool }
	use := func(f *kernel.File) {
		if f.Private.(*state).closed.Load() {
			t.Error("a call on a file that was released")
		}
	}
	major, err := k.RegisterChrdev(0, "many", &kernel.FileOperations{
		Open: func(_ *kernel.Task, f *kernel.File) error { opened.Add(1); f.Private = &state{}; return nil },
		Release: func(_ *kernel.Task, f *kernel.File) {
			if f.Private.(*state).closed.Swap(true) {
				t.Error("released twice")
			}
			released.Add(1)
		},
		Read:  func(_ *kernel.Task, f *kernel.File, p []byte) (int, error) { use(f); return len(p), nil },
		Write: func(_ *kernel.Task, f *kernel.File, p []byte) (int, error) { use(f); return len(p), nil },
	})
	require.NoError(t, err)
	defer k.UnregisterChrdev(major, "many")
	require.NoError(t, k.Init().Mknod("/dev/many", kernel.S_IFCHR|0o666, kernel.MkDev(major, 0)))
	first := k.NewTask()
	var all sync.WaitGroup
	const tasks, rounds = 6, 3000
	for n := range tasks {
		task := first.Clone()
		all.Go(func() {
			defer task.Exit()
			p := make([]byte, 8)
			for i := range rounds {
				fd := i % 5
				var err error
				switch (i + n) % 6 {
				case 0:
					_, err = task.Open("/dev/many", kernel.O_RDWR)
				case 1:
					_, err = task.Dup2(fd, (fd+1)%5)
				case 2:
					err = task.Close(fd)
				case 3:
					_, err = task.Write(fd, p)
				default:
					_, err = task.Read(fd, p)
				}
				if err != nil && kernel.ErrnoOf(err) != kernel.EBADF && kernel.ErrnoOf(err) != kernel.EMFILE {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	first.Exit()
	require.Equal(t, opened.Load(), released.Load())
	require.Greater(t, opened.Load(), int64(1000))
}

// FD_CLOEXEC is the descriptor's, not the file's, and goes with it.
func TestCloexec(t *testing.T) {
	task := kerneltest.Task(t, kerneltest.Boot(t))
	flag := func(fd int) int {
		v, err := task.Fcntl(fd, kernel.F_GETFD, 0)
		require.NoError(t, err)
		return v
	}
	open := func(flags uint32) int {
		fd, err := task.Open("/proc/version", flags)
		require.NoError(t, err)
		return fd
	}
	fd := open(kernel.O_CLOEXEC)
	require.Equal(t, kernel.FD_CLOEXEC, flag(fd))
	require.NoError(t, task.Close(fd))
	require.Equal(t, fd, open(0), "the same number again")
	require.Zero(t, flag(fd))
	_, err := task.Fcntl(fd, kernel.F_SETFD, kernel.FD_CLOEXEC)
	require.NoError(t, err)
	other := open(0)
	_, err = task.Dup2(other, fd)
	require.NoError(t, err)
	require.Zero(t, flag(fd), "another file has the number")
	again, err := task.Fcntl(other, kernel.F_DUPFD, 10)
	require.NoError(t, err)
	require.Zero(t, flag(again))
	_, err = task.Fcntl(99, kernel.F_SETFD, kernel.FD_CLOEXEC)
	require.Equal(t, kernel.EBADF, err)
}
