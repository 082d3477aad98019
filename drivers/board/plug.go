package board

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
	hw "github.com/kobench/kobench/hw/usb"
	usbfault "github.com/kobench/kobench/hw/usb/fault"
	"github.com/kobench/kobench/hw/usb/host"
	"github.com/kobench/kobench/hw/usb/pcap"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/kobench/kobench/kernel"
)

// Plugged is a device on the machine's bus.
type Plugged struct {
	USBDevice
	Slot *hw.Slot
	// Near is the chip's end of the line, Far the device's; nil without a line, Far also with a
	// loop-back.
	Near, Far *serial.Port
	Device    Device // at the line's end, or nil
	// Broken is what injects the faults, or nil.
	Broken *usbfault.Device

	stop func()
	log  func(string)
}

// usbSide is the machine's bus and what hangs on it.
type usbSide struct {
	bus       *hw.Bus
	hotplug   usb.Queue // modules that uevents ask for
	unwatch   func()
	recording *busRecording // nil: none

	mu      sync.Mutex
	plugged []*Plugged // +checklocks:mu
	// had or have faults, the last maxBroken
	broken []*Plugged // +checklocks:mu
}

const maxBroken = 100 // whose fault reports are kept

// usbcore builds the module of the machine's bus. It may be built again and refused, when two ask
// for it at once.
func (s *usbSide) usbcore() *kernel.Module { return usb.New(s.bus) }

// core is the usbcore that is loaded, or nil.
func (m *Machine) core() *usb.Core {
	mod, ok := m.Kernel.Module("usbcore")
	if !ok || len(mod.Exports) == 0 {
		return nil
	}
	core, _ := mod.Exports[0].Value.(*usb.Core)
	return core
}

// startUSB makes what user space does about a uevent happen: modprobe by MODALIAS. Who does it is
// the kernel's modprobe.
func (m *Machine) startUSB() {
	s := &m.usb
	s.unwatch = m.Kernel.OnUevent(func(u kernel.Uevent) {
		if alias := u.Var("MODALIAS"); u.Action == "add" && alias != "" {
			s.hotplug.Put(func() { _ = m.Kernel.RequestModule(nil, alias) })
		}
	})
	m.recordBus()
	for _, d := range m.Board.USB.Devices {
		if _, err := m.Plug(d); err != nil {
			m.problem("usb: %s: %v", d, err)
		}
	}
}

// Bus is the machine's USB bus, number 1.
func (m *Machine) Bus() *hw.Bus { return m.usb.bus }

// Plugged are the devices on the bus, in the order in which they came.
func (m *Machine) Plugged() []*Plugged {
	m.usb.mu.Lock()
	defer m.usb.mu.Unlock()
	return slices.Clone(m.usb.plugged)
}

// Plug makes a device and plugs it in. It returns when the device is on the bus; Settle waits until
// the kernel has dealt with it.
//
// Errors: those of the bus (port taken, no such port) and of what the device is made from.
func (m *Machine) Plug(d USBDevice) (*Plugged, error) {
	p := &Plugged{USBDevice: d, stop: func() {}, log: m.logger(strings.TrimSpace("usb " + d.Port + " " + d.Kind))}
	dev, err := m.make(p)
	if err != nil {
		p.stop()
		return nil, err
	}
	if c, ok := dev.(interface{ SetClock(*clock.Clock) }); ok {
		c.SetClock(m.Clock)
	}
	made := dev
	if len(d.Faults) > 0 {
		if p.Broken, err = usbfault.New(dev, d.Seed, d.Faults...); err != nil {
			p.stop()
			return nil, err
		}
		dev = p.Broken
	}
	m.usb.mu.Lock() // whoever sees what the kernel makes of it sees it among the plugged ones too
	if p.Slot, err = m.usb.bus.Plug(d.Port, dev); err == nil {
		m.usb.plugged = append(m.usb.plugged, p)
		if p.Broken != nil {
			m.usb.broken = append(m.usb.broken[max(0, len(m.usb.broken)+1-maxBroken):], p)
		}
	}
	m.usb.mu.Unlock()
	if err != nil {
		if u, ok := dev.(hw.Unplugger); ok {
			u.Unplug()
		}
		p.stop()
		return nil, err
	}
	m.alive.Go(func() {
		<-p.Slot.Gone()
		// not pulled out: its server has failed
		if e, ok := made.(hw.Failer); ok && e.Err() != nil {
			m.Kernel.Log.Printf(kernel.LevelErr, "usb %s: %s: %v", p.Slot.Name(), d, e.Err())
		}
		p.stop()
		m.usb.mu.Lock()
		m.usb.plugged = slices.DeleteFunc(m.usb.plugged, func(o *Plugged) bool { return o == p })
		m.usb.mu.Unlock()
	})
	return p, nil
}

// make makes the device itself.
func (m *Machine) make(p *Plugged) (hw.Device, error) {
	kind, ok := m.Board.kinds.usbOf(p.Kind)
	if !ok {
		return nil, fmt.Errorf("device %q: want one of %s", p.Kind, m.Board.kinds.usbNames())
	}
	if kind.has("line") {
		m.usbLine(p)
	}
	return kind.make(p)
}

// usbLine makes the line behind a serial function and starts what is at its end.
func (m *Machine) usbLine(p *Plugged) {
	if _, loop := p.Line.(Loopback); loop {
		p.Near = serial.On(m.Clock).Loopback(m.Board.Speed)
		p.stop = func() { _ = p.Near.Close() }
		return
	}
	p.Near, p.Far = serial.On(m.Clock).Straight(m.Board.Speed)
	ctx, stop := context.WithCancel(context.Background())
	p.stop = func() {
		stop()
		_ = p.Far.Close()
		_ = p.Near.Close()
	}
	if a, ok := p.Line.(*Attached); ok {
		p.Device = a.New()
		m.logOf(p.Device, "usb "+p.Kind)
		m.alive.Go(func() {
			if err := p.Device.Run(ctx, p.Far); err != nil && ctx.Err() == nil {
				m.problem("usb %s: %s at the end of the line has failed: %v", p.Kind, a, err)
			}
		})
	}
}

// replay takes a device out of a capture: "bus.pcapng", or "bus.pcapng#1.3" for one of several.
func replay(from string) (*pcap.Replay, error) {
	var bus, dev int
	name, which, chosen := strings.Cut(from, "#")
	if _, err := os.Stat(from); err == nil { // the name has such a sign
		name, chosen = from, false
	}
	if chosen {
		b, d, ok := strings.Cut(which, ".")
		var err1, err2 error
		bus, err1 = strconv.Atoi(b)
		dev, err2 = strconv.Atoi(d)
		if !ok || err1 != nil || err2 != nil || bus < 1 || dev < 1 {
			return nil, fmt.Errorf("replay: from %q: want CAPTURE#BUS.DEVICE, such as bus.pcapng#1.3", from)
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	events, err := pcap.Read(f)
	if err != nil {
		return nil, err
	}
	return pcap.NewReplay(events, bus, dev)
}

// replayUSB makes a captured device at the speed asked for, or at its own.
func replayUSB(p *Plugged) (hw.Device, error) {
	r, err := replay(p.From)
	if err != nil {
		return nil, err
	}
	asked, fits := p.Speed, r.Speed()
	if asked == hw.UnknownSpeed {
		p.Speed = fits
	}
	d, err := hw.New(r, p.Speed)
	switch {
	case err == nil:
		return d, nil
	case r.Descriptors(fits).Validate(fits) != nil: // and so no other is
		return nil, fmt.Errorf("replay: what %s has said of itself is right at no speed; at %s speed: %w", p.From, fits, err)
	}
	return nil, fmt.Errorf("replay: what %s has said of itself is right at %s speed, not at %s; leave the speed out: %w", p.From, fits, asked, err)
}

const importTime = 10 * time.Second

// importUSB takes a device from a USB/IP server: "host:port/1-1".
func importUSB(p *Plugged) (hw.Device, error) {
	addr, id, ok := strings.Cut(p.From, "/")
	if !ok || addr == "" || id == "" {
		return nil, fmt.Errorf("usbip: from %q: want host:port/BUSID, such as 127.0.0.1:3240/1-1", p.From)
	}
	ctx, stop := context.WithTimeout(context.Background(), importTime)
	defer stop()
	return usbip.Import(ctx, addr, id)
}

// openHost takes a device of the computer: "0403:6001".
func openHost(p *Plugged) (hw.Device, error) {
	vendor, product, ok := strings.Cut(p.From, ":")
	v, err1 := strconv.ParseUint(vendor, 16, 16)
	n, err2 := strconv.ParseUint(product, 16, 16)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("host: from %q: want VENDOR:PRODUCT in hexadecimal, such as 0403:6001", p.From)
	}
	d, err := host.Open(host.ID{Vendor: uint16(v), Product: uint16(n)})
	if err != nil {
		return nil, err
	}
	p.stop = func() { _ = d.Close() } // the host's driver has it back before the machine is closed
	return d, nil
}

// Unplug pulls out what is in a port, and what is behind it if it is a hub.
//
// Errors: ENODEV nothing is there.
func (m *Machine) Unplug(port string) error { return m.usb.bus.Unplug(port) }

// Settle waits until the kernel has dealt with what was plugged and unplugged: enumerated it, asked
// for its driver, bound that.
func (m *Machine) Settle() {
	// a driver that has come finds devices, which may be hubs with more
	for was := m.happened() - 1; was != m.happened(); {
		was = m.happened()
		if core := m.core(); core != nil {
			core.Settle()
		}
		m.usb.hotplug.Settle()
	}
}

// happened counts what the core and the hot-plug chain were given to do.
func (m *Machine) happened() uint64 {
	n := m.usb.hotplug.Puts()
	if core := m.core(); core != nil {
		n += core.Events()
	}
	return n
}

// Enumerated reports whether the kernel knows a device that was plugged in: usbcore is loaded, and
// the device has answered it.
func (m *Machine) Enumerated(p *Plugged) bool {
	t := m.Kernel.NewTask(kernel.WithComm("usb"))
	defer t.Exit()
	_, err := t.Lstat("/sys/bus/usb/devices/" + p.Slot.Name())
	return err == nil
}

// Nodes are the device files below /dev that drivers have made for a device, such as "ttyUSB0".
func (m *Machine) Nodes(p *Plugged) []string {
	t := m.Kernel.NewTask(kernel.WithComm("usb"))
	defer t.Exit()
	var names []string
	top := "/sys/bus/usb/devices/" + p.Slot.Name()
	list, err := t.ReadDir(top)
	if err != nil {
		return nil
	}
	for _, iface := range list {
		if !strings.HasPrefix(iface.Name, p.Slot.Name()+":") {
			continue
		}
		dir := top + "/" + iface.Name
		names = append(names, inClasses(t, dir)...)
		ports, _ := t.ReadDir(dir)
		for _, port := range ports { // an adapter's, on the bus usb-serial
			if strings.HasPrefix(port.Name, "ttyUSB") {
				names = append(names, inClasses(t, dir+"/"+port.Name)...)
			}
		}
	}
	return names
}

// inClasses are the nodes of the devices right below dir.
func inClasses(t *kernel.Task, dir string) (names []string) {
	for _, class := range []string{"tty", "usbmisc"} {
		nodes, err := t.ReadDir(dir + "/" + class)
		if err != nil {
			continue
		}
		for _, n := range nodes {
			names = append(names, n.Name)
		}
	}
	return names
}

// stopUSB pulls everything out and writes what was recorded.
func (m *Machine) stopUSB() error {
	s := &m.usb
	_ = m.EndExport()
	s.unwatch()
	s.hotplug.End()
	for _, d := range s.bus.Devices() {
		_ = s.bus.Unplug(d.Path())
	}
	return m.saveBus()
}

// MarshalJSON tells what is plugged in, for programs.
func (p *Plugged) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"port": p.Slot.Path(), "name": p.Slot.Name(), "address": p.Slot.Address(), "device": p.USBDevice.String()})
}
