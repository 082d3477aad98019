package board

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/hw/usb/usbip"
	"github.com/kobench/kobench/kernel"
)

// exports are the devices of the machine's bus that a USB/IP server offers. The zero value offers
// none.
type exports struct {
	mu sync.Mutex
	m  *Machine
	// where the server listens, "" while there is none
	addr   string             // +checklocks:mu
	stop   context.CancelFunc // +checklocks:mu
	served chan error
	// how to give each back
	lent map[*hw.Slot]func() // +checklocks:mu
}

// Export takes the devices in ports ("1", "4.2"; none: all but hubs) from the machine's drivers and
// offers them at the address; "" is [usbip.DefaultAddress], on the loop-back interface. A second
// call adds devices to the server there is, and its address must be the same or "". It returns
// where the server listens and what it offers, by bus id.
//
// Errors: ENODEV nothing is in a port; EINVAL a hub is; EBUSY a device is offered already; the
// listener's.
func (m *Machine) Export(addr string, ports []string) (at string, offered []string, err error) {
	x := &m.exports
	x.mu.Lock()
	defer x.mu.Unlock()
	x.m = m
	slots, err := m.slots(ports)
	if err != nil {
		return "", nil, err
	}
	if x.addr == "" {
		if err := x.listenLocked(addr); err != nil {
			return "", nil, err
		}
	} else if addr != "" && addr != x.addr {
		return "", nil, fmt.Errorf("usbip: the server listens at %s already", x.addr)
	}
	for _, s := range slots {
		if x.lent[s] != nil && len(ports) == 0 {
			continue
		}
		if err := x.lendLocked(s); err != nil {
			return x.addr, x.offeredLocked(), err
		}
	}
	return x.addr, x.offeredLocked(), nil
}

// slots finds the devices in ports; all that are no hubs without any.
func (m *Machine) slots(ports []string) ([]*hw.Slot, error) {
	var slots []*hw.Slot
	if len(ports) == 0 {
		for _, s := range m.usb.bus.Devices() {
			if !m.hub(s) {
				slots = append(slots, s)
			}
		}
	}
	for _, p := range ports {
		s := m.usb.bus.Find(p)
		if s == nil {
			return nil, fmt.Errorf("usbip: nothing is plugged into port %s; see kobench lsusb -t: %w", p, kernel.ENODEV)
		}
		if m.hub(s) {
			return nil, fmt.Errorf("usbip: %s is a hub; export what is behind it: %w", s.Name(), kernel.EINVAL)
		}
		slots = append(slots, s)
	}
	return slots, nil
}

// hub reports whether a device is a hub: one of ours, or one from elsewhere whose descriptors the
// kernel has read.
func (m *Machine) hub(s *hw.Slot) bool {
	if s.Hub() {
		return true
	}
	core := m.core()
	if core == nil {
		return false
	}
	d := core.Find(s.Name())
	return d != nil && d.Descriptors().Device.Class == hw.ClassHub
}

// +checklocks:x.mu
func (x *exports) listenLocked(addr string) error {
	if addr == "" {
		addr = usbip.DefaultAddress
	}
	ctx, stop := context.WithCancel(context.Background())
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		stop()
		return fmt.Errorf("usbip: cannot listen on %s: %w (is a usbipd running? choose another port)", addr, err)
	}
	log := &x.m.Kernel.Log
	server := usbip.NewServer(func(format string, args ...any) { log.Printf(kernel.LevelInfo, "usbip: "+format, args...) }, x.m.usb.bus)
	server.Offers = func(s *hw.Slot) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.lent[s] != nil
	}
	x.addr, x.stop, x.lent, x.served = l.Addr().String(), stop, make(map[*hw.Slot]func()), make(chan error, 1)
	go func() { x.served <- server.Serve(ctx, l) }()
	return nil
}

// +checklocks:x.mu
func (x *exports) lendLocked(s *hw.Slot) error {
	giveBack := func() {}
	if core := x.m.core(); core != nil {
		if d := core.Find(s.Name()); d != nil {
			var err error
			if giveBack, err = d.Lend(); err != nil {
				return fmt.Errorf("usbip: %s: %w", s.Name(), err)
			}
		}
	}
	x.lent[s] = giveBack
	x.m.alive.Go(func() {
		<-s.Gone()
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.lent, s)
	})
	return nil
}

// +checklocks:x.mu
func (x *exports) offeredLocked() []string {
	var names []string
	for s := range x.lent {
		names = append(names, s.Name())
	}
	slices.Sort(names)
	return names
}

// EndExport ends the server and gives the devices back to the machine's drivers. Errors: EINVAL
// without a server.
func (m *Machine) EndExport() error {
	x := &m.exports
	x.mu.Lock()
	if x.addr == "" {
		x.mu.Unlock()
		return fmt.Errorf("usbip: nothing is exported: %w", kernel.EINVAL)
	}
	stop, lent, served := x.stop, x.lent, x.served
	x.addr, x.lent = "", nil
	x.mu.Unlock()
	stop()
	err := <-served // imports have ended
	for _, giveBack := range lent {
		giveBack()
	}
	return err
}
