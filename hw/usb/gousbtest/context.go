package gousbtest

import (
	"errors"
	"fmt"
	"sync"
)

// Context is a program's way to the devices. Its methods may be called from several goroutines.
type Context struct {
	m *Machine // nil: the installed one

	mu      sync.Mutex
	closed  bool
	devices map[*Device]bool
}

// NewContext makes a Context of the machine that a test has installed; see [Install]. Without one,
// OpenDevices says so.
func NewContext() *Context {
	if m := installed.Load(); m != nil {
		return m.NewContext()
	}
	return &Context{devices: map[*Device]bool{}}
}

// Debug does nothing here; libusb would log.
func (c *Context) Debug(int) {}

// OpenDevices shows opener each device that is plugged in and opens those it returns true for.
// Every Device returned must be closed, also when there is an error; that one is the last of
// several.
//
// Errors: a closed Context; no machine is installed; ErrorNoDevice for a device that went in
// between; ErrorAccess; a device that cannot be enumerated.
func (c *Context) OpenDevices(opener func(desc *DeviceDesc) bool) ([]*Device, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return nil, errors.New("OpenDevices called on a closed or uninitialized Context")
	}
	m := c.m
	if m == nil {
		m = installed.Load()
	}
	if m == nil {
		return nil, errors.New("gousbtest: this program was built with the stand-in for gousb and no test has a machine installed; call gousbtest.Install(t, bus)")
	}
	nodes, last := m.list()
	var opened []*Device
	for _, n := range nodes {
		desc := describe(n.slot, n.desc)
		if !opener(desc) {
			continue
		}
		if err := n.open(); err != nil {
			last = err
			continue
		}
		d := &Device{Desc: desc, ctx: c, node: n}
		c.mu.Lock()
		c.devices[d] = true
		c.mu.Unlock()
		opened = append(opened, d)
	}
	return opened, last
}

// OpenDeviceWithVIDPID opens the first device with these numbers. If there is none, both results
// are nil.
//
// Errors: as OpenDevices, if nothing was opened.
func (c *Context) OpenDeviceWithVIDPID(vid, pid ID) (*Device, error) {
	found := false
	devs, err := c.OpenDevices(func(desc *DeviceDesc) bool {
		take := !found && desc.Vendor == vid && desc.Product == pid
		found = found || take
		return take
	})
	if len(devs) > 0 {
		return devs[0], nil
	}
	return nil, err
}

// Close ends the use of the Context.
//
// Errors: Devices are still open; the Context then stays usable.
func (c *Context) Close() error {
	if c.m != nil { // before c.mu, as in Machine.Check
		c.m.mu.Lock()
		defer c.m.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	if n := len(c.devices); n > 0 {
		return fmt.Errorf("Context.Close called while %d Devices are still open, Close may be called only after all previously opened devices were successfuly closed", n)
	}
	c.closed = true
	if c.m != nil {
		delete(c.m.contexts, c)
	}
	return nil
}
