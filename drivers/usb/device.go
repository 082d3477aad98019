package usb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// ControlTimeout is how long a control transfer may take (USB_CTRL_GET_TIMEOUT).
const ControlTimeout = 5 * time.Second

// Device is a USB device that has been enumerated (struct usb_device).
type Device struct {
	core   *Core
	root   *root
	slot   *hw.Slot
	desc   *hw.Descriptors
	device *kernel.Device
	gone   atomic.Bool

	lock sync.Mutex // configuration and binding
	// somebody else drives it
	lent   bool              // +checklocks:lock
	config *hw.Configuration // +checklocks:lock
	// of config, by number
	ifaces []*Interface // +checklocks:lock
}

// Interface is an interface of the current configuration, which a driver binds to (struct
// usb_interface).
type Interface struct {
	// Private is the driver's.
	Private any

	dev    *Device
	number uint8
	device *kernel.Device
	driver atomic.Pointer[Driver] // changed with Device.lock held
	alt    atomic.Uint32

	ended atomic.Bool // no URB may be submitted
	mu    sync.Mutex
	// that have been made for it
	urbs map[*URB]struct{} // +checklocks:mu
}

// Name is the device's: "1-2.1".
func (d *Device) Name() string { return d.slot.Name() }

// Descriptors are what the device says about itself.
func (d *Device) Descriptors() *hw.Descriptors { return d.desc }

// Speed is the device's.
func (d *Device) Speed() hw.Speed { return d.slot.Speed() }

// Gone reports whether the device has been pulled out.
func (d *Device) Gone() bool { return d.gone.Load() }

// Device is the place of d in the kernel's tree.
func (d *Device) Device() *kernel.Device { return d.device }

// Kernel is the kernel that d is connected to.
func (d *Device) Kernel() *kernel.Kernel { return d.core.k }

// Interface is the interface of that number in the current configuration, or nil. A driver calls it
// from Probe.
//
// Unlocked: a configuration changes only after the interface drivers of the old one have let go.
// +checklocksignore
func (d *Device) Interface(number uint8) *Interface {
	for _, i := range d.ifaces {
		if i.number == number {
			return i
		}
	}
	return nil
}

// Name is the interface's: "1-2.1:1.0".
func (i *Interface) Name() string { return i.device.Name }

// Dev is the device that the interface belongs to.
func (i *Interface) Dev() *Device { return i.dev }

// Device is the place of i in the kernel's tree.
func (i *Interface) Device() *kernel.Device { return i.device }

// Module is the module of the interface's driver, nil without one. Probe and what it sets up may
// call it.
func (i *Interface) Module() *kernel.Module {
	d := i.driver.Load()
	if d == nil {
		return nil
	}
	return d.module
}

// Number is bInterfaceNumber.
func (i *Interface) Number() uint8 { return i.number }

// Setting is the current alternate setting.
//
// Unlocked: a configuration changes only after the interface drivers of the old one have let go.
// +checklocksignore
func (i *Interface) Setting() *hw.Interface {
	return i.dev.config.Interface(i.number, uint8(i.alt.Load()))
}

// SettingAt is an alternate setting of the interface, or nil.
//
// Unlocked: a configuration changes only after the interface drivers of the old one have let go.
// +checklocksignore
func (i *Interface) SettingAt(alt uint8) *hw.Interface { return i.dev.config.Interface(i.number, alt) }

// Endpoint finds the setting's first endpoint of a type and direction, or nil.
func (i *Interface) Endpoint(t hw.TransferType, in bool) *hw.Endpoint {
	s := i.Setting()
	for n := range s.Endpoints {
		if e := &s.Endpoints[n]; e.Type() == t && e.In() == in {
			return e
		}
	}
	return nil
}

// Printf logs a line with the driver's and the interface's name before it (dev_info).
func (i *Interface) Printf(level kernel.Level, format string, args ...any) {
	name := "usb"
	if d := i.driver.Load(); d != nil {
		name = d.Name
	}
	i.dev.core.k.Log.Printf(level, "%s %s: %s", name, i.Name(), fmt.Sprintf(format, args...))
}

func (d *Device) printf(level kernel.Level, format string, args ...any) {
	d.core.k.Log.Printf(level, "usb %s: %s", d.Name(), fmt.Sprintf(format, args...))
}

// connect enumerates what was plugged in (hub_port_connect, usb_new_device).
func (c *Core) connect(r *root, slot *hw.Slot) {
	for _, d := range c.Devices() {
		if d.slot == slot {
			return
		}
	}
	d := &Device{core: c, root: r, slot: slot}
	d.printf(kernel.LevelInfo, "new %s-speed USB device number %d using kobench-hcd", slot.Speed(), slot.Address())
	if !d.identify() {
		d.printf(kernel.LevelErr, "unable to enumerate USB device")
		return
	}
	d.announce()
	c.addDevice(d)
	d.lock.Lock()
	defer d.lock.Unlock()
	if conf := d.choose(); conf != nil {
		if err := d.configure(conf); err != nil {
			d.printf(kernel.LevelErr, "can't set config #%d, error %d", conf.Value, -int(kernel.ErrnoOf(err)))
		}
	}
}

// initTries is how often a port tries with a device, with a reset in between (PORT_INIT_TRIES,
// drivers/usb/core/hub.c).
const initTries = 4

// identify reads the descriptors. All tries together have ControlTimeout: the other ports wait for
// this one.
func (d *Device) identify() bool {
	ctx, stop := context.WithTimeout(d.core.k.Context(), ControlTimeout)
	defer stop()
	for try := 1; ; try++ {
		var err error
		if d.desc, err = hw.ReadDescriptors(ctx, d.slot); err == nil {
			return true
		}
		what := "device descriptor read/all"
		e := hw.ErrnoOf(err)
		if e == hw.EINVAL {
			what = "descriptors are not usable: " + err.Error()
		}
		d.printf(kernel.LevelErr, "%s, error %d", what, -int(e))
		if try == initTries || e == hw.EINVAL || ctx.Err() != nil || d.slot.Reset() != nil {
			return false
		}
	}
}

// announce prints what Linux prints about a new device (announce_device).
func (d *Device) announce() {
	dd := &d.desc.Device
	d.printf(kernel.LevelInfo, "New USB device found, idVendor=%04x, idProduct=%04x, bcdDevice=%2x.%02x", dd.Vendor, dd.Product, uint16(dd.Release)>>8, uint16(dd.Release)&0xff)
	d.printf(kernel.LevelInfo, "New USB device strings: Mfr=%d, Product=%d, SerialNumber=%d", dd.ManufacturerS, dd.ProductS, dd.SerialS)
	for _, s := range []struct{ name, text string }{
		{"Product", d.desc.String(dd.ProductS)}, {"Manufacturer", d.desc.String(dd.ManufacturerS)}, {"SerialNumber", d.desc.String(dd.SerialS)},
	} {
		if s.text != "" {
			d.printf(kernel.LevelInfo, "%s: %s", s.name, clean(s.text))
		}
	}
}

// clean keeps a device's text from forging lines of the log.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// choose is usb_choose_configuration: the first one whose first interface is of a standard class,
// else the first.
func (d *Device) choose() *hw.Configuration {
	var best *hw.Configuration
	for n := range d.desc.Configs {
		conf := &d.desc.Configs[n]
		first := conf.Interface(0, 0)
		if first == nil && len(conf.Interfaces) > 0 {
			first = &conf.Interfaces[0]
		}
		if d.desc.Device.Class != hw.ClassVendor && first != nil && first.Class != hw.ClassVendor {
			return conf
		}
		if best == nil {
			best = conf
		}
	}
	if best == nil {
		d.printf(kernel.LevelWarning, "no configuration chosen from %d choices", len(d.desc.Configs))
	}
	return best
}

// configure is usb_set_configuration: the old interfaces go, the new ones come and look for
// drivers. The lock is held.
//
// Unlocked for checklocks: it cannot see that i.dev is d.
// +checklocksignore
func (d *Device) configure(conf *hw.Configuration) error {
	d.dropInterfaces()
	value := uint8(0)
	if conf != nil {
		value = conf.Value
	}
	if _, err := d.Control(hw.ToDevice, hw.SetConfiguration, uint16(value), 0, nil, ControlTimeout); err != nil {
		return err
	}
	d.config = conf
	if conf == nil {
		return nil
	}
	for n := range conf.Interfaces {
		f := &conf.Interfaces[n]
		if f.Alternate != 0 || d.Interface(f.Number) != nil {
			continue
		}
		i := &Interface{dev: d, number: f.Number, urbs: make(map[*URB]struct{})}
		d.core.addInterface(i, f)
		d.ifaces = append(d.ifaces, i)
	}
	for _, i := range d.ifaces {
		d.core.attach(i)
	}
	return nil
}

// attach looks for a driver among those that are loaded.
func (c *Core) attach(i *Interface) {
	if i.Setting().Class == hw.ClassHub {
		i.driver.Store(&Driver{Name: "hub"})
		c.k.DeviceBind(i.device, "hub")
		i.dev.printf(kernel.LevelInfo, "%d ports detected", hubPorts(i.dev))
		return
	}
	c.mu.Lock()
	drivers := slices.Clone(c.drivers)
	c.mu.Unlock()
	for _, d := range drivers {
		if c.offer(i, d) {
			return
		}
	}
}

func hubPorts(d *Device) int {
	var b [9]byte
	if n, err := d.Control(hw.DirIn|hw.TypeClass, hw.GetDescriptor, hw.DescHub<<8, 0, b[:], ControlTimeout); err != nil || n < 3 {
		return 0
	}
	return int(b[2])
}

// +checklocks:d.lock
func (d *Device) dropInterfaces() {
	for _, i := range d.ifaces {
		d.core.release(i)
		d.core.k.DeviceDestroy(i.device)
	}
	d.ifaces, d.config = nil, nil
}

// Lend takes the device from its drivers so that another host can have it, as binding it to
// usbip-host does. giveBack resets it and looks for drivers again; a device that has gone needs
// none.
//
// Errors: EBUSY it is lent; ENODEV it has gone.
func (d *Device) Lend() (giveBack func(), err error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	switch {
	case d.gone.Load():
		return nil, kernel.ENODEV
	case d.lent:
		return nil, kernel.EBUSY
	}
	d.lent = true
	d.dropInterfaces()
	return func() {
		d.lock.Lock()
		defer d.lock.Unlock()
		d.lent = false
		if d.gone.Load() {
			return
		}
		err := errnoOf(d.slot.Reset())
		if conf := d.choose(); err == nil && conf != nil {
			err = d.configure(conf)
		}
		if err != nil {
			d.printf(kernel.LevelErr, "cannot be used again, error %d", -int(kernel.ErrnoOf(err)))
		}
	}, nil
}

// disconnect is usb_disconnect.
func (c *Core) disconnect(slot *hw.Slot) {
	for _, d := range c.Devices() {
		if d.slot != slot {
			continue
		}
		d.printf(kernel.LevelInfo, "USB disconnect, device number %d", slot.Address())
		d.gone.Store(true)
		d.lock.Lock()
		d.dropInterfaces()
		d.lock.Unlock()
		c.removeDevice(d)
	}
}

// SetInterface chooses an alternate setting (usb_set_interface). The interface's URBs must have
// ended.
//
// Errors: EINVAL there is no such setting; those of the transfer.
//
// Unlocked: a configuration changes only after the interface drivers of the old one have let go.
// +checklocksignore
func (i *Interface) SetInterface(alt uint8) error {
	d := i.dev
	if d.config.Interface(i.number, alt) == nil {
		return kernel.EINVAL
	}
	if _, err := d.Control(hw.ToInterface, hw.SetInterface, uint16(alt), uint16(i.number), nil, ControlTimeout); err != nil {
		return err
	}
	i.alt.Store(uint32(alt))
	return nil
}

// Control makes a control transfer and waits for it (usb_control_msg). It returns how many bytes of
// data were moved.
//
// Errors: EPIPE the device does not know the request; ETIMEDOUT; ENODEV and ESHUTDOWN it has gone;
// others as [errors] lists them.
func (d *Device) Control(requestType, request uint8, value, index uint16, data []byte, timeout time.Duration) (int, error) {
	if len(data) > 0xffff {
		return 0, kernel.EINVAL
	}
	t := hw.Transfer{Type: hw.Control, Data: data, Setup: hw.Setup{RequestType: requestType, Request: request, Value: value, Index: index, Length: uint16(len(data))}}
	return d.do(&t, timeout)
}

// Bulk makes a bulk or interrupt transfer and waits for it (usb_bulk_msg). It returns how many
// bytes were moved, also with an error.
//
// Errors: as Control.
func (d *Device) Bulk(e *hw.Endpoint, data []byte, timeout time.Duration) (int, error) {
	t := hw.Transfer{Endpoint: e.Address, Type: e.Type(), Data: data}
	return d.do(&t, timeout)
}

func (d *Device) do(t *hw.Transfer, timeout time.Duration) (int, error) {
	if d.gone.Load() {
		return 0, kernel.ENODEV
	}
	ctx := context.Background()
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	err := hw.Do(ctx, d.slot, t)
	return t.Actual, errnoOf(err)
}

// ClearHalt takes an endpoint out of its halt (usb_clear_halt).
//
// Errors: as Control.
func (d *Device) ClearHalt(e *hw.Endpoint) error {
	_, err := d.Control(hw.ToEndpoint, hw.ClearFeature, hw.EndpointHalt, uint16(e.Address), nil, ControlTimeout)
	return err
}

// errnoOf is the kernel's number of a transfer's error, nil for nil.
func errnoOf(err error) error {
	if err == nil {
		return nil
	}
	return kernel.ErrnoOf(err)
}
