//go:build !linux

package uapi

import "syscall"

// hostErrnos pairs Linux's numbers with the host's; the names here exist on every system that Go's
// syscall package serves.
var hostErrnos = [...]struct {
	linux Errno
	host  syscall.Errno
}{
	{EPERM, syscall.EPERM}, {ENOENT, syscall.ENOENT}, {EINTR, syscall.EINTR}, {EIO, syscall.EIO},
	{ENXIO, syscall.ENXIO}, {E2BIG, syscall.E2BIG}, {ENOEXEC, syscall.ENOEXEC}, {EBADF, syscall.EBADF},
	{ECHILD, syscall.ECHILD}, {EAGAIN, syscall.EAGAIN}, {ENOMEM, syscall.ENOMEM}, {EACCES, syscall.EACCES},
	{EFAULT, syscall.EFAULT}, {EBUSY, syscall.EBUSY}, {EEXIST, syscall.EEXIST}, {EXDEV, syscall.EXDEV},
	{ENODEV, syscall.ENODEV}, {ENOTDIR, syscall.ENOTDIR}, {EISDIR, syscall.EISDIR}, {EINVAL, syscall.EINVAL},
	{ENFILE, syscall.ENFILE}, {EMFILE, syscall.EMFILE}, {ENOTTY, syscall.ENOTTY}, {EFBIG, syscall.EFBIG},
	{ENOSPC, syscall.ENOSPC}, {ESPIPE, syscall.ESPIPE}, {EROFS, syscall.EROFS}, {EMLINK, syscall.EMLINK},
	{EPIPE, syscall.EPIPE}, {EDOM, syscall.EDOM}, {ERANGE, syscall.ERANGE}, {EDEADLK, syscall.EDEADLK},
	{ENAMETOOLONG, syscall.ENAMETOOLONG}, {ENOSYS, syscall.ENOSYS}, {ENOTEMPTY, syscall.ENOTEMPTY},
	{ELOOP, syscall.ELOOP}, {EPROTO, syscall.EPROTO}, {EOVERFLOW, syscall.EOVERFLOW}, {EILSEQ, syscall.EILSEQ},
	{EMSGSIZE, syscall.EMSGSIZE}, {EOPNOTSUPP, syscall.EOPNOTSUPP}, {EADDRINUSE, syscall.EADDRINUSE},
	{ECONNRESET, syscall.ECONNRESET}, {ENOBUFS, syscall.ENOBUFS}, {ETIMEDOUT, syscall.ETIMEDOUT},
	{ECONNREFUSED, syscall.ECONNREFUSED}, {EALREADY, syscall.EALREADY}, {EINPROGRESS, syscall.EINPROGRESS},
	{ECANCELED, syscall.ECANCELED}, {ESHUTDOWN, syscall.ESHUTDOWN},
}

// toHost is the host's number of the same name, false where the host has none.
func toHost(e Errno) (syscall.Errno, bool) {
	for _, h := range hostErrnos {
		if h.linux == e {
			return h.host, true
		}
	}
	return 0, false
}

// fromHost is Linux's number of the host's.
func fromHost(host syscall.Errno) (Errno, bool) {
	for _, h := range hostErrnos {
		if h.host == host {
			return h.linux, true
		}
	}
	return 0, false
}
