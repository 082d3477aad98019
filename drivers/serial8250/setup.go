package serial8250

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kobench/kobench/drivers/tty"
	reg "github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/kobench/kobench/kernel"
)

// How a port is set besides termios: its rate, TIOCSSERIAL, its files in /sys.

// rateLocked is the rate that the chip is to be set to, 0 for none that can be. A rate out of range
// leaves the old one, then the nearest that there is ([serial_core] uart_get_baud_rate, [8250]
// serial8250_get_baud_rate). Rate 0 hangs up at 9600.
//
// +checklocks:p.mu
func (p *port) rateLocked(now, old *tty.Termios) uint32 {
	low, high := p.clock/0xffff, p.clock+p.clock/100
	for range 2 {
		baud := now.Baud()
		if baud == 38400 {
			baud = p.fastLocked()
		}
		hangUp := baud == 0
		if hangUp {
			baud = 9600
		}
		if baud >= low && baud <= high {
			return baud
		}
		now.Cflag &^= tty.CBAUD
		switch {
		case hangUp:
		case old != nil:
			now.EncodeBaud(old.Baud())
			old = nil
		case baud <= low:
			now.EncodeBaud(low + 1)
		default:
			now.EncodeBaud(high - 1)
		}
	}
	return 0
}

// fastLocked is what a rate of 38400 means.
//
// +checklocks:p.mu
func (p *port) fastLocked() uint32 {
	switch p.flags & tty.ASYNC_SPD_MASK {
	case tty.ASYNC_SPD_HI:
		return 57600
	case tty.ASYNC_SPD_VHI:
		return 115200
	case tty.ASYNC_SPD_SHI:
		return 230400
	case tty.ASYNC_SPD_WARP:
		return 460800
	}
	return 38400
}

// divisorLocked is the chip's for a rate ([serial_core] uart_get_divisor).
//
// +checklocks:p.mu
func (p *port) divisorLocked(baud uint32) uint32 {
	if baud == 38400 && p.flags&tty.ASYNC_SPD_MASK == tty.ASYNC_SPD_CUST && p.custom > 0 {
		return min(p.custom, 0xffff)
	}
	return min(max((p.clock+baud/2)/baud, 1), 0xffff)
}

// Describe is for TIOCGSERIAL.
func (p *port) Describe() tty.SerialInfo {
	p.mu.Lock()
	defer p.mu.Unlock()
	return tty.SerialInfo{
		Type: int32(p.kind), Port: p.site.Base, IRQ: int32(p.site.IRQ), Flags: p.flags, XmitFIFO: p.fifo,
		CustomDivisor: int32(p.custom), BaudBase: int32(p.clock),
	}
}

// Configure is for TIOCSSERIAL ([serial_core] uart_set_info). A chip stays where it sits.
//
// Errors: EPERM more than flags and divisor without privilege; EINVAL another place, interrupt or
// type, or a clock below 9600.
func (p *port) Configure(task *kernel.Task, now tty.SerialInfo) error {
	old := p.Describe()
	elsewhere := now.Port != old.Port || now.IRQ != old.IRQ
	change := uint32(tty.ASYNC_SPD_MASK | tty.ASYNC_LOW_LATENCY) // UPF_USR_MASK
	switch {
	case !task.Capable():
		if elsewhere || now.BaudBase != old.BaudBase || now.XmitFIFO != 0 && now.XmitFIFO != old.XmitFIFO || (now.Flags^old.Flags)&^change != 0 {
			return kernel.EPERM
		}
	case elsewhere || now.Type != old.Type || now.BaudBase < 9600:
		return kernel.EINVAL
	default:
		change = 0x17fff // UPF_CHANGE_MASK
	}
	p.mu.Lock()
	p.flags = p.flags&^change | now.Flags&change
	p.custom = uint32(max(now.CustomDivisor, 0))
	p.clock = uint32(now.BaudBase)
	if now.XmitFIFO > 0 {
		p.fifo = now.XmitFIFO
	}
	speed := p.flags & tty.ASYNC_SPD_MASK
	p.mu.Unlock()
	if speed != 0 && (speed != old.Flags&tty.ASYNC_SPD_MASK || now.CustomDivisor != old.CustomDivisor) {
		p.log.Printf(kernel.LevelNotice, "serial8250: %s sets custom speed on %s. This is deprecated.", task.Comm(), p.name)
	}
	return nil
}

// Idle is for TIOCSERGETLSR.
func (p *port) Idle() (bool, error) {
	_, pending := p.Queue()
	return pending == 0, nil
}

// RS485 is for TIOCGRS485: none of these chips can do it.
func (p *port) RS485() (off [32]byte) { return off }

// Attrs are the files of a terminal of the serial core in /sys/class/tty ([serial_core]
// tty_dev_attrs, [8250] rx_trig_bytes).
func (p *port) Attrs(t *tty.TTY) map[string]*kernel.Attr {
	show := func(format string, value func(s tty.SerialInfo) any) *kernel.Attr {
		return &kernel.Attr{Show: func(*kernel.Task) (string, error) { return fmt.Sprintf(format+"\n", value(t.Serial())), nil }}
	}
	all := map[string]*kernel.Attr{
		"type":            show("%d", func(s tty.SerialInfo) any { return s.Type }),
		"line":            show("%d", func(s tty.SerialInfo) any { return s.Line }),
		"port":            show("0x%X", func(s tty.SerialInfo) any { return s.Port }),
		"irq":             show("%d", func(s tty.SerialInfo) any { return s.IRQ }),
		"flags":           show("0x%X", func(s tty.SerialInfo) any { return s.Flags }),
		"uartclk":         show("%d", func(s tty.SerialInfo) any { return 16 * int64(s.BaudBase) }),
		"xmit_fifo_size":  show("%d", func(s tty.SerialInfo) any { return s.XmitFIFO }),
		"custom_divisor":  show("%d", func(s tty.SerialInfo) any { return s.CustomDivisor }),
		"close_delay":     show("%d", func(s tty.SerialInfo) any { return s.CloseDelay }),
		"closing_wait":    show("%d", func(s tty.SerialInfo) any { return s.ClosingWait }),
		"io_type":         show("%d", func(tty.SerialInfo) any { return 0 }), // UPIO_PORT
		"iomem_base":      show("0x%X", func(tty.SerialInfo) any { return 0 }),
		"iomem_reg_shift": show("%d", func(tty.SerialInfo) any { return 0 }),
		"console":         show("%s", func(tty.SerialInfo) any { return "N" }),
	}
	all["console"].Store = func(_ *kernel.Task, text string) error { // it cannot become one
		switch {
		case text == "" || !strings.ContainsAny(text[:1], "yY1nN0"):
			return kernel.EINVAL
		case strings.ContainsAny(text[:1], "yY1"):
			return kernel.ENOENT
		}
		return nil
	}
	if p.kind == u16550A {
		all["rx_trig_bytes"] = &kernel.Attr{Show: p.showTrigger, Store: p.storeTrigger}
	}
	return all
}

// triggers are the fill levels of the receiver's FIFO that interrupt, by FCR's two high bits.
func triggers() [4]int { return [...]int{1, 4, 8, 14} }

func (p *port) showTrigger(*kernel.Task) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d\n", triggers()[p.trigger>>6]), nil
}

// storeTrigger sets the highest level that is no higher than asked for ([8250]
// bytes_to_fcr_rxtrig).
func (p *port) storeTrigger(_ *kernel.Task, text string) error {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 8)
	if err != nil {
		return kernel.EINVAL
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trigger = 0
	for i, level := range triggers() {
		if int(n) >= level {
			p.trigger = uint8(i) << 6
		}
	}
	if p.tty != nil {
		p.uart.Out8(reg.FCR, reg.FCR_ENABLE|p.trigger)
	}
	return nil
}
