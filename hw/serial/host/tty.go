package host

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
)

// TTY is a terminal device of the host as a serial end. The zero value is not usable.
type TTY struct {
	name   string
	f      *os.File // non-blocking: readiness, deadlines, ioctls
	data   rawIO    // carries the bytes
	marks  bool     // PARMRK is on: errors are marked in the data
	master bool     // of a pty: no line discipline, and its termios is the slave's

	rd   sync.Mutex
	in   []byte // read and not parsed; guarded by rd
	buf  [4096]byte
	wr   sync.Mutex
	open atomic.Bool
	mode atomic.Pointer[serial.Mode]
}

// rawIO moves bytes. Read waits under the descriptor's deadline.
type rawIO interface {
	io.ReadWriter
	close() error
}

// fileIO is a descriptor that Go's poller knows.
type fileIO struct{ f *os.File }

func (d fileIO) Read(p []byte) (int, error)  { return d.f.Read(p) }
func (d fileIO) Write(p []byte) (int, error) { return d.f.Write(p) }
func (d fileIO) close() error                { return nil }

func newTTY(name string, f *os.File, data rawIO, marks bool) *TTY {
	t := &TTY{name: name, f: f, data: data, marks: marks}
	t.open.Store(true)
	return t
}

// Name is the device's path.
func (t *TTY) Name() string { return t.name }

// Read is [serial.Conn]'s: characters as they came, those with errors too, without breaks.
//
// Errors: os.ErrDeadlineExceeded, os.ErrClosed, ENODEV when the device has been unplugged or hung
// up.
func (t *TTY) Read(p []byte) (int, error) {
	for {
		n, f, err := t.Receive(p)
		if err != nil || f&serial.Break == 0 {
			return n, err
		}
	}
}

// Receive reads characters with their errors. A character 0 with a parity error cannot be told from
// a break: Linux marks both alike.
//
// Errors: as Read.
func (t *TTY) Receive(p []byte) (int, serial.Flags, error) {
	if len(p) == 0 {
		return 0, 0, nil
	}
	t.rd.Lock()
	defer t.rd.Unlock()
	if !t.open.Load() {
		return 0, 0, os.ErrClosed
	}
	if !t.marks {
		n, err := t.data.Read(p)
		return n, 0, t.readError(n, err)
	}
	for {
		if n, f := t.parse(p); n > 0 {
			return n, f, nil
		}
		k := copy(t.buf[:], t.in)
		n, err := t.data.Read(t.buf[k:])
		t.in = t.buf[:k+n]
		if n == 0 {
			return 0, 0, t.readError(n, err)
		}
	}
}

// parse takes the marks of PARMRK out of t.in: 255 255 is 255, 255 0 c is c with an error, 255 0 0
// a break [termios].
func (t *TTY) parse(p []byte) (int, serial.Flags) {
	n := 0
	for n < len(p) && len(t.in) > 0 {
		if t.in[0] != 0xff {
			k := bytes.IndexByte(t.in, 0xff)
			if k < 0 {
				k = len(t.in)
			}
			k = copy(p[n:], t.in[:k])
			n += k
			t.in = t.in[k:]
			continue
		}
		switch {
		case len(t.in) < 2:
			return n, 0
		case t.in[1] != 0:
			p[n] = t.in[1]
			n++
			t.in = t.in[2:]
		case len(t.in) < 3 || n > 0:
			return n, 0
		default:
			p[0] = t.in[2]
			t.in = t.in[3:]
			f := serial.Break
			if p[0] != 0 {
				f = serial.Framing
				if m := t.mode.Load(); m != nil && m.Parity != serial.ParityNone {
					f = serial.ParityError
				}
			}
			return 1, f
		}
	}
	return n, 0
}

func (t *TTY) readError(n int, err error) error {
	switch {
	case !t.open.Load():
		return os.ErrClosed
	case err == nil && n > 0:
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV):
		return &serial.Error{Op: "read", Port: t.name, Reason: "the device was unplugged or hung up", Errno: syscall.ENODEV, Err: err}
	case errors.Is(err, fs.ErrClosed):
		return os.ErrClosed
	}
	return err
}

// Write writes all of p; it waits while the device's buffer is full or flow control holds it.
//
// Errors: os.ErrClosed, for a waiting Write at once; ENODEV.
func (t *TTY) Write(p []byte) (int, error) {
	t.wr.Lock()
	defer t.wr.Unlock()
	if !t.open.Load() {
		return 0, os.ErrClosed
	}
	n, err := t.data.Write(p)
	switch {
	case n == len(p) && err == nil:
		return n, nil
	case !t.open.Load():
		err = os.ErrClosed
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ENXIO):
		err = &serial.Error{Op: "write", Port: t.name, Reason: "the device was unplugged or hung up", Errno: syscall.ENODEV, Err: err}
	}
	return n, err
}

// SetReadDeadline ends waiting reads at d; the zero time is never.
func (t *TTY) SetReadDeadline(d time.Time) error {
	if !t.open.Load() {
		return os.ErrClosed
	}
	return t.f.SetReadDeadline(d)
}

// Close ends waiting reads and writes at once; what a waiting Write had not handed over is lost.
//
// Errors: os.ErrClosed the second time.
//
// Checklocks does not know TryLock.
// +checklocksignore
func (t *TTY) Close() error {
	if !t.open.Swap(false) {
		return os.ErrClosed
	}
	for !t.wr.TryLock() { // a write below waits for the device, or is about to
		t.f.SetWriteDeadline(time.Now())
		discardOutput(t.f)
		time.Sleep(time.Millisecond)
	}
	defer t.wr.Unlock()
	err := t.f.Close()
	t.rd.Lock()
	defer t.rd.Unlock()
	return errors.Join(err, t.data.close())
}

// control runs an ioctl on the descriptor.
func (t *TTY) control(op string, fn func(fd int) error) error {
	if !t.open.Load() {
		return os.ErrClosed
	}
	rc, err := t.f.SyscallConn()
	if err != nil {
		return err
	}
	var e error
	if err := rc.Control(func(fd uintptr) { e = fn(int(fd)) }); err != nil {
		return os.ErrClosed
	}
	var se *serial.Error
	switch {
	case e == nil:
		return nil
	case errors.As(e, &se):
		se.Port = t.name
		return e
	case errors.Is(e, syscall.EIO), errors.Is(e, syscall.ENODEV), errors.Is(e, syscall.ENXIO):
		return &serial.Error{Op: op, Port: t.name, Reason: "the device was unplugged or hung up", Errno: syscall.ENODEV, Err: e}
	}
	var no syscall.Errno
	errors.As(e, &no)
	return &serial.Error{Op: op, Port: t.name, Reason: "the device refused", Errno: no, Err: e}
}

// SetMode sets rate, format and flow control, for both directions, at once.
//
// Errors: EINVAL for a mode that cannot be; EOPNOTSUPP when the device did not take it; ENODEV.
func (t *TTY) SetMode(m serial.Mode) error {
	if err := m.Validate(); err != nil {
		return err
	}
	if t.master {
		if m.Flow != serial.FlowNone || m.Data != 8 || m.Parity != serial.ParityNone {
			return serial.Unsupported("mode", t.name, "a pty's master carries 8 bits without parity and has no flow control", nil)
		}
		return nil
	}
	if err := t.control("mode", func(fd int) error { return setMode(fd, m) }); err != nil {
		return err
	}
	t.mode.Store(&m)
	return nil
}

// Mode is what the device says its mode is.
func (t *TTY) Mode() (m serial.Mode, err error) {
	err = t.control("mode", func(fd int) (e error) { m, e = getMode(fd); return })
	return m, err
}

// Signals are the modem inputs, and the outputs as they are set.
//
// Errors: EOPNOTSUPP for a device without modem lines, such as a pty, and on systems other than
// Linux; ENODEV.
func (t *TTY) Signals() (s serial.Signals, err error) {
	err = t.control("modem lines", func(fd int) (e error) { s, e = getSignals(fd); return })
	return s, err
}

// SetSignals sets DTR and RTS, as far as mask has them.
//
// Errors: as Signals.
func (t *TTY) SetSignals(mask, value serial.Signals) error {
	return t.control("modem lines", func(fd int) error { return setSignals(fd, mask, value) })
}

// SetBreak begins or ends a break.
//
// Errors: EOPNOTSUPP, ENODEV.
func (t *TTY) SetBreak(on bool) error {
	return t.control("break", func(fd int) error { return setBreak(fd, on) })
}

// Drain waits until the device has sent what was written, as far as the device knows.
//
// Errors: os.ErrClosed, ENODEV.
func (t *TTY) Drain() error {
	for {
		left := 0
		if err := t.control("drain", func(fd int) (e error) { left, e = queued(fd); return }); err != nil {
			return err
		}
		if left == 0 {
			return t.control("drain", drain)
		}
		time.Sleep(time.Millisecond)
	}
}

// Purge throws away what was received and not read, and what was written and not sent.
func (t *TTY) Purge(rx, tx bool) error {
	if rx {
		t.rd.Lock()
		t.in = nil
		t.rd.Unlock()
	}
	return t.control("purge", func(fd int) error { return purge(fd, rx, tx) })
}

var (
	_ serial.Conn       = (*TTY)(nil)
	_ serial.ModemLines = (*TTY)(nil)
	_ serial.Breaker    = (*TTY)(nil)
	_ serial.Receiver   = (*TTY)(nil)
	_ serial.Drainer    = (*TTY)(nil)
	_ serial.Purger     = (*TTY)(nil)
)
