package modtools_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kobench/kobench/cmd/internal/modtools"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/kmod/kmodtest"
)

// fakeKernel is the kernel's side of kerneld.
type fakeKernel struct{ ch chan modtools.Request }

func (f *fakeKernel) Requests(context.Context) (<-chan modtools.Request, error) { return f.ch, nil }

// lockedBuffer may be written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// daemon is a kerneld that runs in a synctest bubble.
type daemon struct {
	t        *testing.T
	sys      *kmodtest.System
	kernel   *fakeKernel
	out, err lockedBuffer
	hangup   chan os.Signal
	done     chan int
}

func startKerneld(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, sys: &kmodtest.System{}, kernel: &fakeKernel{make(chan modtools.Request)}, hangup: make(chan os.Signal), done: make(chan int, 1)}
	root := filepath.Join(t.TempDir())
	dir := filepath.Join(root, "lib/modules", debian)
	modules := map[string]kmodtest.Module{}
	for name, m := range playground() {
		modules["extra/"+name+".ko"] = m
	}
	kmodtest.WriteTree(t, dir, modules)
	env := &modtools.Env{Argv0: "depmod", Stdout: &d.out, Stderr: &d.err, Root: root, Release: debian}
	require.Equal(t, 0, modtools.Depmod(env, nil))
	d.err = lockedBuffer{}
	env = &modtools.Env{Argv0: "kerneld", Stdout: &d.out, Stderr: &d.err, System: d.sys, Root: root, Release: debian, Requests: d.kernel}
	go func() { d.done <- modtools.RunKerneld(t.Context(), d.hangup, env, args) }()
	return d
}

// send asks for something and gives a function that waits for the answer.
func (d *daemon) send(kind modtools.RequestType, name string) func() (string, error) {
	type answer struct {
		text string
		err  error
	}
	ch := make(chan answer, 1)
	d.kernel.ch <- modtools.Request{Type: kind, Name: name, Done: func(text string, err error) { ch <- answer{text, err} }}
	return func() (string, error) { a := <-ch; return a.text, a.err }
}

func (d *daemon) ask(kind modtools.RequestType, name string) error {
	_, err := d.send(kind, name)()
	return err
}

func (d *daemon) stop() {
	close(d.kernel.ch)
	require.Equal(d.t, 0, <-d.done)
}

func TestKerneldLoadsAndCleans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startKerneld(t, "delay=8")
		require.NoError(t, d.ask(modtools.RequestModule, "char-major-240-5"))
		require.Equal(t, []string{"parm"}, d.sys.Names())
		require.Equal(t, fmt.Sprintf("Starting kerneld, version 2.0.0 (pid %d)\n", os.Getpid()), d.out.String())

		// In use, a module stays; idle, it goes after the delay.
		d.sys.Module("parm", func(m *kmodtest.Loaded) { m.Refs = 2 })
		time.Sleep(time.Minute)
		require.Equal(t, []string{"parm"}, d.sys.Names())
		d.sys.Module("parm", func(m *kmodtest.Loaded) { m.Refs = 0 })
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"parm"}, d.sys.Names())
		time.Sleep(6 * time.Second)
		require.Empty(t, d.sys.Names())

		// Dependencies go after those that need them.
		require.NoError(t, d.ask(modtools.RequestModule, "depb"))
		require.Equal(t, []string{"hello", "depb", "depa"}, d.sys.Names())
		time.Sleep(11 * time.Second)
		require.Equal(t, []string{"depa"}, d.sys.Names())
		time.Sleep(11 * time.Second)
		require.Empty(t, d.sys.Names())

		// What somebody loaded by hand is not kerneld's to remove.
		require.NoError(t, d.sys.FinitModule(playground()["chrb"].ELF(), "", 0))
		require.NoError(t, d.ask(modtools.RequestModule, "chrb"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"chrb"}, d.sys.Names())
		d.stop()
	})
}

func TestKerneldCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startKerneld(t)
		gate := make(chan struct{})
		d.sys.Init = func(name, _ string) error {
			if name == "hello" {
				<-gate
			}
			return nil
		}
		var waits []func() (string, error)
		for range 5 {
			waits = append(waits, d.send(modtools.RequestModule, "hello"))
		}
		other := d.send(modtools.RequestModule, "chrb") // not held up by the first
		_, err := other()
		require.NoError(t, err)
		status, err := d.send(modtools.ControlRequest, "")()
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("Version 2.0.0, pid=%d, delay=60, nokeep, nodebug\njob queue:\nrequest hello\n", os.Getpid()), status)
		close(gate)
		for _, wait := range waits {
			_, err := wait()
			require.NoError(t, err)
		}
		inits := 0
		for _, c := range d.sys.Calls() {
			if strings.HasPrefix(c, "init hello") {
				inits++
			}
		}
		require.Equal(t, 1, inits)
		d.stop()
	})
}

func TestKerneldFailsAndReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startKerneld(t)
		require.Error(t, d.ask(modtools.RequestModule, "no-such-module"))
		require.Contains(t, d.err.String(), "Module no-such-module not found")
		require.Error(t, d.ask(modtools.RequestModule, "unk"))

		require.NoError(t, d.ask(modtools.RequestModule, "hello"))
		require.NoError(t, d.ask(modtools.ReleaseModule, "hello"))
		require.Empty(t, d.sys.Names())

		require.NoError(t, d.ask(modtools.RequestModule, "hello"))
		require.NoError(t, d.ask(modtools.CancelRelease, "hello"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"hello"}, d.sys.Names())
		require.NoError(t, d.ask(modtools.DelayedRelease, "hello"))
		time.Sleep(2 * time.Minute)
		require.Empty(t, d.sys.Names())
		require.ErrorIs(t, d.ask(99, "hello"), kernel.ENOSYS)
		d.stop()
	})
}

func TestKerneldSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startKerneld(t, "keep", "debug")
		require.NoError(t, d.ask(modtools.RequestModule, "hello"))
		require.NoError(t, d.ask(modtools.ReleaseModule, "hello"))
		time.Sleep(time.Hour)
		require.Equal(t, []string{"hello"}, d.sys.Names(), "keep")
		require.Contains(t, d.err.String(), "kerneld: DEBUG: request 2 for hello\n")

		control := func(word string) string {
			text, err := d.send(modtools.ControlRequest, word)()
			require.NoError(t, err)
			return text
		}
		pid := os.Getpid()
		require.Equal(t, fmt.Sprintf("Version 2.0.0, pid=%d, delay=60, keep, debug\nno jobs waiting\n", pid), control("status"))
		control("nokeep")
		control("nodebug")
		require.Equal(t, fmt.Sprintf("Version 2.0.0, pid=%d, delay=4, nokeep, nodebug\nno jobs waiting\n", pid), control("delay=4"))
		d.hangup <- syscall.SIGHUP
		require.Equal(t, fmt.Sprintf("Version 2.0.0, pid=%d, delay=60, keep, debug\nno jobs waiting\n", pid), control(""))
		control("nokeep")
		require.Empty(t, d.sys.Names()[1:])
		control("flush")
		require.Empty(t, d.sys.Names(), "idle for an hour")
		_, err := d.send(modtools.ControlRequest, "nonsense")()
		require.ErrorIs(t, err, kernel.EINVAL)
		d.stop()

		d = startKerneld(t, "type=3")
		require.ErrorIs(t, d.ask(modtools.RequestModule, "hello"), kernel.ENOSYS)
		d.stop()
	})
}

func TestKerneldUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"nonsense"}, `unknown word "nonsense"`},
		{[]string{"delay=0"}, `"delay=0": delay wants a number above 0`},
		{[]string{"type=x"}, `"type=x": type wants a number above 0`},
		{nil, "no kernel to serve"},
	} {
		var out, errs bytes.Buffer
		env := &modtools.Env{Argv0: "kerneld", Stdout: &out, Stderr: &errs}
		require.Equal(t, 1, modtools.RunKerneld(t.Context(), nil, env, c.args))
		require.Contains(t, errs.String(), c.want)
		require.Empty(t, out.String())
	}
}

func TestKdstat(t *testing.T) {
	var out, errs bytes.Buffer
	env := &modtools.Env{Argv0: "kdstat", Stdout: &out, Stderr: &errs}
	require.Equal(t, 1, modtools.Kdstat(env, nil))
	require.Equal(t, "kdstat: ERROR: kerneld is not running\n", errs.String())
	env.Control = func(word string) (string, error) {
		if word == "bad" {
			return "", errors.New("no such word")
		}
		return "told " + word + "\n", nil
	}
	require.Equal(t, 0, modtools.Kdstat(env, []string{"keep"}))
	require.Equal(t, "told keep\n", out.String())
	require.Equal(t, 1, modtools.Kdstat(env, []string{"bad"}))
	require.Equal(t, 1, modtools.Kdstat(env, []string{"a", "b"}))
}
