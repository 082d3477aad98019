package serial

import (
	"os"
	"syscall"
)

// Error is a serial error: what was asked, what was found, and the errno that the same failure has
// on Linux.
type Error struct {
	Op     string        // "read", "write", "mode", "break", …
	Port   string        // the port's name, if it has one
	Reason string        // what was found and what to do
	Errno  syscall.Errno // ENODEV, EINVAL, EIO, ENOTTY, EOPNOTSUPP
	Err    error         // the cause below, or nil
}

func (e *Error) Error() string {
	s := "serial: " + e.Op
	if e.Port != "" {
		s += " " + e.Port
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the errno and the cause, so errors.Is works with syscall.ENODEV and with fs.Err….
func (e *Error) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Errno, e.Err}
	}
	return []error{e.Errno}
}

func invalid(op, reason string) error { return &Error{Op: op, Reason: reason, Errno: syscall.EINVAL} }

// errTimeout and errClosed are what net and os use, so that callers' errors.Is checks work
// unchanged.
var (
	errTimeout = os.ErrDeadlineExceeded
	errClosed  = os.ErrClosed
)

// Unplugged is the error of an end whose device has gone: it unwraps to ENODEV.
func Unplugged(op, port string) error {
	return &Error{Op: op, Port: port, Reason: "the device was unplugged", Errno: syscall.ENODEV}
}

const errNotSupported = syscall.EOPNOTSUPP
