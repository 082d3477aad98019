package kernel

import "time"

// The system calls of a task. They return bare Errnos, and ErrKilled once the task is dead.
// References: man-pages section 2, by the same names.

// fget finds the file of a descriptor; shared tells that a reference was taken.
func (t *Task) fget(fd int) (f *File, shared bool) {
	ft := t.files
	if ft.users.Load() == 1 {
		return ft.file(fd), false
	}
	return ft.hold(t, fd), true
}

func (t *Task) badFD() error {
	if t.Killed() {
		return ErrKilled
	}
	return EBADF
}

// Read reads at most len(p) bytes. It blocks until there is something, unless O_NONBLOCK is set.
// 0 is end of file.
//
// Errors:
//   - EBADF: fd is not open for reading. EINVAL: the driver cannot read.
//   - EAGAIN: nothing there, and O_NONBLOCK. EINTR: a signal came first.
//   - ErrKilled: the task is dead. Others: the driver's.
func (t *Task) Read(fd int, p []byte) (int, error) {
	if t.files.users.Load() != 1 {
		return t.sharedRead(fd, p)
	}
	f := t.files.file(fd)
	if f == nil {
		return 0, t.badFD()
	}
	return f.doRead(t, p)
}

func (t *Task) sharedRead(fd int, p []byte) (int, error) {
	f := t.files.hold(t, fd)
	if f == nil {
		return 0, t.badFD()
	}
	defer f.put(t)
	return f.doRead(t, p)
}

// Write writes p and returns how much the driver took. Blocking and Errors: as Read.
func (t *Task) Write(fd int, p []byte) (int, error) {
	if t.files.users.Load() != 1 {
		return t.sharedWrite(fd, p)
	}
	f := t.files.file(fd)
	if f == nil {
		return 0, t.badFD()
	}
	return f.doWrite(t, p)
}

func (t *Task) sharedWrite(fd int, p []byte) (int, error) {
	f := t.files.hold(t, fd)
	if f == nil {
		return 0, t.badFD()
	}
	defer f.put(t)
	return f.doWrite(t, p)
}

// Lseek moves the position. Errors: EBADF, EINVAL, ESPIPE (no position).
func (t *Task) Lseek(fd int, off int64, whence int) (int64, error) {
	f, shared := t.fget(fd)
	if f == nil {
		return 0, t.badFD()
	}
	n, err := f.doSeek(t, off, whence)
	if shared {
		f.put(t)
	}
	return n, err
}

// Ioctl asks the driver for what no other call does. Errors: EBADF, ENOTTY (unknown command), the
// driver's.
func (t *Task) Ioctl(fd int, cmd uint32, arg Arg) (int, error) {
	f, shared := t.fget(fd)
	if f == nil {
		return 0, t.badFD()
	}
	n, err := f.doIoctl(t, fd, cmd, arg)
	if shared {
		f.put(t)
	}
	return n, err
}

// PollFD is one descriptor of a Poll call; Revents is its answer.
type PollFD struct {
	FD      int
	Events  Events
	Revents Events
}

// Poll waits until one of the descriptors has one of its events, PollErr, PollHup or PollNval, and
// returns how many have. A negative timeout waits for ever, 0 only looks.
//
// Errors: EINTR a signal came first; ErrKilled.
func (t *Task) Poll(fds []PollFD, timeout time.Duration) (ready int, err error) {
	files := make([]*File, len(fds))
	for i := range fds {
		if f, shared := t.fget(fds[i].FD); f != nil {
			files[i] = f
			if !shared {
				f.count.Add(1)
			}
		}
	}
	defer func() {
		for _, f := range files {
			if f != nil {
				f.put(t)
			}
		}
	}()
	t.depth++
	defer t.leave()
	w := t.pollTable()
	defer w.Release()
	w.full = timeout == 0 // who does not wait need not be woken
	look := func() bool {
		ready = 0
		for i := range fds {
			fds[i].Revents = PollNval
			if f := files[i]; f != nil {
				func() {
					t.depth++
					defer t.catch(f, &err)
					fds[i].Revents = f.doPoll(t, w) & (fds[i].Events | PollErr | PollHup)
				}()
			}
			if fds[i].Revents != 0 {
				ready++
			}
		}
		w.full = true
		return err != nil || ready > 0
	}
	switch {
	case timeout == 0:
		look()
		return ready, err
	case timeout < 0:
		timeout = forever
	}
	if waited := t.waitUntil(timeout, look); waited == ERESTARTSYS {
		return 0, t.sysError(waited)
	}
	return ready, err
}

// Open opens a path and returns the lowest free descriptor.
//
// Errors:
//   - ENOENT, ENOTDIR, EACCES, ELOOP: the path. EISDIR: a directory. EMFILE: too many files.
//   - ENXIO: a device node that nobody drives, after its module was asked for.
//   - EEXIST: O_CREAT with O_EXCL. EINTR, ErrKilled. Others: the driver's.
func (t *Task) Open(path string, flags uint32) (int, error) {
	f, err := t.openFile(path, flags, 0o666)
	if err != nil {
		return -1, err
	}
	fd, err := t.files.install(f, 0)
	if err != nil {
		f.put(t)
		return -1, err
	}
	if flags&O_CLOEXEC != 0 {
		t.files.setCloexec(fd, true)
	}
	return fd, nil
}

// Close closes a descriptor; the driver's Release runs when no other one leads to the file. Errors:
// EBADF.
func (t *Task) Close(fd int) error {
	f := t.files.remove(fd)
	if f == nil {
		return t.badFD()
	}
	f.put(t)
	return nil
}

// Dup gives the file a second descriptor. Errors: EBADF, EMFILE.
func (t *Task) Dup(fd int) (int, error) {
	f := t.files.hold(t, fd)
	if f == nil {
		return -1, t.badFD()
	}
	n, err := t.files.install(f, 0)
	if err != nil {
		f.put(t)
	}
	return n, err
}

// Dup2 makes newfd lead to the file of fd, closing what it led to. Errors: EBADF.
func (t *Task) Dup2(fd, newfd int) (int, error) {
	if newfd < 0 || newfd >= fdLimit {
		return -1, EBADF
	}
	f := t.files.hold(t, fd)
	if f == nil {
		return -1, t.badFD()
	}
	if fd == newfd {
		f.put(t)
		return newfd, nil
	}
	if old := t.files.put(newfd, f); old != nil {
		old.put(t)
	}
	return newfd, nil
}

// Commands of Fcntl (include/uapi/asm-generic/fcntl.h).
const (
	F_DUPFD = 0
	F_GETFD = 1
	F_SETFD = 2
	F_GETFL = 3
	F_SETFL = 4

	FD_CLOEXEC = 1
)

// Fcntl duplicates a descriptor (F_DUPFD, from arg on) or reads and sets the file's flags (F_GETFL;
// F_SETFL of O_NONBLOCK, O_APPEND, FASYNC), or of the descriptor (F_GETFD, F_SETFD: FD_CLOEXEC).
// Errors: EBADF, EINVAL, EMFILE; the driver's.
func (t *Task) Fcntl(fd, cmd int, arg uint32) (int, error) {
	f := t.files.hold(t, fd)
	if f == nil {
		return -1, t.badFD()
	}
	defer f.put(t)
	switch cmd {
	case F_DUPFD:
		if arg >= fdLimit {
			return -1, EINVAL
		}
		f.count.Add(1)
		n, err := t.files.install(f, int(arg))
		if err != nil {
			f.put(t)
		}
		return n, err
	case F_GETFD:
		return t.files.cloexec(fd), nil
	case F_SETFD:
		t.files.setCloexec(fd, arg&FD_CLOEXEC != 0)
		return 0, nil
	case F_GETFL:
		return int(f.Flags()), nil
	case F_SETFL:
		return 0, f.setFlags(t, fd, arg)
	}
	return -1, EINVAL
}

// File is the open file behind a descriptor, for callers that keep it beyond the descriptor's life:
// it holds a reference until its Close. Errors: EBADF.
func (t *Task) File(fd int) (*Handle, error) {
	f := t.files.hold(t, fd)
	if f == nil {
		return nil, t.badFD()
	}
	return &Handle{File: f, task: t}, nil
}
