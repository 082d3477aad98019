package serial

import (
	"io"
	"time"

	"github.com/kobench/kobench/hw/clock"
)

// Conn is a serial end as its user sees it: a Port, a host's port, either side of a pty, an RFC
// 2217 client.
//
// Read returns os.ErrDeadlineExceeded when the deadline passes (never io.EOF, which is what some
// serial packages say), os.ErrClosed after Close, for a pending Read at once, and an error that
// unwraps to ENODEV when the device has gone.
type Conn interface {
	io.ReadWriteCloser
	SetMode(Mode) error
	SetReadDeadline(time.Time) error
}

// ModemLines is a Conn with modem lines. Absence, or an error that unwraps to EOPNOTSUPP, means
// there are none.
type ModemLines interface {
	Signals() (Signals, error)
	SetSignals(mask, value Signals) error
}

// Breaker is a Conn that can send a break. Absence as for ModemLines.
type Breaker interface{ SetBreak(on bool) error }

// Receiver is a Conn that says which characters were received with errors: a run without (flags 0),
// or one with. Absence means that errors are not reported.
type Receiver interface {
	Receive([]byte) (int, Flags, error)
}

// Drainer is a Conn that can wait until what was written has left. Absence means that nobody knows.
type Drainer interface{ Drain() error }

// Clocked is a Conn whose line keeps the time of a machine. Absence means the host's time.
type Clocked interface{ Clock() *clock.Clock }

// ClockOf is the clock by which a device at p makes its pauses: its line's, or a new one that
// follows the host's.
func ClockOf(p Conn) *clock.Clock {
	if c, ok := p.(Clocked); ok {
		return c.Clock()
	}
	return clock.New()
}

// Purger is a Conn that can throw away what it has received and what it has not sent.
type Purger interface{ Purge(rx, tx bool) error }

var (
	_ Conn       = (*Port)(nil)
	_ ModemLines = (*Port)(nil)
	_ Breaker    = (*Port)(nil)
	_ Receiver   = (*Port)(nil)
	_ Drainer    = (*Port)(nil)
	_ Clocked    = (*Port)(nil)
	_ Purger     = (*Port)(nil)
)

// Unsupported is the error of an end that lacks an ability: it unwraps to EOPNOTSUPP.
func Unsupported(op, port, reason string, err error) error {
	return &Error{Op: op, Port: port, Reason: reason, Errno: errNotSupported, Err: err}
}
