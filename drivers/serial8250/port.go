package serial8250

import (
	"sync"

	"github.com/kobench/kobench/drivers/tty"
	"github.com/kobench/kobench/hw/serial"
	reg "github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/kobench/kobench/kernel"
)

const ringSize = 4096 // UART_XMIT_SIZE

// port is one UART under its tty.
type port struct {
	site Site
	uart UART
	kind kind
	name string
	log  *kernel.Log
	irq  *kernel.IRQLine
	free func()

	mu  sync.Mutex
	tty *tty.TTY
	// what waits to be sent
	ring [ringSize]byte // +checklocks:mu
	// next to send
	head  int // +checklocks:mu
	count int // +checklocks:mu
	// the chip has not said that it is empty
	busy bool // +checklocks:mu
	// to be sent before the ring; 0: none
	xchar byte // +checklocks:mu
	// by the line discipline
	stopped bool // +checklocks:mu
	// by CTS
	hwStop bool // +checklocks:mu
	// the tty takes no more: received data stays in the chip
	full     bool  // +checklocks:mu
	throttle bool  // +checklocks:mu
	crtscts  bool  // +checklocks:mu
	ier      uint8 // +checklocks:mu
	mcr      uint8 // +checklocks:mu
	lcr      uint8 // +checklocks:mu
	// as last seen
	msr     uint8 // +checklocks:mu
	counts  serial.Counters
	clock   uint32 // +checklocks:mu
	flags   uint32 // +checklocks:mu
	custom  uint32 // +checklocks:mu
	fifo    int32  // +checklocks:mu
	trigger uint8  // +checklocks:mu

	received [4096]byte // of the interrupt handler alone, which runs once at a time
}

// Startup resets the chip and lets its interrupts through ([8250] serial8250_do_startup).
func (p *port) Startup(t *tty.TTY) error {
	p.mu.Lock()
	p.tty = t
	p.head, p.count, p.busy, p.xchar = 0, 0, false, 0
	p.stopped, p.hwStop, p.full, p.throttle = false, false, false, false
	u := p.uart
	if p.kind == u16550A {
		u.Out8(reg.FCR, reg.FCR_ENABLE)
		u.Out8(reg.FCR, reg.FCR_ENABLE|reg.FCR_CLEARRX|reg.FCR_CLEARTX)
		u.Out8(reg.FCR, reg.FCR_ENABLE|p.trigger)
	}
	u.In8(reg.LSR)
	u.In8(reg.RBR)
	u.In8(reg.IIR)
	p.lcr = reg.LCR_WLEN
	u.Out8(reg.LCR, p.lcr)
	p.mcr = reg.MCR_OUT2
	u.Out8(reg.MCR, p.mcr)
	p.msr = u.In8(reg.MSR)
	p.ier = reg.IER_RDI | reg.IER_RLSI | reg.IER_MSI
	p.mu.Unlock()
	p.free = p.irq.Request("ttyS", p.interrupt)
	p.mu.Lock()
	defer p.mu.Unlock()
	u.Out8(reg.IER, p.ier)
	return nil
}

// Shutdown silences the chip, and waits for a handler that runs (synchronize_irq).
func (p *port) Shutdown() {
	p.mu.Lock()
	p.ier = 0
	p.uart.Out8(reg.IER, 0)
	p.mcr &^= reg.MCR_OUT2
	p.uart.Out8(reg.MCR, p.mcr)
	p.lcr &^= reg.LCR_BREAK
	p.uart.Out8(reg.LCR, p.lcr)
	p.tty = nil
	p.count, p.busy = 0, false
	if p.kind == u16550A {
		p.uart.Out8(reg.FCR, reg.FCR_ENABLE|reg.FCR_CLEARRX|reg.FCR_CLEARTX)
		p.uart.Out8(reg.FCR, 0)
	}
	p.mu.Unlock()
	p.free()
}

// Write takes what fits into the transmit ring and starts the transmitter.
func (p *port) Write(b []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	direct := 0
	if p.crtscts { // as if the interrupt for the last change of CTS had been served by now
		p.modemStatus(p.uart.In8(reg.MSR))
	}
	if p.count == 0 && !p.held() && p.xchar == 0 && p.kind == u16550A && !p.busy {
		// Nothing waits: what the FIFO takes need not pass the ring.
		direct = p.uart.WriteFIFO(b)
		p.counts.TX += uint64(direct)
		if direct > 0 {
			p.busy = true
		}
	}
	rest := b[direct:]
	n := min(len(rest), ringSize-p.count)
	at := (p.head + p.count) % ringSize
	k := copy(p.ring[at:], rest[:n])
	copy(p.ring[:], rest[k:n])
	p.count += n
	p.start()
	return direct + n
}

// +checklocks:p.mu
func (p *port) held() bool { return p.stopped || p.hwStop }

// start enables the transmitter's interrupt, which feeds the chip ([8250] serial8250_start_tx).
//
// +checklocks:p.mu
func (p *port) start() {
	if (p.count > 0 && !p.held() || p.xchar != 0 || p.busy) && p.ier&reg.IER_THRI == 0 && p.tty != nil {
		p.ier |= reg.IER_THRI
		p.uart.Out8(reg.IER, p.ier)
	}
}

// Queue is the ring's room and what has not left.
func (p *port) Queue() (room, pending int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pending = p.count
	if p.tty != nil && pending == 0 && p.busy {
		if p.uart.In8(reg.LSR)&reg.LSR_TEMT == 0 {
			pending = 1
		} else {
			p.busy = false
		}
	}
	return ringSize - p.count, pending
}

// SetTermios programs rate, format and flow control ([8250] serial8250_do_set_termios).
func (p *port) SetTermios(now, old *tty.Termios) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lcr := uint8(now.Cflag & tty.CSIZE >> 4)
	if now.Cflag&tty.CSTOPB != 0 {
		lcr |= reg.LCR_STOP
	}
	if now.Cflag&tty.PARENB != 0 {
		lcr |= reg.LCR_PARITY
		if now.Cflag&tty.PARODD == 0 {
			lcr |= reg.LCR_EPAR
		}
		if now.Cflag&tty.CMSPAR != 0 {
			lcr |= reg.LCR_SPAR
		}
	}
	p.lcr = lcr | p.lcr&reg.LCR_BREAK
	if baud := p.rateLocked(now, old); baud > 0 {
		divisor := p.divisorLocked(baud)
		p.uart.Out8(reg.LCR, p.lcr|reg.LCR_DLAB)
		p.uart.Out8(reg.DLL, uint8(divisor))
		p.uart.Out8(reg.DLM, uint8(divisor>>8))
		if now.Baud() != 0 {
			now.EncodeBaud(baud)
		}
	}
	p.uart.Out8(reg.LCR, p.lcr)
	p.crtscts = now.Cflag&tty.CRTSCTS != 0
	p.cts()
	p.start()
}

// cts follows CTS where CRTSCTS says so (uart_handle_cts_change).
//
// +checklocks:p.mu
func (p *port) cts() {
	p.hwStop = p.crtscts && p.msr&reg.MSR_CTS == 0
}

// ModemBits reads the modem lines.
func (p *port) ModemBits() (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tty != nil {
		p.modemStatus(p.uart.In8(reg.MSR))
	} else {
		p.msr = p.uart.In8(reg.MSR)
	}
	var bits uint32
	for _, l := range [...]struct {
		on  bool
		bit uint32
	}{{p.mcr&reg.MCR_DTR != 0, tty.TIOCM_DTR}, {p.mcr&reg.MCR_RTS != 0, tty.TIOCM_RTS}, {p.mcr&reg.MCR_OUT1 != 0, tty.TIOCM_OUT1},
		{p.mcr&reg.MCR_OUT2 != 0, tty.TIOCM_OUT2}, {p.mcr&reg.MCR_LOOP != 0, tty.TIOCM_LOOP}, {p.msr&reg.MSR_CTS != 0, tty.TIOCM_CTS},
		{p.msr&reg.MSR_DSR != 0, tty.TIOCM_DSR}, {p.msr&reg.MSR_RI != 0, tty.TIOCM_RNG}, {p.msr&reg.MSR_DCD != 0, tty.TIOCM_CAR}} {
		if l.on {
			bits |= l.bit
		}
	}
	return bits, nil
}

// SetModemBits drives DTR, RTS, OUT1, OUT2 and the chip's loop-back.
func (p *port) SetModemBits(set, clear uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range [...]struct {
		bit uint32
		mcr uint8
	}{{tty.TIOCM_DTR, reg.MCR_DTR}, {tty.TIOCM_RTS, reg.MCR_RTS}, {tty.TIOCM_OUT1, reg.MCR_OUT1}, {tty.TIOCM_OUT2, reg.MCR_OUT2}, {tty.TIOCM_LOOP, reg.MCR_LOOP}} {
		if clear&l.bit != 0 {
			p.mcr &^= l.mcr
		}
		if set&l.bit != 0 {
			p.mcr |= l.mcr
		}
	}
	p.uart.Out8(reg.MCR, p.mcr)
	return nil
}

// SetBreak holds the line in break.
func (p *port) SetBreak(on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lcr &^= reg.LCR_BREAK
	if on {
		p.lcr |= reg.LCR_BREAK
	}
	p.uart.Out8(reg.LCR, p.lcr)
	return nil
}

// Throttle pauses the sender by RTS where CRTSCTS is set, and in any case leaves received data in
// the chip from when the tty can take no more.
func (p *port) Throttle(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.throttle = on
	if p.crtscts {
		if on {
			p.mcr &^= reg.MCR_RTS
		} else {
			p.mcr |= reg.MCR_RTS
		}
		p.uart.Out8(reg.MCR, p.mcr)
	}
	if !on && p.full && p.tty != nil {
		p.full = false
		p.ier |= reg.IER_RDI
		p.uart.Out8(reg.IER, p.ier)
	}
}

// Stop holds the transmitter.
func (p *port) Stop(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = on
	p.start()
}

// FlushOutput throws away what has not been sent.
func (p *port) FlushOutput() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count = 0
	if p.kind == u16550A && p.tty != nil {
		p.uart.Out8(reg.FCR, reg.FCR_ENABLE|p.trigger|reg.FCR_CLEARTX)
	}
}

// SendXChar sends c before all that waits.
func (p *port) SendXChar(c byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.xchar = c
	p.start()
}

// Counters are for TIOCGICOUNT.
func (p *port) Counters() serial.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}
