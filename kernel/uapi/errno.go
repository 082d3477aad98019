package uapi

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// Errno is a Linux error number. It has Linux's value on every host, so that a trace or a
// transcript reads the same everywhere. A driver returns a bare Errno; the Go-facing file
// layer wraps it once, in *fs.PathError.
//
// errors.Is relates an Errno to fs.ErrNotExist, fs.ErrExist, fs.ErrPermission,
// os.ErrDeadlineExceeded and, through Unwrap, to the host's syscall.Errno of the same name.
type Errno int

// Error is the C library's text, as the tools print it: "No such file or directory".
func (e Errno) Error() string {
	if e > 0 && int(e) < len(errnoTable) && errnoTable[e].text != "" {
		return errnoTable[e].text
	}
	return "Unknown error " + strconv.Itoa(int(e))
}

// Name is the symbolic name, "ENOENT", or "errno N" where the number has none.
func (e Errno) Name() string {
	if e > 0 && int(e) < len(errnoTable) && errnoTable[e].name != "" {
		return errnoTable[e].name
	}
	for _, row := range kernelErrnos {
		if row.e == e {
			return row.name
		}
	}
	return "errno " + strconv.Itoa(int(e))
}

// Errno is the number as an int, for packages that must not import this one.
func (e Errno) Errno() int { return int(e) }

// Is makes errors.Is(err, fs.ErrNotExist) and its like work on every host.
func (e Errno) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e == ENOENT
	case fs.ErrExist:
		return e == EEXIST || e == ENOTEMPTY
	case fs.ErrPermission:
		return e == EPERM || e == EACCES
	case fs.ErrClosed:
		return e == EBADF
	case os.ErrDeadlineExceeded:
		return e == ETIMEDOUT
	case errors.ErrUnsupported:
		return e == ENOSYS || e == EOPNOTSUPP || e == ENOTTY
	}
	return false
}

// Unwrap is the host's syscall.Errno of the same name, nil where the host has none.
func (e Errno) Unwrap() error {
	if h, ok := toHost(e); ok {
		return h
	}
	return nil
}

// Temporary reports whether the call may succeed when it is made again (EINTR, EAGAIN).
func (e Errno) Temporary() bool { return e == EINTR || e == EAGAIN }

// Timeout reports whether the error is a time-out (ETIMEDOUT, EAGAIN).
func (e Errno) Timeout() bool { return e == ETIMEDOUT || e == EAGAIN }

// Numbered is an error that carries Linux's number, for packages that have an error type of their
// own.
// Absence: [ErrnoOf] goes on with the host's number and the standard library's errors.
type Numbered interface{ Errno() int }

// ErrnoOf finds the error number in err: an Errno, an error that is [Numbered] (the
// hardware packages'), the host's syscall.Errno, or the nearest meaning of a standard
// library error. An error without any of them is EIO; nil is 0.
func ErrnoOf(err error) Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(Errno); ok {
		return e
	}
	var e Errno
	if errors.As(err, &e) {
		return e
	}
	var n Numbered
	if errors.As(err, &n) {
		return Errno(n.Errno())
	}
	var host syscall.Errno
	if errors.As(err, &host) {
		if e, ok := fromHost(host); ok {
			return e
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ENOENT
	case errors.Is(err, fs.ErrExist):
		return EEXIST
	case errors.Is(err, fs.ErrPermission):
		return EACCES
	case errors.Is(err, fs.ErrClosed):
		return EBADF
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return ETIMEDOUT
	case errors.Is(err, context.Canceled):
		return EINTR
	case errors.Is(err, io.ErrShortWrite):
		return ENOSPC
	}
	return EIO
}

// ErrnoByName finds an Errno by its symbolic name ("EBUSY"). The numbers that stay in the kernel
// are not among them.
func ErrnoByName(name string) (Errno, bool) {
	for n, row := range errnoTable {
		if row.name == name && name != "" {
			return Errno(n), true
		}
	}
	return 0, false
}
