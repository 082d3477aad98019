package kernel

import "fmt"

// sysModuleAdd makes /sys/module/NAME (kernel/module/sysfs.c, kernel/params.c).
func (k *Kernel) sysModuleAdd(m *Module) {
	dir := k.SysDir("module/" + m.Name)
	m.dir = dir
	text := func(name string, fn func() string) {
		_ = k.SysAttr(dir, name, 0o444, &Attr{Show: func(*Task) (string, error) { return fn() + "\n", nil }})
	}
	text("coresize", func() string { return fmt.Sprint(m.CoreSize) })
	text("initsize", func() string { return fmt.Sprint(m.initSize()) })
	text("initstate", func() string { return m.State().sysName() })
	text("refcnt", func() string { return fmt.Sprint(m.Refcount()) })
	text("taint", func() string { return taintLetters(Taint(m.taints.Load())) })
	if m.Version != "" {
		text("version", func() string { return m.Version })
	}
	if m.SrcVersion != "" {
		text("srcversion", func() string { return m.SrcVersion })
	}
	_ = k.SysAttr(dir, "uevent", 0o200, &Attr{Store: func(*Task, string) error { return nil }})
	k.ns.mkdirAll(dir, "holders")
	k.ns.mkdirAll(dir, "notes")
	sections := k.ns.mkdirAll(dir, "sections")
	for _, s := range m.Sections {
		text := fmt.Sprintf("0x%016x\n", s.Addr)
		_ = k.SysAttr(sections, s.Name, 0o400, &Attr{Show: func(*Task) (string, error) { return text, nil }})
	}
	var params *Inode
	for i := range m.Params {
		p := &m.Params[i]
		if p.Perm == 0 {
			continue
		}
		if params == nil {
			params = k.ns.mkdirAll(dir, "parameters")
		}
		_ = k.SysAttr(params, p.Name, p.Perm, k.paramAttr(m, p))
	}
	k.modules.mu.Lock()
	uses := append([]*Module(nil), m.uses...)
	k.modules.mu.Unlock()
	for _, u := range uses {
		if u.dir != nil {
			_ = k.SysLink(k.ns.mkdirAll(u.dir, "holders"), m.Name, "/sys/module/"+m.Name)
		}
	}
}

func (k *Kernel) sysModuleDel(m *Module) {
	k.SysRemove("module/" + m.Name)
	m.dir = nil
}
