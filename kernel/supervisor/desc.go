//go:build linux

package supervisor

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/supervisor/fuse"
	"golang.org/x/sys/unix"
)

// node is what a descriptor of a program's stands for: an open file of the bench, or a directory.
// It is a file of the private mount, so that reads, writes and polls come by FUSE while all else is
// trapped and finds the node by the inode's number.
type node struct {
	s    *Supervisor
	path string // the name that it was opened by, in the bench
	host string // of a directory that shows the host's names too: where those are

	file     *kernel.File // nil: a directory, or pathOnly
	pathOnly bool         // O_PATH of something else than a directory
	opened   atomic.Bool  // the mount has it open

	owner owner // who gets SIGIO

	mu    sync.Mutex        // one poll at a time
	table *kernel.PollTable // +checklocks:mu
	armed atomic.Pointer[func()]
	pos   sync.Mutex // held while the file's position is in use
}

var (
	_ fuse.Node = (*node)(nil)
	_ fuse.File = (*node)(nil)
)

// Open is the mount's: a descriptor is given to a program after the bench has opened the file.
func (d *node) Open(_ *fuse.Call, _ uint32) (fuse.File, error) {
	switch {
	case d.pathOnly:
		return pathOnly{}, nil
	case d.file == nil || d.opened.Swap(true):
		return nil, unix.ENXIO // by a way that was not trapped
	}
	return d, nil
}

// pathOnly is a file that was opened with O_PATH: it stands for a name, and that is all. The mount
// has it open for reading, since seccomp hands over no descriptor with O_PATH.
type pathOnly struct{}

func (pathOnly) Read(*fuse.Call, int64, []byte) (int, error)  { return 0, unix.EBADF }
func (pathOnly) Write(*fuse.Call, int64, []byte) (int, error) { return 0, unix.EBADF }
func (pathOnly) Poll(*fuse.Call, func()) uint32               { return unix.POLLNVAL }
func (pathOnly) Stream() bool                                 { return true }
func (pathOnly) Release()                                     {}

// List gives a directory's names: the bench's and, where it shows them, the host's.
func (d *node) List() ([]fuse.Entry, bool) {
	if d.file != nil || d.pathOnly {
		return nil, false
	}
	return d.s.list(d.path, d.host)
}

// hostErrno is an error of the simulated kernel as the host's; the numbers are the same.
func hostErrno(err error) syscall.Errno {
	var e syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.Is(err, kernel.ErrKilled):
		return unix.EINTR
	case errors.As(err, &e):
		return e
	}
	return syscall.Errno(kernel.ErrnoOf(err))
}

// call runs a read or a write that came by the mount, in the name of its thread.
func (d *node) call(c *fuse.Call, do func(*kernel.Task) (int, error)) (int, error) {
	t := d.s.thread(c.PID, false)
	t.mu.Lock()
	defer t.mu.Unlock()
	if nonblock := c.Flags&unix.O_NONBLOCK != 0; nonblock != d.file.Nonblock() {
		flags := d.file.Flags() &^ kernel.O_NONBLOCK
		if nonblock {
			flags |= kernel.O_NONBLOCK
		}
		_ = t.task.SetFlagsRaw(d.file, -1, flags)
	}
	done := c.OnInterrupt(func() { t.task.Kill(kernel.SIGINT) })
	n, err := do(t.task)
	done()
	if err != nil {
		return 0, d.s.failed(t, err)
	}
	return n, nil
}

// failed turns the error of a call into the host's. An oops ends the program, as it does on Linux.
func (s *Supervisor) failed(t *thread, err error) syscall.Errno {
	if errors.Is(err, kernel.ErrKilled) && !s.closed.Load() {
		_ = unix.Kill(t.pid, unix.SIGKILL)
	}
	e := hostErrno(err)
	if e == unix.EINTR {
		drain(t.task)
	}
	return e
}

// Read is the mount's read(2) and pread(2).
func (d *node) Read(c *fuse.Call, off int64, p []byte) (int, error) {
	return d.call(c, func(t *kernel.Task) (int, error) {
		if !d.Stream() {
			d.pos.Lock()
			defer d.pos.Unlock()
			d.file.MoveRaw(off)
		}
		return t.ReadRaw(d.file, p)
	})
}

// Write is the mount's write(2) and pwrite(2).
func (d *node) Write(c *fuse.Call, off int64, p []byte) (int, error) {
	return d.call(c, func(t *kernel.Task) (int, error) {
		if !d.Stream() {
			d.pos.Lock()
			defer d.pos.Unlock()
			d.file.MoveRaw(off)
		}
		return t.WriteRaw(d.file, p)
	})
}

// Poll is the mount's poll.
func (d *node) Poll(c *fuse.Call, changed func()) uint32 {
	t := d.s.thread(c.PID, false)
	t.mu.Lock()
	defer t.mu.Unlock()
	if changed == nil {
		return uint32(t.task.PollRaw(d.file, nil))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.table == nil {
		d.table = kernel.NewPollTable(func(kernel.Events) {
			if fn := d.armed.Swap(nil); fn != nil {
				(*fn)()
			}
		})
	}
	d.table.Release()
	d.armed.Store(&changed)
	return uint32(t.task.PollRaw(d.file, d.table))
}

// Stream reports whether the file has no position.
func (d *node) Stream() bool { return !d.file.Seekable() }

// Release closes the file in the bench.
func (d *node) Release() {
	d.mu.Lock()
	if d.table != nil {
		d.armed.Store(nil)
		d.table.Release()
	}
	d.mu.Unlock()
	t := d.s.k.NewTask(kernel.WithComm("close"))
	t.ReleaseRaw(d.file)
	t.Exit()
	d.owner.close()
}

// give makes the descriptor of a file that the bench has opened, or of a directory, and hands it
// over.
func (s *Supervisor) give(d *node, flags uint64) answer {
	id := s.fuse.Add(d)
	if flags&unix.O_PATH != 0 {
		flags &^= unix.O_ACCMODE
	}
	const keep = unix.O_ACCMODE | unix.O_APPEND | unix.O_NONBLOCK | unix.O_DIRECTORY | unix.O_NOATIME
	fd, err := s.fuse.Open(id, int(flags)&keep)
	if err != nil {
		s.fuse.Drop(id)
		if d.file != nil {
			d.Release()
		}
		return fails(hostErrno(err))
	}
	return answer{give: true, fd: fd, cloexec: flags&unix.O_CLOEXEC != 0}
}

// descriptor finds the node behind a descriptor of a thread's; nil: it is the host's.
func (s *Supervisor) descriptor(tid int, fd uint64) *node {
	return s.nodeAt(procFile(tid, "fd/"+itoa(uint64(uint32(fd)))))
}

// nodeAt finds the node behind a magic link of /proc.
func (s *Supervisor) nodeAt(link string) *node {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, link, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st) != nil || st.Dev_major != s.devMajor || st.Dev_minor != s.devMinor {
		return nil
	}
	d, _ := s.fuse.Node(st.Ino).(*node)
	return d
}
