package usb

import (
	"fmt"

	"github.com/kobench/kobench/kernel/uapi"
)

// Errno is the status of a transfer: Linux's number on every host, as URBs and USB/IP carry it
// (there negative) [errors].
type Errno = uapi.Errno

// What can happen to a transfer [errors].
const (
	// cancelled and waited for (usb_kill_urb); from Submit: no such endpoint
	ENOENT      = uapi.ENOENT
	EIO         = uapi.EIO       // anything else
	ENXIO       = uapi.ENXIO     // no such thing there
	EAGAIN      = uapi.EAGAIN    // see NAK
	ENOMEM      = uapi.ENOMEM    // too large
	EBUSY       = uapi.EBUSY     // already submitted, or in use by somebody else
	EXDEV       = uapi.EXDEV     // isochronous: some packets failed
	ENODEV      = uapi.ENODEV    // the device has gone
	EINVAL      = uapi.EINVAL    // a transfer that makes no sense
	EPIPE       = uapi.EPIPE     // stall
	ENOSR       = uapi.ENOSR     // device data could not be fetched in time (overrun)
	ECOMM       = uapi.ECOMM     // data came faster than memory took it
	EPROTO      = uapi.EPROTO    // bit stuffing, CRC or no answer in time
	EOVERFLOW   = uapi.EOVERFLOW // babble: more data than asked for
	EILSEQ      = uapi.EILSEQ    // CRC mismatch
	EMSGSIZE    = uapi.EMSGSIZE  // a packet larger than the endpoint's
	ENOPROTOOPT = uapi.ENOPROTOOPT
	EOPNOTSUPP  = uapi.EOPNOTSUPP // this end cannot do that
	ECONNRESET  = uapi.ECONNRESET // cancelled, not waited for (usb_unlink_urb)
	ENOTCONN    = uapi.ENOTCONN   // no address is left
	ESHUTDOWN   = uapi.ESHUTDOWN  // the device or its port was disabled
	ETIMEDOUT   = uapi.ETIMEDOUT  // nothing came in time
	EREMOTEIO   = uapi.EREMOTEIO  // a short packet where ShortNotOK forbids it
)

// NAK is what a Function returns when it has nothing to give or cannot take more: the transfer
// waits for [Link.Wake].
const NAK = EAGAIN

// Stall is what a Function returns for a request it does not know, and to halt an endpoint [USB2]
// 8.4.5.
const Stall = EPIPE

// Error says more than an Errno: what was asked, what was found, what to do.
type Error struct {
	Op     string // "control", "bulk", "parse", "plug", …
	Where  string // a device or an endpoint; may be empty
	Reason string
	Errno  Errno
	Err    error // the cause below, or nil
}

func (e *Error) Error() string {
	s := "usb: " + e.Op
	if e.Where != "" {
		s += " " + e.Where
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Errno != 0 {
		s += " (" + e.Errno.Name() + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the errno and the cause.
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Errno, e.Err}
	}
	return []error{e.Errno}
}

func fail(op, where string, errno Errno, format string, args ...any) error {
	return &Error{Op: op, Where: where, Errno: errno, Reason: fmt.Sprintf(format, args...)}
}

// ErrnoOf is the Linux number of an error, EIO where it carries none, 0 for nil; see
// [uapi.ErrnoOf].
func ErrnoOf(err error) Errno { return uapi.ErrnoOf(err) }
