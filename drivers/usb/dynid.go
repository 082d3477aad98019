package usb

import (
	"fmt"
	"slices"

	"github.com/kobench/kobench/kernel"
)

// driverFiles makes a driver's files in /sys/bus/usb/drivers: new_id adds a row to its table,
// unbind takes an interface from it, bind gives it one ([core] driver.c new_id_store,
// drivers/base/bus.c).
func (c *Core) driverFiles(d *Driver) {
	dir := c.k.SysDir("bus/usb/drivers/" + d.Name)
	store := func(name string, fn func(text string) error) {
		_ = c.k.SysAttr(dir, name, 0o200, &kernel.Attr{Store: func(_ *kernel.Task, text string) error { return fn(text) }})
	}
	store("new_id", func(text string) error { return c.newID(d, text) })
	store("bind", func(text string) error { return c.rebind(text, func(i *Interface) bool { return c.offer(i, d) }) })
	store("unbind", func(text string) error {
		return c.rebind(text, func(i *Interface) bool {
			if i.driver.Load() != d {
				return false
			}
			c.release(i)
			return true
		})
	})
}

// newID adds "VENDOR PRODUCT [CLASS]" and offers the driver what it matches.
func (c *Core) newID(d *Driver, text string) error {
	var vendor, product, class uint32
	n, _ := fmt.Sscanf(text, "%x %x %x", &vendor, &product, &class)
	if n < 2 || vendor > 0xffff || product > 0xffff || class > 0xff {
		return kernel.EINVAL
	}
	id := DeviceID(uint16(vendor), uint16(product))
	if n > 2 {
		id.Match |= MatchClass
		id.Class = uint8(class)
	}
	c.mu.Lock()
	d.IDs = append(slices.Clip(d.IDs), id) // a probe that is looking keeps the old table
	c.mu.Unlock()
	for _, dev := range c.Devices() {
		dev.lock.Lock()
		for _, i := range dev.ifaces {
			c.offer(i, d)
		}
		dev.lock.Unlock()
	}
	return nil
}

// rebind does something about an interface by name, "1-1:1.0".
func (c *Core) rebind(text string, do func(i *Interface) bool) error {
	var name string
	if n, _ := fmt.Sscan(text, &name); n != 1 {
		return kernel.EINVAL
	}
	for _, dev := range c.Devices() {
		dev.lock.Lock()
		for _, i := range dev.ifaces {
			if i.Name() == name {
				ok := do(i)
				dev.lock.Unlock()
				if !ok {
					return kernel.ENODEV
				}
				return nil
			}
		}
		dev.lock.Unlock()
	}
	return kernel.ENODEV
}
