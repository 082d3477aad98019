//go:build linux

package supervisor

import (
	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// call is one trapped call.
type call struct {
	*notif
	s   *Supervisor
	l   *listener
	t   *thread
	mem memory
	// answered says that the caller has its answer already.
	answered bool
}

type handler func(*call) answer

// handle answers a call.
func (s *Supervisor) handle(l *listener, n *notif) answer {
	do := s.calls[n.NR]
	if do == nil {
		do = s.conditional(n.NR)
	}
	if do == nil || s.closed.Load() {
		return goesOn()
	}
	c := call{notif: n, s: s, l: l, mem: memory{int(n.TID)}}
	a := do(&c)
	a.sent = c.answered
	return a
}

// conditional are the calls that only some arguments trap.
func (s *Supervisor) conditional(nr int32) handler {
	switch nr {
	case unix.SYS_FCNTL:
		return (*call).fcntl
	case unix.SYS_MMAP:
		return (*call).mmap
	case unix.SYS_SOCKET:
		return (*call).socket
	}
	return nil
}

// thread finds the caller's; most calls are not ours and need none.
func (c *call) thread() *thread {
	if c.t == nil {
		c.t = c.s.thread(int(c.TID), false)
	}
	return c.t
}

func (c *call) task() *kernel.Task { return c.thread().task }

// cwd stands for AT_FDCWD in the calls that have no descriptor of a directory.
const cwd = -1

// named resolves the name in argument arg, relative to the directory in argument dir.
func (c *call) named(dir, arg int, follow bool) (place, error) {
	name, err := c.mem.text(c.Args[arg], maxPath)
	if err != nil {
		return place{}, err
	}
	return c.place(dir, name, follow)
}

func (c *call) place(dir int, name string, follow bool) (place, error) {
	at := uint64(unix.AT_FDCWD & 0xffffffff)
	if dir != cwd {
		at = c.Args[dir]
	}
	return c.s.resolve(c.thread(), at, name, follow)
}

// descriptor is the node behind the descriptor in argument arg; nil: it is the host's.
func (c *call) descriptor(arg int) *node { return c.s.descriptor(int(c.TID), c.Args[arg]) }

// sleeping runs what may sleep.
func (c *call) sleeping(do func(t *kernel.Task) answer) answer {
	t := c.thread()
	return c.l.sleeping(c.notif, t, func() answer { return do(t.task) })
}

// fail is the answer to an error of the bench's.
func (c *call) fail(err error) answer { return fails(c.s.failed(c.thread(), err)) }

// calls are those that are always trapped, by number; calls_amd64.go and calls_arm64.go have the
// ones that one machine has.
func calls() map[int32]handler {
	m := map[int32]handler{
		unix.SYS_OPENAT:  func(c *call) answer { return c.open(0, 1, c.Args[2], uint32(c.Args[3])) },
		unix.SYS_OPENAT2: (*call).openat2,

		unix.SYS_STATX:      (*call).statx,
		unix.SYS_FSTAT:      func(c *call) answer { return c.fstat(0, 1) },
		unix.SYS_STATFS:     (*call).statfs,
		unix.SYS_FSTATFS:    (*call).fstatfs,
		unix.SYS_FACCESSAT:  func(c *call) answer { return c.access(0, 1, 0) },
		unix.SYS_FACCESSAT2: func(c *call) answer { return c.access(0, 1, c.Args[3]) },
		unix.SYS_READLINKAT: func(c *call) answer { return c.readlink(0, 1) },
		unix.SYS_GETXATTR:   func(c *call) answer { return c.xattr(true) },
		unix.SYS_LGETXATTR:  func(c *call) answer { return c.xattr(false) },
		unix.SYS_LISTXATTR:  func(c *call) answer { return c.xattr(true) },
		unix.SYS_LLISTXATTR: func(c *call) answer { return c.xattr(false) },

		unix.SYS_MKDIRAT:   func(c *call) answer { return c.mkdir(0, 1) },
		unix.SYS_MKNODAT:   func(c *call) answer { return c.mknod(0, 1) },
		unix.SYS_UNLINKAT:  func(c *call) answer { return c.unlink(0, 1, c.Args[2]&unix.AT_REMOVEDIR != 0) },
		unix.SYS_SYMLINKAT: func(c *call) answer { return c.symlink(1, 2) },
		unix.SYS_LINKAT:    func(c *call) answer { return c.rename(0, 1, 2, 3, true) },
		unix.SYS_RENAMEAT2: func(c *call) answer { return c.rename(0, 1, 2, 3, false) },
		unix.SYS_FCHMODAT:  func(c *call) answer { return c.chmod(0, 1, true) },
		sysFchmodat2:       func(c *call) answer { return c.chmod(0, 1, c.Args[3]&unix.AT_SYMLINK_NOFOLLOW == 0) },
		unix.SYS_FCHMOD:    (*call).fchmod,
		unix.SYS_FCHOWNAT:  func(c *call) answer { return c.chown(0, 1, c.Args[4]&unix.AT_SYMLINK_NOFOLLOW == 0) },
		unix.SYS_FCHOWN:    (*call).fchown,
		unix.SYS_UTIMENSAT: (*call).utimensat,
		unix.SYS_TRUNCATE:  (*call).truncate,
		unix.SYS_CHDIR:     (*call).chdir,
		unix.SYS_GETCWD:    (*call).getcwd,

		unix.SYS_IOCTL: (*call).ioctl,
		unix.SYS_LSEEK: (*call).lseek,

		unix.SYS_INIT_MODULE:   (*call).initModule,
		unix.SYS_FINIT_MODULE:  (*call).finitModule,
		unix.SYS_DELETE_MODULE: (*call).deleteModule,
		unix.SYS_SYSLOG:        (*call).syslog,
		unix.SYS_UNAME:         (*call).uname,
	}
	legacyCalls(m)
	return m
}

const sysFchmodat2 = 452 // Linux 6.6
