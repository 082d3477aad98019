package tty

import (
	"encoding/binary"
	"time"

	"github.com/kobench/kobench/kernel"
)

// SerialInfo is what TIOCGSERIAL tells and TIOCSSERIAL sets (struct serial_struct,
// include/uapi/linux/serial.h).
type SerialInfo struct {
	Type          int32 // 4 is a 16550A (PORT_16550A)
	Line          int32
	Port          uint32 // I/O port
	IRQ           int32
	Flags         uint32 // ASYNC_*
	XmitFIFO      int32  // bytes
	CustomDivisor int32  // for ASYNC_SPD_CUST
	BaudBase      int32  // the rate for a divisor of 1
	CloseDelay    uint16 // hundredths of a second, as ClosingWait
	ClosingWait   uint16 // how long a last close waits for output: 0 for ever, 65535 not at all
}

// Flags of SerialInfo (include/uapi/linux/tty_flags.h).
const (
	ASYNC_SKIP_TEST     = 0x00000040
	ASYNC_SPD_HI        = 0x00000010 // 38400 means 57600
	ASYNC_SPD_VHI       = 0x00000020 // 115200
	ASYNC_SPD_SHI       = 0x00001000 // 230400
	ASYNC_SPD_CUST      = ASYNC_SPD_HI | ASYNC_SPD_VHI
	ASYNC_SPD_WARP      = ASYNC_SPD_HI | ASYNC_SPD_SHI // 460800
	ASYNC_SPD_MASK      = ASYNC_SPD_HI | ASYNC_SPD_VHI | ASYNC_SPD_SHI
	ASYNC_LOW_LATENCY   = 0x00002000
	ASYNC_USR_MASK      = ASYNC_SPD_MASK | 0x0400 | ASYNC_LOW_LATENCY // what anybody may change
	ASYNC_FLAGS         = 0x0000ffff                                  // what root may
	ASYNC_BOOT_AUTOCONF = 0x10000000
	sizeSerial          = 72
	closingNone         = 65535
	standardCloseDelay  = 50
	standardClosingWait = 3000
)

// TIOCSER_TEMT is the bit of TIOCSERGETLSR: the transmitter is empty (TIOCSER_TEMT).
const TIOCSER_TEMT = 1

// encode writes struct serial_struct of x86-64.
func (s *SerialInfo) encode(b []byte) {
	clear(b[:sizeSerial])
	le := binary.LittleEndian
	for i, v := range [...]uint32{uint32(s.Type), uint32(s.Line), s.Port, uint32(s.IRQ), s.Flags, uint32(s.XmitFIFO), uint32(s.CustomDivisor), uint32(s.BaudBase)} {
		le.PutUint32(b[4*i:], v)
	}
	le.PutUint16(b[32:], s.CloseDelay)
	le.PutUint16(b[40:], s.ClosingWait)
}

func (s *SerialInfo) decode(b []byte) {
	le := binary.LittleEndian
	at := func(i int) int32 { return int32(le.Uint32(b[4*i:])) }
	*s = SerialInfo{
		Type: at(0), Line: at(1), Port: uint32(at(2)), IRQ: at(3), Flags: uint32(at(4)), XmitFIFO: at(5), CustomDivisor: at(6), BaudBase: at(7),
		CloseDelay: le.Uint16(b[32:]), ClosingWait: le.Uint16(b[40:]),
	}
}

// getSerial is TIOCGSERIAL.
func (t *TTY) getSerial(arg kernel.Arg) error {
	if t.can.describe == nil {
		return kernel.ENOTTY
	}
	if len(arg.Buf) < sizeSerial {
		return kernel.EFAULT
	}
	s := t.Serial()
	s.encode(arg.Buf)
	return nil
}

// Serial is what TIOCGSERIAL tells of a port that can be described.
func (t *TTY) Serial() SerialInfo {
	s := t.can.describe.Describe()
	s.Line = int32(t.index)
	t.mu.Lock()
	s.CloseDelay, s.ClosingWait = t.closeDelay, t.closingWait
	t.mu.Unlock()
	return s
}

// setSerial is TIOCSSERIAL ([serial_core] uart_set_info, usb-serial's serial_set_serial): who is
// not root may change little.
func (t *TTY) setSerial(task *kernel.Task, arg kernel.Arg) error {
	c, ok := t.port.(Configurer)
	if !ok {
		return kernel.ENOTTY
	}
	if len(arg.Buf) < sizeSerial {
		return kernel.EFAULT
	}
	var now SerialInfo
	now.decode(arg.Buf)
	old := t.Serial()
	if (now.CloseDelay != old.CloseDelay || now.ClosingWait != old.ClosingWait) && !task.Capable() {
		return kernel.EPERM
	}
	if err := t.withPort(func() error { return c.Configure(task, now) }); err != nil {
		return err
	}
	t.mu.Lock()
	t.closeDelay, t.closingWait = now.CloseDelay, now.ClosingWait
	t.mu.Unlock()
	if (now.Flags^old.Flags)&ASYNC_SPD_MASK != 0 || now.CustomDivisor != old.CustomDivisor || now.BaudBase != old.BaudBase {
		t.change(func(*Termios) {}) // uart_change_speed
	}
	return nil
}

// closingLimit is how long a last close waits for output; none: not at all.
func (t *TTY) closingLimit() (limit time.Duration, none bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(t.closingWait) * 10 * time.Millisecond, t.closingWait == closingNone
}

// lineStatus is TIOCSERGETLSR.
func (t *TTY) lineStatus(arg kernel.Arg) error {
	i, ok := t.port.(Idler)
	if !ok {
		return kernel.ENOTTY
	}
	idle, err := i.Idle()
	if err != nil {
		return err
	}
	return arg.PutUint32(bit(idle))
}

// rs485 is TIOCGRS485 and TIOCSRS485 of a port whose chip cannot do it: it says that it is off, and
// stays so.
func (t *TTY) rs485(cmd uint32, arg kernel.Arg) error {
	const size = 32 // struct serial_rs485
	r, ok := t.port.(RS485)
	switch {
	case !ok:
		return kernel.ENOTTY
	case len(arg.Buf) < size:
		return kernel.EFAULT
	case cmd == TIOCSRS485:
		return kernel.ENOTTY
	}
	s := r.RS485()
	copy(arg.Buf, s[:])
	return nil
}
