package uart16550

import "github.com/kobench/kobench/hw/serial"

// Options choose the chip and its surroundings. The zero value is a PC's 16550A.
type Options struct {
	Kind     Kind
	Clock    uint32 // crystal in Hz; 0 is the PC's 1,843,200: at most 115200 Bd
	AutoFlow bool   // has MCR_AFE [TL16C550C]

	// IRQ is told the interrupt pin's level when it changes. It is called with the line's lock
	// held: it must not block and must not touch the chip. nil leaves the pin open.
	IRQ func(level bool)
	// UngatedIRQ leaves out the PC's wiring in which OUT2 lets the interrupt through.
	UngatedIRQ bool
}

// Chip is one UART. Its methods may be called from any goroutine and never block.
type Chip struct {
	opt  Options
	pins *serial.Port // the line
	loop *serial.Port // the path of MCR_LOOP
	io   *serial.Port // one of the two

	// All below are guarded by the line's lock.
	ier, lcr, mcr, scr uint8
	dl                 uint16
	baud               serial.Baud
	fifo               bool
	sham               bool // a 16550's FCR bit 0
	rbr                uint8
	trigger            int
	rx                 [fifoSize]rxChar
	rxHead, rxLen      int
	errs               int   // characters in rx with an error
	lsr                uint8 // latched OE; without FIFO also PE, FE, BI
	lastMove           serial.Time
	held               [fifoSize]byte // of the transmit FIFO: not yet handed to the line
	nheld              int
	txBusy             bool // THR or FIFO was filled and has not been seen empty since
	thri               bool // THRE interrupt pending
	msr, delta         uint8
	rtsOff             bool // auto-RTS holds RTS off
	pin                bool
}

type rxChar struct {
	b, lsr uint8
}

// New puts a chip on p, after a master reset [PC16550D] table III.
func New(p *serial.Port, o Options) *Chip {
	if o.Clock == 0 {
		o.Clock = 1_843_200
	}
	c := &Chip{opt: o, pins: p, dl: 12, trigger: 1}
	c.loop = p.InternalLoop(c)
	c.io = p
	p.Lock()
	c.setRate()
	c.msr = msrLines(p.SignalsLocked())
	p.SetSignalsLocked(serial.DTEOutputs, 0)
	p.Unlock()
	p.Listen(c)
	return c
}

// Port is the line end at the chip's pins.
func (c *Chip) Port() *serial.Port { return c.pins }

// Kind is which chip it is.
func (c *Chip) Kind() Kind { return c.opt.Kind }

// BaseBaud is the rate for a divisor of 1.
func (c *Chip) BaseBaud() serial.Baud { return serial.Baud(c.opt.Clock / 16) }

// In8 reads a register; only the low three bits of reg count.
func (c *Chip) In8(reg uint8) uint8 {
	c.pins.Lock()
	now := c.io.NowLocked()
	c.settle(now)
	v := c.read(reg&7, now)
	c.update(now)
	c.pins.Unlock()
	return v
}

func (c *Chip) read(reg uint8, now serial.Time) uint8 {
	dlab := c.lcr&LCR_DLAB != 0
	switch reg {
	case RBR:
		if dlab {
			return uint8(c.dl)
		}
		b := c.pop(now)
		c.settle(now)
		return b
	case IER:
		if dlab {
			return uint8(c.dl >> 8)
		}
		return c.ier
	case IIR:
		v := c.cause(now)
		if v == IIR_THRI {
			c.thri = false
		}
		if c.fifo {
			v |= IIR_FIFO
		} else if c.sham {
			v |= IIR_FIFO550
		}
		return v
	case LCR:
		return c.lcr
	case MCR:
		return c.mcr
	case LSR:
		v := c.status(now)
		c.lsr = 0
		if c.fifo && c.rxLen > 0 {
			if t := &c.rx[c.rxHead]; t.lsr != 0 {
				t.lsr = 0
				c.errs--
			}
		}
		return v
	case MSR:
		v := c.msr | c.delta
		c.delta = 0
		return v
	default:
		if c.opt.Kind == INS8250 {
			return 0xff // nothing drives the bus
		}
		return c.scr
	}
}

// Out8 writes a register; only the low three bits of reg count.
func (c *Chip) Out8(reg, v uint8) {
	c.pins.Lock()
	now := c.io.NowLocked()
	c.settle(now)
	c.write(reg&7, v, now)
	c.update(now)
	c.pins.Unlock()
}

func (c *Chip) write(reg, v uint8, now serial.Time) {
	dlab := c.lcr&LCR_DLAB != 0
	switch reg {
	case THR:
		if dlab {
			c.dl = c.dl&0xff00 | uint16(v)
			c.setRate()
			return
		}
		c.put(v, now)
	case IER:
		if dlab {
			c.dl = c.dl&0x00ff | uint16(v)<<8
			c.setRate()
			return
		}
		was := c.ier
		c.ier = v & 0x0f
		if c.ier&^was&IER_THRI != 0 && c.occupied(now) == 0 {
			c.thri = true // enabling it with THR empty interrupts at once
		}
	case FCR:
		c.fifoControl(v, now)
	case LCR:
		c.lcr = v
		c.setRate()
		c.io.SetBreakLocked(v&LCR_BREAK != 0)
	case MCR:
		c.modemControl(v, now)
	case SCR:
		c.scr = v
	}
}

// setRate follows the divisor latch and LCR.
func (c *Chip) setRate() {
	if c.dl != 0 {
		c.baud = max(1, serial.Baud(c.opt.Clock/16/uint32(c.dl)))
	}
	m := c.mode()
	c.pins.SetModeLocked(m)
	c.loop.SetModeLocked(m)
}

// fifoControl [PC16550D] 8.4.
func (c *Chip) fifoControl(v uint8, now serial.Time) {
	switch c.opt.Kind {
	case NS16450, INS8250:
		return
	case PC16550: // FIFOs that show, and do not work
		c.sham = v&FCR_ENABLE != 0
		return
	}
	on := v&FCR_ENABLE != 0
	if on != c.fifo {
		v |= FCR_CLEARRX | FCR_CLEARTX
		c.fifo = on
	}
	c.trigger = 1
	if on {
		c.trigger = triggers[v>>6]
	}
	if v&FCR_CLEARRX != 0 {
		c.rxLen, c.errs, c.lsr = 0, 0, 0
	}
	if v&FCR_CLEARTX != 0 { // the shift register goes on
		var drop [fifoSize]byte
		c.io.RecallLocked(drop[:0])
		c.nheld = 0
	}
}

// modemControl [PC16550D] 8.7.
func (c *Chip) modemControl(v uint8, now serial.Time) {
	keep := uint8(0x1f)
	if c.opt.AutoFlow {
		keep |= MCR_AFE
	}
	was := c.mcr
	c.mcr = v & keep
	if (was^c.mcr)&MCR_LOOP != 0 {
		c.switchLoop(now)
	}
	if c.mcr&MCR_RTS == 0 || c.mcr&MCR_AFE == 0 {
		c.rtsOff = false
	}
	c.drive()
	c.inputs()
}

// switchLoop connects the transmitter to the receiver, or to the pins. What is under way stays
// where it is.
func (c *Chip) switchLoop(now serial.Time) {
	var buf [fifoSize]byte
	back := c.io.RecallLocked(buf[:0])
	c.io.SetBreakLocked(false) // SOUT goes to mark
	c.io.WakeAtLocked(-1)
	c.io = c.pins
	if c.mcr&MCR_LOOP != 0 {
		c.io = c.loop
	}
	n := c.nheld
	var all [2 * fifoSize]byte
	k := copy(all[:], back)
	k += copy(all[k:], c.held[:n])
	c.nheld = copy(c.held[:], all[:k])
	c.io.SetBreakLocked(c.lcr&LCR_BREAK != 0)
}

// drive sets the output pins: inactive in loop-back mode.
func (c *Chip) drive() {
	var s serial.Signals
	if c.mcr&MCR_LOOP == 0 {
		if c.mcr&MCR_DTR != 0 {
			s |= serial.DTR
		}
		if c.mcr&MCR_RTS != 0 && !c.rtsOff {
			s |= serial.RTS
		}
	}
	c.pins.SetSignalsLocked(serial.DTEOutputs, s)
}

// inputs follows the modem inputs and sets the delta bits.
func (c *Chip) inputs() {
	is := msrLines(c.pins.SignalsLocked())
	if c.mcr&MCR_LOOP != 0 {
		is = loopLines(c.mcr)
	}
	was := c.msr
	c.msr = is
	changed := was ^ is
	c.delta |= changed >> 4 & (MSR_DCTS | MSR_DDSR | MSR_DDCD)
	c.delta |= (was & changed) >> 4 & MSR_TERI // RI is edge-triggered: off only
}

// LineChanged is the line's call: something arrived, changed, or is due.
func (c *Chip) LineChanged(ch serial.Change) {
	now := c.io.NowLocked()
	if ch&serial.Inputs != 0 {
		c.inputs()
	}
	c.settle(now)
	c.update(now)
}

// SettleLocked takes in what has arrived.
func (c *Chip) SettleLocked(now serial.Time) { c.settle(now) }
