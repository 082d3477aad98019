//go:build linux

package supervisor

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/supervisor/fuse"
	"golang.org/x/sys/unix"
)

// Supervisor shows programs one kernel.
type Supervisor struct {
	k   *kernel.Kernel
	cfg Config

	helper   *helper
	fuse     *fuse.Server
	devMajor uint32 // of the mount
	devMinor uint32
	maps     []mapping
	calls    map[int32]handler
	threads  threads
	syslog   *syslog
	build    sync.Once
	uevents  uevents
	opens    atomic.Int64 // devices that programs have opened so far
	closed   atomic.Bool

	mu        sync.Mutex
	listeners []*listener // +checklocks:mu
}

// mapping is a name of the host's that programs see in another place.
type mapping struct{ name, host string }

// New makes a supervisor for a kernel. Close ends it.
//
// Errors: ErrNoFUSE, with the reason.
func New(k *kernel.Kernel, cfg Config) (_ *Supervisor, err error) {
	s := &Supervisor{k: k, cfg: cfg, calls: calls(), threads: threads{all: map[int]*thread{}}}
	if s.helper, err = startHelper(); err != nil {
		return nil, err
	}
	var restart func(int, func())
	if restarts {
		restart = restarting
	}
	s.fuse = fuse.Serve(s.helper.dev, s.helper.root, restart)
	if s.devMajor, s.devMinor, err = s.fuse.Dev(); err != nil {
		s.Close()
		return nil, fmt.Errorf("%w: %w", ErrNoFUSE, err)
	}
	if cfg.Root != "" {
		s.maps = append(s.maps, mapping{"/etc/modprobe.d", filepath.Join(cfg.Root, "etc/modprobe.d")})
		for _, lib := range []string{"/lib/modules", "/usr/lib/modules"} {
			s.maps = append(s.maps, mapping{lib, filepath.Join(cfg.Root, "lib/modules")})
		}
		if s.syslog, err = startSyslog(k, filepath.Join(cfg.Root, "var/log")); err != nil {
			s.Close()
			return nil, err
		}
		for _, name := range []string{"syslog", "messages", "kern.log"} {
			s.maps = append(s.maps, mapping{"/var/log/" + name, s.syslog.path})
		}
	}
	return s, nil
}

// Start starts a command under the supervisor, with all that it starts in turn. It is waited for
// with Wait.
//
// The filter is put on a thread that lives for this one start only: the command inherits it, this
// program keeps none.
//
// Errors: those of exec.Cmd.Start; what seccomp lacks, in words.
func (s *Supervisor) Start(cmd *exec.Cmd) error { return StartBy(cmd, s.Attach) }

// StartBy is Start for a supervisor elsewhere: attach gives it the listener, which is closed here
// when attach returns.
//
// Errors: as Start; those of attach.
func StartBy(cmd *exec.Cmd, attach func(listener int) error) error {
	filter, started := make(chan installed), make(chan error, 1)
	go startThread(func() {
		fd, err := install()
		filter <- installed{fd, err}
		if _, ok := <-filter; ok { // from here on this thread's calls are trapped too
			started <- cmd.Start()
		}
	})
	f := <-filter
	if f.err != nil {
		close(filter)
		return f.err
	}
	err := attach(f.fd)
	_ = unix.Close(f.fd)
	if err != nil {
		close(filter)
		return err
	}
	filter <- f
	return <-started
}

// Wait waits for a command that Start has started, in place of its own Wait, which would take a
// moment in which the supervisor holds the program for its end.
//
// Errors: those of exec.Cmd.Wait.
func (s *Supervisor) Wait(cmd *exec.Cmd) error {
	if fd, err := unix.PidfdOpen(cmd.Process.Pid, 0); err == nil {
		for {
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // of a process: it has ended
			if _, err := unix.Poll(p, -1); err != unix.EINTR {
				break
			}
		}
		_ = unix.Close(fd)
	}
	return cmd.Wait()
}

// Run starts a command and waits for its end. Errors: those of Start and Wait.
func (s *Supervisor) Run(cmd *exec.Cmd) error {
	if err := s.Start(cmd); err != nil {
		return err
	}
	return s.Wait(cmd)
}

type installed struct {
	fd  int
	err error
}

// startThread runs do on a thread that ends with it. A program's first thread cannot end, so that
// one is held meanwhile and gets another goroutine.
func startThread(do func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		do()
		return // without an unlock: the thread ends
	}
	done := make(chan struct{})
	go func() { defer close(done); startThread(do) }()
	<-done
	runtime.UnlockOSThread()
}

// Attach serves the programs of a listener, of which it keeps a descriptor of its own, until the
// last of them has ended.
//
// Errors: those of the host.
func (s *Supervisor) Attach(from int) error {
	fd, err := unix.FcntlInt(uintptr(from), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l, err := s.listen(fd)
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(slices.DeleteFunc(s.listeners, (*listener).over), l)
	return nil
}

// AttachOf is Attach with a descriptor of another process. Errors: those of pidfd_getfd(2).
func (s *Supervisor) AttachOf(pid, listener int) error {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(p)
	fd, err := unix.PidfdGetfd(p, listener, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return s.Attach(fd)
}

// grace is how long Close waits for calls in progress.
const grace = 10 * time.Second

// Close ends the supervision, and with it, as when a machine is switched off, the programs that
// still run.
func (s *Supervisor) Close() {
	if s.closed.Swap(true) {
		return
	}
	s.mu.Lock()
	all := s.listeners
	s.mu.Unlock()
	s.killPrograms()
	for _, l := range all {
		l.end()
	}
	s.killThreads(false)
	limit := time.After(grace)
	for _, l := range all {
		select {
		case <-l.gone:
		case <-limit:
		}
	}
	s.uevents.close()
	if s.fuse != nil {
		s.fuse.Close()
	}
	s.killThreads(true)
	if s.syslog != nil {
		s.syslog.close()
	}
	if s.helper != nil {
		s.helper.close()
	}
}
