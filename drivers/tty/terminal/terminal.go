// Package terminal is the user's side of a terminal: a program that has it open, raw, as a
// [serial.Conn]. The same tests and the same doors (ptys, RFC 2217) work on it as on a bare line.
// It reaches the terminal by system calls alone.
package terminal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

// Conn is a program that has a terminal of the simulated kernel open, raw: its far side as a
// serial.Conn. Through it the same tests and the same doors (ptys, RFC 2217) work on a driver as on
// a bare line.
type Conn struct {
	path      string
	rd, wr    *kernel.Task
	fd        int
	deadline  atomic.Pointer[time.Time]
	closed    atomic.Bool
	abandoned atomic.Bool
	marks     []byte      // received, not yet decoded: guarded by rdMu
	in        [4096]byte  // of the read under way: guarded by rdMu
	purged    atomic.Bool // marks are to be forgotten: a reader that waits holds rdMu

	rdMu  sync.Mutex
	wrMu  sync.Mutex
	ctlMu sync.Mutex
	ctl   *kernel.Task
}

var (
	_ serial.Conn       = (*Conn)(nil)
	_ serial.ModemLines = (*Conn)(nil)
	_ serial.Breaker    = (*Conn)(nil)
	_ serial.Receiver   = (*Conn)(nil)
	_ serial.Drainer    = (*Conn)(nil)
	_ serial.Purger     = (*Conn)(nil)
)

// Open opens a terminal such as "/dev/ttyS0", without waiting for a carrier, in mode m.
//
// Errors: those of open(2), and of SetMode.
func Open(k *kernel.Kernel, path string, m serial.Mode) (*Conn, error) {
	c := &Conn{path: path, rd: k.NewTask(kernel.WithComm("tty-conn"))}
	fd, err := c.rd.Open(path, kernel.O_RDWR|kernel.O_NONBLOCK|kernel.O_NOCTTY)
	if err != nil {
		c.rd.Exit()
		return nil, &serial.Error{Op: "open", Port: path, Err: err}
	}
	c.fd, c.wr, c.ctl = fd, c.rd.Clone(), c.rd.Clone()
	if err := c.SetMode(m); err != nil {
		_ = c.Close()
		return nil, err
	}
	_, _ = c.ctl.Fcntl(fd, kernel.F_SETFL, 0)
	return c, nil
}

// Read reads what has arrived, with bad characters among the good ones.
//
// Errors: os.ErrDeadlineExceeded, os.ErrClosed, ENODEV when the terminal was hung up.
func (c *Conn) Read(p []byte) (int, error) {
	n, _, err := c.Receive(p)
	return n, err
}

// Receive reads a run of good characters, or one with the errors that it was received with. The
// terminal marks them by PARMRK, which does not tell parity from framing errors: both are reported,
// as a pair.
func (c *Conn) Receive(p []byte) (int, serial.Flags, error) {
	if len(p) == 0 {
		return 0, 0, nil
	}
	c.rdMu.Lock()
	defer c.rdMu.Unlock()
	for {
		c.forget()
		if n, f := c.decode(p); n > 0 {
			return n, f, nil
		}
		if err := c.fill(); err != nil {
			return 0, 0, err
		}
	}
}

func (c *Conn) forget() {
	if c.purged.Swap(false) {
		c.marks = c.marks[:0]
	}
}

// decode takes characters off what was read: 377 0 c is one that was bad (c 0: a break), 377 377
// is 377.
func (c *Conn) decode(p []byte) (n int, f serial.Flags) {
	used := 0
	for n < len(p) && used < len(c.marks) {
		if run := bytes.IndexByte(c.marks[used:], 0o377); run != 0 {
			if run < 0 {
				run = len(c.marks) - used
			}
			k := copy(p[n:], c.marks[used:used+run])
			n, used = n+k, used+k
			continue
		}
		rest := c.marks[used:]
		if len(rest) < 2 || rest[1] == 0 && len(rest) < 3 {
			break
		}
		if rest[1] == 0o377 {
			p[n] = 0o377
			n++
			used += 2
			continue
		}
		if n > 0 {
			break
		}
		p[0], n = rest[2], 1
		if f = serial.ParityError | serial.Framing; rest[2] == 0 {
			f = serial.Break
		}
		used += 3
		break
	}
	c.marks = append(c.marks[:0], c.marks[used:]...)
	return n, f
}

// fill reads from the terminal, waiting until the deadline.
func (c *Conn) fill() error {
	for {
		if c.closed.Load() {
			return os.ErrClosed
		}
		wait := time.Duration(-1)
		if d := c.deadline.Load(); d != nil && !d.IsZero() {
			if wait = time.Until(*d); wait <= 0 {
				return os.ErrDeadlineExceeded
			}
		}
		fds := [1]kernel.PollFD{{FD: c.fd, Events: kernel.PollIn}}
		ready, err := c.rd.Poll(fds[:], wait)
		switch {
		case c.closed.Load():
			return os.ErrClosed
		case err == kernel.EINTR || err == nil && ready == 0:
			continue // a new deadline, or the old one has passed
		case err != nil:
			return c.fail("read", err)
		case fds[0].Revents&(kernel.PollHup|kernel.PollNval) != 0:
			return serial.Unplugged("read", c.path)
		}
		n, err := c.rd.Read(c.fd, c.in[:])
		switch {
		case err == kernel.EINTR:
			continue
		case err != nil:
			return c.fail("read", err)
		case n == 0:
			return serial.Unplugged("read", c.path)
		}
		c.forget()
		c.marks = append(c.marks, c.in[:n]...)
		return nil
	}
}

// Write writes all of p, waiting for room.
//
// Errors: os.ErrClosed, ENODEV when the terminal was hung up.
func (c *Conn) Write(p []byte) (int, error) {
	c.wrMu.Lock()
	defer c.wrMu.Unlock()
	n := 0
	for n < len(p) {
		if c.closed.Load() {
			return n, os.ErrClosed
		}
		k, err := c.wr.Write(c.fd, p[n:])
		n += max(k, 0)
		switch {
		case err == kernel.EINTR:
		case err == kernel.EIO:
			return n, serial.Unplugged("write", c.path)
		case err != nil:
			return n, c.fail("write", err)
		}
	}
	return n, nil
}

func (c *Conn) fail(op string, err error) error {
	if c.closed.Load() || errors.Is(err, kernel.EBADF) || err == kernel.ErrKilled {
		return os.ErrClosed
	}
	return &serial.Error{Op: op, Port: c.path, Err: err}
}

// SetReadDeadline ends waiting reads at d; the zero time is never.
func (c *Conn) SetReadDeadline(d time.Time) error {
	c.deadline.Store(&d)
	c.rd.Kill(kernel.SIGALRM) // a waiting read looks again
	return nil
}

// Close closes the terminal and ends reads and writes that wait. What was written leaves first, as
// at any last close of a terminal: for 30 s at most, or until [Conn.Abandon].
//
// Errors: os.ErrClosed the second time.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return os.ErrClosed
	}
	for _, t := range []*kernel.Task{c.rd, c.wr, c.ctl} {
		t.Kill(kernel.SIGTERM)
	}
	c.rdMu.Lock()
	defer c.rdMu.Unlock()
	c.wrMu.Lock()
	defer c.wrMu.Unlock()
	c.ctlMu.Lock()
	defer c.ctlMu.Unlock()
	for {
		if _, ok := c.ctl.TakeSignal(); !ok {
			break
		}
	}
	if c.abandoned.Load() {
		c.ctl.Kill(kernel.SIGTERM)
	}
	_ = c.ctl.Close(c.fd)
	c.ctl.Exit()
	c.wr.Exit()
	c.rd.Exit()
	return nil
}

// Abandon lets Close, of now or later, lose what has been written and not sent.
func (c *Conn) Abandon() {
	c.abandoned.Store(true)
	c.ctl.Kill(kernel.SIGTERM)
}

// ioctl makes one on behalf of whoever holds the conn.
func (c *Conn) ioctl(op string, cmd uint32, arg kernel.Arg) error {
	c.ctlMu.Lock()
	defer c.ctlMu.Unlock()
	if c.closed.Load() {
		return os.ErrClosed
	}
	_, err := c.ctl.Ioctl(c.fd, cmd, arg)
	switch {
	case err == nil:
		return nil
	case err == kernel.ENOTTY:
		return serial.Unsupported(op, c.path, "the terminal's driver cannot do this", err)
	case err == kernel.EIO:
		return serial.Unplugged(op, c.path)
	}
	return c.fail(op, err)
}

// SetMode sets the line raw, in mode m.
//
// Errors: EINVAL for a mode that cannot be; EOPNOTSUPP for one that the hardware does not do;
// ENODEV; os.ErrClosed.
func (c *Conn) SetMode(m serial.Mode) error {
	if err := m.Validate(); err != nil {
		return err
	}
	t := TermiosOf(m)
	if err := c.ioctl("mode", tty.TCSETS2, kernel.Arg{Buf: t.Bytes()}); err != nil {
		return err
	}
	const format = tty.CSIZE | tty.CSTOPB | tty.PARENB | tty.PARODD | tty.CMSPAR | tty.CRTSCTS
	buf := t.Bytes() // a driver takes what it can and does not complain: look
	if err := c.ioctl("mode", tty.TCGETS2, kernel.Arg{Buf: buf}); err != nil {
		return err
	}
	now, err := tty.ParseTermios(buf)
	if err != nil {
		return err
	}
	if (now.Cflag^t.Cflag)&format != 0 {
		return serial.Unsupported("mode", c.path, fmt.Sprintf("%v was asked for, the driver set %d data bits, c_cflag %#o", m, 5+now.Cflag&tty.CSIZE>>4, now.Cflag), nil)
	}
	return nil
}

// TermiosOf is a raw termios for mode m, with bad characters marked by PARMRK, the modem lines
// ignored as inputs and DTR and RTS dropped at the last close.
func TermiosOf(m serial.Mode) tty.Termios {
	t := tty.RawTermios(uint32(m.Baud))
	t.Iflag |= tty.INPCK | tty.PARMRK
	t.Cflag |= tty.HUPCL
	t.Cflag = t.Cflag&^tty.CSIZE | uint32(m.Data-5)<<4
	if m.Stop != serial.Stop1 {
		t.Cflag |= tty.CSTOPB
	}
	switch m.Parity {
	case serial.ParityOdd:
		t.Cflag |= tty.PARENB | tty.PARODD
	case serial.ParityEven:
		t.Cflag |= tty.PARENB
	case serial.ParityMark:
		t.Cflag |= tty.PARENB | tty.PARODD | tty.CMSPAR
	case serial.ParitySpace:
		t.Cflag |= tty.PARENB | tty.CMSPAR
	}
	if m.Flow&serial.FlowRTSCTS != 0 {
		t.Cflag |= tty.CRTSCTS
	}
	if m.Flow&serial.FlowXONXOFF != 0 {
		t.Iflag |= tty.IXON | tty.IXOFF
	}
	return t
}

// Signals reads the modem lines.
//
// Errors: EOPNOTSUPP without modem lines; ENODEV; os.ErrClosed.
func (c *Conn) Signals() (s serial.Signals, err error) {
	var buf [4]byte
	if err := c.ioctl("signals", tty.TIOCMGET, kernel.Arg{Buf: buf[:]}); err != nil {
		return 0, err
	}
	bits, _ := kernel.Arg{Buf: buf[:]}.Uint32()
	for _, l := range modemLines() {
		if bits&l.bit != 0 {
			s |= l.sig
		}
	}
	return s, nil
}

type modemLine struct {
	bit uint32
	sig serial.Signals
}

func modemLines() []modemLine {
	return []modemLine{{tty.TIOCM_DTR, serial.DTR}, {tty.TIOCM_RTS, serial.RTS}, {tty.TIOCM_CTS, serial.CTS},
		{tty.TIOCM_DSR, serial.DSR}, {tty.TIOCM_CAR, serial.DCD}, {tty.TIOCM_RNG, serial.RI}}
}

// SetSignals drives DTR and RTS as far as mask has them. Errors: as Signals.
func (c *Conn) SetSignals(mask, value serial.Signals) error {
	var set, clear uint32
	for _, l := range modemLines()[:2] {
		switch {
		case mask&l.sig == 0:
		case value&l.sig != 0:
			set |= l.bit
		default:
			clear |= l.bit
		}
	}
	for _, b := range []struct{ cmd, bits uint32 }{{tty.TIOCMBIS, set}, {tty.TIOCMBIC, clear}} {
		if b.bits == 0 {
			continue
		}
		var buf [4]byte
		arg := kernel.Arg{Buf: buf[:]}
		_ = arg.PutUint32(b.bits)
		if err := c.ioctl("signals", b.cmd, arg); err != nil {
			return err
		}
	}
	return nil
}

// SetBreak begins or ends a break.
func (c *Conn) SetBreak(on bool) error {
	if on {
		return c.ioctl("break", tty.TIOCSBRK, kernel.Arg{})
	}
	return c.ioctl("break", tty.TIOCCBRK, kernel.Arg{})
}

// Drain waits until what was written has left.
func (c *Conn) Drain() error { return c.ioctl("drain", tty.TCSBRK, kernel.Arg{Val: 1}) }

// Purge throws away what was received and not read, and what was written and not sent.
func (c *Conn) Purge(rx, tx bool) error {
	if rx {
		c.purged.Store(true)
		if err := c.ioctl("purge", tty.TCFLSH, kernel.Arg{Val: tty.TCIFLUSH}); err != nil {
			return err
		}
	}
	if tx {
		return c.ioctl("purge", tty.TCFLSH, kernel.Arg{Val: tty.TCOFLUSH})
	}
	return nil
}
