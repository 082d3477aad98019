package capi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kobench/kobench/kernel"
)

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

// Classes and devices. References: drivers/base/core.c; drivers/base/class.c; drivers/base/devres.c.
func deviceFuncs() []Func {
	return gpl([]Func{
		F3("__class_create", func(c *Ctx, owner, name, key ptr) ptr { return c.classCreate(name) }),
		V1("class_destroy", func(c *Ctx, p ptr) { c.classDestroy(p) }),
		F2("__class_register", func(c *Ctx, p, key ptr) int32 {
			k, err := c.s.K.ClassCreate(c.mem().str(c.mem().ptr(p+OffClassName)), nil)
			if err != nil {
				return errno(err)
			}
			c.addClass(p, k, false)
			return 0
		}),
		V1("class_unregister", func(c *Ctx, p ptr) { c.classDestroy(p) }),
		F6("device_create", func(c *Ctx, class, parent ptr, devt uint32, data, format, args ptr) ptr {
			return c.deviceCreate(class, parent, devt, data, 0, c.vformat(format, args))
		}),
		F7("device_create_with_groups", func(c *Ctx, class, parent ptr, devt uint32, data, groups, format, args ptr) ptr {
			return c.deviceCreate(class, parent, devt, data, groups, c.vformat(format, args))
		}),
		V2("device_destroy", func(c *Ctx, class ptr, devt uint32) {
			for _, addr := range c.s.inOrder() {
				m := c.mem()
				if c.s.devices[addr].made && m.u32(addr+OffDeviceDevt) == devt && m.ptr(addr+OffDeviceClass) == class {
					c.deviceDel(addr)
					c.s.dropDevice(addr)
					return
				}
			}
		}),
		V1("device_initialize", func(c *Ctx, p ptr) { c.deviceInit(p) }),
		F1("device_add", func(c *Ctx, p ptr) int32 { return c.deviceAdd(p) }),
		V1("device_del", func(c *Ctx, p ptr) { c.deviceDel(p) }),
		F1("device_register", func(c *Ctx, p ptr) int32 { c.deviceInit(p); return c.deviceAdd(p) }),
		V1("device_unregister", func(c *Ctx, p ptr) { c.deviceDel(p); c.putDevice(p) }),
		F1("get_device", func(c *Ctx, p ptr) ptr {
			if p != 0 {
				ref := p + OffDeviceKobj + OffKobjectKref
				c.mem().put(ref, c.mem().u32(ref)+1)
			}
			return p
		}),
		V1("put_device", func(c *Ctx, p ptr) { c.putDevice(p) }),
		F3("dev_set_name", func(c *Ctx, p, format, args ptr) int32 { return c.setName(p, c.vformat(format, args)) }),
		F1("dev_driver_string", func(c *Ctx, p ptr) ptr {
			m := c.mem()
			if d := m.ptr(p + OffDeviceDriver); d != 0 {
				return m.ptr(d + OffDeviceDriverName)
			}
			if cl := m.ptr(p + OffDeviceClass); cl != 0 {
				return m.ptr(cl + OffClassName)
			}
			return m.ptr(p + OffDeviceKobj + OffKobjectName)
		}),
		F2("device_create_file", func(c *Ctx, p, attr ptr) int32 { c.complain(attr); return c.deviceAttr(p, attr) }),
		V2("device_remove_file", func(c *Ctx, p, attr ptr) { c.deviceAttrGone(p, attr) }),
		F2("device_add_groups", func(c *Ctx, p, groups ptr) int32 { return c.deviceGroups(p, groups) }),
		V2("device_remove_groups", func(c *Ctx, p, groups ptr) {
			c.eachAttr(groups, func(attr ptr) { c.deviceAttrGone(p, attr) })
		}),
		F3("class_create_file_ns", func(c *Ctx, p, attr, ns ptr) int32 {
			cl := c.s.classes[p]
			if cl == nil {
				return -int32(kernel.EINVAL)
			}
			return c.attrFile("class/"+cl.k.Name, p, attr)
		}),
		V3("class_remove_file_ns", func(c *Ctx, p, attr, ns ptr) {
			if cl := c.s.classes[p]; cl != nil {
				c.s.K.SysRemove("class/" + cl.k.Name + "/" + c.attrName(attr))
			}
		}),
		F4("class_find_device", func(c *Ctx, class, start, data, match ptr) ptr {
			for _, addr := range c.s.inOrder() {
				if c.mem().ptr(addr+OffDeviceClass) != class {
					continue
				}
				if r, err := c.Call(match, uint64(addr), uint64(data)); err != nil || r != 0 {
					return addr
				}
			}
			return 0
		}),
		F3("device_for_each_child", func(c *Ctx, parent, data, fn ptr) int32 {
			for _, addr := range c.s.inOrder() {
				if c.mem().ptr(addr+OffDeviceParent) != parent {
					continue
				}
				if r, err := c.Call(fn, uint64(addr), uint64(data)); err != nil || r != 0 {
					return int32(r)
				}
			}
			return 0
		}),
		F3("devm_kmalloc", func(c *Ctx, p, size ptr, flags uint32) ptr {
			q := c.alloc(size, 0, flags, 1<<22)
			c.manage(p, devres{mem: q})
			return q
		}),
		V2("devm_kfree", func(c *Ctx, p, q ptr) {
			if d := c.s.devices[p]; d != nil {
				for i := range d.devm {
					if d.devm[i].mem == q {
						d.devm[i] = devres{}
					}
				}
			}
			c.free(q)
		}),
		F3("devm_kstrdup", func(c *Ctx, p, text ptr, flags uint32) ptr {
			if text == 0 {
				return 0
			}
			q := c.strdup(c.mem().str(text), flags)
			c.manage(p, devres{mem: q})
			return q
		}),
		F4("devm_kasprintf", func(c *Ctx, p ptr, flags uint32, format, args ptr) ptr {
			q := c.strdup(c.vformat(format, args), flags)
			c.manage(p, devres{mem: q})
			return q
		}),
		F3("devm_add_action", func(c *Ctx, p, action, data ptr) int32 {
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
	p, err := c.s.M.Alloc(SizeofClass, 0, nil)
	if err != nil {
		c.s.K.ClassDestroy(k)
		return errPtr(kernel.ENOMEM)
	}
	clear(c.mem().bytes(p, SizeofClass))
	c.mem().putPtr(p+OffClassName, name)
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
	m.putPtr(p+OffDeviceClass, cl)
	m.putPtr(p+OffDeviceParent, parent)
	m.putPtr(p+OffDeviceGroups, groups)
	if e := c.deviceAdd(p); e != 0 {
		c.s.dropDevice(p)
		return ptr(int64(e))
	}
	return p
}

// bareDevice makes a struct device that is not in the tree.
func (c *Ctx) bareDevice(name string, devt kernel.Dev, data ptr) ptr {
	p, err := c.s.M.Alloc(SizeofDevice+uint64(len(name))+1, 0, nil)
	if err != nil {
		return 0
	}
	m := c.mem()
	b := m.bytes(p, SizeofDevice+uint64(len(name))+1)
	clear(b)
	copy(b[SizeofDevice:], name)
	c.deviceInit(p)
	m.putPtr(p+OffDeviceKobj+OffKobjectName, p+SizeofDevice)
	m.put(p+OffDeviceDevt, uint32(devt))
	m.putPtr(p+OffDeviceDriverData, data)
	c.s.devices[p] = &device{addr: p, made: true}
	return p
}

func (c *Ctx) deviceInit(p ptr) {
	m := c.mem()
	m.put(p+OffDeviceKobj+OffKobjectKref, 1)
	m.listInit(p + OffDeviceKobj + OffKobjectEntry)
	m.listInit(p + OffDeviceDevresHead)
	m.putPtr(p+OffDeviceMutex+OffMutexOwner, 0)
	m.listInit(p + OffDeviceMutex + OffMutexWait + OffWaitQueueHeadHead)
	if c.s.devices[p] == nil {
		c.s.devices[p] = &device{addr: p}
	}
}

func (c *Ctx) setName(p ptr, name string) int32 {
	q, err := c.s.M.Alloc(uint64(len(name))+1, 0, nil)
	if err != nil {
		return -int32(kernel.ENOMEM)
	}
	c.mem().text(q, name)
	d := c.s.devices[p]
	if d == nil {
		d = &device{addr: p}
		c.s.devices[p] = d
	}
	if d.name != 0 {
		_ = c.s.M.Free(d.name)
	}
	d.name = q
	c.mem().putPtr(p+OffDeviceKobj+OffKobjectName, q)
	return 0
}

func (c *Ctx) deviceAdd(p ptr) int32 {
	m, s := c.mem(), c.s
	d := s.devices[p]
	if d == nil {
		c.deviceInit(p)
		d = s.devices[p]
	}
	name := c.devName(p)
	if name == "" {
		return -int32(kernel.EINVAL)
	}
	info := kernel.DeviceInfo{Name: name, Dev: kernel.Dev(m.u32(p + OffDeviceDevt))}
	if parent := s.devices[m.ptr(p+OffDeviceParent)]; parent != nil {
		info.Parent = parent.k
	}
	var kc *kernel.Class
	if cl := s.classes[m.ptr(p+OffDeviceClass)]; cl != nil {
		d.class, kc = cl, cl.k
		if fn := m.ptr(cl.addr + OffClassDevnode); fn != 0 {
			c.devnode(fn, p, &info)
			m = c.mem()
		}
	}
	var err error
	if d.k, err = s.K.DeviceCreate(kc, info); err != nil {
		return errno(err)
	}
	s.deviceSeq++
	d.seq = s.deviceSeq
	m.put(p+OffDeviceKobj+OffKobjectKref+4, 3) // state_initialized, state_in_sysfs
	d.res = c.own(func() string { return fmt.Sprintf("device %s", name) }, func() {
		s.K.DeviceDestroy(d.k)
		s.M.Do(func() { s.dropDevice(p) })
	})
	groups := []ptr{m.ptr(p + OffDeviceGroups)}
	if d.class != nil {
		groups = append(groups, m.ptr(d.class.addr+OffClassDevGroups))
	}
	for _, g := range groups {
		if g != 0 {
			c.deviceGroups(p, g)
		}
	}
	return 0
}

// inOrder are the addresses of the devices that are in the tree, in the order in which they came.
func (s *System) inOrder() []ptr {
	all := slices.DeleteFunc(slices.Collect(maps.Keys(s.devices)), func(p ptr) bool { return s.devices[p].seq == 0 })
	slices.SortFunc(all, func(a, b ptr) int { return cmp.Compare(s.devices[a].seq, s.devices[b].seq) })
	return all
}

// devnode asks the class how the node is called and who may use it.
func (c *Ctx) devnode(fn, p ptr, info *kernel.DeviceInfo) {
	mode := c.alloc(4, 0, GfpZero, 16)
	if mode == 0 {
		return
	}
	r, err := c.Call(fn, uint64(p), uint64(mode))
	if err != nil {
		return
	}
	info.Mode = uint32(c.mem().u16(mode))
	if r != 0 {
		info.Node = c.mem().str(r)
		c.free(r)
	}
	c.free(mode)
}

func (c *Ctx) deviceDel(p ptr) {
	d := c.s.devices[p]
	if d == nil || d.k == nil {
		return
	}
	k := d.k
	d.k, d.seq = nil, 0
	d.res.done()
	c.s.K.DeviceDestroy(k)
	list := d.devm
	d.devm = nil
	for i := len(list) - 1; i >= 0; i-- {
		if r := list[i]; r.action != 0 {
			_, _ = c.Call(r.action, uint64(r.data))
		} else if r.mem != 0 {
			c.free(r.mem)
		}
	}
}

// putDevice drops a reference; the last one calls the release function.
func (c *Ctx) putDevice(p ptr) {
	if p == 0 {
		return
	}
	m := c.mem()
	ref := p + OffDeviceKobj + OffKobjectKref
	n := m.u32(ref) - 1
	m.put(ref, n)
	if int32(n) > 0 {
		return
	}
	d := c.s.devices[p]
	release := m.ptr(p + OffDeviceRelease)
	if t := m.ptr(p + OffDeviceType); release == 0 && t != 0 {
		release = m.ptr(t + OffDeviceTypeRelease)
	}
	if cl := m.ptr(p + OffDeviceClass); release == 0 && cl != 0 {
		release = m.ptr(cl + OffClassDevRelease)
	}
	if d != nil && !d.made {
		if release == 0 {
			c.warn("drivers/base/core.c", 2332, 9, fmt.Sprintf("Device '%s' does not have a release() function, it is broken and must be fixed. See Documentation/core-api/kobject.rst.\n", c.devName(p)))
		} else {
			_, _ = c.Call(release, uint64(p))
		}
	}
	c.s.dropDevice(p)
}

func (s *System) dropDevice(p ptr) {
	d := s.devices[p]
	if d == nil {
		return
	}
	delete(s.devices, p)
	if d.name != 0 {
		_ = s.M.Free(d.name)
	}
	if d.made {
		_ = s.M.Free(p)
	}
}

func (c *Ctx) manage(p ptr, r devres) {
	if d := c.s.devices[p]; d != nil {
		d.devm = append(d.devm, r)
	}
}

// complain warns of permissions that an attribute has no function for ([Linux] drivers/base/core.c device_create_file).
func (c *Ctx) complain(attr ptr) {
	mode, m := c.mem().u16(attr+OffAttributeMode), c.mem()
	if mode&0o222 != 0 && m.ptr(attr+OffDeviceAttributeStore) == 0 {
		c.warn("drivers/base/core.c", 3050, 9, fmt.Sprintf("Attribute %s: write permission without 'store'\n", c.attrName(attr)))
	}
	if mode&0o444 != 0 && m.ptr(attr+OffDeviceAttributeShow) == 0 {
		c.warn("drivers/base/core.c", 3053, 9, fmt.Sprintf("Attribute %s: read permission without 'show'\n", c.attrName(attr)))
	}
}

func (c *Ctx) deviceAttr(p, attr ptr) int32 {
	d := c.s.devices[p]
	if d == nil || d.k == nil {
		return -int32(kernel.EINVAL)
	}
	return c.attrFile(d.k.Path()[1:], p, attr)
}

func (c *Ctx) deviceAttrGone(p, attr ptr) {
	if d := c.s.devices[p]; d != nil && d.k != nil {
		c.s.K.SysRemove(d.k.Path()[1:] + "/" + c.attrName(attr))
	}
}

func (c *Ctx) deviceGroups(p, groups ptr) int32 {
	c.eachAttr(groups, func(attr ptr) { c.deviceAttr(p, attr) })
	return 0
}
