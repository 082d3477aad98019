package kernel_test

import (
	"errors"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/drivers/loopback"
	"github.com/kobench/kobench/drivers/mem"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/stretchr/testify/require"
)

func bootLoop(t testing.TB, args string) (*kernel.Kernel, *kernel.Module) {
	k := kerneltest.Boot(t, kerneltest.Parallel())
	m := loopback.New()
	kerneltest.Load(t, k, m, args)
	return k, m
}

func TestOpenErrors(t *testing.T) {
	k := bootMem(t)
	root := k.Init()
	nobody := kerneltest.Task(t, k, kernel.WithCred(kernel.Cred{UID: 65534, GID: 65534}))
	require.NoError(t, root.Mknod("/dev/nobody-drives", kernel.S_IFCHR|0o666, kernel.MkDev(239, 0)))
	require.NoError(t, root.Mknod("/dev/mem300", kernel.S_IFCHR|0o666, kernel.MkDev(1, 255)))
	require.NoError(t, root.Symlink("/dev/b", "/dev/a"))
	require.NoError(t, root.Symlink("a", "/dev/b"))
	for _, c := range []struct {
		name  string
		task  *kernel.Task
		path  string
		flags uint32
		want  error
	}{
		{"no such name", root, "/dev/nosuch", kernel.O_RDONLY, kernel.ENOENT},
		{"no driver", root, "/dev/nobody-drives", kernel.O_RDONLY, kernel.ENXIO},
		{"minor of a family", root, "/dev/mem300", kernel.O_RDONLY, kernel.ENXIO},
		{"directory", root, "/dev", kernel.O_RDONLY, kernel.EISDIR},
		{"not a directory", root, "/dev/null/x", kernel.O_RDONLY, kernel.ENOTDIR},
		{"loop of links", root, "/dev/a", kernel.O_RDONLY, kernel.ELOOP},
		{"empty path", root, "", kernel.O_RDONLY, kernel.ENOENT},
		{"exclusive", root, "/dev/null", kernel.O_CREAT | kernel.O_EXCL, kernel.EEXIST},
		{"log for root only", nobody, "/proc/kmsg", kernel.O_RDONLY, kernel.EACCES},
		{"write to what is read-only", root, "/sys/module/mem/refcnt", kernel.O_WRONLY, kernel.EACCES},
		{"create in /proc", root, "/proc/new", kernel.O_CREAT | kernel.O_WRONLY, kernel.ENOENT},
		{"create in /sys", root, "/sys/new", kernel.O_CREAT | kernel.O_WRONLY, kernel.EACCES},
		{"create below /sys", root, "/sys/class/mem/new", kernel.O_CREAT | kernel.O_WRONLY, kernel.EACCES},
		{"create below a module", root, "/sys/module/mem/new", kernel.O_CREAT | kernel.O_WRONLY, kernel.EACCES},
		{"anybody may use null", nobody, "/dev/null", kernel.O_RDWR, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fd, err := c.task.Open(c.path, c.flags)
			require.Equal(t, c.want, err)
			if err == nil {
				require.NoError(t, c.task.Close(fd))
			}
		})
	}
	require.Equal(t, kernel.EPERM, nobody.Mknod("/tmp/x", kernel.S_IFCHR, 0))
	require.Equal(t, kernel.EACCES, nobody.Mkdir("/dev/x", 0o755))
	require.Equal(t, kernel.EPERM, root.Mkdir("/sys/class/x", 0o755))
	require.Equal(t, kernel.ENOENT, root.Mkdir("/proc/x", 0o755))
	require.Equal(t, kernel.EPERM, root.Rmdir("/sys/class"))
	require.Equal(t, kernel.EPERM, root.Unlink("/proc/modules"))
	require.Equal(t, kernel.EBUSY, root.Rmdir("/proc"))
}

func TestReferencesOfAnOpenFile(t *testing.T) {
	k, m := bootLoop(t, "")
	task := k.Init()
	fd, err := task.Open("/dev/loop0", kernel.O_RDWR)
	require.NoError(t, err)
	require.Equal(t, 2, m.Refcount(), "an open adds two, as in Linux")
	require.Equal(t, kernel.EAGAIN, task.DeleteModule("loopback", 0))
	fd2, err := task.Dup(fd)
	require.NoError(t, err)
	require.Equal(t, 2, m.Refcount(), "dup adds none")
	require.NoError(t, task.Close(fd))
	require.Equal(t, 2, m.Refcount())
	fd3, err := task.Dup2(fd2, 9)
	require.NoError(t, err)
	require.Equal(t, 9, fd3)
	require.NoError(t, task.Close(fd2))
	require.NoError(t, task.Close(9))
	require.Zero(t, m.Refcount())
	require.Equal(t, kernel.EBADF, task.Close(9))
}

func TestBlockingAndPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := bootLoop(t, "size=4")
		a, b := kerneltest.Task(t, k), kerneltest.Task(t, k)
		ra, err := a.Open("/dev/loop0", kernel.O_RDWR)
		require.NoError(t, err)
		wb, err := b.Open("/dev/loop0", kernel.O_RDWR)
		require.NoError(t, err)

		n, err := a.Poll([]kernel.PollFD{{FD: ra, Events: kernel.PollIn}}, 50*time.Millisecond)
		require.NoError(t, err)
		require.Zero(t, n, "nothing to read for 50 ms")

		got := make(chan string, 1)
		go func() {
			buf := make([]byte, 16)
			n, err := a.Read(ra, buf)
			require.NoError(t, err)
			got <- string(buf[:n])
		}()
		synctest.Wait()
		_, err = b.Write(wb, []byte("hi"))
		require.NoError(t, err)
		require.Equal(t, "hi", <-got)

		done := make(chan int, 1)
		go func() {
			n, _ := b.Write(wb, []byte("longer than four"))
			done <- n
		}()
		synctest.Wait()
		buf := make([]byte, 3)
		all := ""
		for len(all) < 16 {
			n, err := a.Read(ra, buf)
			require.NoError(t, err)
			all += string(buf[:n])
		}
		require.Equal(t, "longer than four", all)
		require.Equal(t, 16, <-done, "a blocking write takes all")

		_, err = a.Fcntl(ra, kernel.F_SETFL, kernel.O_NONBLOCK)
		require.NoError(t, err)
		_, err = a.Read(ra, buf)
		require.Equal(t, kernel.EAGAIN, err)
	})
}

func TestSignals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := bootLoop(t, "")
		task := kerneltest.Task(t, k)
		fd, err := task.Open("/dev/loop0", kernel.O_RDWR)
		require.NoError(t, err)
		res := make(chan error)
		readOne := func() {
			_, err := task.Read(fd, make([]byte, 1))
			res <- err
		}
		go readOne()
		synctest.Wait()
		task.Kill(kernel.SIGINT)
		require.Equal(t, kernel.EINTR, <-res)
		sig, ok := task.TakeSignal()
		require.True(t, ok)
		require.Equal(t, kernel.SIGINT, sig)

		task.Block(1 << (kernel.SIGINT - 1))
		go readOne()
		synctest.Wait()
		task.Kill(kernel.SIGINT)
		synctest.Wait()
		select {
		case err := <-res:
			t.Fatalf("a blocked signal ended the call: %v", err)
		default:
		}
		task.Kill(kernel.SIGKILL)
		require.Equal(t, kernel.ErrKilled, <-res)
	})
}

// TestManySleepers has many tasks pass numbered messages through one FIFO: none is lost, none comes
// twice.
func TestManySleepers(t *testing.T) {
	const readers, perReader = 50, 40
	k, _ := bootLoop(t, "size=2")
	var mu sync.Mutex
	seen := make(map[byte]int)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			task := k.NewTask()
			defer task.Exit()
			fd, err := task.Open("/dev/loop0", kernel.O_RDONLY)
			if err != nil {
				t.Error(err)
				return
			}
			buf := make([]byte, 1)
			for range perReader {
				if _, err := task.Read(fd, buf); err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[buf[0]]++
				mu.Unlock()
			}
		})
	}
	for w := range 10 {
		wg.Go(func() {
			task := k.NewTask()
			defer task.Exit()
			fd, err := task.Open("/dev/loop0", kernel.O_WRONLY)
			if err != nil {
				t.Error(err)
				return
			}
			for range readers * perReader / 10 {
				if _, err := task.Write(fd, []byte{byte(w)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for w := range 10 {
		require.Equal(t, readers*perReader/10, seen[byte(w)], w)
	}
}

func TestSharedDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, m := bootLoop(t, "")
		task := kerneltest.Task(t, k)
		thread := task.Clone()
		fd, err := task.Open("/dev/loop0", kernel.O_RDWR)
		require.NoError(t, err)
		res := make(chan error)
		go func() {
			_, err := thread.Read(fd, make([]byte, 1))
			res <- err
		}()
		synctest.Wait()
		require.NoError(t, task.Close(fd))
		require.Equal(t, 2, m.Refcount(), "the read in flight holds the file")
		thread.Kill(kernel.SIGTERM)
		require.Equal(t, kernel.EINTR, <-res)
		require.Zero(t, m.Refcount())
		thread.Exit()
	})
}

func TestShutdownEndsSleepers(t *testing.T) {
	for _, state := range []string{"interruptible", "uninterruptible"} {
		t.Run(state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kernel.Boot(kernel.Config{})
				m := &kernel.Module{Name: "sleeper", License: "GPL", Init: func(env *kernel.Env) error {
					_, err := env.RegisterChrdev(240, "sleeper", &kernel.FileOperations{
						Read: func(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
							for {
								if state == "interruptible" {
									t.SetState(kernel.TaskInterruptible)
								} else {
									t.SetState(kernel.TaskUninterruptible)
								}
								if t.SignalPending() && state == "interruptible" {
									return 0, kernel.ERESTARTSYS
								}
								t.Schedule()
							}
						}})
					return err
				}}
				require.NoError(t, k.Init().LoadModule(m, ""))
				require.NoError(t, k.Init().Mknod("/dev/s", kernel.S_IFCHR|0o600, kernel.MkDev(240, 0)))
				task := k.NewTask()
				res := make(chan error)
				go func() {
					fd, err := task.Open("/dev/s", kernel.O_RDONLY)
					require.NoError(t, err)
					_, err = task.Read(fd, make([]byte, 1))
					res <- err
				}()
				synctest.Wait()
				require.NoError(t, k.Shutdown())
				require.Equal(t, kernel.ErrKilled, <-res)
			})
		})
	}
}

func TestCatalogAndDevNodes(t *testing.T) {
	k := kerneltest.Boot(t, kerneltest.WithCatalog(map[string]func() *kernel.Module{"mem": mem.New}))
	task := k.Init()
	_, err := task.Stat("/dev/zero")
	require.True(t, errors.Is(err, fs.ErrNotExist))
	require.NoError(t, task.LoadByName("mem", ""))
	require.Equal(t, kernel.EEXIST, task.LoadByName("mem", ""))
	require.Equal(t, kernel.ENOENT, task.LoadByName("nosuch", ""))
	st, err := task.Stat("/dev/zero")
	require.NoError(t, err)
	require.EqualValues(t, kernel.S_IFCHR|0o666, st.Mode)
	require.Equal(t, kernel.MkDev(1, 5), st.Rdev)
	st, err = task.Lstat("/sys/class/mem/zero")
	require.NoError(t, err)
	require.Equal(t, "/sys/devices/virtual/mem/zero", st.Target)
	require.NoError(t, task.DeleteModule("mem", 0))
	list, err := task.ReadDir("/dev")
	require.NoError(t, err)
	require.Empty(t, list, "nodes vanish with their devices")
	_, err = task.Stat("/sys/class/mem")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
