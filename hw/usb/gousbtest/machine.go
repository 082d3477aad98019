package gousbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// Machine is the computer that libusb runs on: its buses, and who has claimed which interface of
// what is plugged into them. The Contexts of one Machine are like programs of one computer: they
// see each other's claims.
type Machine struct {
	buses []*usb.Bus

	enumerating sync.Mutex // held while descriptors are read; before mu

	mu       sync.Mutex
	nodes    map[*usb.Slot]*node
	contexts map[*Context]bool
}

// node is a device that the machine has enumerated.
type node struct {
	m      *Machine
	slot   *usb.Slot
	desc   *usb.Descriptors
	claims map[int]*Device // by interface; guarded by Machine.mu
	driver map[int]driver  // likewise
	denied bool            // likewise
}

// driver is the kernel's driver of an interface.
type driver uint8

const (
	noDriver driver = iota
	bound
	detached
)

// NewMachine makes a machine with these buses. A bus belongs to one Machine; what is plugged in
// later is seen by the next OpenDevices.
func NewMachine(buses ...*usb.Bus) *Machine {
	return &Machine{buses: buses, nodes: map[*usb.Slot]*node{}, contexts: map[*Context]bool{}}
}

// installed is the machine of Contexts that were made without one.
//
//rules:allow gousb.NewContext has no parameter: as libusb's, the machine is the process's
var installed atomic.Pointer[Machine]

// TB is what Install needs of a *testing.T.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Install makes these buses the ones that [NewContext] sees until the test ends. The test then
// fails if the program has left something open; see [Machine.Check]. One test of a process can have
// a machine installed at a time, so it cannot run in parallel with another such test;
// [Machine.NewContext] has no such limit.
func Install(t TB, buses ...*usb.Bus) *Machine {
	t.Helper()
	m := NewMachine(buses...)
	if !installed.CompareAndSwap(nil, m) {
		t.Fatalf("gousbtest: another test has a machine installed; run one after the other, or give each program Machine.NewContext")
		return nil
	}
	t.Cleanup(func() {
		installed.CompareAndSwap(m, nil)
		if err := m.Check(); err != nil {
			t.Errorf("gousbtest: %v", err)
		}
	})
	return m
}

// NewContext makes a Context of this machine. It must be closed.
func (m *Machine) NewContext() *Context {
	c := &Context{m: m, devices: map[*Device]bool{}}
	m.mu.Lock()
	m.contexts[c] = true
	m.mu.Unlock()
	return c
}

// Check says what programs have not closed: Contexts with their Devices, and the interfaces those
// have claimed. nil is a clean machine.
func (m *Machine) Check() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var left []error
	for c := range m.contexts {
		c.mu.Lock()
		left = append(left, fmt.Errorf("a Context with %d open Devices was not closed", len(c.devices)))
		c.mu.Unlock()
	}
	for _, n := range m.nodes {
		for i, d := range n.claims {
			left = append(left, fmt.Errorf("interface %d of %s is still claimed: call Interface.Close", i, d))
		}
	}
	return errors.Join(left...)
}

// Bind puts a kernel driver on interfaces of a device, as ftdi_sio is on a real machine when the
// program comes. Claiming them then fails with ErrorBusy, as does choosing another configuration,
// unless the program calls SetAutoDetach(true).
//
// Errors: ENODEV if the slot is on none of the machine's buses; otherwise as usb.ReadDescriptors.
func (m *Machine) Bind(s *usb.Slot, interfaces ...int) error {
	n, err := m.node(s)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range interfaces {
		n.driver[i] = bound
	}
	return nil
}

// Bound reports whether the kernel driver given to Bind has the interface (again).
func (m *Machine) Bound(s *usb.Slot, iface int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.nodes[s]
	return n != nil && n.driver[iface] == bound
}

// Forbid makes opening a device fail with ErrorAccess, as on a machine without a udev rule for it.
// Programs still see its descriptors.
//
// Errors: as Bind.
func (m *Machine) Forbid(s *usb.Slot) error {
	n, err := m.node(s)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n.denied = true
	return nil
}

// enumeration is the time that a device has to describe itself.
const enumeration = 5 * time.Second

// node enumerates what is plugged in, once: Linux reads the descriptors and chooses a configuration
// before any program sees the device.
func (m *Machine) node(s *usb.Slot) (*node, error) {
	m.enumerating.Lock()
	defer m.enumerating.Unlock()
	m.mu.Lock()
	n := m.nodes[s]
	m.mu.Unlock()
	if n != nil {
		return n, nil
	}
	if !slices.Contains(m.buses, s.Bus()) {
		return nil, &usb.Error{Op: "enumerate", Where: s.Name(), Errno: usb.ENODEV, Reason: "its bus is not one of this machine"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), enumeration)
	defer cancel()
	desc, err := usb.ReadDescriptors(ctx, s)
	if err != nil {
		return nil, err
	}
	n = &node{m: m, slot: s, desc: desc, claims: map[int]*Device{}, driver: map[int]driver{}}
	if value, err := n.active(ctx); err == nil && value == 0 && len(desc.Configs) > 0 {
		if err := n.configure(ctx, desc.Configs[0].Value); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	m.nodes[s] = n
	m.mu.Unlock()
	return n, nil
}

// list enumerates all buses. A device that does not answer is left out and named in the error; one
// that has gone is just left out.
func (m *Machine) list() ([]*node, error) {
	m.mu.Lock()
	for s, n := range m.nodes {
		if n.gone() && len(n.claims) == 0 {
			delete(m.nodes, s)
		}
	}
	m.mu.Unlock()
	var all []*node
	var last error
	for _, b := range m.buses {
		for _, s := range b.Devices() {
			n, err := m.node(s)
			switch {
			case err == nil:
				all = append(all, n)
			case usb.ErrnoOf(err) != usb.ENODEV:
				last = fmt.Errorf("device %s cannot be enumerated: %w", s.Name(), err)
			}
		}
	}
	return all, last
}

func (n *node) gone() bool {
	select {
	case <-n.slot.Gone():
		return true
	default:
		return false
	}
}

// open is libusb_open.
func (n *node) open() error {
	n.m.mu.Lock()
	defer n.m.mu.Unlock()
	switch {
	case n.gone():
		return ErrorNoDevice
	case n.denied:
		return ErrorAccess
	}
	return nil
}

// active is the value of the configuration in use, 0 for none.
func (n *node) active(ctx context.Context) (int, error) {
	var b [1]byte
	_, err := usb.Request(ctx, n.slot, usb.DirIn, usb.GetConfiguration, 0, 0, b[:])
	return int(b[0]), err
}

func (n *node) configure(ctx context.Context, value uint8) error {
	_, err := usb.Request(ctx, n.slot, usb.DirOut, usb.SetConfiguration, uint16(value), 0, nil)
	return err
}

// change is libusb_set_configuration: it needs every interface free.
func (n *node) change(value uint8) error {
	n.m.mu.Lock()
	busy := len(n.claims) > 0
	for _, d := range n.driver {
		busy = busy || d == bound
	}
	n.m.mu.Unlock()
	if busy {
		return ErrorBusy
	}
	return otherwise(n.configure(context.Background(), value))
}

// otherwise is how libusb reports what a request of its own led to [libusb] os/linux_usbfs.c
// op_set_configuration, op_set_interface.
func otherwise(err error) error {
	switch usb.ErrnoOf(err) {
	case 0:
		return nil
	case usb.ENODEV, usb.ESHUTDOWN:
		return ErrorNoDevice
	}
	return ErrorOther
}

// detach takes the kernel's driver off an interface.
func (n *node) detach(iface int) {
	n.m.mu.Lock()
	defer n.m.mu.Unlock()
	if n.driver[iface] == bound {
		n.driver[iface] = detached
	}
}

// claim is libusb_claim_interface.
func (n *node) claim(d *Device, iface int) error {
	if d.autodetach.Load() {
		n.detach(iface)
	}
	n.m.mu.Lock()
	defer n.m.mu.Unlock()
	if owner := n.claims[iface]; owner != nil && owner != d || n.driver[iface] == bound {
		return ErrorBusy
	}
	if n.gone() {
		return ErrorNoDevice
	}
	n.claims[iface] = d
	return nil
}

// release is libusb_release_interface: the kernel's driver comes back if it was taken off
// automatically.
func (n *node) release(d *Device, iface int) {
	n.m.mu.Lock()
	defer n.m.mu.Unlock()
	if n.claims[iface] != d {
		return
	}
	delete(n.claims, iface)
	if d.autodetach.Load() && n.driver[iface] == detached {
		n.driver[iface] = bound
	}
}

// releaseAll is what closing a handle does.
func (n *node) releaseAll(d *Device) {
	n.m.mu.Lock()
	defer n.m.mu.Unlock()
	for i, owner := range n.claims {
		if owner == d {
			delete(n.claims, i)
		}
	}
}
