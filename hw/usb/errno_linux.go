package usb

import (
	"errors"
	"syscall"
)

func (e Errno) isHost(target error) bool {
	t, ok := target.(syscall.Errno)
	return ok && int(t) == int(e)
}

// Unwrap is the host's syscall.Errno.
func (e Errno) Unwrap() error { return syscall.Errno(e) }

func asErrno(err error, e *Errno) bool {
	if errors.As(err, e) {
		return true
	}
	var s syscall.Errno
	if errors.As(err, &s) {
		*e = Errno(s)
		return true
	}
	return false
}
