package serial8250

import (
	"github.com/kobench/kobench/hw/serial"
	reg "github.com/kobench/kobench/hw/serial/uart16550"
)

// news is what an interrupt has to tell the tty once the port's lock is given up.
type news struct {
	data      []byte
	flags     []serial.Flags
	wakeup    bool
	modem     bool
	carrier   bool // has changed
	carrierOn bool
}

// interrupt is the handler of the port's line ([8250] serial8250_handle_irq). It reports whether
// the chip had asked.
func (p *port) interrupt() bool {
	buf := &p.received
	p.mu.Lock()
	t := p.tty
	iir := p.uart.In8(reg.IIR)
	if iir&reg.IIR_NONE != 0 || t == nil {
		p.mu.Unlock()
		return false
	}
	var n news
	lsr := p.uart.In8(reg.LSR)
	if lsr&(reg.LSR_DR|reg.LSR_BI) != 0 && !p.full {
		lsr = p.receive(buf[:0], lsr, &n)
	}
	p.modemStatus2(p.uart.In8(reg.MSR), &n)
	if lsr&reg.LSR_THRE != 0 && p.ier&reg.IER_THRI != 0 {
		p.transmit(&n)
	}
	p.mu.Unlock()

	room := 1
	if len(n.data) > 0 {
		room = t.Receive(n.data, n.flags)
	}
	if room < len(buf) {
		p.pause()
	}
	if n.wakeup {
		t.Wakeup()
	}
	if n.modem {
		t.ModemChanged()
	}
	if n.carrier {
		t.CarrierChanged(n.carrierOn)
	}
	return true
}

// pause leaves what arrives in the chip until the tty has taken what it was given.
func (p *port) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	// else the tty has made room meanwhile, and nobody would wake the receiver
	if p.tty != nil && p.tty.Throttled() {
		p.full = true
		p.ier &^= reg.IER_RDI
		p.uart.Out8(reg.IER, p.ier)
	}
}

// receive empties the receiver ([8250] serial8250_rx_chars): runs of good characters at once, bad
// ones singly with what was wrong.
func (p *port) receive(buf []byte, lsr uint8, n *news) uint8 {
	for len(buf) < cap(buf) {
		if lsr&(reg.LSR_OE|reg.LSR_PE|reg.LSR_FE|reg.LSR_BI) == 0 {
			got := p.uart.ReadFIFO(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+got]
			if n.flags != nil {
				n.flags = append(n.flags, make([]serial.Flags, got)...)
			}
			p.counts.RX += uint64(got)
			lsr = p.uart.In8(reg.LSR)
			if lsr&(reg.LSR_DR|reg.LSR_BI) == 0 || got == 0 && lsr&(reg.LSR_OE|reg.LSR_PE|reg.LSR_FE|reg.LSR_BI) == 0 {
				break
			}
			continue
		}
		if lsr&(reg.LSR_DR|reg.LSR_BI) == 0 {
			if lsr&reg.LSR_OE != 0 {
				p.counts.Overrun++
			}
			break
		}
		c, f := p.uart.In8(reg.RBR), serial.Flags(0)
		switch {
		case lsr&reg.LSR_BI != 0:
			f = serial.Break
			p.counts.Break++
		case lsr&reg.LSR_PE != 0:
			f = serial.ParityError
			p.counts.Parity++
		case lsr&reg.LSR_FE != 0:
			f = serial.Framing
			p.counts.Frame++
		}
		if lsr&reg.LSR_OE != 0 {
			f |= serial.Overrun
			p.counts.Overrun++
		}
		p.counts.RX++
		if n.flags == nil {
			n.flags = make([]serial.Flags, len(buf), cap(buf))
		}
		buf, n.flags = append(buf, c), append(n.flags, f)
		if lsr = p.uart.In8(reg.LSR); lsr&(reg.LSR_DR|reg.LSR_BI) == 0 {
			break
		}
	}
	n.data = buf
	return lsr
}

// transmit feeds an empty transmitter ([8250] serial8250_tx_chars).
//
// +checklocks:p.mu
func (p *port) transmit(n *news) {
	if p.xchar != 0 {
		p.uart.Out8(reg.THR, p.xchar)
		p.xchar = 0
		p.counts.TX++
		p.busy = true
		return
	}
	sent := 0
	for p.count > 0 && !p.held() {
		run := p.ring[p.head:min(p.head+p.count, ringSize)]
		var k int
		if p.kind == u16550A {
			k = p.uart.WriteFIFO(run)
		} else if sent == 0 {
			p.uart.Out8(reg.THR, run[0])
			k = 1
		}
		p.head = (p.head + k) % ringSize
		p.count -= k
		sent += k
		if k < len(run) {
			break
		}
	}
	p.counts.TX += uint64(sent)
	if sent > 0 {
		p.busy = true
	}
	if p.count < 256 {
		n.wakeup = true
	}
	if sent == 0 {
		if p.count == 0 && p.busy && p.uart.In8(reg.LSR)&reg.LSR_TEMT != 0 {
			p.busy = false
		}
		p.ier &^= reg.IER_THRI
		p.uart.Out8(reg.IER, p.ier)
	}
}

// modemStatus takes in the modem lines outside of an interrupt.
//
// +checklocks:p.mu
func (p *port) modemStatus(msr uint8) {
	var n news
	p.modemStatus2(msr, &n)
	if t := p.tty; t != nil && (n.modem || n.carrier) {
		t.ModemChanged()
		if n.carrier {
			t.CarrierChanged(n.carrierOn)
		}
	}
}

// modemStatus2 takes in the modem lines ([8250] serial8250_modem_status).
//
// +checklocks:p.mu
func (p *port) modemStatus2(msr uint8, n *news) {
	p.msr = msr
	if msr&(reg.MSR_DCTS|reg.MSR_DDSR|reg.MSR_TERI|reg.MSR_DDCD) == 0 {
		return
	}
	n.modem = true
	if msr&reg.MSR_DDSR != 0 {
		p.counts.DSREdge++
	}
	if msr&reg.MSR_TERI != 0 {
		p.counts.Ring++
	}
	if msr&reg.MSR_DDCD != 0 {
		p.counts.DCDEdge++
		n.carrier, n.carrierOn = true, msr&reg.MSR_DCD != 0
	}
	if msr&reg.MSR_DCTS != 0 {
		p.counts.CTSEdge++
		p.cts()
		p.start()
	}
}
