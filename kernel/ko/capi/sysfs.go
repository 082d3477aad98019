package capi

import "github.com/kobench/kobench/kernel"

// eachAttr walks the attributes of a NULL-terminated list of struct attribute_group.
func (c *Ctx) eachAttr(groups ptr, fn func(attr ptr)) {
	m := c.mem()
	for ; groups != 0; groups += sizeofPtr {
		g := m.ptr(groups)
		if g == 0 {
			return
		}
		for list := m.ptr(g + offAttributeGroupAttrs); list != 0; list += sizeofPtr {
			attr := m.ptr(list)
			if attr == 0 {
				break
			}
			fn(attr)
		}
	}
}

func (c *Ctx) attrName(attr ptr) string { return c.mem().str(c.mem().ptr(attr + offAttributeName)) }

// attrFile makes a file of an attribute that knows its show and store functions: those of devices,
// classes, drivers and plain kobjects look alike.
func (c *Ctx) attrFile(dir string, obj, attr ptr) int32 {
	m, s := c.mem(), c.s
	show, store := m.ptr(attr+offDeviceAttributeShow), m.ptr(attr+offDeviceAttributeStore)
	a := &kernel.Attr{}
	if show != 0 {
		a.Show = func(t *kernel.Task) (string, error) { return s.show(t, show, obj, attr) }
	}
	if store != 0 {
		a.Write = func(t *kernel.Task, text string) (int, error) { return s.store(t, store, obj, attr, text) }
	}
	return errno(s.K.SysAttr(s.K.SysDir(dir), c.attrName(attr), uint32(m.u16(attr+offAttributeMode)), a))
}

// page gives fn a page of kernel memory, and a byte of zero behind it.
func (s *System) page(fn func(p ptr) error) error {
	var p ptr
	var err error
	s.M.Do(func() {
		if p, err = s.M.Alloc(pageSize+1, pageSize, nil); err == nil {
			clear(s.mem().bytes(p, pageSize+1))
		}
	})
	if err != nil {
		return kernel.ENOMEM
	}
	defer s.M.Do(func() { _ = s.M.Free(p) })
	return fn(p)
}

// Show runs a function (object, attribute, page) that writes text and gives its length.
func (s *System) show(t *kernel.Task, slot, obj, attr ptr) (text string, err error) {
	err = s.page(func(p ptr) error {
		r, err := s.Enter(t).Call(slot, uint64(obj), uint64(attr), uint64(p))
		if err != nil {
			return err
		}
		if int64(r) < 0 {
			return kernel.Errno(-int64(r))
		}
		s.M.Do(func() {
			if r >= pageSize {
				s.badCount(slot)
			}
			text = string(s.mem().bytes(p, min(r, pageSize)))
		})
		return nil
	})
	return text, err
}

// badCount says that a show function wrote a page or more ([Linux] dev_attr_show,
// sysfs_kf_seq_show). Needs the big lock.
func (s *System) badCount(fn ptr) {
	mod, name, _, _ := s.M.FuncAt(fn)
	s.K.Log.Printf(kernel.LevelDefault, "dev_attr_show: %s returned bad count", s.place(mod, name, 0))
	s.K.Log.Printf(kernel.LevelDefault, "fill_read_buffer: dev_attr_show+0x0/0x40 returned bad count")
}

// store runs a function (object, attribute, text, length); what it returns is what write(2) does.
func (s *System) store(t *kernel.Task, slot, obj, attr ptr, text string) (taken int, err error) {
	err = s.page(func(p ptr) error {
		n := 0
		s.M.Do(func() { n = copy(s.mem().bytes(p, pageSize), text) })
		r, err := s.Enter(t).Call(slot, uint64(obj), uint64(attr), uint64(p), uint64(n))
		if err != nil {
			return err
		}
		if int64(r) < 0 {
			return kernel.Errno(-int64(r))
		}
		taken = int(int64(r))
		return nil
	})
	return taken, err
}
