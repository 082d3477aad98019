package capi

import (
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// chrdevState is what the area keeps. It belongs to the holder of the big lock.
type chrdevState struct {
	cdevs   map[ptr]*cdev          // by address of struct cdev
	regions map[kernel.Dev]*region // by the first number
}

func newChrdevState() chrdevState {
	return chrdevState{cdevs: map[ptr]*cdev{}, regions: map[kernel.Dev]*region{}}
}

// cdev is a registered struct cdev, or the range of a register_chrdev.
type cdev struct {
	k     *kernel.Cdev
	res   *resource
	alloc bool // by cdev_alloc: freed by cdev_del
}

// region is a range of device numbers that C has claimed.
type region struct {
	dev   kernel.Dev
	count uint32
	res   *resource
	k     *kernel.Cdev // of register_chrdev: 0 if it was the plain form
}

// Character device numbers. References: fs/char_dev.c.
func chrdevFuncs() []Func {
	return []Func{
		f5("__register_chrdev", func(c *Ctx, major, base, count uint32, name, fops ptr) int32 {
			return c.registerChrdev(major, base, count, name, fops)
		}),
		v4("__unregister_chrdev", func(c *Ctx, major, base, count uint32, name ptr) { c.unregisterChrdev(major, base, count, name) }),
		f4("alloc_chrdev_region", func(c *Ctx, at ptr, base, count uint32, name ptr) int32 {
			dev, err := c.s.K.AllocChrdevRegion(base, count, c.mem().str(name))
			if err != nil {
				return errno(err)
			}
			c.ownRegion(dev, count, c.mem().str(name))
			c.mem().put(at, uint32(dev))
			return 0
		}),
		f3("register_chrdev_region", func(c *Ctx, dev, count uint32, name ptr) int32 {
			if err := c.s.K.RegisterChrdevRegion(kernel.Dev(dev), count, c.mem().str(name)); err != nil {
				return errno(err)
			}
			c.ownRegion(kernel.Dev(dev), count, c.mem().str(name))
			return 0
		}),
		v2("unregister_chrdev_region", func(c *Ctx, dev, count uint32) {
			c.s.K.UnregisterChrdevRegion(kernel.Dev(dev), count)
			c.s.dropRegion(kernel.Dev(dev), count)
		}),
		v2("cdev_init", func(c *Ctx, p, fops ptr) {
			m := c.mem()
			clear(m.bytes(p, sizeofCdev))
			m.listInit(p + offCdevList)
			m.putPtr(p+offCdevOps, fops)
			m.put(p+offCdevKobj+offKobjectKref, 1)
		}),
		f0("cdev_alloc", func(c *Ctx) ptr {
			p := c.alloc(sizeofCdev, 0, gfpZero, pageSize)
			if p != 0 {
				c.mem().listInit(p + offCdevList)
				c.mem().put(p+offCdevKobj+offKobjectKref, 1)
				c.s.cdevs[p] = &cdev{alloc: true}
			}
			return p
		}),
		f3("cdev_add", func(c *Ctx, p ptr, dev, count uint32) int32 { return c.cdevAdd(p, kernel.Dev(dev), count) }),
		v1("cdev_del", func(c *Ctx, p ptr) { c.cdevDel(p) }),
		v1("cdev_put", func(c *Ctx, p ptr) {}),
		v2("cdev_set_parent", func(c *Ctx, p, kobj ptr) { c.mem().putPtr(p+offCdevKobj+offKobjectParent, kobj) }),
		f2("cdev_device_add", func(c *Ctx, p, dev ptr) int32 {
			if devt := c.mem().u32(dev + offDeviceDevt); devt != 0 {
				if e := c.cdevAdd(p, kernel.Dev(devt), 1); e != 0 {
					return e
				}
			}
			e := c.deviceAdd(dev)
			if e != 0 {
				c.cdevDel(p)
			}
			return e
		}),
		v2("cdev_device_del", func(c *Ctx, p, dev ptr) { c.deviceDel(dev); c.cdevDel(p) }),
	}
}

func (c *Ctx) registerChrdev(major, base, count uint32, name, fops ptr) int32 {
	s, text := c.s, c.mem().str(name)
	ops := c.fopsAt(fops)
	if major >= kernel.MajorMax {
		_, err := s.K.RegisterChrdev(major, text, ops.k)
		return errno(err)
	}
	dev := kernel.MkDev(major, base)
	var err error
	if major == 0 {
		dev, err = s.K.AllocChrdevRegion(base, count, text)
	} else {
		err = s.K.RegisterChrdevRegion(dev, count, text)
	}
	if err != nil {
		return errno(err)
	}
	k := &kernel.Cdev{Ops: ops.k, Owner: ops.k.Owner}
	if err := s.K.CdevAdd(k, dev, count); err != nil {
		s.K.UnregisterChrdevRegion(dev, count)
		return errno(err)
	}
	r := &region{dev: dev, count: count, k: k}
	r.res = c.own(func() string { return fmt.Sprintf("character device %d %s", dev.Major(), text) }, func() {
		s.K.CdevDel(k)
		s.K.UnregisterChrdevRegion(dev, count)
		s.M.Do(func() { delete(s.regions, dev) })
	})
	s.regions[dev] = r
	if major == 0 {
		return int32(dev.Major())
	}
	return 0
}

func (c *Ctx) unregisterChrdev(major, base, count uint32, name ptr) {
	dev := kernel.MkDev(major, base)
	r := c.s.regions[dev]
	if r == nil || r.k == nil || r.count != count {
		return
	}
	c.s.K.CdevDel(r.k)
	c.s.K.UnregisterChrdevRegion(dev, count)
	c.s.dropRegion(dev, count)
}

func (c *Ctx) ownRegion(dev kernel.Dev, count uint32, name string) {
	s := c.s
	r := &region{dev: dev, count: count}
	r.res = c.own(func() string { return fmt.Sprintf("device numbers %d:%d %s", dev.Major(), dev.Minor(), name) }, func() {
		s.K.UnregisterChrdevRegion(dev, count)
		s.M.Do(func() { delete(s.regions, dev) })
	})
	s.regions[dev] = r
}

func (s *System) dropRegion(dev kernel.Dev, count uint32) {
	if r := s.regions[dev]; r != nil && r.count == count {
		r.res.done()
		delete(s.regions, dev)
	}
}

func (c *Ctx) cdevAdd(p ptr, dev kernel.Dev, count uint32) int32 {
	m, s := c.mem(), c.s
	fops := m.ptr(p + offCdevOps)
	if fops == 0 {
		return -int32(kernel.EINVAL)
	}
	d := s.cdevs[p]
	if d == nil {
		d = &cdev{}
		s.cdevs[p] = d
	}
	if d.k != nil {
		return -int32(kernel.EBUSY)
	}
	k := &kernel.Cdev{Ops: c.fopsAt(fops).k, Private: p}
	if owner := s.modules[m.ptr(p+offCdevOwner)]; owner != nil {
		k.Owner = owner.K
	}
	if err := s.K.CdevAdd(k, dev, count); err != nil {
		return errno(err)
	}
	d.k = k
	m.put(p+offCdevDev, uint32(dev))
	m.put(p+offCdevCount, count)
	d.res = c.own(func() string { return fmt.Sprintf("cdev %d:%d", dev.Major(), dev.Minor()) }, func() {
		s.K.CdevDel(k)
		s.M.Do(func() { delete(s.cdevs, p) })
	})
	return 0
}

func (c *Ctx) cdevDel(p ptr) {
	d := c.s.cdevs[p]
	if d == nil {
		return
	}
	delete(c.s.cdevs, p)
	if d.k != nil {
		c.s.K.CdevDel(d.k)
		d.res.done()
	}
	if _, _, ok := c.s.M.AllocSize(p); ok && d.alloc {
		c.free(p)
	}
}
