package capi

import "github.com/kobench/kobench/kernel"

// Attributes of kernel objects. References: fs/sysfs/file.c; fs/sysfs/group.c.
func sysfsFuncs() []Func {
	return gpl([]Func{
		f3("sysfs_create_file_ns", func(c *Ctx, p, attr, ns ptr) int32 { return c.sysfsCreate(p, attr) }),
		v3("sysfs_remove_file_ns", func(c *Ctx, p, attr, ns ptr) { c.sysfsRemove(p, attr) }),
		f2("sysfs_create_files", func(c *Ctx, p, list ptr) int32 {
			for ; c.mem().ptr(list) != 0; list += sizeofPtr {
				if e := c.sysfsCreate(p, c.mem().ptr(list)); e != 0 {
					return e
				}
			}
			return 0
		}),
		v2("sysfs_remove_files", func(c *Ctx, p, list ptr) {
			for ; c.mem().ptr(list) != 0; list += sizeofPtr {
				c.sysfsRemove(p, c.mem().ptr(list))
			}
		}),
		f2("sysfs_create_group", func(c *Ctx, p, group ptr) int32 { return c.sysfsGroup(p, group) }),
		f2("sysfs_create_groups", func(c *Ctx, p, groups ptr) int32 {
			for ; groups != 0 && c.mem().ptr(groups) != 0; groups += sizeofPtr {
				if e := c.sysfsGroup(p, c.mem().ptr(groups)); e != 0 {
					return e
				}
			}
			return 0
		}),
		v2("sysfs_remove_group", func(c *Ctx, p, group ptr) { c.sysfsGroupGone(p, group) }),
		v2("sysfs_remove_groups", func(c *Ctx, p, groups ptr) {
			for ; groups != 0 && c.mem().ptr(groups) != 0; groups += sizeofPtr {
				c.sysfsGroupGone(p, c.mem().ptr(groups))
			}
		}),
		f3("sysfs_create_link", func(c *Ctx, p, target, name ptr) int32 {
			from, ok := c.kobjPath(p)
			to, ok2 := c.kobjPath(target)
			if !ok || !ok2 {
				return -int32(kernel.EINVAL)
			}
			return errno(c.s.K.SysLink(c.s.K.SysDir(from), c.mem().str(name), "/sys/"+to))
		}),
		v2("sysfs_remove_link", func(c *Ctx, p, name ptr) {
			if from, ok := c.kobjPath(p); ok {
				c.s.K.SysRemove(from + "/" + c.mem().str(name))
			}
		}),
		v3("sysfs_notify", func(c *Ctx, p, dir, attr ptr) {}),
	})
}

// sysfsCreate makes the file of an attribute. The functions of the kobject's type serve it; a
// kobject without a type has attributes that know theirs (struct kobj_attribute), as a device's do.
func (c *Ctx) sysfsCreate(p, attr ptr) int32 {
	path, ok := c.kobjPath(p)
	if !ok {
		return -int32(kernel.EINVAL)
	}
	return c.sysfsFile(path, p, attr)
}

func (c *Ctx) sysfsFile(path string, p, attr ptr) int32 {
	m, s := c.mem(), c.s
	ops := ptr(0)
	if t := m.ptr(p + offKobjectKtype); t != 0 && s.devices[p] == nil {
		ops = m.ptr(t + offKobjTypeSysfsOps)
	}
	if ops == 0 || ops == s.data["kobj_sysfs_ops"] {
		return c.attrFile(path, p, attr)
	}
	a := &kernel.Attr{}
	if show := m.ptr(ops + offSysfsOpsShow); show != 0 {
		a.Show = func(t *kernel.Task) (string, error) { return s.show(t, show, p, attr) }
	}
	if store := m.ptr(ops + offSysfsOpsStore); store != 0 {
		a.Write = func(t *kernel.Task, text string) (int, error) { return s.store(t, store, p, attr, text) }
	}
	return errno(s.K.SysAttr(s.K.SysDir(path), c.attrName(attr), uint32(m.u16(attr+offAttributeMode)), a))
}

func (c *Ctx) sysfsRemove(p, attr ptr) {
	if path, ok := c.kobjPath(p); ok {
		c.s.K.SysRemove(path + "/" + c.attrName(attr))
	}
}

func (c *Ctx) groupPath(p, group ptr) (string, bool) {
	path, ok := c.kobjPath(p)
	if name := c.mem().name(c.mem().ptr(group + offAttributeGroupName)); name != "" {
		path += "/" + name
	}
	return path, ok
}

func (c *Ctx) sysfsGroup(p, group ptr) int32 {
	path, ok := c.groupPath(p, group)
	if !ok {
		return -int32(kernel.EINVAL)
	}
	m := c.mem()
	visible := m.ptr(group + offAttributeGroupIsVisible)
	n := uint64(0)
	for list := m.ptr(group + offAttributeGroupAttrs); list != 0 && m.ptr(list) != 0; list += sizeofPtr {
		attr := m.ptr(list)
		if visible != 0 {
			if mode, err := c.Call(visible, uint64(p), uint64(attr), n); err != nil || mode == 0 {
				n++
				continue
			}
		}
		n++
		if e := c.sysfsFile(path, p, attr); e != 0 {
			return e
		}
	}
	return 0
}

func (c *Ctx) sysfsGroupGone(p, group ptr) {
	path, ok := c.groupPath(p, group)
	m := c.mem()
	for list := m.ptr(group + offAttributeGroupAttrs); ok && list != 0 && m.ptr(list) != 0; list += sizeofPtr {
		c.s.K.SysRemove(path + "/" + c.attrName(m.ptr(list)))
	}
}
