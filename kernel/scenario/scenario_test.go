package scenario_test

import (
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kerneltest"
	"github.com/kobench/kobench/kernel/scenario"
	"github.com/stretchr/testify/require"
)

// box is a device of one message: read sleeps until there is one.
type box struct {
	mu    sync.Mutex
	full  bool
	bytes []byte
	wait  kernel.WaitQueue
}

func module(b *box) *kernel.Module {
	return &kernel.Module{Name: "box", License: "GPL", Init: func(env *kernel.Env) error {
		_, err := env.RegisterChrdev(60, "box", &kernel.FileOperations{Read: b.read, Write: b.write, Ioctl: b.ioctl, Poll: b.poll})
		return err
	}}
}

func (b *box) read(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.full {
		return 0, kernel.EAGAIN
	}
	b.full = false
	return copy(p, b.bytes), nil
}

func (b *box) write(_ *kernel.Task, _ *kernel.File, p []byte) (int, error) {
	b.mu.Lock()
	b.full, b.bytes = true, append([]byte(nil), p...)
	b.mu.Unlock()
	b.wait.Wake(kernel.PollIn)
	return len(p), nil
}

func (b *box) poll(_ *kernel.Task, _ *kernel.File, w *kernel.PollTable) kernel.Events {
	w.Wait(&b.wait)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return kernel.PollIn | kernel.PollOut
	}
	return kernel.PollOut
}

// ioctl 1 increments the number that the pointer leads to; it looks at it twice.
func (b *box) ioctl(t *kernel.Task, _ *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
	if cmd&0xff != 1 {
		return 0, kernel.ENOTTY
	}
	var p [4]byte
	for range 2 {
		if _, err := t.ReadUser(p[:], arg.Val); err != nil {
			return 0, err
		}
	}
	binary.LittleEndian.PutUint32(p[:], binary.LittleEndian.Uint32(p[:])+1)
	_, err := t.WriteUser(p[:], arg.Val)
	return 0, err
}

func run(t *testing.T, text string, more func(*scenario.Config)) ([]string, []scenario.Call, error) {
	t.Helper()
	script, err := scenario.Parse(text)
	require.NoError(t, err)
	k := kerneltest.Boot(t)
	cfg := scenario.Config{Kernel: k, Module: "box", Insmod: func(task *kernel.Task, params string) error {
		return task.LoadModule(module(new(box)), params)
	}}
	if more != nil {
		more(&cfg)
	}
	calls, err := script.Run(t.Context(), cfg)
	var lines []string
	for _, c := range calls {
		lines = append(lines, c.String())
	}
	return lines, calls, err
}

// Every call has its line, with errors by name and what came back.
func TestRun(t *testing.T) {
	lines, calls, err := run(t, `
# a device of one message
insmod
mknod /dev/$M 60 0
open a /dev/$M rw nonblock
read a 4
write a "hi\n"
read a 64
x2 fill a 100
poll a in 0s
read a 64
ioctl a _IOWR('b',1,4) hex:05000000
ioctl a 0x6202 7
lseek a 0 set
dup a b
close a
read a 1
close b
open c /dev/none r
rmmod
`, nil)
	require.NoError(t, err)
	require.Equal(t, []string{
		`insmod = 0`, `mknod /dev/$M 60 0 = 0`, `open a /dev/$M rw nonblock = 0`,
		`read a 4 = -1 EAGAIN`, `write a "hi\n" = 3`, `read a 64 = 3 "hi\n"`,
		`fill a 100 = 100`, `fill a 100 = 100`, `poll a in 0s = 1 revents 0x1`,
		`read a 64 = 64 "` + strings.Repeat("A", 40) + `"…`,
		`ioctl a _IOWR('b',1,4) hex:05000000 = 0 [06000000]`, `ioctl a 0x6202 7 = -1 ENOTTY`,
		`lseek a 0 set = -1 ESPIPE`, `dup a b = 0`, `close a = 0`, `read a 1 = -1 EBADF`, `close b = 0`,
		`open c /dev/none r = -1 ENOENT`, `rmmod = 0`,
	}, lines)
	require.Equal(t, []scenario.Access{{Size: 4}, {Size: 4}, {Size: 4, Write: true}}, calls[10].Access)
}

// Threads run side by side and share descriptors; one that sleeps is woken by the other.
func TestThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines, _, err := run(t, `
insmod
mknod /dev/$M 60 0
open a /dev/$M rw
1: read a 8
2: sleep 10ms
2: write a "woken"
go
close a
rmmod
`, nil)
		require.NoError(t, err)
		require.Equal(t, []string{`1: read a 8 = 5 "woken"`, `2: write a "woken" = 5`}, lines[3:5])
	})
}

// A call that sleeps for too long ends with a signal, and the run goes on.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		lines, _, err := run(t, "insmod\nmknod /dev/$M 60 0\nopen a /dev/$M rw\nread a 8\nclose a\nrmmod\n", nil)
		require.NoError(t, err)
		require.Equal(t, `read a 8 = -1 EINTR`, lines[3])
		require.Equal(t, `close a = 0`, lines[4])
		require.Equal(t, 2*time.Second, time.Since(begun))
	})
}

// What no signal ends is said to be stuck, and the run ends.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		k := kernel.Boot(kernel.Config{})
		lines, _, err := run(t, "insmod\nmknod /dev/stuck 61 0\nopen a /dev/stuck r\nread a 8\nclose a\n", func(cfg *scenario.Config) {
			cfg.Kernel = k
			cfg.Insmod = func(task *kernel.Task, _ string) error {
				return task.LoadModule(&kernel.Module{Name: "stuck", License: "GPL", Init: func(env *kernel.Env) error {
					_, err := env.RegisterChrdev(61, "stuck", &kernel.FileOperations{Read: func(*kernel.Task, *kernel.File, []byte) (int, error) {
						<-release
						return 0, nil
					}})
					return err
				}}, "")
			}
			time.AfterFunc(time.Minute, func() { close(release) })
		})
		require.ErrorIs(t, err, scenario.ErrStuck)
		require.ErrorContains(t, err, "line 4: read a 8")
		require.Len(t, lines, 3)
		time.Sleep(2 * time.Minute)
		require.NoError(t, k.Shutdown(), "the driver has come back")
	})
}

func TestCancelled(t *testing.T) {
	script, err := scenario.Parse("sleep 1ms\n")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = script.Run(ctx, scenario.Config{Kernel: kerneltest.Boot(t)})
	require.ErrorIs(t, err, context.Canceled)
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"fly a":                   `line 1: not a scenario: "fly" is no call; possible: cat close dup`,
		"\n\nopen a":              "line 3: not a scenario: open has 1 words behind it; it is open NAME PATH r|w|rw [nonblock append trunc]",
		"open a /dev/x rx":        `open: "rx": r, w or rw is possible`,
		"open a /dev/x r fast":    `open: "fast": nonblock, append or trunc is possible`,
		"read a many":             `read: "many" is no number of bytes from 0 to 16777216`,
		"read a 99999999":         "is no number of bytes",
		`write a "half`:           "the quoted string does not end",
		"write a hex:0":           "odd length hex string",
		"ioctl a _IOX('b',1,4)":   `neither _IO('k',1)`,
		"ioctl a _IOR('b',1)":     `neither _IO('k',1)`,
		"ioctl a _IOR('b',999,4)": "is no number that fits",
		"poll a up 1s":            "in, out or inout is possible",
		"poll a in 10":            "is no duration (60ms, 2s)",
		"sleep long":              "is no duration",
		"99: close a":             "thread 99: 1 to 16 are possible",
		"x0 close a":              "x0: x1 to x1000000 are possible",
		"1: close a":              "the last threads are never run: a line go is missing",
		"kill 1 QUIT":             "INT, KILL, TERM, USR1 are possible",
		"lseek a 0 middle":        "set, cur, end or a number is possible",
		"mknod /dev/x 5000 0":     "are no major and minor",
		"1:":                      "a call is missing",
	} {
		_, err := scenario.Parse(text)
		require.ErrorIs(t, err, scenario.ErrSyntax, text)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1: x3 ioctl a _IOWR('b',1,4) hex:00\ngo\n")
	f.Add("write a \"\\x00\" \n")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := scenario.Parse(text); err != nil {
			require.ErrorIs(t, err, scenario.ErrSyntax)
		}
	})
}
