package usb

import (
	"slices"
	"sync"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// Symbol is what a driver's module needs: the core's registration, as in Linux.
const Symbol = "usb_register_driver"

// Driver is what drives interfaces that its id table names (struct usb_driver).
type Driver struct {
	Name string
	IDs  []ID
	// Probe takes an interface, or declines it with ENODEV. It may wait for transfers.
	Probe func(i *Interface, id *ID) error
	// Disconnect gives it back: the device was pulled out or the module leaves. All of the
	// interface's URBs are ended before it and cannot be submitted again; files that are still open
	// are the driver's matter. nil: nothing to do.
	Disconnect func(i *Interface)
	// Ioctl answers USBDEVFS_IOCTL on an interface that the driver holds. nil: ENOSYS.
	Ioctl func(t *kernel.Task, i *Interface, code uint32, data []byte) (int, error)

	module *kernel.Module
}

// Core is the loaded module usbcore.
type Core struct {
	k     *kernel.Kernel
	roots []*root
	minor minors

	mu      sync.Mutex
	devices []*Device
	drivers []*Driver

	events Queue
}

// root is a bus with its root hub's device.
type root struct {
	bus  *hw.Bus
	dev  *kernel.Device
	stop func()
}

// New builds the module usbcore for the buses of a machine.
func New(buses ...*hw.Bus) *kernel.Module {
	c := &Core{}
	return &kernel.Module{
		Name: "usbcore", License: "GPL", Description: "the host side of USB",
		Exports: []kernel.Symbol{{Name: Symbol, GPL: true, Value: c}},
		Init:    func(env *kernel.Env) error { return c.start(env, buses) },
	}
}

func (c *Core) start(env *kernel.Env, buses []*hw.Bus) error {
	c.k = env.Kernel()
	for _, name := range []string{"usbfs", "hub", "usb"} { // as the real one says it
		kind := "interface"
		if name == "usb" {
			kind = "device"
		}
		c.k.Log.Printf(kernel.LevelInfo, "usbcore: registered new %s driver %s", kind, name)
	}
	env.Defer(func() { c.k.SysRemove("bus/usb") })
	if err := c.startNodes(env); err != nil {
		return err
	}
	env.Defer(c.events.End)
	for _, b := range buses {
		r := &root{bus: b}
		c.newRoot(r)
		c.roots = append(c.roots, r)
		env.Defer(func() { c.endRoot(r) })
		r.stop = b.Watch(func(e hw.Event) {
			c.events.Put(func() {
				if e.Added {
					c.connect(r, e.Slot)
				} else {
					c.disconnect(e.Slot)
				}
			})
		})
		for _, s := range b.Devices() { // what was there before anybody watched
			c.events.Put(func() { c.connect(r, s) })
		}
	}
	return nil
}

// Settle waits until what was plugged and unplugged before has been seen to.
func (c *Core) Settle() { c.events.Settle() }

// Events is how many things have happened on the bus so far that the core has had to deal with, or
// has to.
func (c *Core) Events() uint64 { return c.events.Puts() }

// Devices are those that are there, in the order of their arrival.
func (c *Core) Devices() []*Device {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.devices)
}

// Find is the device with a name such as "1-2.1", or nil.
func (c *Core) Find(name string) *Device {
	for _, d := range c.Devices() {
		if d.Name() == name {
			return d
		}
	}
	return nil
}

// Of is the core that env's module needs.
func Of(env *kernel.Env) *Core { return env.Symbol(Symbol).(*Core) }

// Register makes d known for as long as env's module lives, and offers it every interface without a
// driver (usb_register).
//
// Errors: EEXIST when there is a driver of that name.
func Register(env *kernel.Env, d *Driver) error {
	c := Of(env)
	c.mu.Lock()
	if slices.ContainsFunc(c.drivers, func(o *Driver) bool { return o.Name == d.Name }) {
		c.mu.Unlock()
		c.k.Log.Printf(kernel.LevelErr, "Error: Driver '%s' is already registered, aborting...", d.Name)
		return kernel.EEXIST
	}
	d.module = env.Module()
	c.drivers = append(c.drivers, d)
	c.mu.Unlock()
	env.Defer(func() { c.deregister(d) })
	c.driverFiles(d)
	for _, dev := range c.Devices() {
		dev.lock.Lock()
		for _, i := range dev.ifaces {
			c.offer(i, d)
		}
		dev.lock.Unlock()
	}
	c.k.Log.Printf(kernel.LevelInfo, "usbcore: registered new interface driver %s", d.Name)
	return nil
}

func (c *Core) deregister(d *Driver) {
	c.k.Log.Printf(kernel.LevelInfo, "usbcore: deregistering interface driver %s", d.Name)
	c.mu.Lock()
	c.drivers = slices.DeleteFunc(c.drivers, func(o *Driver) bool { return o == d })
	c.mu.Unlock()
	for _, dev := range c.Devices() {
		dev.lock.Lock()
		for _, i := range dev.ifaces {
			if i.driver.Load() == d {
				c.release(i)
			}
		}
		dev.lock.Unlock()
	}
	c.k.SysRemove("bus/usb/drivers/" + d.Name)
}

// offer lets d probe an interface that has no driver and that its table names. The device's lock is
// held.
//
// Unlocked for checklocks: it cannot see that the lock of who walks a device is that of i.dev.
// +checklocksignore
func (c *Core) offer(i *Interface, d *Driver) (bound bool) {
	if i.driver.Load() != nil || i.dev.gone.Load() || i.dev.config == nil {
		return false
	}
	c.mu.Lock()
	table := d.IDs
	c.mu.Unlock()
	var id *ID
	for n := range table {
		if table[n].matches(&i.dev.desc.Device, i.Setting()) {
			id = &table[n]
			break
		}
	}
	if id == nil {
		return false
	}
	i.driver.Store(d) // Probe may submit URBs
	i.ended.Store(false)
	if err := d.Probe(i, id); err != nil {
		i.endURBs()
		i.driver.Store(nil)
		i.Private = nil
		if e := kernel.ErrnoOf(err); e != kernel.ENODEV && e != kernel.ENXIO {
			c.k.Log.Printf(kernel.LevelWarning, "%s: probe of %s failed with error %d", d.Name, i.Name(), -int(e))
		}
		return false
	}
	c.k.DeviceBind(i.device, d.Name)
	return true
}

// release takes an interface from its driver. The device's lock is held.
func (c *Core) release(i *Interface) {
	d := i.driver.Load()
	if d == nil {
		return
	}
	i.endURBs()
	if d.Disconnect != nil {
		d.Disconnect(i)
	}
	i.driver.Store(nil)
	i.Private = nil
	c.k.DeviceBind(i.device, "")
}

// Claim takes a second interface of the same device for the driver of i
// (usb_driver_claim_interface). Its Disconnect is called for both.
//
// Errors: EBUSY it has a driver; ENODEV there is none.
func (i *Interface) Claim(other *Interface) error {
	switch {
	case other == nil:
		return kernel.ENODEV
	case other.driver.Load() != nil && other != i:
		return kernel.EBUSY
	}
	if other == i {
		return nil
	}
	other.driver.Store(i.driver.Load())
	other.ended.Store(false)
	i.dev.core.k.DeviceBind(other.device, i.driver.Load().Name)
	return nil
}

// Release gives back what Claim has taken, whichever of the two is asked
// (usb_driver_release_interface): the other's Disconnect is called. It is for a driver's
// Disconnect.
func (i *Interface) Release(other *Interface) {
	if other != i && other.driver.Load() == i.driver.Load() {
		i.dev.core.release(other)
	}
}
