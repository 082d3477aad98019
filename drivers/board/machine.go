package board

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kobench/kobench/drivers/serial8250"
	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	"github.com/kobench/kobench/hw/serial/fault"
	"github.com/kobench/kobench/hw/serial/uart16550"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// Machine is a board under power: a kernel and its hardware.
type Machine struct {
	Kernel *kernel.Kernel
	Clock  *clock.Clock
	Board  *Board
	Ports  []Port // of the UARTs, in order

	sites []serial8250.Site
	stop  context.CancelFunc
	alive sync.WaitGroup
	close func() error
	usb   usbSide

	discarded atomic.Bool

	exports  exports
	problems problems
}

// Port is one UART's end of its line, with what is at the other end.
type Port struct {
	TTY  string
	Near *serial.Port // the chip's
	Far  *serial.Port // the device's; nil for a loop-back
	Line Line
	// Device is what is at its end, or nil.
	Device Device
	Door   Door
	// Out and In inject the line's faults, or are nil.
	Out, In *fault.Injector

	record string
	// uncovered is what a replayed device was not asked as it was recorded; set before Close
	// returns.
	uncovered error
	recording *recording // nil: none
}

// Power boots a kernel on the board and starts the devices. The modules are not loaded yet:
// LoadModules does that, or a modprobe. cfg.Catalog gets a driver for the board's UARTs under the
// name 8250, and one for its USB bus under usbcore.
func (b *Board) Power(cfg kernel.Config) *Machine {
	m := &Machine{Board: b, Clock: clock.New(), usb: usbSide{bus: hw.NewBus(1, BusPorts)}}
	cfg.Clock = m.Clock
	m.close = sync.OnceValue(m.shutdown)
	all := maps.Clone(cfg.Catalog)
	if all == nil {
		all = make(map[string]func() *kernel.Module)
	}
	all["8250"] = func() *kernel.Module { return serial8250.New(m.sites) }
	all["usbcore"] = m.usb.usbcore
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
		m.problem("board %s: no driver %s in this program's catalog to build in", b.Name, name)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.wire()
	m.instrument()
	for i := range m.Ports {
		p := &m.Ports[i]
		u := b.UARTs[i]
		chip := uart16550.New(p.Near, uart16550.Options{Kind: u.Kind, IRQ: m.Kernel.IRQ(u.IRQ).Source()})
		m.sites = append(m.sites, serial8250.Site{Chip: chip, Base: u.IO, IRQ: u.IRQ})
		if a, ok := p.Line.(*Attached); ok {
			p.Device = a.New()
			m.logOf(p.Device, p.TTY)
			m.alive.Go(func() {
				err := p.Device.Run(ctx, p.Far)
				switch _, recorded := p.Device.(*replayed); {
				case recorded && err != nil:
					p.uncovered = fmt.Errorf("%s: %s: %w", p.TTY, a, err)
					m.problem("%v", p.uncovered)
				case err != nil && ctx.Err() == nil:
					m.problem("%s: %s at the end of the line has failed: %v", p.TTY, a, err)
				}
			})
		}
	}
	m.startUSB()
	return m
}

// wire makes the lines.
func (m *Machine) wire() {
	b, cables := m.Board, serial.On(m.Clock)
	ends := make(map[string]*serial.Port) // the second ends of null modems
	for _, u := range b.UARTs {
		p := Port{TTY: u.TTY, Line: u.Line}
		switch line := u.Line.(type) {
		case Loopback:
			p.Near = cables.Loopback(b.Speed)
		case NullModem:
			if end, ok := ends[u.TTY]; ok {
				p.Near = end
				break
			}
			var far *serial.Port
			p.Near, far = cables.NullModem(b.Speed)
			ends[line.To] = far
		default:
			p.Near, p.Far = cables.Straight(b.Speed)
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

// instrument puts faults and recorders on the lines.
func (m *Machine) instrument() {
	for i, u := range m.Board.UARTs {
		p := &m.Ports[i]
		p.Door, p.record = u.Door, u.Record
		install := func(rules string, end *serial.Port) *fault.Injector {
			if rules == "" {
				return nil
			}
			in, err := fault.Parse(u.Faults.Seed, rules)
			if err != nil { // a board that was not made by Parse
				m.problem("%s: faults %q: %v", u.TTY, rules, err)
				return nil
			}
			in.Install(end)
			return in
		}
		p.Out = install(u.Faults.Out, p.Near)
		if p.Far != nil {
			p.In = install(u.Faults.In, p.Far)
		}
		if p.record != "" {
			m.record(p)
		}
	}
}

// logOf gives a device that has something to say its place in the log.
func (m *Machine) logOf(d Device, where string) {
	if l, ok := d.(Logger); ok {
		l.SetLog(m.logger(where))
	}
}

func (m *Machine) logger(where string) func(string) {
	return func(text string) { m.Kernel.Log.Printf(kernel.LevelNotice, "%s: %s", where, text) }
}

// problem says in the log that something of the board cannot be had, and keeps it for
// [Machine.Problems].
func (m *Machine) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	m.Kernel.Log.Printf(kernel.LevelErr, "%s", text)
	m.problems.mu.Lock()
	defer m.problems.mu.Unlock()
	if len(m.problems.list) < maxProblems {
		m.problems.list = append(m.problems.list, text)
	}
}

// Problems is what the board asks for and the machine could not have, or has lost: a capture that
// is not there, a port that could not be opened. The first 100; the log has them all.
func (m *Machine) Problems() []string {
	m.problems.mu.Lock()
	defer m.problems.mu.Unlock()
	return slices.Clone(m.problems.list)
}

const maxProblems = 100

type problems struct {
	mu   sync.Mutex
	list []string // +checklocks:mu
}

// FaultReport says what was injected where, into lines and USB devices, those that have gone among
// them; "" if nobody asked for faults.
func (m *Machine) FaultReport() string {
	var b strings.Builder
	for _, p := range m.Ports {
		for _, dir := range []struct {
			name string
			in   *fault.Injector
		}{{"out", p.Out}, {"in", p.In}} {
			if dir.in != nil {
				fmt.Fprintf(&b, "%s %s:\n%s", p.TTY, dir.name, dir.in.Report())
			}
		}
	}
	m.usb.mu.Lock()
	broken := slices.Clone(m.usb.broken)
	m.usb.mu.Unlock()
	for _, p := range broken {
		fmt.Fprintf(&b, "usb %s: %s:\n", p.Slot.Name(), p.USBDevice)
		_ = p.Broken.WriteReport(&b)
	}
	return b.String()
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

// Close shuts the kernel down, then the hardware, and writes what was recorded; closed again, it
// says the same again. Errors: as kernel.Shutdown; those of the files.
func (m *Machine) Close() error { return m.close() }

func (m *Machine) shutdown() error {
	errs := []error{m.stopUSB()}
	err := m.Kernel.Shutdown()
	m.stop()
	for i := range m.Ports {
		p := &m.Ports[i]
		errs = append(errs, m.save(p))
		if p.Far != nil {
			if _, isPeer := p.Line.(NullModem); !isPeer {
				_ = p.Far.Close()
			}
		}
		_ = p.Near.Close()
	}
	m.alive.Wait()
	for i := range m.Ports {
		errs = append(errs, m.Ports[i].uncovered)
	}
	return errors.Join(append(errs, err)...)
}
