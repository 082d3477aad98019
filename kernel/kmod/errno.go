package kmod

import (
	"errors"
	"syscall"

	"github.com/kobench/kobench/kernel"
)

// The numbers that the tools tell apart.
const (
	ENOENT  = kernel.ENOENT
	ESRCH   = kernel.ESRCH
	ENOEXEC = kernel.ENOEXEC
	EAGAIN  = kernel.EAGAIN
	EBUSY   = kernel.EBUSY
	EEXIST  = kernel.EEXIST
	EISDIR  = kernel.EISDIR
	EINVAL  = kernel.EINVAL
	ENOSYS  = kernel.ENOSYS
)

// ErrnoOf finds the Linux error number in a chain of errors: the first that has a method
// Errno() int, else the host's syscall.Errno; EIO for an error without a number, 0 for nil.
func ErrnoOf(err error) kernel.Errno {
	if err == nil {
		return 0
	}
	var numbered interface{ Errno() int }
	if errors.As(err, &numbered) {
		return kernel.Errno(numbered.Errno())
	}
	var host syscall.Errno
	if errors.As(err, &host) {
		return kernel.Errno(host)
	}
	return kernel.EIO
}
