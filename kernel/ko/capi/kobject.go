package capi

import (
	"strings"

	"github.com/kobench/kobench/kernel"
)

// kobjectState is what the area keeps. It belongs to the holder of the big lock.
type kobjectState struct {
	kobjs map[ptr]*kobj // by address of struct kobject
}

func newKobjectState() kobjectState {
	return kobjectState{kobjs: map[ptr]*kobj{}}
}

// kobj is a struct kobject with a folder below /sys.
type kobj struct {
	addr  ptr
	path  string // below /sys
	shown bool
	name  ptr  // its memory
	made  bool // by kobject_create_and_add
	res   *resource
}

// Kernel objects. References: lib/kobject.c; lib/kobject_uevent.c.
func kobjectFuncs() []Func {
	return gpl([]Func{
		v2("kobject_init", func(c *Ctx, p, ktype ptr) { c.kobjInit(p, ktype) }),
		f4("kobject_add", func(c *Ctx, p, parent, format, args ptr) int32 {
			return c.kobjAdd(p, parent, c.vformat(format, args))
		}),
		f5("kobject_init_and_add", func(c *Ctx, p, ktype, parent, format, args ptr) int32 {
			c.kobjInit(p, ktype)
			return c.kobjAdd(p, parent, c.vformat(format, args))
		}),
		f3("kobject_set_name", func(c *Ctx, p, format, args ptr) int32 {
			q := c.strdup(c.vformat(format, args), 0)
			c.mem().putPtr(p+offKobjectName, q)
			return 0
		}),
		f2("kobject_create_and_add", func(c *Ctx, name, parent ptr) ptr {
			p, err := c.s.M.Alloc(sizeofKobject, 0, nil)
			if err != nil {
				return 0
			}
			c.kobjInit(p, 0)
			if c.kobjAdd(p, parent, c.mem().str(name)) != 0 {
				_ = c.s.M.Free(p)
				return 0
			}
			c.s.kobjs[p].made = true
			return p
		}),
		v1("kobject_del", func(c *Ctx, p ptr) { c.kobjHide(p) }),
		f1("kobject_get", func(c *Ctx, p ptr) ptr {
			if p != 0 {
				c.mem().put(p+offKobjectKref, c.mem().u32(p+offKobjectKref)+1)
			}
			return p
		}),
		v1("kobject_put", func(c *Ctx, p ptr) { c.kobjPut(p) }),
		f2("kobject_uevent", func(c *Ctx, p ptr, action uint32) int32 { return c.kobjEvent(p, action) }),
		f3("kobject_uevent_env", func(c *Ctx, p ptr, action uint32, env ptr) int32 { return c.kobjEvent(p, action) }),
	})
}

func (c *Ctx) kobjInit(p, ktype ptr) {
	m := c.mem()
	clear(m.bytes(p, sizeofKobject))
	m.listInit(p + offKobjectEntry)
	m.putPtr(p+offKobjectKtype, ktype)
	m.put(p+offKobjectKref, 1)
	m.put(p+offKobjectKref+4, 1) // state_initialized
}

// kobjPath is the folder of a kobject or of a device, whose kobject comes first in it.
func (c *Ctx) kobjPath(p ptr) (string, bool) {
	if k := c.s.kobjs[p]; k != nil && k.shown {
		return k.path, true
	}
	if d := c.s.devices[p]; d != nil && d.k != nil {
		return strings.TrimPrefix(d.k.Path(), "/"), true
	}
	return "", false
}

func (c *Ctx) kobjAdd(p, parent ptr, name string) int32 {
	if name == "" || strings.Contains(name, "/") {
		return -int32(kernel.EINVAL)
	}
	path := name
	if up, ok := c.kobjPath(parent); ok {
		path = up + "/" + name
	}
	s, m := c.s, c.mem()
	k := &kobj{addr: p, path: path, shown: true}
	var err error
	if k.name, err = s.M.Alloc(uint64(len(name))+1, 0, nil); err != nil {
		return -int32(kernel.ENOMEM)
	}
	copy(m.bytes(k.name, uint64(len(name))+1), name+"\x00")
	m.putPtr(p+offKobjectName, k.name)
	m.putPtr(p+offKobjectParent, parent)
	m.put(p+offKobjectKref+4, 3)
	s.K.SysDir(path)
	s.kobjs[p] = k
	k.res = c.own(func() string { return "/sys/" + path }, func() {
		s.K.SysRemove(path)
		s.M.Do(func() { s.dropKobj(k) })
	})
	if t := m.ptr(p + offKobjectKtype); t != 0 {
		c.eachAttr(m.ptr(t+offKobjTypeDefaultGroups), func(attr ptr) { c.sysfsCreate(p, attr) })
		for list := m.ptr(t + offKobjTypeDefaultAttrs); list != 0 && m.ptr(list) != 0; list += sizeofPtr {
			c.sysfsCreate(p, m.ptr(list))
		}
	}
	return 0
}

func (c *Ctx) kobjHide(p ptr) {
	if k := c.s.kobjs[p]; k != nil && k.shown && k.res != nil {
		k.shown = false
		k.res.done()
		c.s.K.SysRemove(k.path)
	}
}

func (s *System) dropKobj(k *kobj) {
	delete(s.kobjs, k.addr)
	_ = s.M.Free(k.name)
	if k.made {
		_ = s.M.Free(k.addr)
	}
}

func (c *Ctx) kobjPut(p ptr) {
	k := c.s.kobjs[p]
	if p == 0 || k == nil {
		return
	}
	m := c.mem()
	n := m.u32(p+offKobjectKref) - 1
	m.put(p+offKobjectKref, n)
	if n != 0 {
		return
	}
	c.kobjHide(p)
	release := ptr(0)
	if t := m.ptr(p + offKobjectKtype); t != 0 {
		release = m.ptr(t + offKobjTypeRelease)
	}
	c.s.dropKobj(k)
	if release != 0 {
		_, _ = c.Call(release, uint64(p))
	}
}

func (c *Ctx) kobjEvent(p ptr, action uint32) int32 {
	actions := []string{"add", "remove", "change", "move", "online", "offline", "bind", "unbind"}
	if action >= uint32(len(actions)) {
		return -int32(kernel.EINVAL)
	}
	if d := c.s.devices[p]; d != nil && d.k != nil {
		c.s.K.Announce(actions[action], d.k)
	}
	return 0
}
