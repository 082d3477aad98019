package host

import (
	"errors"
	"fmt"
	"os"

	"github.com/kobench/kobench/hw/serial"
	"golang.org/x/sys/unix"
)

// haveIoctls says that modem lines, break and any rate work on this system.
const haveIoctls = true

var sizes = [...]uint32{5: unix.CS5, unix.CS6, unix.CS7, unix.CS8}

const formatFlags = unix.CSIZE | unix.PARENB | unix.PARODD | unix.CMSPAR | unix.CSTOPB

// apply puts m into t, everything else raw, errors marked in the data.
func apply(t *unix.Termios, m serial.Mode) error {
	t.Iflag = unix.PARMRK
	if m.Parity != serial.ParityNone {
		t.Iflag |= unix.INPCK
	}
	t.Oflag, t.Lflag = 0, 0
	t.Cflag = t.Cflag&unix.HUPCL | unix.CREAD | unix.CLOCAL | sizes[m.Data] | unix.BOTHER | unix.BOTHER<<unix.IBSHIFT
	switch m.Parity {
	case serial.ParityOdd:
		t.Cflag |= unix.PARENB | unix.PARODD
	case serial.ParityEven:
		t.Cflag |= unix.PARENB
	case serial.ParityMark:
		t.Cflag |= unix.PARENB | unix.PARODD | unix.CMSPAR
	case serial.ParitySpace:
		t.Cflag |= unix.PARENB | unix.CMSPAR
	}
	switch {
	case m.Stop == serial.Stop2, m.Stop == serial.Stop15 && m.Data == 5: // CSTOPB of 5 bits: 1.5
		t.Cflag |= unix.CSTOPB
	case m.Stop == serial.Stop15:
		return serial.Unsupported("mode", "", "1.5 stop bits exist only with 5 data bits here", nil)
	}
	if m.Flow&serial.FlowRTSCTS != 0 {
		t.Cflag |= unix.CRTSCTS
	}
	if m.Flow&serial.FlowXONXOFF != 0 {
		t.Iflag |= unix.IXON | unix.IXOFF
		t.Cc[unix.VSTART], t.Cc[unix.VSTOP] = 0x11, 0x13
	}
	t.Ispeed, t.Ospeed = uint32(m.Baud), uint32(m.Baud)
	return nil
}

func setMode(fd int, m serial.Mode) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return err
	}
	if err := apply(t, m); err != nil {
		return err
	}
	want := t.Cflag
	if err := unix.IoctlSetTermios(fd, unix.TCSETS2, t); err != nil {
		return err
	}
	// A driver takes what it can and does not complain: look.
	if t, err = unix.IoctlGetTermios(fd, unix.TCGETS2); err != nil {
		return err
	}
	if d := (t.Cflag ^ want) & (formatFlags | unix.CRTSCTS); d != 0 {
		got := modeOf(t)
		return serial.Unsupported("mode", "", fmt.Sprintf("%v was asked for, the device stays at %v", m, got), nil)
	}
	if off := max(t.Ospeed, uint32(m.Baud)) - min(t.Ospeed, uint32(m.Baud)); uint64(off)*20 > uint64(m.Baud) {
		return serial.Unsupported("mode", "", fmt.Sprintf("%d Bd was asked for, the device makes %d", m.Baud, t.Ospeed), nil)
	}
	return nil
}

// readTimeout sets VMIN and VTIME for a descriptor that blocks: a read comes back after tenths of a
// second at the latest.
func readTimeout(fd int, vmin, tenths uint8) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return err
	}
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = vmin, tenths
	return unix.IoctlSetTermios(fd, unix.TCSETS2, t)
}

func getMode(fd int) (serial.Mode, error) {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return serial.Mode{}, err
	}
	return modeOf(t), nil
}

func modeOf(t *unix.Termios) serial.Mode {
	m := serial.Mode{Baud: serial.Baud(t.Ospeed), Data: 8, Stop: serial.Stop1}
	for n := 5; n <= 8; n++ {
		if t.Cflag&unix.CSIZE == sizes[n] {
			m.Data = uint8(n)
		}
	}
	switch t.Cflag & (unix.PARENB | unix.PARODD | unix.CMSPAR) {
	case unix.PARENB:
		m.Parity = serial.ParityEven
	case unix.PARENB | unix.PARODD:
		m.Parity = serial.ParityOdd
	case unix.PARENB | unix.CMSPAR:
		m.Parity = serial.ParitySpace
	case unix.PARENB | unix.PARODD | unix.CMSPAR:
		m.Parity = serial.ParityMark
	}
	if t.Cflag&unix.CSTOPB != 0 {
		m.Stop = serial.Stop2
		if m.Data == 5 {
			m.Stop = serial.Stop15
		}
	}
	if t.Cflag&unix.CRTSCTS != 0 {
		m.Flow |= serial.FlowRTSCTS
	}
	if t.Iflag&(unix.IXON|unix.IXOFF) == unix.IXON|unix.IXOFF {
		m.Flow |= serial.FlowXONXOFF
	}
	return m
}

var tiocm = [...]struct {
	bit int
	s   serial.Signals
}{
	{unix.TIOCM_DTR, serial.DTR}, {unix.TIOCM_RTS, serial.RTS}, {unix.TIOCM_CTS, serial.CTS},
	{unix.TIOCM_DSR, serial.DSR}, {unix.TIOCM_CD, serial.DCD}, {unix.TIOCM_RI, serial.RI},
}

func noLines(err error) error {
	if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return serial.Unsupported("modem lines", "", "the device has none", err)
	}
	return err
}

func getSignals(fd int) (s serial.Signals, err error) {
	v, err := unix.IoctlGetInt(fd, unix.TIOCMGET)
	if err != nil {
		return 0, noLines(err)
	}
	for _, l := range tiocm {
		if v&l.bit != 0 {
			s |= l.s
		}
	}
	return s, nil
}

func setSignals(fd int, mask, value serial.Signals) error {
	on, off := 0, 0
	for _, l := range tiocm[:2] {
		switch {
		case mask&l.s == 0:
		case value&l.s != 0:
			on |= l.bit
		default:
			off |= l.bit
		}
	}
	for _, c := range []struct {
		req  uint
		bits int
	}{{unix.TIOCMBIS, on}, {unix.TIOCMBIC, off}} {
		if c.bits != 0 {
			if err := unix.IoctlSetPointerInt(fd, c.req, c.bits); err != nil {
				return noLines(err)
			}
		}
	}
	return nil
}

func setBreak(fd int, on bool) error {
	// A device that cannot answers nothing at all (Linux tty_ioctl: no break_ctl is success); one
	// without modem lines is a pty.
	if _, err := getSignals(fd); err != nil {
		return err
	}
	req := uint(unix.TIOCCBRK)
	if on {
		req = unix.TIOCSBRK
	}
	return unix.IoctlSetInt(fd, req, 0)
}

func queued(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCOUTQ) }

func drain(fd int) error { return unix.IoctlSetInt(fd, unix.TCSBRK, 1) }

func purge(fd int, rx, tx bool) error {
	how := -1
	switch {
	case rx && tx:
		how = unix.TCIOFLUSH
	case rx:
		how = unix.TCIFLUSH
	case tx:
		how = unix.TCOFLUSH
	default:
		return nil
	}
	return unix.IoctlSetInt(fd, unix.TCFLSH, how)
}

// discardOutput frees a write that waits in the device: the buffer is emptied, and output stopped
// and started, which wakes the writer where emptying alone does not (Linux pty_flush_buffer,
// __start_tty).
func discardOutput(f *os.File) {
	rc, err := f.SyscallConn()
	if err != nil {
		return
	}
	rc.Control(func(fd uintptr) {
		unix.IoctlSetInt(int(fd), unix.TCXONC, unix.TCOOFF)
		unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCOFLUSH)
		unix.IoctlSetInt(int(fd), unix.TCXONC, unix.TCOON)
	})
}

// ready asks whether a read would find something, or a write room; hup says that the device has
// gone.
func ready(fd int, events int16) (ok, hup bool) {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		_, err := unix.Poll(p, 0)
		if err != unix.EINTR {
			break
		}
	}
	return p[0].Revents&events != 0, p[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
}

const (
	pollIn  = unix.POLLIN
	pollOut = unix.POLLOUT
)

func openControl(name string) (*os.File, error) {
	return os.OpenFile(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
}

// exclusive keeps others from opening the device, TIOCEXCL.
func exclusive(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0) }
