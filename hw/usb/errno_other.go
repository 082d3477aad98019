//go:build !linux

package usb

import (
	"errors"
	"syscall"
)

// hostErrnos are the numbers that hosts other than Linux have too, under their own values.
var hostErrnos = [...]struct {
	e    Errno
	host syscall.Errno
}{
	{ENOENT, syscall.ENOENT}, {EIO, syscall.EIO}, {ENXIO, syscall.ENXIO}, {EAGAIN, syscall.EAGAIN}, {ENOMEM, syscall.ENOMEM},
	{EBUSY, syscall.EBUSY}, {EXDEV, syscall.EXDEV}, {ENODEV, syscall.ENODEV}, {EINVAL, syscall.EINVAL}, {EPIPE, syscall.EPIPE},
	{EPROTO, syscall.EPROTO}, {EOVERFLOW, syscall.EOVERFLOW}, {EILSEQ, syscall.EILSEQ}, {EMSGSIZE, syscall.EMSGSIZE},
	{EOPNOTSUPP, syscall.EOPNOTSUPP}, {ECONNRESET, syscall.ECONNRESET}, {ESHUTDOWN, syscall.ESHUTDOWN}, {ETIMEDOUT, syscall.ETIMEDOUT},
}

func (e Errno) isHost(target error) bool {
	for _, r := range hostErrnos {
		if r.e == e {
			return target == r.host
		}
	}
	return false
}

func asErrno(err error, e *Errno) bool {
	if errors.As(err, e) {
		return true
	}
	var s syscall.Errno
	if errors.As(err, &s) {
		for _, r := range hostErrnos {
			if r.host == s {
				*e = r.e
				return true
			}
		}
	}
	return false
}
