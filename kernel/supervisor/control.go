//go:build linux

package supervisor

import (
	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// ioctl asks the driver. Generic commands about the descriptor itself stay the host's, where it is
// one.
func (c *call) ioctl() answer {
	d := c.descriptor(0)
	cmd := uint32(c.Args[1])
	if d == nil || cmd == kernel.FIOCLEX || cmd == kernel.FIONCLEX {
		return goesOn()
	}
	if d.file == nil {
		return fails(unix.ENOTTY)
	}
	if cmd == kernel.FIONBIO { // the host's file has the flag that reads and writes go by
		return goesOn()
	}
	return c.sleeping(func(t *kernel.Task) answer {
		arg := kernel.Arg{Val: c.Args[2]}
		out := c.argument(cmd, &arg)
		n, err := t.IoctlRaw(d.file, int(int32(c.Args[0])), cmd, arg)
		if err != nil {
			return c.fail(err)
		}
		if out && c.mem.write(arg.Buf, c.Args[2]) != len(arg.Buf) {
			return fails(unix.EFAULT)
		}
		return returns(n)
	})
}

// argument reads what the third argument points to, where the command says how much that is, and
// reports whether the driver may have changed it.
func (c *call) argument(cmd uint32, arg *kernel.Arg) (out bool) {
	size, out := argSize(cmd)
	if size == 0 || arg.Val == 0 {
		return false
	}
	b := make([]byte, size)
	if c.mem.read(b, arg.Val) != len(b) {
		return false
	}
	arg.Buf = b
	return out
}

// argSize is how many bytes a command's argument points to, and whether any of them come back: by
// its number (include/uapi/asm-generic/ioctl.h), or for the old ones by a table.
func argSize(cmd uint32) (size int, out bool) {
	const dirRead = 2
	if cmd>>30 != 0 {
		return int(cmd >> 16 & 0x3fff), cmd>>30&dirRead != 0
	}
	switch cmd {
	case unix.TCGETS:
		return 36, true
	case unix.TCSETS, unix.TCSETSW, unix.TCSETSF:
		return 36, false
	case unix.TCGETA:
		return 18, true
	case unix.TCSETA, unix.TCSETAW, unix.TCSETAF:
		return 18, false
	case unix.TIOCGWINSZ:
		return 8, true
	case unix.TIOCSWINSZ:
		return 8, false
	case unix.TIOCMGET, unix.TIOCOUTQ, unix.TIOCINQ, unix.TIOCGETD, unix.TIOCGPGRP, unix.TIOCGSID, unix.TIOCGSOFTCAR:
		return 4, true
	case unix.TIOCMSET, unix.TIOCMBIS, unix.TIOCMBIC, unix.TIOCSETD, unix.TIOCSPGRP, unix.TIOCSSOFTCAR, kernel.FIOASYNC:
		return 4, false
	case unix.TIOCSTI:
		return 1, false
	case unix.TIOCGSERIAL:
		return 72, true
	case unix.TIOCSSERIAL:
		return 72, false
	case tiocgicount:
		return 80, true
	}
	return 0, false
}

const tiocgicount = 0x545d

// lseek moves the position as the driver does, and the host's with it, which counts for reads and
// writes.
func (c *call) lseek() answer {
	d := c.descriptor(0)
	if d == nil || d.file == nil || d.Stream() {
		return goesOn() // of a file without a position the host says so too
	}
	fd, err := c.borrow(c.Args[0])
	if err != nil {
		return fails(hostErrno(err))
	}
	defer unix.Close(fd)
	d.pos.Lock()
	defer d.pos.Unlock()
	if now, err := unix.Seek(fd, 0, unix.SEEK_CUR); err == nil {
		d.file.MoveRaw(now)
	}
	return c.sleeping(func(t *kernel.Task) answer {
		pos, err := t.SeekRaw(d.file, int64(c.Args[1]), int(int32(c.Args[2])))
		if err != nil {
			return c.fail(err)
		}
		_, _ = unix.Seek(fd, pos, unix.SEEK_SET)
		return answer{val: pos}
	})
}

// borrow gets a descriptor of the caller's process. Errors: EBADF, or what the host has against it.
func (c *call) borrow(fd uint64) (int, error) {
	pid, err := unix.PidfdOpen(c.thread().pid, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(pid)
	return unix.PidfdGetfd(pid, int(int32(fd)), 0)
}

// fcntl looks at what concerns SIGIO; all else of fcntl never comes here, and the host does these
// too.
func (c *call) fcntl() answer {
	d := c.descriptor(0)
	if d == nil || d.file == nil {
		return goesOn()
	}
	switch int(c.Args[1]) {
	case unix.F_SETOWN:
		d.owner.set(int(int32(c.Args[2])), false)
	case fSetOwnEx:
		ex, err := get[[2]int32](c.mem, c.Args[2])
		if err != nil {
			return fails(unix.EFAULT)
		}
		pid := int(ex[1])
		if ex[0] == 2 { // F_OWNER_PGRP
			pid = -pid
		}
		d.owner.set(pid, ex[0] == 0)
	case fSetSig:
		d.owner.signal(int(int32(c.Args[2])))
	case unix.F_GETFL:
		if d.file.Flags()&kernel.FASYNC == 0 {
			break
		}
		fd, err := c.borrow(c.Args[0]) // the host's file does not know
		if err != nil {
			break
		}
		defer unix.Close(fd)
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		return result(flags|unix.O_ASYNC, err)
	case unix.F_SETFL:
		want := c.Args[2]&unix.O_ASYNC != 0
		has := d.file.Flags()&kernel.FASYNC != 0
		if want == has {
			break
		}
		var err error
		if want {
			err = d.owner.arm(d, int(int32(c.Args[0])), c.thread())
		} else {
			err = d.owner.disarm(d, int(int32(c.Args[0])))
		}
		if err != nil {
			return c.fail(err)
		}
	}
	return goesOn()
}
