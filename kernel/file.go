package kernel

import (
	"errors"
	"sync/atomic"
)

// Open and descriptor flags with the values of x86 Linux (include/uapi/asm-generic/fcntl.h).
const (
	O_RDONLY   = 0
	O_WRONLY   = 1
	O_RDWR     = 2
	O_ACCMODE  = 3
	O_CREAT    = 0o100
	O_EXCL     = 0o200
	O_NOCTTY   = 0o400
	O_TRUNC    = 0o1000
	O_APPEND   = 0o2000
	O_NONBLOCK = 0o4000
	FASYNC     = 0o20000
	O_CLOEXEC  = 0o2000000

	// what F_SETFL may change by itself; FASYNC is FasyncList.Set's
	setflMask = O_APPEND | O_NONBLOCK
)

// File is one open file (struct file): what open made, shared by the descriptors that dup and clone
// give it.
type File struct {
	op    *FileOperations
	read  func(t *Task, f *File, p []byte) (int, error)
	write func(t *Task, f *File, p []byte) (int, error)
	flags atomic.Uint32
	pos   atomic.Int64
	moved atomic.Bool  // see MoveRaw
	fixed atomic.Bool  // see SetStream
	count atomic.Int32 // descriptors, and calls of tasks that share their descriptors
	inode *Inode
	path  string
	cdev  *Cdev   // of a character device: holds its module
	owner *Module // of op: held as well

	// Private is the driver's, set in its Open (private_data).
	Private any
}

// Flags are the open flags, as F_GETFL gives them; O_NONBLOCK may change while the file is open.
func (f *File) Flags() uint32 { return f.flags.Load() }

// Nonblock reports whether the file has O_NONBLOCK.
func (f *File) Nonblock() bool { return f.flags.Load()&O_NONBLOCK != 0 }

// Pos is the position in bytes; drivers that have one move it with SetPos.
func (f *File) Pos() int64 { return f.pos.Load() }

// SetPos sets the position.
func (f *File) SetPos(pos int64) { f.pos.Store(pos) }

// Inode is what the file was opened from, Path the name that was used, Dev the device number of a
// device node.
func (f *File) Inode() *Inode { return f.inode }

// Path is the name that the file was opened by.
func (f *File) Path() string { return f.path }

// Dev is the device number of the node.
func (f *File) Dev() Dev { return f.inode.rdev }

// Cdev is the character device behind the file, nil for other files.
func (f *File) Cdev() *Cdev { return f.cdev }

// Minor is the device's minor number (iminor).
func (f *File) Minor() uint32 { return f.inode.rdev.Minor() }

// Ops is the table in force, and ReplaceOps changes it during Open, as a driver of a whole major
// does to hand an open on to one minor's (replace_fops). The new table's module is held instead of
// the old one's.
func (f *File) Ops() *FileOperations { return f.op }

// ReplaceOps installs another table; it may be called in Open only.
//
// Errors: ENODEV when the table's module is going away.
func (f *File) ReplaceOps(op *FileOperations) error {
	if !op.Owner.get() {
		return ENODEV
	}
	f.owner.put()
	f.setOps(op)
	return nil
}

func (f *File) setOps(op *FileOperations) {
	f.op, f.owner = op, op.Owner
	f.read, f.write = nil, nil
	if f.flags.Load()&O_ACCMODE != O_WRONLY {
		f.read = op.Read
	}
	if f.flags.Load()&O_ACCMODE != O_RDONLY {
		f.write = op.Write
	}
}

// doRead is read(2) on the file.
//
// Errors: EBADF not open for reading; EINVAL the driver cannot read; EAGAIN nothing there and
// O_NONBLOCK; EINTR a signal came first; the driver's own; ErrKilled.
func (f *File) doRead(t *Task, p []byte) (n int, err error) {
	if f.read == nil || f.pos.Load() < 0 {
		return 0, f.cannot(O_WRONLY)
	}
	t.depth++
	defer t.catch(f, &err)
	n, err = f.read(t, f, p)
	if err != nil {
		n, err = f.readSlow(t, p, n, err)
	}
	return n, err
}

// cannot says why a driver is not asked to read or write: the file's mode; or it has no such
// function, or the position is negative (rw_verify_area).
func (f *File) cannot(mode uint32) error {
	if f.flags.Load()&O_ACCMODE == mode {
		return EBADF
	}
	return EINVAL
}

func (f *File) readSlow(t *Task, p []byte, n int, err error) (int, error) {
	if n > 0 {
		return n, nil
	}
	if err != EAGAIN || f.Nonblock() || f.op.Poll == nil {
		return 0, t.sysError(err)
	}
	w := t.pollTable()
	defer w.Release()
	waited := t.waitUntil(forever, func() bool {
		f.op.Poll(t, f, w)
		w.full = true
		n, err = f.read(t, f, p)
		return n > 0 || err != EAGAIN || f.Nonblock()
	})
	if n > 0 {
		return n, nil
	}
	if waited != nil {
		err = waited
	}
	return 0, t.sysError(err)
}

// doWrite is write(2) on the file. Errors: as doRead.
func (f *File) doWrite(t *Task, p []byte) (n int, err error) {
	if f.write == nil || f.pos.Load() < 0 {
		return 0, f.cannot(O_RDONLY)
	}
	t.depth++
	defer t.catch(f, &err)
	n, err = f.write(t, f, p)
	if err != nil || n < len(p) && f.op.WriteAll {
		n, err = f.writeSlow(t, p, n, err)
	}
	return n, err
}

func (f *File) writeSlow(t *Task, p []byte, done int, err error) (int, error) {
	if err != nil && err != EAGAIN || f.Nonblock() || f.op.Poll == nil || done > 0 && !f.op.WriteAll {
		if done > 0 {
			return done, nil
		}
		return 0, t.sysError(err)
	}
	w := t.pollTable()
	defer w.Release()
	waited := t.waitUntil(forever, func() bool {
		f.op.Poll(t, f, w)
		w.full = true
		for {
			var n int
			n, err = f.write(t, f, p[done:])
			done += max(n, 0)
			switch {
			case err != nil && err != EAGAIN || done == len(p) || done > 0 && !f.op.WriteAll || f.Nonblock() || n == 0 && err == nil:
				return true
			case err == EAGAIN || t.SignalPending():
				return false
			}
		}
	})
	if waited != nil {
		err = waited
	}
	if done > 0 || err == nil {
		return done, nil
	}
	return 0, t.sysError(err)
}

// sysError turns a driver's error into what the system call returns.
func (t *Task) sysError(err error) error {
	e, bare := err.(Errno)
	if !bare { // what follows allocates
		var fault *Fault
		if errors.As(err, &fault) {
			return t.Oops(fault)
		}
		if err == errShutdown {
			return ErrKilled
		}
		e = ErrnoOf(err)
	}
	switch e {
	case ERESTARTSYS:
		// else nothing restarts it: the program sees the number
		if t.SignalPending() || t.Killed() {
			e = EINTR
		}
	}
	if t.Killed() && (e == EINTR || t.dead.Load()) {
		return ErrKilled
	}
	if e == EINTR {
		t.deliver()
	}
	return e
}

func (t *Task) pollTable() *PollTable {
	t.poll.Release()
	return &t.poll
}

func (f *File) doPoll(t *Task, w *PollTable) Events {
	if f.op.Poll == nil {
		return PollDefault
	}
	return f.op.Poll(t, f, w)
}

// put drops one reference; the last one releases the file.
func (f *File) put(t *Task) {
	if f.count.Add(-1) > 0 {
		return
	}
	f.release(t)
}

func (f *File) release(t *Task) {
	if f.op.Fasync != nil && f.Flags()&FASYNC != 0 {
		_ = f.op.Fasync(t, f, -1, false)
	}
	if f.op.Release != nil {
		var err error
		func() {
			t.depth++
			defer t.catch(f, &err)
			f.op.Release(t, f)
		}()
	}
	f.owner.put()
	if f.cdev != nil {
		f.cdev.put()
	}
	f.inode.opens.Add(-1)
	f.Private = nil
}
