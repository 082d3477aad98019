package uart16550

import "github.com/kobench/kobench/hw/serial"

// settle takes in what has arrived by now, and hands on what may leave.
func (c *Chip) settle(now serial.Time) {
	if c.io == c.loop { // the pins are disconnected: what comes there is lost
		var drop [64]byte
		for {
			if n, _ := c.pins.TakeLocked(now, drop[:]); n == 0 {
				break
			}
		}
	}
	c.receive(now)
	c.transmit(now)
	if c.txBusy && c.occupied(now) == 0 {
		c.txBusy = false
		c.thri = true
	}
}

func (c *Chip) size() int {
	if c.fifo {
		return fifoSize
	}
	return 1
}

func (c *Chip) receive(now serial.Time) {
	elastic := c.io.Speed() == serial.Max && c.attended()
	for {
		var buf [fifoSize]byte
		room := c.size() - c.rxLen
		if room == 0 && elastic {
			return
		}
		n, f := c.io.TakeLocked(now, buf[:max(1, room)])
		if n == 0 {
			return
		}
		if room == 0 {
			c.overrun(buf[0], f)
			continue
		}
		for _, b := range buf[:n] {
			c.push(b, f)
		}
	}
}

// attended reports whether somebody is there to read. On a line without time the sender waits for a
// reader, but not for one that has gone, or has never come, and left the chip as after a reset.
func (c *Chip) attended() bool { return c.fifo || c.ier != 0 || c.mcr&(MCR_OUT2|MCR_LOOP) != 0 }

// push puts a character into the receive FIFO, or into RBR.
func (c *Chip) push(b uint8, f serial.Flags) {
	e := lsrFlags(f)
	if !c.fifo {
		c.lsr |= e
		e = 0
	}
	if e != 0 {
		c.errs++
	}
	c.rx[(c.rxHead+c.rxLen)%fifoSize] = rxChar{b, e}
	c.rxLen++
	if f&serial.Overrun != 0 {
		c.lsr |= LSR_OE
	}
	c.lastMove = c.io.LastArrivalLocked()
}

// overrun [PC16550D] 8.2 bit 1: with FIFOs the character in the shift register is lost, without
// them the one in RBR.
func (c *Chip) overrun(b uint8, f serial.Flags) {
	c.lsr |= LSR_OE
	c.io.LostLocked(1)
	if !c.fifo {
		c.rx[c.rxHead].b = b
		c.lsr |= lsrFlags(f)
	}
	c.lastMove = c.io.LastArrivalLocked()
}

// pop reads RBR; an empty FIFO gives the last character again.
func (c *Chip) pop(now serial.Time) uint8 {
	if c.rxLen == 0 {
		return c.rbr
	}
	t := c.rx[c.rxHead]
	if t.lsr != 0 {
		c.errs--
	}
	c.rxHead = (c.rxHead + 1) % fifoSize
	c.rxLen--
	c.rbr, c.lastMove = t.b, now
	return t.b
}

// occupied is how many characters are in the transmit FIFO or THR: written, not in the shift
// register.
func (c *Chip) occupied(now serial.Time) int { return c.nheld + c.io.UnstartedLocked(now) }

// put writes THR.
func (c *Chip) put(b uint8, now serial.Time) {
	c.thri = false
	if n := c.occupied(now); n >= c.size() {
		if c.fifo {
			return // the FIFO is full: lost
		}
		var old [fifoSize]byte // THR is overwritten
		c.io.RecallLocked(old[:0])
		c.nheld = 0
	}
	c.held[c.nheld] = b
	c.nheld++
	c.txBusy = true
	c.transmit(now)
	if c.occupied(now) == 0 { // it went straight to the shift register
		c.txBusy = false
		c.thri = true
	}
}

// clear reports whether auto-CTS lets the next character out [TL16C550C].
func (c *Chip) clear() bool { return c.mcr&MCR_AFE == 0 || c.msr&MSR_CTS != 0 }

// transmit hands held characters to the line; auto-CTS takes those back that have not begun.
func (c *Chip) transmit(now serial.Time) {
	if !c.clear() {
		var back [2 * fifoSize]byte
		b := c.io.RecallLocked(back[:0])
		if len(b) > 0 {
			b = append(b, c.held[:c.nheld]...)
			c.nheld = copy(c.held[:], b)
		}
		return
	}
	if c.nheld == 0 {
		return
	}
	n := c.nheld
	if a := c.io.AheadLocked(); n > a {
		n = a
		if c.io.FreeLocked() > now {
			return
		}
	} else if a == 1 && c.io.FreeLocked() > now {
		return
	}
	n = c.io.SendLocked(c.held[:n])
	c.nheld = copy(c.held[:], c.held[n:c.nheld])
}

// status is LSR [PC16550D] 8.2.
func (c *Chip) status(now serial.Time) uint8 {
	v := c.lsr
	if c.rxLen > 0 {
		v |= LSR_DR | c.rx[c.rxHead].lsr
	}
	if c.errs > 0 {
		v |= LSR_FIFOE
	}
	if c.occupied(now) == 0 {
		v |= LSR_THRE
		if now >= c.io.FreeLocked() || c.io.Speed() == serial.Max {
			v |= LSR_TEMT
		}
	}
	return v
}

// timeoutAt is when the character time-out is due [PC16550D] 8.4 "FIFO interrupt mode"; false if no
// character waits.
func (c *Chip) timeoutAt() (serial.Time, bool) {
	if !c.fifo || c.rxLen == 0 {
		return 0, false
	}
	if c.io.Speed() == serial.Max {
		return 0, true
	}
	return c.lastMove + serial.Time(c.mode().CharTime(4)), true
}

// cause is IIR without the FIFO bits [PC16550D] table IV.
func (c *Chip) cause(now serial.Time) uint8 {
	if c.ier&IER_RLSI != 0 && c.status(now)&lsrErrors != 0 {
		return IIR_RLSI
	}
	if c.ier&IER_RDI != 0 {
		if c.rxLen > 0 && (c.rxLen >= c.trigger || !c.fifo) {
			return IIR_RDI
		}
		if at, ok := c.timeoutAt(); ok && now >= at {
			return IIR_TIMEOUT
		}
	}
	if c.ier&IER_THRI != 0 && c.thri {
		return IIR_THRI
	}
	if c.ier&IER_MSI != 0 && c.delta != 0 {
		return IIR_MSI
	}
	return IIR_NONE
}

// update brings the interrupt pin, auto-RTS and the timer in line with the registers.
func (c *Chip) update(now serial.Time) {
	c.autoRTS()
	if c.opt.IRQ != nil {
		level := c.cause(now) != IIR_NONE
		if !c.opt.UngatedIRQ && (c.mcr&MCR_OUT2 == 0 || c.mcr&MCR_LOOP != 0) {
			level = false
		}
		if level != c.pin {
			c.pin = level
			c.opt.IRQ(level)
		}
	}
	if c.io.Speed() == serial.Paced {
		c.io.WakeAtLocked(c.next(now))
	}
}

// autoRTS [TL16C550C]: off when the trigger level is reached, on when the FIFO is empty.
func (c *Chip) autoRTS() {
	if c.mcr&(MCR_AFE|MCR_RTS) != MCR_AFE|MCR_RTS {
		return
	}
	off := c.rtsOff
	switch {
	case c.rxLen >= c.trigger && c.fifo:
		off = true
	case c.rxLen == 0:
		off = false
	}
	if off != c.rtsOff {
		c.rtsOff = off
		c.drive()
	}
}

// next is when the next interrupt can be due, or -1.
func (c *Chip) next(now serial.Time) serial.Time {
	at := serial.Time(-1)
	sooner := func(t serial.Time) {
		if t <= now {
			t = now + serial.Time(c.mode().CharTime(1))
		}
		if at < 0 || t < at {
			at = t
		}
	}
	if c.ier&(IER_RDI|IER_RLSI) != 0 || c.mcr&MCR_AFE != 0 {
		want := c.trigger - c.rxLen
		if want <= 0 {
			want = c.size() - c.rxLen + 1 // the overrun
		}
		if t, ok := c.io.ArrivalLocked(want); ok {
			sooner(t)
		}
		if t, ok := c.timeoutAt(); ok && t > now && c.ier&IER_RDI != 0 {
			sooner(t)
		}
	}
	if c.nheld > 0 && c.clear() {
		sooner(c.io.FreeLocked())
	}
	if c.ier&IER_THRI != 0 && c.txBusy && c.nheld == 0 {
		sooner(c.io.StartLocked(now, max(1, c.io.UnstartedLocked(now))))
	}
	return at
}

// ReadFIFO reads characters as the loop
//
//	for len(p) > 0 && In8(LSR)&(DR|OE|PE|FE|BI) == DR { p[0] = In8(RBR); p = p[1:] }
//
// does, without touching LSR's bits, and returns how many it read. It stops before a character with
// an error.
func (c *Chip) ReadFIFO(p []byte) int {
	c.pins.Lock()
	defer c.pins.Unlock()
	now := c.io.NowLocked()
	c.settle(now)
	n := 0
	for c.lsr == 0 && c.lcr&LCR_DLAB == 0 {
		for n < len(p) && c.rxLen > 0 && c.rx[c.rxHead].lsr == 0 {
			p[n] = c.pop(now)
			n++
		}
		if n == len(p) || c.rxLen > 0 {
			break
		}
		if c.io.Speed() == serial.Paced {
			break
		}
		// On a line without time the next characters would be in the FIFO by now: read them from
		// the wire.
		k, f := c.io.TakeLocked(now, p[n:])
		if k == 0 {
			break
		}
		if f != 0 {
			c.push(p[n], f)
			break
		}
		n += k
		c.rbr = p[n-1]
	}
	c.settle(now)
	c.update(now)
	return n
}

// WriteFIFO writes characters as a driver does that fills the transmit FIFO: as many as it has room
// for, and on a line without time as many as the far end takes, since there the FIFO empties at
// once. It returns how many it wrote.
func (c *Chip) WriteFIFO(p []byte) int {
	c.pins.Lock()
	defer c.pins.Unlock()
	now := c.io.NowLocked()
	c.settle(now)
	n := 0
	if c.lcr&LCR_DLAB != 0 {
		return 0
	}
	if c.io.Speed() == serial.Max && c.nheld == 0 && c.clear() && len(p) > 0 {
		if n = c.io.SendLocked(p); n > 0 {
			c.thri, c.txBusy = false, false
		}
		if n == len(p) {
			c.thri = true
		}
	}
	for n < len(p) && c.occupied(now) < c.size() {
		c.put(p[n], now)
		n++
	}
	c.update(now)
	return n
}
