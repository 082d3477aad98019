package board

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/uart16550"
	"github.com/kobench/kobench/kernel"
)

// Machine is a board under power: a kernel and its hardware.
type Machine struct {
	Kernel *kernel.Kernel
	Board  *Board
	Ports  []Port // of the UARTs, in order

	sites []serial8250.Site
	stop  context.CancelFunc
	alive sync.WaitGroup
}

// Port is one UART's end of its line, with what is at the other end.
type Port struct {
	TTY  string
	Near *serial.Port // the chip's
	Far  *serial.Port // the device's; nil for a loop-back
	Line Line
}

// Power boots a kernel on the board and starts the devices. The modules are not loaded yet: LoadModules does that, or a modprobe.
// cfg.Catalog gets a driver for the board's UARTs under the name 8250.
func (b *Board) Power(cfg kernel.Config) *Machine {
	m := &Machine{Board: b}
	all := maps.Clone(cfg.Catalog)
	if all == nil {
		all = make(map[string]func() *kernel.Module)
	}
	all["8250"] = func() *kernel.Module { return serial8250.New(m.sites) }
	cfg.Catalog = all
	var missing []string
	for _, name := range b.Builtin {
		if build, ok := all[name]; ok {
			cfg.Builtin = append(cfg.Builtin, build())
		} else {
			missing = append(missing, name)
		}
	}
	m.Kernel = kernel.Boot(cfg)
	for _, name := range missing {
		m.Kernel.Log.Printf(kernel.LevelErr, "board %s: no driver %s in this program's catalog to build in", b.Name, name)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.wire()
	for i := range m.Ports {
		p := &m.Ports[i]
		u := b.UARTs[i]
		chip := uart16550.New(p.Near, uart16550.Options{Kind: u.Kind, IRQ: m.Kernel.IRQ(u.IRQ).Set})
		m.sites = append(m.sites, serial8250.Site{Chip: chip, Base: u.IO, IRQ: u.IRQ})
		if d, ok := p.Line.(device); ok {
			m.alive.Go(func() {
				if err := d.run(ctx, p.Far); err != nil && ctx.Err() == nil {
					m.Kernel.Log.Printf(kernel.LevelErr, "%s: %s at the end of the line has failed: %v", p.TTY, d, err)
				}
			})
		}
	}
	return m
}

// wire makes the lines.
func (m *Machine) wire() {
	b := m.Board
	ends := make(map[string]*serial.Port) // the second ends of null modems
	for _, u := range b.UARTs {
		p := Port{TTY: u.TTY, Line: u.Line}
		switch line := u.Line.(type) {
		case Loopback:
			p.Near = serial.Loopback(b.Speed)
		case NullModem:
			if end, ok := ends[u.TTY]; ok {
				p.Near = end
				break
			}
			var far *serial.Port
			p.Near, far = serial.NullModem(b.Speed)
			ends[line.To] = far
		default:
			p.Near, p.Far = serial.Straight(b.Speed)
		}
		p.Near.SetName(u.TTY)
		m.Ports = append(m.Ports, p)
	}
	for i := range m.Ports { // the ends of a null modem know each other
		if n, ok := m.Ports[i].Line.(NullModem); ok {
			for j := range m.Ports {
				if m.Ports[j].TTY == n.To {
					m.Ports[i].Far = m.Ports[j].Near
				}
			}
		}
	}
}

// LoadModules loads the board's modules out of the kernel's catalog.
//
// Errors: the first module that cannot be loaded, by name.
func (m *Machine) LoadModules() error {
	for _, mod := range m.Board.Modules {
		if err := m.Kernel.Init().LoadByName(mod.Name, mod.Params); err != nil {
			return fmt.Errorf("board %s: module %s: %w", m.Board.Name, mod.Name, err)
		}
	}
	return nil
}

// Close shuts the kernel down, then the hardware. Errors: as kernel.Shutdown.
func (m *Machine) Close() error {
	err := m.Kernel.Shutdown()
	m.stop()
	var errs []error
	for _, p := range m.Ports {
		if p.Far != nil {
			if _, isPeer := p.Line.(NullModem); !isPeer {
				_ = p.Far.Close()
			}
		}
		_ = p.Near.Close()
	}
	m.alive.Wait()
	return errors.Join(append(errs, err)...)
}
