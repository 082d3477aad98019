package usb

import (
	"fmt"
	"os"
	"strconv"
)

// Errno is the status of a transfer: Linux's number on every host, as URBs and USB/IP carry it (there negative) [errors].
// It unwraps to the host's syscall.Errno of the same name where the host has one.
type Errno int

// What can happen to a transfer [errors].
const (
	ENOENT      Errno = 2  // cancelled and waited for (usb_kill_urb); from Submit: no such endpoint
	EIO         Errno = 5  // anything else
	ENXIO       Errno = 6  // no such thing there
	EAGAIN      Errno = 11 // see NAK
	ENOMEM      Errno = 12 // too large
	EBUSY       Errno = 16 // already submitted, or in use by somebody else
	EXDEV       Errno = 18 // isochronous: some packets failed
	ENODEV      Errno = 19 // the device has gone
	EINVAL      Errno = 22 // a transfer that makes no sense
	EPIPE       Errno = 32 // stall
	ENOSR       Errno = 63 // device data could not be fetched in time (overrun)
	ECOMM       Errno = 70 // data came faster than memory took it
	EPROTO      Errno = 71 // bit stuffing, CRC or no answer in time
	EOVERFLOW   Errno = 75 // babble: more data than asked for
	EILSEQ      Errno = 84 // CRC mismatch
	EMSGSIZE    Errno = 90 // a packet larger than the endpoint's
	ENOPROTOOPT Errno = 92
	EOPNOTSUPP  Errno = 95  // this end cannot do that
	ECONNRESET  Errno = 104 // cancelled, not waited for (usb_unlink_urb)
	ENOTCONN    Errno = 107 // no address is left
	ESHUTDOWN   Errno = 108 // the device or its port was disabled
	ETIMEDOUT   Errno = 110 // nothing came in time
	EREMOTEIO   Errno = 121 // a short packet where ShortNotOK forbids it
)

// NAK is what a Function returns when it has nothing to give or cannot take more: the transfer waits for [Link.Wake].
const NAK = EAGAIN

// Stall is what a Function returns for a request it does not know, and to halt an endpoint [USB2] 8.4.5.
const Stall = EPIPE

// Errno is the number, positive, for packages that must not import this one.
func (e Errno) Errno() int { return int(e) }

// Name is the symbol, such as "EPIPE".
func (e Errno) Name() string {
	for _, r := range errnoTable {
		if r.e == e {
			return r.name
		}
	}
	return "errno " + strconv.Itoa(int(e))
}

func (e Errno) Error() string {
	for _, r := range errnoTable {
		if r.e == e {
			return "usb: " + r.text + " (" + r.name + ")"
		}
	}
	return "usb: errno " + strconv.Itoa(int(e))
}

// Is relates ETIMEDOUT to os.ErrDeadlineExceeded, ENODEV and ENOENT to fs.ErrNotExist, and each number to the host's syscall.Errno.
func (e Errno) Is(target error) bool {
	switch target {
	case os.ErrDeadlineExceeded:
		return e == ETIMEDOUT
	case os.ErrNotExist:
		return e == ENOENT
	}
	return e.isHost(target)
}

// Timeout makes ETIMEDOUT a time-out in net.Error's sense.
func (e Errno) Timeout() bool { return e == ETIMEDOUT }

type errnoRow struct {
	e    Errno
	name string
	text string
}

var errnoTable = [...]errnoRow{
	{ENOENT, "ENOENT", "cancelled, or no such endpoint in the current configuration"},
	{EIO, "EIO", "input/output error"},
	{ENXIO, "ENXIO", "no such device or port"},
	{EAGAIN, "EAGAIN", "the device is not ready (NAK)"},
	{ENOMEM, "ENOMEM", "the transfer is too large"},
	{EBUSY, "EBUSY", "in use"},
	{EXDEV, "EXDEV", "some isochronous packets failed"},
	{ENODEV, "ENODEV", "the device has gone"},
	{EINVAL, "EINVAL", "the transfer makes no sense"},
	{EPIPE, "EPIPE", "the endpoint stalled"},
	{ENOSR, "ENOSR", "the device's data was not fetched in time"},
	{ECOMM, "ECOMM", "data came faster than it was taken"},
	{EPROTO, "EPROTO", "protocol error: bit stuffing, CRC or no answer"},
	{EOVERFLOW, "EOVERFLOW", "the device sent more than was asked for (babble)"},
	{EILSEQ, "EILSEQ", "CRC mismatch"},
	{EMSGSIZE, "EMSGSIZE", "a packet is larger than the endpoint's"},
	{ENOPROTOOPT, "ENOPROTOOPT", "no such option"},
	{EOPNOTSUPP, "EOPNOTSUPP", "not supported"},
	{ECONNRESET, "ECONNRESET", "the transfer was unlinked"},
	{ENOTCONN, "ENOTCONN", "no address is left"},
	{ESHUTDOWN, "ESHUTDOWN", "the device was disabled"},
	{ETIMEDOUT, "ETIMEDOUT", "the device did not answer in time"},
	{EREMOTEIO, "EREMOTEIO", "a short packet"},
}

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

// ErrnoOf is the Linux number of any error of this package, EIO for another one, 0 for nil.
func ErrnoOf(err error) Errno {
	switch e := err.(type) {
	case nil:
		return 0
	case Errno:
		return e
	}
	var e Errno
	if asErrno(err, &e) && e != 0 {
		return e
	}
	return EIO
}
