package capi

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/kobench/kobench/kernel"
)

// bareDevice makes a struct device that is not in the tree.
func (c *Ctx) bareDevice(name string, devt kernel.Dev, data ptr) ptr {
	p, err := c.s.M.Alloc(sizeofDevice+uint64(len(name))+1, 0, nil)
	if err != nil {
		return 0
	}
	m := c.mem()
	b := m.bytes(p, sizeofDevice+uint64(len(name))+1)
	clear(b)
	copy(b[sizeofDevice:], name)
	c.deviceInit(p)
	m.putPtr(p+offDeviceKobj+offKobjectName, p+sizeofDevice)
	m.put(p+offDeviceDevt, uint32(devt))
	m.putPtr(p+offDeviceDriverData, data)
	c.s.devices[p] = &device{addr: p, made: true}
	return p
}

func (c *Ctx) deviceInit(p ptr) {
	m := c.mem()
	m.put(p+offDeviceKobj+offKobjectKref, 1)
	m.listInit(p + offDeviceKobj + offKobjectEntry)
	m.listInit(p + offDeviceDevresHead)
	m.putPtr(p+offDeviceMutex+offMutexOwner, 0)
	m.listInit(p + offDeviceMutex + offMutexWait + offWaitQueueHeadHead)
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
	c.mem().putPtr(p+offDeviceKobj+offKobjectName, q)
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
	info := kernel.DeviceInfo{Name: name, Dev: kernel.Dev(m.u32(p + offDeviceDevt))}
	if parent := s.devices[m.ptr(p+offDeviceParent)]; parent != nil {
		info.Parent = parent.k
	}
	var kc *kernel.Class
	if cl := s.classes[m.ptr(p+offDeviceClass)]; cl != nil {
		d.class, kc = cl, cl.k
		if fn := m.ptr(cl.addr + offClassDevnode); fn != 0 {
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
	m.put(p+offDeviceKobj+offKobjectKref+4, 3) // state_initialized, state_in_sysfs
	d.res = c.own(func() string { return fmt.Sprintf("device %s", name) }, func() {
		s.K.DeviceDestroy(d.k)
		s.M.Do(func() { s.dropDevice(p) })
	})
	groups := []ptr{m.ptr(p + offDeviceGroups)}
	if d.class != nil {
		groups = append(groups, m.ptr(d.class.addr+offClassDevGroups))
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
	mode := c.alloc(4, 0, gfpZero, 16)
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
	ref := p + offDeviceKobj + offKobjectKref
	n := m.u32(ref) - 1
	m.put(ref, n)
	if int32(n) > 0 {
		return
	}
	d := c.s.devices[p]
	release := m.ptr(p + offDeviceRelease)
	if t := m.ptr(p + offDeviceType); release == 0 && t != 0 {
		release = m.ptr(t + offDeviceTypeRelease)
	}
	if cl := m.ptr(p + offDeviceClass); release == 0 && cl != 0 {
		release = m.ptr(cl + offClassDevRelease)
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

// complain warns of permissions that an attribute has no function for ([Linux] drivers/base/core.c
// device_create_file).
func (c *Ctx) complain(attr ptr) {
	mode, m := c.mem().u16(attr+offAttributeMode), c.mem()
	if mode&0o222 != 0 && m.ptr(attr+offDeviceAttributeStore) == 0 {
		c.warn("drivers/base/core.c", 3050, 9, fmt.Sprintf("Attribute %s: write permission without 'store'\n", c.attrName(attr)))
	}
	if mode&0o444 != 0 && m.ptr(attr+offDeviceAttributeShow) == 0 {
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
