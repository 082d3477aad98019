package ko_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko"
)

// A pipe written in C whose readers and writers sleep inside the driver, a thousand tasks at each
// end.
func TestPipe(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "pipe", "capacity=16"), k.Log.Text())
	const tasks, each = 1000, 20
	var wg sync.WaitGroup
	var got sync.Map
	for i := range tasks {
		wg.Go(func() {
			task := k.NewTask()
			defer task.Exit()
			fd, err := task.Open("/dev/kpipe", kernel.O_WRONLY)
			if err != nil {
				t.Error(err)
				return
			}
			for range each {
				if n, err := task.Write(fd, []byte{byte(i)}); n != 1 || err != nil {
					t.Errorf("write: %d %v", n, err)
					return
				}
			}
		})
		wg.Go(func() {
			task := k.NewTask()
			defer task.Exit()
			fd, err := task.Open("/dev/kpipe", kernel.O_RDONLY)
			if err != nil {
				t.Error(err)
				return
			}
			p, sum := make([]byte, 1), 0
			for range each {
				if n, err := task.Read(fd, p); n != 1 || err != nil {
					t.Errorf("read: %d %v", n, err)
					return
				}
				sum += int(p[0])
			}
			got.Store(i, sum)
		})
	}
	wg.Wait()
	want, sum := 0, 0
	for i := range tasks {
		want += each * int(byte(i))
		if v, ok := got.Load(i); ok {
			sum += v.(int)
		}
	}
	require.Equal(t, want, sum)
	rmmod(t, k, "pipe")
}

func TestPipeSignal(t *testing.T) {
	k := boot(t, ko.Config{})
	require.NoError(t, insmod(t, k, "pipe", ""), k.Log.Text())
	task := k.NewTask()
	fd, err := task.Open("/dev/kpipe", kernel.O_RDWR)
	require.NoError(t, err)
	_, err = task.Fcntl(fd, 4, kernel.O_RDWR|kernel.O_NONBLOCK)
	require.NoError(t, err)
	_, err = task.Read(fd, make([]byte, 1))
	require.ErrorIs(t, err, kernel.EAGAIN)
	_, err = task.Fcntl(fd, 4, kernel.O_RDWR)
	require.NoError(t, err)
	stop := time.AfterFunc(10*time.Millisecond, func() { task.Kill(kernel.SIGINT) })
	defer stop.Stop()
	_, err = task.Read(fd, make([]byte, 1))
	require.ErrorIs(t, err, kernel.EINTR)

	fds := []kernel.PollFD{{FD: fd, Events: kernel.PollIn}}
	other := k.NewTask()
	ofd, err := other.Open("/dev/kpipe", kernel.O_WRONLY)
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() { _, err := other.Write(ofd, []byte("x")); require.NoError(t, err) })
	n, err := task.Poll(fds, 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	wg.Wait()
	other.Exit()
	task.Exit()
	rmmod(t, k, "pipe")
}

func TestUnloadSoak(t *testing.T) {
	cache := ko.NewCache()
	defer cache.Close()
	k := boot(t, ko.Config{Cache: cache})
	n := 2000
	if testing.Short() {
		n = 200
	}
	for range n {
		require.NoError(t, insmod(t, k, "hello", ""))
		rmmodQuick(t, k, "hello")
	}
}

func rmmodQuick(t testing.TB, k *kernel.Kernel, name string) {
	require.NoError(t, k.Init().DeleteModule(name, 0))
}

func BenchmarkInsmodRmmod(b *testing.B) {
	k := boot(b, ko.Config{})
	for b.Loop() {
		require.NoError(b, insmod(b, k, "hello", ""))
		rmmodQuick(b, k, "hello")
	}
}

func BenchmarkRead1(b *testing.B) {
	k := boot(b, ko.Config{})
	require.NoError(b, insmod(b, k, "chrb", ""))
	task := k.NewTask()
	fd, err := task.Open("/dev/chrb", kernel.O_RDWR)
	require.NoError(b, err)
	p := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := task.Read(fd, p); err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, task.Close(fd))
	task.Exit()
	rmmodQuick(b, k, "chrb")
}
