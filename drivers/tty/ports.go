package tty

import (
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/kernel"
)

// Port is the hardware half of a terminal, which a driver supplies. Startup, Shutdown, SetTermios
// and what belongs to Modem and Breaker are called one at a time and may wait for the hardware.
// Write and what belongs to Throttler, Stopper, Flusher and XCharSender are called one at a time
// too, between Startup and Shutdown, and must not wait. Queue may be called at any time.
type Port interface {
	// Startup powers the port up for its first open; Shutdown is for after its last close.
	Startup(t *TTY) error
	Shutdown()
	// Write takes what fits of p into the port's transmit buffer and returns how much.
	Write(p []byte) int
	// Queue is the room left in the transmit buffer and the number of bytes in it that have not
	// left, in bytes.
	Queue() (room, pending int)
	// SetTermios puts the line into the mode of now and may correct it, to the rate that the
	// hardware can do. old is nil after Startup.
	SetTermios(now, old *Termios)
}

// Modem is a Port with modem lines, as TIOCM_* bits. Absence: TIOCMGET and TIOCMSET give ENOTTY,
// and the carrier is always there.
type Modem interface {
	ModemBits() (uint32, error)
	SetModemBits(set, clear uint32) error
}

// Owned is a Port of another module than the driver's, which is held while the terminal is open.
// Absence: the driver's module alone is.
type Owned interface{ Owner() *kernel.Module }

// Emptier is a Port whose hardware keeps characters after Queue's pending has come to 0: TxEmpty
// asks it whether all have left (tx_empty of struct usb_serial_driver). It may take its time.
// Absence: pending tells all.
type Emptier interface{ TxEmpty() bool }

// Breaker is a Port that can send a break. Absence: TCSBRK only waits.
type Breaker interface{ SetBreak(on bool) error }

// Throttler is a Port that can ask its sender to pause, with CRTSCTS or IXOFF as termios says. It
// may be told the same twice. Absence: it is never asked.
type Throttler interface{ Throttle(on bool) }

// Stopper is a Port whose transmitter can be held, for IXON and TCXONC. Absence: output is held in
// the tty alone.
type Stopper interface{ Stop(on bool) }

// Flusher is a Port that can throw away what it has not sent. Absence: TCOFLUSH loses nothing.
type Flusher interface{ FlushOutput() }

// Counter is a Port that counts (TIOCGICOUNT). Absence: ENOTTY.
type Counter interface{ Counters() serial.Counters }

// Describer is a Port that answers TIOCGSERIAL. Absence: ENOTTY.
type Describer interface{ Describe() SerialInfo }

// Configurer is a Port that can be set by TIOCSSERIAL, which also may change what Describe tells.
// It is called like SetTermios, which follows where the rate may have changed. Absence: ENOTTY.
// Errors: EPERM the task may not; EINVAL the hardware cannot.
type Configurer interface {
	Configure(task *kernel.Task, now SerialInfo) error
}

// Idler is a Port that can say whether its transmitter is empty (TIOCSERGETLSR). Absence: ENOTTY.
// Errors: ENOTTY it cannot after all.
type Idler interface{ Idle() (bool, error) }

// RS485 is a Port of the serial core, whose setting for RS-485 can be read (struct serial_rs485).
// Absence: ENOTTY.
type RS485 interface{ RS485() [32]byte }

// Attributed is a Port whose terminal has files of its own in /sys/class/tty. Absence: it has what
// every device has.
type Attributed interface {
	Attrs(t *TTY) map[string]*kernel.Attr
}

// XCharSender is a Port that can send one character before all that waits in its buffer, for flow
// control. Absence: the character is put at the end.
type XCharSender interface{ SendXChar(c byte) }

// abilities are what a port can do besides, nil where it cannot.
type abilities struct {
	modem    Modem
	empty    Emptier
	brk      Breaker
	throttle Throttler
	stop     Stopper
	flush    Flusher
	count    Counter
	describe Describer
	xchar    XCharSender
}

func abilitiesOf(p Port) (a abilities) {
	a.modem, _ = p.(Modem)
	a.empty, _ = p.(Emptier)
	a.brk, _ = p.(Breaker)
	a.throttle, _ = p.(Throttler)
	a.stop, _ = p.(Stopper)
	a.flush, _ = p.(Flusher)
	a.count, _ = p.(Counter)
	a.describe, _ = p.(Describer)
	a.xchar, _ = p.(XCharSender)
	return a
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
