//go:build linux || windows || cgo

package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kobench/kobench/hw/serial"
	tarm "github.com/tarm/serial"
)

// tarmTimeout bounds a read inside tarm/serial, whose pending reads nothing else ends. It is not a
// time-out that a caller sees.
const tarmTimeout = 100 * time.Millisecond

// OpenPort opens the port on the desk, such as /dev/ttyUSB0, through tarm/serial, in mode m, and
// takes it for itself. A second descriptor does what tarm/serial has no words for.
//
// Errors: those of opening the device (fs.ErrNotExist, fs.ErrPermission, EBUSY); EINVAL for a mode
// that cannot be; EOPNOTSUPP for one the device does not take; ENOTTY when it is not a serial port.
func OpenPort(name string, m serial.Mode) (*TTY, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	f, err := openControl(name)
	if err != nil {
		return nil, fmt.Errorf("serial: open: %w", err)
	}
	c := &tarm.Config{Name: name, Baud: int(m.Baud), ReadTimeout: tarmTimeout, Size: m.Data, Parity: tarm.ParityNone, StopBits: tarm.Stop1}
	switch m.Parity {
	case serial.ParityOdd:
		c.Parity = tarm.ParityOdd
	case serial.ParityEven:
		c.Parity = tarm.ParityEven
	}
	if m.Stop == serial.Stop2 {
		c.StopBits = tarm.Stop2
	}
	p, err := tarm.OpenPort(c)
	if err != nil && haveIoctls {
		// Not one of tarm's rates: open it with one, SetMode below sets the one asked for.
		c.Baud = 9600
		p, err = tarm.OpenPort(c)
	}
	if err != nil {
		f.Close()
		var no syscall.Errno
		errors.As(err, &no)
		return nil, &serial.Error{Op: "open", Port: name, Reason: "the device is not usable as a serial port", Errno: no, Err: err}
	}
	d := &tarmIO{f: f, p: p}
	t := newTTY(name, f, d, haveIoctls)
	d.t = t
	err = t.SetMode(m)
	if err == nil {
		err = t.control("open", func(fd int) error { return errors.Join(readTimeout(fd, 0, 1), exclusive(fd)) })
	}
	if err != nil && !(errors.Is(err, syscall.EOPNOTSUPP) && !haveIoctls) {
		t.Close()
		return nil, err
	}
	return t, nil
}

// tarmIO reads and writes through tarm/serial, and waits through the other descriptor.
type tarmIO struct {
	t     *TTY
	f     *os.File
	p     *tarm.Port
	ended atomic.Bool
}

// Read waits until the device has something or has gone, and only then asks tarm/serial.
func (d *tarmIO) Read(b []byte) (int, error) {
	rc, err := d.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	var e error
	err = rc.Read(func(fd uintptr) bool {
		ok, hup := ready(int(fd), pollIn)
		if !ok && !hup {
			return false
		}
		n, e = d.p.Read(b)
		if n == 0 && errors.Is(e, io.EOF) && !hup {
			_, hup = ready(int(fd), pollIn)
			if !hup { // somebody else read it: tarm/serial's time-out
				e = nil
				return false
			}
		}
		return true
	})
	if err != nil {
		return n, err
	}
	return n, e
}

// Write hands over what the device has room for, in pieces, so that Close can come between.
func (d *tarmIO) Write(b []byte) (int, error) {
	rc, err := d.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	sent := 0
	for sent < len(b) {
		var e error
		err := rc.Write(func(fd uintptr) bool {
			ok, hup := ready(int(fd), pollOut)
			if hup {
				e = syscall.EIO
				return true
			}
			return ok
		})
		if err = errors.Join(err, e); err != nil {
			return sent, err
		}
		n, err := d.p.Write(b[sent:min(len(b), sent+4096)])
		sent += n
		if err != nil {
			return sent, err
		}
		if !d.t.open.Load() {
			return sent, os.ErrClosed
		}
	}
	return sent, nil
}

func (d *tarmIO) close() error {
	if d.ended.Swap(true) {
		return nil
	}
	return d.p.Close()
}
