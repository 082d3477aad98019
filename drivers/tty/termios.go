package tty

import (
	"encoding/binary"

	"github.com/kobench/kobench/kernel"
)

// Input flags, c_iflag (include/uapi/asm-generic/termbits.h, as all that follow).
const (
	IGNBRK  = 0o000001
	BRKINT  = 0o000002
	IGNPAR  = 0o000004
	PARMRK  = 0o000010
	INPCK   = 0o000020
	ISTRIP  = 0o000040
	INLCR   = 0o000100
	IGNCR   = 0o000200
	ICRNL   = 0o000400
	IUCLC   = 0o001000
	IXON    = 0o002000
	IXANY   = 0o004000
	IXOFF   = 0o010000
	IMAXBEL = 0o020000
	IUTF8   = 0o040000
)

// Output flags, c_oflag.
const (
	OPOST  = 0o000001
	OLCUC  = 0o000002
	ONLCR  = 0o000004
	OCRNL  = 0o000010
	ONOCR  = 0o000020
	ONLRET = 0o000040
	TABDLY = 0o014000
	XTABS  = 0o014000
)

// Control flags, c_cflag.
const (
	CBAUD    = 0o010017
	CSIZE    = 0o000060
	CS5      = 0o000000
	CS6      = 0o000020
	CS7      = 0o000040
	CS8      = 0o000060
	CSTOPB   = 0o000100
	CREAD    = 0o000200
	PARENB   = 0o000400
	PARODD   = 0o001000
	HUPCL    = 0o002000
	CLOCAL   = 0o004000
	BOTHER   = 0o010000
	CIBAUD   = 0o02003600000
	CMSPAR   = 0o10000000000
	CRTSCTS  = 0o20000000000
	ibaudLow = 16 // IBSHIFT
)

// Local flags, c_lflag.
const (
	ISIG    = 0o000001
	ICANON  = 0o000002
	ECHO    = 0o000010
	ECHOE   = 0o000020
	ECHOK   = 0o000040
	ECHONL  = 0o000100
	NOFLSH  = 0o000200
	TOSTOP  = 0o000400
	ECHOCTL = 0o001000
	ECHOPRT = 0o002000
	ECHOKE  = 0o004000
	FLUSHO  = 0o010000
	PENDIN  = 0o040000
	IEXTEN  = 0o100000
	EXTPROC = 0o200000
)

// Indices of the control characters, c_cc.
const (
	VINTR = iota
	VQUIT
	VERASE
	VKILL
	VEOF
	VTIME // tenths of a second
	VMIN  // bytes
	VSWTC
	VSTART
	VSTOP
	VSUSP
	VEOL
	VREPRINT
	VDISCARD
	VWERASE
	VLNEXT
	VEOL2
	numCC = 19
)

// Termios is struct termios2: how a terminal treats what comes and goes. Speeds are in bits per
// second.
type Termios struct {
	Iflag, Oflag, Cflag, Lflag uint32
	Line                       uint8
	CC                         [numCC]byte
	Ispeed, Ospeed             uint32
}

// StdTermios is what a tty has when nobody has set anything (tty_std_termios): 38400 8N1,
// canonical, with echo.
func StdTermios() Termios {
	return Termios{
		Iflag: ICRNL | IXON, Oflag: OPOST | ONLCR, Cflag: 0o17 | CS8 | CREAD | HUPCL,
		Lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		CC: [numCC]byte{VINTR: 3, VQUIT: 28, VERASE: 127, VKILL: 21, VEOF: 4, VMIN: 1, VSTART: 17, VSTOP: 19, VSUSP: 26,
			VREPRINT: 18, VDISCARD: 15, VWERASE: 23, VLNEXT: 22},
		Ispeed: 38400, Ospeed: 38400,
	}
}

// SerialTermios is StdTermios at 9600 baud and with CLOCAL, what serial drivers begin with
// (drivers/tty/serial/serial_core.c uart_register_driver, drivers/usb/serial/usb-serial.c,
// drivers/usb/class/cdc-acm.c): an open waits for no carrier until somebody asks it to.
func SerialTermios() Termios {
	t := StdTermios()
	t.Cflag |= CLOCAL
	t.SetBaud(9600)
	return t
}

// RawTermios is what cfmakeraw(3) makes of StdTermios, at the given rate, with the modem lines
// ignored.
func RawTermios(baud uint32) Termios {
	t := StdTermios()
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = CS8 | CREAD | CLOCAL
	t.SetBaud(baud)
	return t
}

// baudTable are the rates with a code of their own (drivers/tty/tty_baudrate.c).
func baudTable() [32]uint32 {
	return [...]uint32{0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
		0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000}
}

func baudIndex(code uint32) uint32 {
	if code&BOTHER != 0 {
		return code&0o17 + 16
	}
	return code & 0o17
}

// baudOf is the rate that c_cflag says, with other for BOTHER.
func baudOf(cflag, other uint32) uint32 {
	if cflag&CBAUD == BOTHER {
		return other
	}
	return baudTable()[baudIndex(cflag&CBAUD)]
}

// SetBaud sets both rates: by code where there is one, else by BOTHER.
func (t *Termios) SetBaud(baud uint32) {
	t.Ispeed, t.Ospeed = baud, baud
	t.Cflag = t.Cflag&^(CBAUD|CIBAUD) | baudCode(baud)
}

// EncodeBaud says in c_cflag and the speeds that the hardware does baud: a rate that was asked for
// by its code keeps it when what the hardware does is within 2 % (tty_termios_encode_baud_rate).
func (t *Termios) EncodeBaud(baud uint32) {
	code := baudCode(baud)
	if t.Cflag&CBAUD != BOTHER {
		for i, b := range baudTable() {
			if i != 0 && i != 16 && max(b, baud)-min(b, baud) <= baud/50 {
				code = baudCode(b)
				break
			}
		}
	}
	t.Ispeed, t.Ospeed = baud, baud
	t.Cflag = t.Cflag&^(CBAUD|CIBAUD) | code
}

func baudCode(baud uint32) uint32 {
	for i, b := range baudTable() {
		if b == baud && i != 16 {
			if i < 16 {
				return uint32(i)
			}
			return BOTHER | uint32(i-16)
		}
	}
	return BOTHER
}

// Baud is the output rate in bits per second; 0 means hang up.
func (t *Termios) Baud() uint32 { return t.Ospeed }

// settle makes the speeds agree with what c_cflag says (tty_termios_baud_rate,
// tty_termios_input_baud_rate).
func (t *Termios) settle() {
	t.Ospeed = baudOf(t.Cflag, t.Ospeed)
	switch in := t.Cflag >> ibaudLow & CBAUD; in {
	case 0:
		t.Ispeed = t.Ospeed
	default:
		t.Ispeed = baudOf(in, t.Ispeed)
	}
}

// Sizes of the structures that the ioctls move, in bytes.
const (
	sizeTermios  = 36
	sizeTermios2 = 44
	sizeTermio   = 18
)

// encode writes struct termios, or termios2 where b has room for it. Errors: EFAULT.
func (t *Termios) encode(b []byte, size int) error {
	if len(b) < size {
		return kernel.EFAULT
	}
	le := binary.LittleEndian
	if size == sizeTermio {
		le.PutUint16(b[0:], uint16(t.Iflag))
		le.PutUint16(b[2:], uint16(t.Oflag))
		le.PutUint16(b[4:], uint16(t.Cflag))
		le.PutUint16(b[6:], uint16(t.Lflag))
		b[8] = t.Line
		copy(b[9:17], t.CC[:8])
		return nil
	}
	le.PutUint32(b[0:], t.Iflag)
	le.PutUint32(b[4:], t.Oflag)
	le.PutUint32(b[8:], t.Cflag)
	le.PutUint32(b[12:], t.Lflag)
	b[16] = t.Line
	copy(b[17:36], t.CC[:])
	if size == sizeTermios2 {
		le.PutUint32(b[36:], t.Ispeed)
		le.PutUint32(b[40:], t.Ospeed)
	}
	return nil
}

// decode reads what encode writes over old; fields that the structure lacks keep old's values.
// Errors: EFAULT.
func (t *Termios) decode(b []byte, size int) error {
	if len(b) < size {
		return kernel.EFAULT
	}
	le := binary.LittleEndian
	if size == sizeTermio {
		t.Iflag = t.Iflag&^0xffff | uint32(le.Uint16(b[0:]))
		t.Oflag = t.Oflag&^0xffff | uint32(le.Uint16(b[2:]))
		t.Cflag = t.Cflag&^0xffff | uint32(le.Uint16(b[4:]))
		t.Lflag = t.Lflag&^0xffff | uint32(le.Uint16(b[6:]))
		t.Line = b[8]
		copy(t.CC[:8], b[9:17])
	} else {
		t.Iflag, t.Oflag = le.Uint32(b[0:]), le.Uint32(b[4:])
		t.Cflag, t.Lflag = le.Uint32(b[8:]), le.Uint32(b[12:])
		t.Line = b[16]
		copy(t.CC[:], b[17:36])
		if size == sizeTermios2 {
			t.Ispeed, t.Ospeed = le.Uint32(b[36:]), le.Uint32(b[40:])
		}
	}
	t.settle()
	return nil
}

// ParseTermios reads struct termios2, as TCGETS2 gives it.
//
// Errors: EFAULT b is too short.
func ParseTermios(b []byte) (t Termios, err error) {
	err = t.decode(b, sizeTermios2)
	return t, err
}

// Bytes is the termios as struct termios2, for TCSETS2.
func (t *Termios) Bytes() []byte {
	b := make([]byte, sizeTermios2)
	_ = t.encode(b, sizeTermios2)
	return b
}
