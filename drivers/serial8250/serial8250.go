// Package serial8250 drives 16550A UARTs and their elder sisters, through their registers and
// interrupts only, as terminals ttyS0, ttyS1 …
//
//	tty core ──► port: transmit ring ──► THR      chip ──► line
//	          ◄──  irq: RBR, LSR, MSR ◄── IIR
//
// References:
//   - [8250] Linux drivers/tty/serial/8250/8250_port.c: autoconfig, serial8250_handle_irq
//   - [serial_core] Linux drivers/tty/serial/serial_core.c
//   - [PC16550D] National Semiconductor PC16550D, 1995
package serial8250

import (
	"fmt"

	"github.com/kobench/kobench/drivers/tty"
	reg "github.com/kobench/kobench/hw/serial/uart16550"
	"github.com/kobench/kobench/kernel"
)

// The device numbers of ttyS, as in Linux's Documentation/admin-guide/devices.txt.
const (
	Major    = 4
	Minor    = 64
	MaxPorts = 32
)

// UART is how the driver reaches a chip. The FIFO methods are string I/O: as many In8(RBR) or
// Out8(THR) in one call, while LSR allows it.
type UART interface {
	In8(reg uint8) uint8
	Out8(reg, v uint8)
	ReadFIFO(p []byte) int
	WriteFIFO(p []byte) int
}

var _ UART = (*reg.Chip)(nil)

// Site is where a chip sits in the machine.
type Site struct {
	Chip UART
	Base uint32 // I/O port: 0x3f8 …
	IRQ  int    // interrupt line: 4 …
	// Clock is the frequency of the crystal over 16: the rate for a divisor of 1, in bits per
	// second. 0 is 115200.
	Clock uint32
}

// New builds a module that drives the chips at the given sites, ttyS0 first.
func New(sites []Site) *kernel.Module {
	return &kernel.Module{
		Name:        "8250",
		License:     "GPL",
		Description: "driver of the 8250 family of UARTs",
		Aliases:     []string{"char-major-4-64"},
		Init:        func(env *kernel.Env) error { return probe(env, sites) },
	}
}

func probe(env *kernel.Env, sites []Site) error {
	d := &tty.Driver{Name: "ttyS", Major: Major, Minor: Minor, Lines: MaxPorts, Init: tty.SerialTermios()}
	if len(sites) > MaxPorts {
		env.Printf(kernel.LevelErr, "%d UARTs, but there are numbers for %d", len(sites), MaxPorts)
		return kernel.EINVAL
	}
	if err := d.Register(env); err != nil {
		return err
	}
	env.Kernel().Log.Printf(kernel.LevelInfo, "Serial: 8250/16550 driver, %d ports, IRQ sharing enabled", len(sites))
	var ports []*port
	for i, s := range sites {
		if s.Clock == 0 {
			s.Clock = 115200
		}
		p := &port{
			site: s, uart: s.Chip, log: &env.Kernel().Log, name: fmt.Sprintf("ttyS%d", i),
			// 8 characters
			clock: s.Clock, flags: tty.ASYNC_SKIP_TEST | tty.ASYNC_BOOT_AUTOCONF, trigger: 0x80,
		}
		ports = append(ports, p)
		if p.kind = autoconfig(s.Chip); p.kind == unknown {
			env.Printf(kernel.LevelWarning, "no UART at I/O %#x", s.Base)
			continue
		}
		p.fifo = int32(p.kind.fifo())
		p.irq = env.Kernel().IRQ(s.IRQ)
		t, err := d.Add(i, p, nil)
		if err != nil {
			return err
		}
		env.Defer(func() { d.Remove(t) })
		env.Kernel().Log.Printf(kernel.LevelInfo, "%s: %s at I/O %#x (irq = %d, base_baud = %d) is a %s",
			"serial8250", fmt.Sprintf("ttyS%d", i), s.Base, s.IRQ, s.Clock, p.kind.name())
	}
	return procSerial(env, ports)
}

// kind is what autoconfig finds, with the numbers of TIOCGSERIAL (include/uapi/linux/serial.h).
type kind int32

const (
	unknown kind = 0
	u8250   kind = 1
	u16450  kind = 2
	u16550  kind = 3
	u16550A kind = 4
)

func (k kind) name() string {
	return [...]string{"unknown UART", "8250", "16450", "16550", "16550A"}[k]
}

func (k kind) fifo() int {
	if k == u16550A {
		return 16
	}
	return 1
}

// autoconfig finds out which chip there is ([8250] autoconfig): IER must hold what is written, the
// modem lines must follow in loop-back, then FCR and the scratch register tell the sisters apart.
func autoconfig(u UART) kind {
	saved := u.In8(reg.IER)
	u.Out8(reg.IER, 0)
	low := u.In8(reg.IER) & 0x0f
	u.Out8(reg.IER, 0x0f)
	high := u.In8(reg.IER) & 0x0f
	u.Out8(reg.IER, saved)
	if low != 0 || high != 0x0f {
		return unknown
	}
	mcr := u.In8(reg.MCR)
	u.Out8(reg.MCR, reg.MCR_LOOP|reg.MCR_OUT2|reg.MCR_RTS)
	looped := u.In8(reg.MSR) & 0xf0
	u.Out8(reg.MCR, mcr)
	if looped != reg.MSR_DCD|reg.MSR_CTS {
		return unknown
	}
	lcr := u.In8(reg.LCR)
	u.Out8(reg.LCR, 0)
	u.Out8(reg.FCR, reg.FCR_ENABLE)
	found := u16550A
	switch u.In8(reg.IIR) >> 6 {
	case 0:
		found = u8250
		old := u.In8(reg.SCR)
		u.Out8(reg.SCR, 0xa5)
		a := u.In8(reg.SCR)
		u.Out8(reg.SCR, 0x5a)
		b := u.In8(reg.SCR)
		u.Out8(reg.SCR, old)
		if a == 0xa5 && b == 0x5a {
			found = u16450
		}
	case 1:
		found = unknown
	case 2:
		found = u16550
	}
	u.Out8(reg.FCR, 0)
	u.Out8(reg.LCR, lcr)
	return found
}
