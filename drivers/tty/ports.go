package tty

import (
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

// Port is the hardware half of a terminal, which a driver supplies. None of its methods blocks. They are called with the tty's
// lock held and must not call back into the tty from the same goroutine.
type Port interface {
	// Startup powers the port up for its first open; Shutdown is for after its last close.
	Startup(t *TTY) error
	Shutdown()
	// Write takes what fits of p into the port's transmit buffer and returns how much.
	Write(p []byte) int
	// Queue is the room left in the transmit buffer and the number of bytes in it that have not left, in bytes.
	Queue() (room, pending int)
	// SetTermios puts the line into the mode of now and may correct it, to the rate that the hardware can do.
	SetTermios(now, old *Termios)
}

// Modem is a Port with modem lines, as TIOCM_* bits. Absence: TIOCMGET and TIOCMSET give ENOTTY, and the carrier is always there.
type Modem interface {
	ModemBits() (uint32, error)
	SetModemBits(set, clear uint32) error
}

// Owned is a Port of another module than the driver's, which is held while the terminal is open. Absence: the driver's module alone is.
type Owned interface{ Owner() *kernel.Module }

// Settler is a Port whose hardware is told in the background, since that takes time: Settle waits until all that Startup, SetTermios,
// SetModemBits, SetBreak and Throttle asked for has been done. It is called without the tty's lock, before open and the ioctls that set
// something return. Absence: the methods have done all. Errors: what the hardware answered.
type Settler interface{ Settle() error }

// Emptier is a Port whose hardware keeps characters after Queue's pending has come to 0: TxEmpty asks it whether all have left (tx_empty of struct
// usb_serial_driver). It is called without the tty's lock, and may take its time. Absence: pending tells all.
type Emptier interface{ TxEmpty() bool }

// Breaker is a Port that can send a break. Absence: TCSBRK only waits.
type Breaker interface{ SetBreak(on bool) error }

// Throttler is a Port that can ask its sender to pause, with CRTSCTS or IXOFF as termios says. Absence: it is never asked.
type Throttler interface{ Throttle(on bool) }

// Stopper is a Port whose transmitter can be held, for IXON and TCXONC. Absence: output is held in the tty alone.
type Stopper interface{ Stop(on bool) }

// Flusher is a Port that can throw away what it has not sent. Absence: TCOFLUSH loses nothing.
type Flusher interface{ FlushOutput() }

// Counter is a Port that counts (TIOCGICOUNT). Absence: ENOTTY.
type Counter interface{ Counters() serial.Counters }

// Describer is a Port that answers TIOCGSERIAL. Absence: ENOTTY.
type Describer interface{ Describe() SerialInfo }

// XCharSender is a Port that can send one character before all that waits in its buffer, for flow control. Absence: the
// character is put at the end.
type XCharSender interface{ SendXChar(c byte) }

// SerialInfo is what TIOCGSERIAL tells (struct serial_struct).
type SerialInfo struct {
	Type     int32 // 4 is a 16550A (PORT_16550A)
	Line     int32
	Port     uint32 // I/O port
	IRQ      int32
	Flags    int32
	XmitFIFO int32 // bytes
	BaudBase int32
}

// Modem line bits of TIOCMGET and its like (include/uapi/asm-generic/termios.h).
const (
	TIOCM_LE   = 0x001
	TIOCM_DTR  = 0x002
	TIOCM_RTS  = 0x004
	TIOCM_CTS  = 0x020
	TIOCM_CAR  = 0x040
	TIOCM_RNG  = 0x080
	TIOCM_DSR  = 0x100
	TIOCM_OUT1 = 0x2000
	TIOCM_OUT2 = 0x4000
	TIOCM_LOOP = 0x8000
)
