package capi

import (
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// miscState is what the area keeps. It belongs to the holder of the big lock.
type miscState struct {
	miscs map[ptr]*misc // by address of struct miscdevice
}

func newMiscState() miscState {
	return miscState{miscs: map[ptr]*misc{}}
}

// misc is a registered struct miscdevice.
type misc struct {
	k   *kernel.Miscdevice
	dev ptr // its struct device
	res *resource
}

// Misc devices. References: drivers/char/misc.c.
func miscFuncs() []Func {
	return []Func{
		f1("misc_register", func(c *Ctx, p ptr) int32 { return c.miscRegister(p) }),
		v1("misc_deregister", func(c *Ctx, p ptr) {
			d := c.s.miscs[p]
			if d == nil {
				c.warn("drivers/char/misc.c", 260, 9, "")
				return
			}
			delete(c.s.miscs, p)
			d.res.done()
			c.s.K.MiscDeregister(d.k)
			c.mem().put(p+offMiscdeviceMinor, d.k.Minor)
			c.s.dropDevice(d.dev)
		}),
	}
}

func (c *Ctx) miscRegister(p ptr) int32 {
	m, s := c.mem(), c.s
	fops := m.ptr(p + offMiscdeviceFops)
	if fops == 0 {
		return -int32(kernel.EINVAL)
	}
	d := &misc{k: &kernel.Miscdevice{
		Minor: m.u32(p + offMiscdeviceMinor), Name: m.name(m.ptr(p + offMiscdeviceName)), Node: m.name(m.ptr(p + offMiscdeviceNodename)),
		Mode: uint32(m.u16(p + offMiscdeviceMode)), Ops: c.fopsAt(fops).k,
	}}
	if err := s.K.MiscRegister(d.k); err != nil {
		return errno(err)
	}
	m.put(p+offMiscdeviceMinor, d.k.Minor)
	d.dev = c.bareDevice(d.k.Name, kernel.MkDev(kernel.MiscMajor, d.k.Minor), p)
	m.putPtr(p+offMiscdeviceThisDevice, d.dev)
	if own := s.devices[d.dev]; own != nil {
		own.k = d.k.Device()
		c.deviceGroups(d.dev, m.ptr(p+offMiscdeviceGroups))
	}
	s.miscs[p] = d
	d.res = c.own(func() string { return fmt.Sprintf("misc device %d %s", d.k.Minor, d.k.Name) }, func() {
		s.K.MiscDeregister(d.k)
		s.M.Do(func() {
			delete(s.miscs, p)
			s.dropDevice(d.dev)
		})
	})
	return 0
}
