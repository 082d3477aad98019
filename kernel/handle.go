package kernel

import (
	"io"
	"io/fs"
)

// Handle is an open file for Go code: an io.ReadWriteSeeker and io.Closer on behalf of one task.
// Errors are *fs.PathError around an Errno; end of file is io.EOF. Calls must not overlap with
// Close.
type Handle struct {
	*File
	task *Task
}

var (
	_ io.ReadWriteSeeker = (*Handle)(nil)
	_ io.Closer          = (*Handle)(nil)
)

// Read is read(2); (0, nil) of the driver becomes io.EOF.
//
// Errors: io.EOF; a *fs.PathError around what Task.Read gives.
func (h *Handle) Read(p []byte) (int, error) {
	n, err := h.doRead(h.task, p)
	if err != nil {
		return n, h.fail("read", err)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write goes on until all of p is taken or an error comes.
//
// Errors: a *fs.PathError around what Task.Write gives, or io.ErrShortWrite for a driver that takes
// nothing.
func (h *Handle) Write(p []byte) (int, error) {
	n, err := h.doWrite(h.task, p)
	for err == nil && n < len(p) {
		var m int
		m, err = h.doWrite(h.task, p[n:])
		if m == 0 && err == nil {
			return n, h.fail("write", io.ErrShortWrite)
		}
		n += m
	}
	if err != nil {
		return n, h.fail("write", err)
	}
	return n, nil
}

// Seek is lseek(2).
//
// Errors: a *fs.PathError around what Task.Lseek gives.
func (h *Handle) Seek(off int64, whence int) (int64, error) {
	pos, err := h.doSeek(h.task, off, whence)
	if err != nil {
		return pos, h.fail("seek", err)
	}
	return pos, nil
}

// Ioctl is ioctl(2).
//
// Errors: a *fs.PathError around what Task.Ioctl gives.
func (h *Handle) Ioctl(cmd uint32, arg Arg) (int, error) {
	ret, err := h.doIoctl(h.task, -1, cmd, arg)
	if err != nil {
		return ret, h.fail("ioctl", err)
	}
	return ret, nil
}

// Poll tells what is possible now. With a table, its queues are registered for later wake-ups.
func (h *Handle) Poll(w *PollTable) (ev Events) {
	var err error
	h.task.depth++
	defer h.task.catch(h.File, &err)
	return h.doPoll(h.task, w)
}

// SetNonblock switches O_NONBLOCK.
func (h *Handle) SetNonblock(on bool) {
	if on {
		h.flags.Or(O_NONBLOCK)
	} else {
		h.flags.And(^uint32(O_NONBLOCK))
	}
}

// Close gives the reference back. A second Close is fs.ErrClosed.
//
// Errors: fs.ErrClosed.
func (h *Handle) Close() error {
	if h.File == nil {
		return fs.ErrClosed
	}
	f := h.File
	h.File = nil
	f.put(h.task)
	return nil
}

// Task is in whose name the handle's calls are made.
func (h *Handle) Task() *Task { return h.task }

func (h *Handle) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: h.path, Err: err}
}
