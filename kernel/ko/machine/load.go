package machine

import (
	"fmt"

	"github.com/kobench/kobench/kernel/ko/object"
)

// Load links and instantiates an object. It runs no code of the module. It must
// not be called with the big lock held: a host function calls it in Release.
//
// Errors: those of object.Link; ErrNoMemory; a name that is taken or bad; a
// body that is not valid WebAssembly. Nothing is left behind then.
func (m *Machine) Load(o *object.Object, opt LoadOptions) (*Module, error) {
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	if m.closed.Load() {
		return nil, ErrClosed
	}
	return m.load(o, opt)
}

// Resolve looks for a symbol in vmlinux and then among the host functions. Only
// for use in LoadOptions.Resolve.
//
// Errors: the symbol is nowhere.
//
// Checklocks does not see loadMu: it is held around a function that is called back.
// +checklocksignore
func (m *Machine) Resolve(s *object.Symbol) (Target, error) {
	if t, ok := m.builtinTarget(s.Name); ok {
		return t, nil
	}
	if s.Kind == object.SymFunc {
		if t, ok := m.HostTarget(s.Name); ok {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("the kernel has no %v of this name", s.Kind)
}

// +checklocks:m.loadMu
func (m *Machine) load(o *object.Object, opt LoadOptions) (mod *Module, err error) {
	if err := checkName(opt.Name); err != nil {
		return nil, err
	}
	mod = &Module{m: m, name: opt.Name, o: o, plan: o.Plan(), deps: map[*Module]bool{}}
	defer func() {
		if err != nil {
			err = fmt.Errorf("load %s: %w", opt.Name, err)
			m.Do(func() { mod.undo() })
			mod = nil
		}
	}()
	m.Do(func() { err = mod.place() })
	if err != nil {
		return mod, err
	}
	resolve := opt.Resolve
	if resolve == nil {
		resolve = m.Resolve
	}
	img, err := o.Link(mod.pl, object.LinkOptions{
		Name:      opt.Name,
		StackSize: m.cfg.StackSize - stackReserve,
		Memory:    m.cfg.MemoryLimit,
		Indirect:  m.dispatcher,
		Resolve: func(s *object.Symbol) (Target, error) {
			t, err := resolve(s)
			if err == nil && t.Module != "" {
				if dep := m.modules[t.Module]; dep != nil {
					mod.deps[dep] = true
				}
			}
			return t, err
		},
	})
	if err != nil {
		return mod, err
	}
	if err = m.flushBuiltin(); err != nil {
		return mod, err
	}
	if err = m.flushHosts(); err != nil {
		return mod, err
	}
	if mod.code, err = m.compile(img.Wasm); err != nil {
		return mod, err
	}
	mod.info = newInfo(img)
	m.Do(func() { err = mod.install(img) })
	return mod, err
}

func checkName(name string) error {
	if name == "" || len(name) > 64 || name == "kernel" || name == "host" {
		return fmt.Errorf("machine: module name %q", name)
	}
	for _, c := range name {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return fmt.Errorf("machine: module name %q contains %q", name, c)
		}
	}
	return nil
}

// place reserves memory, slots and trampolines, with the big lock held.
func (mod *Module) place() error {
	m := mod.m
	if m.modules[mod.name] != nil {
		return fmt.Errorf("machine: a module %q is loaded already", mod.name)
	}
	var err error
	alloc := func(size, align uint32) uint32 {
		if size == 0 || err != nil {
			return 0
		}
		var a uint32
		if a, err = m.heap.alloc(size, max(align, 16), nil); err == nil {
			clear(m.mem[a : a+size])
		}
		return a
	}
	mod.pl.Core = alloc(mod.plan.CoreSize, mod.plan.CoreAlign)
	mod.pl.Init = alloc(mod.plan.InitSize, mod.plan.InitAlign)
	if err != nil {
		return err
	}
	if mod.pl.Slot, err = m.allocSlots(mod.plan.Slots); err != nil {
		return err
	}
	for _, t := range mod.plan.Indirect {
		if _, err := m.signature(t); err != nil {
			return err
		}
	}
	return nil
}

// newInfo takes from an image what the module needs to know about itself.
func newInfo(img *object.Image) *info {
	in := &info{funcs: img.Funcs, adapted: img.Adapted, symbols: make(map[string]Symbol, len(img.Globals))}
	for _, s := range img.Ctors {
		in.ctors = append(in.ctors, object.FuncAddr(s))
	}
	for name, d := range img.Globals {
		s := Symbol{Name: name, Addr: d.Addr, Size: d.Size, index: d.Symbol}
		if d.Func >= 0 {
			f := &img.Funcs[d.Func]
			s = Symbol{Name: name, Addr: object.FuncAddr(f.Slot), Func: true, Type: f.Type, closed: f.Closed, index: d.Symbol}
		}
		in.symbols[name] = s
	}
	for i := range img.Segments {
		s := &img.Segments[i]
		in.sections = append(in.sections, Section{s.Name, KernelBase + uint64(s.Addr), uint32(len(s.Data)), s.Init})
	}
	for i := range img.Funcs {
		if f := &img.Funcs[i]; f.Init {
			in.initText += f.Size
		} else {
			in.coreText += f.Size
		}
	}
	return in
}

// install makes the module runnable, with the big lock held.
func (mod *Module) install(img *object.Image) error {
	m := mod.m
	for i := range img.Segments {
		copy(m.mem[img.Segments[i].Addr:], img.Segments[i].Data)
	}
	for i := range img.Funcs {
		f := &img.Funcs[i]
		if f.Slot == 0 {
			continue
		}
		sig, err := m.signature(f.Type)
		if err != nil {
			return err
		}
		m.slots[f.Slot] = slot{sig: sig, mod: mod, name: f.Name}
	}
	var err error
	if mod.inst, err = m.rt.InstantiateModule(m.loadCtx, mod.code.compiled, m.modConfig); err != nil {
		return err
	}
	m.modules[mod.name] = mod
	for dep := range mod.deps {
		dep.users++
	}
	return nil
}
