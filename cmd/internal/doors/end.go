package doors

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/kobench/kobench/drivers/tty/terminal"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

// end is a terminal that is open while a client is there.
type end struct {
	k    *kernel.Kernel
	path string // in the simulated machine

	mu sync.Mutex
	// nil: no client
	conn *terminal.Conn // +checklocks:mu
	// closed when conn or the deadline changes
	changed  chan struct{} // +checklocks:mu
	deadline time.Time     // +checklocks:mu
	// what the client asked for last
	mode serial.Mode // +checklocks:mu
	// being closed
	leaving *terminal.Conn // +checklocks:mu
	// writes that wait for the line
	writing int // +checklocks:mu
	// the write deadline has passed
	late bool // +checklocks:mu
}

var (
	_ serial.Conn       = (*end)(nil)
	_ serial.ModemLines = (*end)(nil)
	_ serial.Breaker    = (*end)(nil)
	_ serial.Receiver   = (*end)(nil)
	_ serial.Drainer    = (*end)(nil)
	_ serial.Purger     = (*end)(nil)
)

func newEnd(k *kernel.Kernel, path string) *end {
	return &end{k: k, path: path, changed: make(chan struct{}), mode: serial.DefaultMode}
}

// +checklocks:e.mu
func (e *end) changedLocked() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// open is the terminal, opened if it is not.
//
// Errors: those of open(2), as ENODEV.
func (e *end) open() (*terminal.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn != nil {
		return e.conn, nil
	}
	c, err := terminal.Open(e.k, e.path, e.mode)
	if err != nil {
		return nil, &serial.Error{Op: "open", Port: e.path, Reason: "the terminal cannot be opened; is its driver loaded?", Errno: syscall.ENODEV, Err: err}
	}
	_ = c.SetReadDeadline(e.deadline)
	e.conn = c
	e.changedLocked()
	return c, nil
}

// leave closes the terminal: the client has gone. What it wrote leaves first.
func (e *end) leave() {
	e.mu.Lock()
	c := e.conn
	e.conn, e.leaving = nil, c
	e.changedLocked()
	late := e.late
	e.mu.Unlock()
	if c == nil {
		return
	}
	if late {
		c.Abandon()
	}
	_ = c.Close() // HUPCL is set: DTR and RTS go after the last byte
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.leaving == c {
		e.leaving = nil
	}
}

// Close is leave. The terminal opens again with the next client.
func (e *end) Close() error { e.leave(); return nil }

// Read is Receive without the flags.
func (e *end) Read(p []byte) (int, error) {
	n, _, err := e.Receive(p)
	return n, err
}

// Receive waits for a client and for input.
//
// Errors: os.ErrDeadlineExceeded; ENODEV when the terminal was hung up.
func (e *end) Receive(p []byte) (int, serial.Flags, error) {
	for {
		e.mu.Lock()
		c, changed, deadline := e.conn, e.changed, e.deadline
		e.mu.Unlock()
		if c != nil {
			n, f, err := c.Receive(p)
			if !errors.Is(err, os.ErrClosed) {
				return n, f, err
			}
			e.mu.Lock() // the client left, perhaps this instant
			if e.conn == c {
				e.conn = nil
			}
			e.mu.Unlock()
			continue
		}
		if err := await(changed, deadline); err != nil {
			return 0, 0, err
		}
	}
}

// await waits for changed until the deadline; the zero time is never.
func await(changed <-chan struct{}, deadline time.Time) error {
	if deadline.IsZero() {
		<-changed
		return nil
	}
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-changed:
		return nil
	case <-t.C:
		return os.ErrDeadlineExceeded
	}
}

// with does f to the terminal.
func (e *end) with(f func(*terminal.Conn) error) error {
	c, err := e.open()
	if err != nil {
		return err
	}
	return f(c)
}

func (e *end) Write(p []byte) (n int, err error) {
	err = e.with(func(c *terminal.Conn) error {
		e.mu.Lock()
		e.writing++
		e.mu.Unlock()
		n, err = c.Write(p)
		e.mu.Lock()
		e.writing--
		e.mu.Unlock()
		return err
	})
	return n, err
}

// SetWriteDeadline ends a write that waits for the line, and a close that waits for what was
// written, at once when d has passed, also such that begin later; it knows no later time.
func (e *end) SetWriteDeadline(d time.Time) error {
	e.mu.Lock()
	e.late = !d.IsZero() && time.Until(d) <= 0
	late, c, stuck, leaving := e.late, e.conn, e.writing > 0, e.leaving
	e.mu.Unlock()
	if !late {
		return nil
	}
	if leaving != nil {
		leaving.Abandon()
	}
	if c != nil && stuck {
		_ = c.Purge(false, true)
		e.leave()
	}
	return nil
}

func (e *end) SetMode(m serial.Mode) error {
	if err := m.Validate(); err != nil {
		return err
	}
	e.mu.Lock()
	e.mode = m
	e.mu.Unlock()
	return e.with(func(c *terminal.Conn) error { return c.SetMode(m) })
}

// Mode is what the client asked for last.
func (e *end) Mode() serial.Mode {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mode
}

func (e *end) SetReadDeadline(d time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deadline = d
	if e.conn != nil {
		_ = e.conn.SetReadDeadline(d)
	}
	e.changedLocked()
	return nil
}

func (e *end) Signals() (s serial.Signals, err error) {
	err = e.with(func(c *terminal.Conn) error { s, err = c.Signals(); return err })
	return s, err
}

func (e *end) SetSignals(mask, value serial.Signals) error {
	return e.with(func(c *terminal.Conn) error { return c.SetSignals(mask, value) })
}

func (e *end) SetBreak(on bool) error {
	return e.with(func(c *terminal.Conn) error { return c.SetBreak(on) })
}

func (e *end) Drain() error { return e.with(func(c *terminal.Conn) error { return c.Drain() }) }

func (e *end) Purge(rx, tx bool) error {
	return e.with(func(c *terminal.Conn) error { return c.Purge(rx, tx) })
}
