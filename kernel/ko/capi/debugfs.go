package capi

// debugEntry is a file or folder of debugfs, which the bench does not show: drivers may make and remove them.
type debugEntry struct{ parent uint32 }

// Files of debugfs. As with a kernel whose debugfs nobody has mounted, they can be made and removed, and nobody reads them.
// References: fs/debugfs/inode.c.
func debugfsFuncs() []Func {
	list := []Func{
		F2("debugfs_create_dir", func(c *Ctx, name, parent uint32) uint32 { return c.debugEntry(parent) }),
		F5("debugfs_create_file", func(c *Ctx, name, mode, parent, data, fops uint32) uint32 { return c.debugEntry(parent) }),
		F2("debugfs_lookup", func(c *Ctx, name, parent uint32) uint32 { return 0 }),
		V1("debugfs_remove", func(c *Ctx, p uint32) { c.s.debugRemove(p) }),
	}
	for _, kind := range []string{"u8", "u16", "u32", "u64", "x32", "atomic_t", "bool"} {
		list = append(list, V4("debugfs_create_"+kind, func(c *Ctx, name, mode, parent, value uint32) { c.debugEntry(parent) }))
	}
	return gpl(list)
}

func (c *Ctx) debugEntry(parent uint32) uint32 {
	p, err := c.s.M.Alloc(SizeofDentry, 0, nil)
	if err != nil {
		return errPtr(err)
	}
	clear(c.mem().bytes(p, SizeofDentry))
	c.s.debugs[p] = &debugEntry{parent}
	return p
}

func (s *System) debugRemove(p uint32) {
	if s.debugs[p] == nil {
		return
	}
	delete(s.debugs, p)
	_ = s.M.Free(p)
	for q, e := range s.debugs {
		if e.parent == p {
			s.debugRemove(q)
		}
	}
}
