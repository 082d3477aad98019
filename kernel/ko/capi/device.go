package capi

import (
	"github.com/kobench/kobench/kernel"
)

// deviceState is what the area keeps. It belongs to the holder of the big lock.
type deviceState struct {
	classes   map[ptr]*class  // by address of struct class
	devices   map[ptr]*device // by address of struct device
	deviceSeq uint64          // of the last device_add
}

func newDeviceState() deviceState {
	return deviceState{classes: map[ptr]*class{}, devices: map[ptr]*device{}}
}

// class is a struct class.
type class struct {
	k    *kernel.Class
	addr ptr
	res  *resource
	made bool // by class_create: its memory is ours
}

// device is a struct device.
type device struct {
	addr  ptr
	k     *kernel.Device
	class *class
	res   *resource
	made  bool // by device_create: its memory is ours
	name  ptr
	devm  []devres
	seq   uint64 // of its device_add
}

// devres is something that goes with the device, last first.
type devres struct{ mem, action, data ptr }

// Classes and devices. References: drivers/base/core.c; drivers/base/class.c;
// drivers/base/devres.c.
func deviceFuncs() []Func {
	return gpl([]Func{
		f3("__class_create", func(c *Ctx, owner, name, key ptr) ptr { return c.classCreate(name) }),
		v1("class_destroy", func(c *Ctx, p ptr) { c.classDestroy(p) }),
		f2("__class_register", func(c *Ctx, p, key ptr) int32 {
			k, err := c.s.K.ClassCreate(c.mem().str(c.mem().ptr(p+offClassName)), nil)
			if err != nil {
				return errno(err)
			}
			c.addClass(p, k, false)
			return 0
		}),
		v1("class_unregister", func(c *Ctx, p ptr) { c.classDestroy(p) }),
		f6("device_create", func(c *Ctx, class, parent ptr, devt uint32, data, format, args ptr) ptr {
			return c.deviceCreate(class, parent, devt, data, 0, c.vformat(format, args))
		}),
		f7("device_create_with_groups", func(c *Ctx, class, parent ptr, devt uint32, data, groups, format, args ptr) ptr {
			return c.deviceCreate(class, parent, devt, data, groups, c.vformat(format, args))
		}),
		v2("device_destroy", func(c *Ctx, class ptr, devt uint32) {
			for _, addr := range c.s.inOrder() {
				m := c.mem()
				if c.s.devices[addr].made && m.u32(addr+offDeviceDevt) == devt && m.ptr(addr+offDeviceClass) == class {
					c.deviceDel(addr)
					c.s.dropDevice(addr)
					return
				}
			}
		}),
		v1("device_initialize", func(c *Ctx, p ptr) { c.deviceInit(p) }),
		f1("device_add", func(c *Ctx, p ptr) int32 { return c.deviceAdd(p) }),
		v1("device_del", func(c *Ctx, p ptr) { c.deviceDel(p) }),
		f1("device_register", func(c *Ctx, p ptr) int32 { c.deviceInit(p); return c.deviceAdd(p) }),
		v1("device_unregister", func(c *Ctx, p ptr) { c.deviceDel(p); c.putDevice(p) }),
		f1("get_device", func(c *Ctx, p ptr) ptr {
			if p != 0 {
				ref := p + offDeviceKobj + offKobjectKref
				c.mem().put(ref, c.mem().u32(ref)+1)
			}
			return p
		}),
		v1("put_device", func(c *Ctx, p ptr) { c.putDevice(p) }),
		f3("dev_set_name", func(c *Ctx, p, format, args ptr) int32 { return c.setName(p, c.vformat(format, args)) }),
		f1("dev_driver_string", func(c *Ctx, p ptr) ptr {
			m := c.mem()
			if d := m.ptr(p + offDeviceDriver); d != 0 {
				return m.ptr(d + offDeviceDriverName)
			}
			if cl := m.ptr(p + offDeviceClass); cl != 0 {
				return m.ptr(cl + offClassName)
			}
			return m.ptr(p + offDeviceKobj + offKobjectName)
		}),
		f2("device_create_file", func(c *Ctx, p, attr ptr) int32 { c.complain(attr); return c.deviceAttr(p, attr) }),
		v2("device_remove_file", func(c *Ctx, p, attr ptr) { c.deviceAttrGone(p, attr) }),
		f2("device_add_groups", func(c *Ctx, p, groups ptr) int32 { return c.deviceGroups(p, groups) }),
		v2("device_remove_groups", func(c *Ctx, p, groups ptr) {
			c.eachAttr(groups, func(attr ptr) { c.deviceAttrGone(p, attr) })
		}),
		f3("class_create_file_ns", func(c *Ctx, p, attr, ns ptr) int32 {
			cl := c.s.classes[p]
			if cl == nil {
				return -int32(kernel.EINVAL)
			}
			return c.attrFile("class/"+cl.k.Name, p, attr)
		}),
		v3("class_remove_file_ns", func(c *Ctx, p, attr, ns ptr) {
			if cl := c.s.classes[p]; cl != nil {
				c.s.K.SysRemove("class/" + cl.k.Name + "/" + c.attrName(attr))
			}
		}),
		f4("class_find_device", func(c *Ctx, class, start, data, match ptr) ptr {
			for _, addr := range c.s.inOrder() {
				if c.mem().ptr(addr+offDeviceClass) != class {
					continue
				}
				if r, err := c.Call(match, uint64(addr), uint64(data)); err != nil || r != 0 {
					return addr
				}
			}
			return 0
		}),
		f3("device_for_each_child", func(c *Ctx, parent, data, fn ptr) int32 {
			for _, addr := range c.s.inOrder() {
				if c.mem().ptr(addr+offDeviceParent) != parent {
					continue
				}
				if r, err := c.Call(fn, uint64(addr), uint64(data)); err != nil || r != 0 {
					return int32(r)
				}
			}
			return 0
		}),
		f3("devm_kmalloc", func(c *Ctx, p, size ptr, flags uint32) ptr {
			q := c.alloc(size, 0, flags, 1<<22)
			c.manage(p, devres{mem: q})
			return q
		}),
		v2("devm_kfree", func(c *Ctx, p, q ptr) {
			if d := c.s.devices[p]; d != nil {
				for i := range d.devm {
					if d.devm[i].mem == q {
						d.devm[i] = devres{}
					}
				}
			}
			c.free(q)
		}),
		f3("devm_kstrdup", func(c *Ctx, p, text ptr, flags uint32) ptr {
			if text == 0 {
				return 0
			}
			q := c.strdup(c.mem().str(text), flags)
			c.manage(p, devres{mem: q})
			return q
		}),
		f4("devm_kasprintf", func(c *Ctx, p ptr, flags uint32, format, args ptr) ptr {
			q := c.strdup(c.vformat(format, args), flags)
			c.manage(p, devres{mem: q})
			return q
		}),
		f3("devm_add_action", func(c *Ctx, p, action, data ptr) int32 {
			c.manage(p, devres{action: action, data: data})
			return 0
		}),
	})
}

func (c *Ctx) classCreate(name ptr) ptr {
	var owner *kernel.Module
	if m := c.owner(); m != nil {
		owner = m.K
	}
	k, err := c.s.K.ClassCreate(c.mem().str(name), owner)
	if err != nil {
		return errPtr(err)
	}
	p, err := c.s.M.Alloc(sizeofClass, 0, nil)
	if err != nil {
		c.s.K.ClassDestroy(k)
		return errPtr(kernel.ENOMEM)
	}
	clear(c.mem().bytes(p, sizeofClass))
	c.mem().putPtr(p+offClassName, name)
	c.addClass(p, k, true)
	return p
}

func (c *Ctx) addClass(p ptr, k *kernel.Class, made bool) {
	s := c.s
	cl := &class{k: k, addr: p, made: made}
	cl.res = c.own(func() string { return "class " + k.Name }, func() {
		s.K.ClassDestroy(k)
		s.M.Do(func() { s.dropClass(cl) })
	})
	s.classes[p] = cl
}

func (c *Ctx) classDestroy(p ptr) {
	if cl := c.s.classes[p]; cl != nil && !isErr(p) {
		c.s.K.ClassDestroy(cl.k)
		cl.res.done()
		c.s.dropClass(cl)
	}
}

func (s *System) dropClass(cl *class) {
	delete(s.classes, cl.addr)
	if cl.made {
		_ = s.M.Free(cl.addr)
	}
}

func (c *Ctx) deviceCreate(cl, parent ptr, devt uint32, data, groups ptr, name string) ptr {
	if cl == 0 || isErr(cl) {
		return errPtr(kernel.ENODEV)
	}
	p := c.bareDevice(name, kernel.Dev(devt), data)
	if p == 0 {
		return errPtr(kernel.ENOMEM)
	}
	m := c.mem()
	m.putPtr(p+offDeviceClass, cl)
	m.putPtr(p+offDeviceParent, parent)
	m.putPtr(p+offDeviceGroups, groups)
	if e := c.deviceAdd(p); e != 0 {
		c.s.dropDevice(p)
		return ptr(int64(e))
	}
	return p
}
