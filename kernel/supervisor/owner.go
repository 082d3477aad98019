//go:build linux

package supervisor

import (
	"sync"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// owner is who gets SIGIO from an open file (struct fown_struct). A task of its own is what the
// driver knows; signals to it are passed on.
type owner struct {
	mu sync.Mutex
	// a process, a group where negative, 0: nobody
	pid int // +checklocks:mu
	// pid is a thread
	thread bool // +checklocks:mu
	// 0: SIGIO
	sig  int          // +checklocks:mu
	task *kernel.Task // +checklocks:mu
}

func (o *owner) set(pid int, thread bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pid, o.thread = pid, thread
}

func (o *owner) signal(sig int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sig = sig
}

// arm switches SIGIO on. Errors: the driver's.
func (o *owner) arm(d *node, fd int, t *thread) error {
	o.mu.Lock()
	if o.task == nil {
		o.task = t.task.Kernel().NewTask(kernel.WithComm(t.task.Comm()))
		o.task.OnSignal(func(kernel.Signal) { o.tell() })
	}
	task := o.task
	o.mu.Unlock()
	return task.SetFlagsRaw(d.file, fd, d.file.Flags()|kernel.FASYNC)
}

func (o *owner) disarm(d *node, fd int) error {
	o.mu.Lock()
	task := o.task
	o.mu.Unlock()
	if task == nil {
		return nil
	}
	return task.SetFlagsRaw(d.file, fd, d.file.Flags()&^kernel.FASYNC)
}

// tell signals the owner.
func (o *owner) tell() {
	o.mu.Lock()
	defer o.mu.Unlock()
	sig := unix.Signal(o.sig)
	if sig == 0 {
		sig = unix.SIGIO
	}
	switch {
	case o.pid == 0:
	case o.thread:
		_, _, _ = unix.Syscall(unix.SYS_TKILL, uintptr(o.pid), uintptr(sig), 0)
	default:
		_ = unix.Kill(o.pid, sig)
	}
}

// close ends the task.
func (o *owner) close() {
	o.mu.Lock()
	task := o.task
	o.task = nil
	o.mu.Unlock()
	if task != nil {
		task.OnSignal(nil)
		task.Exit()
	}
}
