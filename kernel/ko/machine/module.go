package machine

import (
	"errors"
	"fmt"
	"sort"

	"github.com/tetratelabs/wazero/api"

	"github.com/kobench/kobench/kernel/ko/object"
)

// Target is what an undefined symbol resolves to: make one with
// Machine.HostTarget, Module.Target or DataTarget.
type Target = object.Target

// LoadOptions says how to load an object.
type LoadOptions struct {
	// Name of the module; no other loaded module has it. Letters, digits, "_" and "-".
	Name string
	// Resolve finds an undefined symbol. It runs without the big lock; its error
	// becomes part of Load's. nil is Machine.Resolve.
	Resolve func(s *object.Symbol) (Target, error)
}

// Module is a loaded module. Its methods need the big lock, but for Name,
// Symbol, Symbols, Sections, Section, Target, Ctors and Size.
type Module struct {
	m    *Machine
	name string
	inst api.Module
	code *image
	o    *object.Object

	plan     object.Plan
	pl       object.Placement
	symbols  map[string]Symbol
	funcs    []object.FuncInfo
	sections []Section
	ctors    []uint32
	deps     map[*Module]bool
	users    int // modules that import from it
	running  int // calls that entered through its slots and have not returned
	allocs   int // allocations that it owns
	coreText uint32
	initText uint32
	initGone bool
}

// Symbol is a defined symbol of a loaded module that is not local.
type Symbol struct {
	Name string
	Addr uint32 // of data; of a function its slot, which is its address in C
	Size uint32 // of data
	Func bool
	Type object.FuncType // of a function

	closed bool
}

// Section is a data section of a loaded module.
type Section struct {
	Name string
	Addr uint32
	Size uint32
	Init bool // its memory goes when FreeInit is called
}

// Leak is memory that a module allocated and did not free.
type Leak struct{ Addr, Size uint32 }

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

func (m *Machine) load(o *object.Object, opt LoadOptions) (mod *Module, err error) {
	if err := checkName(opt.Name); err != nil {
		return nil, err
	}
	mod = &Module{m: m, name: opt.Name, o: o, plan: o.Plan(), deps: map[*Module]bool{m.builtin: true}}
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
	mod.take(img)
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

// take copies what the module needs to know about itself.
func (mod *Module) take(img *object.Image) {
	mod.funcs, mod.ctors = img.Funcs, img.Ctors
	mod.symbols = make(map[string]Symbol, len(img.Globals))
	for name, d := range img.Globals {
		s := Symbol{Name: name, Addr: d.Addr, Size: d.Size}
		if d.Func >= 0 {
			f := &img.Funcs[d.Func]
			s = Symbol{Name: name, Addr: f.Slot, Func: true, Type: f.Type, closed: f.Closed}
		}
		mod.symbols[name] = s
	}
	for i := range img.Segments {
		s := &img.Segments[i]
		mod.sections = append(mod.sections, Section{s.Name, s.Addr, uint32(len(s.Data)), s.Init})
	}
	for i := range img.Funcs {
		if f := &img.Funcs[i]; f.Init {
			mod.initText += f.Size
		} else {
			mod.coreText += f.Size
		}
	}
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

// undo gives back everything, with the big lock held.
func (mod *Module) undo() {
	m := mod.m
	if m.closed.Load() || m.core == nil {
		return
	}
	if m.modules[mod.name] == mod {
		delete(m.modules, mod.name)
		for dep := range mod.deps {
			dep.users--
		}
	}
	if mod.pl.Slot != 0 {
		_ = m.freeSlots(mod.pl.Slot, mod.plan.Slots)
		mod.pl.Slot = 0
	}
	for _, a := range []*uint32{&mod.pl.Core, &mod.pl.Init} {
		if *a != 0 {
			_ = m.heap.release(*a)
			*a = 0
		}
	}
	if mod.inst != nil {
		_ = mod.inst.Close(m.ctx)
	}
	if mod.code != nil {
		if mod.asleep() {
			m.graves = append(m.graves, grave{mod})
		} else {
			m.drop(mod.code)
			mod.code = nil
		}
	}
	mod.inst = nil
}

// Unload removes the module: memory, slots, instance and code. The kernel has
// run its exit function, and nothing refers to it any more. Memory that it
// allocated and did not free is reported and stays allocated, as in Linux; who
// wants it back calls Machine.Free. It must not be called with the big lock held.
//
// Errors: ErrBusy if a call is inside the module or another module imports
// from it; it stays loaded then.
func (mod *Module) Unload() (leaks []Leak, err error) {
	m := mod.m
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	if m.closed.Load() {
		return nil, ErrClosed
	}
	m.Do(func() {
		switch {
		case m.modules[mod.name] != mod:
			err = fmt.Errorf("machine: module %s is not loaded", mod.name)
		case mod == m.builtin:
			err = fmt.Errorf("%w: %s is the kernel itself", ErrBusy, mod.name)
		case mod.running > 0:
			err = fmt.Errorf("%w: %d calls are inside module %s", ErrBusy, mod.running, mod.name)
		case mod.users > 0:
			err = fmt.Errorf("%w: %d modules import from %s", ErrBusy, mod.users, mod.name)
		default:
			leaks = mod.leaks()
			mod.undo()
		}
	})
	return leaks, err
}

// leaks lists what the module still owns and takes the ownership from it.
func (mod *Module) leaks() []Leak {
	if mod.allocs == 0 {
		return nil
	}
	var list []Leak
	mod.m.heap.each(mod, func(s *span, i int, addr uint32) {
		list = append(list, Leak{addr, s.size[i]})
		s.owner[i] = nil
	})
	mod.allocs = 0
	return list
}

// Allocated is the number of allocations that the module owns.
func (mod *Module) Allocated() int { return mod.allocs }

// A grave keeps the code of an unloaded module while a sleeping thread might
// still return into it: one that entered a module which this one imported from,
// and may have been called back by. The kernel's reference counts should
// prevent that; the process must survive if they do not.
type grave struct{ mod *Module }

func (mod *Module) asleep() bool {
	for dep := range mod.deps {
		if dep.running > 0 {
			return true
		}
	}
	return false
}

// reap frees the code of modules that nobody can return into any more.
func (m *Machine) reap() {
	if !m.loadMu.TryLock() {
		return // the next call will
	}
	defer m.loadMu.Unlock()
	kept := m.graves[:0]
	for _, g := range m.graves {
		if g.mod.asleep() {
			kept = append(kept, g)
			continue
		}
		m.drop(g.mod.code)
		g.mod.code = nil
	}
	clear(m.graves[len(kept):])
	m.graves = kept
}

// FreeInit gives back the memory of .init.data and .modinfo, and the slots of
// init code, so that a call of it is a trap. The kernel calls it once
// init_module has returned. Needs the big lock.
func (mod *Module) FreeInit() error {
	if mod.initGone {
		return nil
	}
	mod.initGone = true
	var err error
	if mod.pl.Init != 0 {
		err = mod.m.heap.release(mod.pl.Init)
		mod.pl.Init = 0
	}
	for i := range mod.funcs {
		// The entry stays reserved until the module goes.
		if f := &mod.funcs[i]; f.Init && f.Slot != 0 {
			mod.m.slots[f.Slot] = slot{}
			err = errors.Join(err, mod.m.clearSlots(f.Slot, 1))
		}
	}
	return err
}

// Name is what LoadOptions said.
func (mod *Module) Name() string { return mod.name }

// Object is what the module was loaded from.
func (mod *Module) Object() *object.Object { return mod.o }

// Symbol finds a symbol that is not local.
func (mod *Module) Symbol(name string) (Symbol, bool) {
	s, ok := mod.symbols[name]
	return s, ok
}

// Symbols lists the symbols that are not local, by name.
func (mod *Module) Symbols() []Symbol {
	list := make([]Symbol, 0, len(mod.symbols))
	for _, s := range mod.symbols {
		list = append(list, s)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// Funcs lists all functions, local ones too, in the object's order.
func (mod *Module) Funcs() []object.FuncInfo { return mod.funcs }

// Sections lists the data sections in the object's order.
func (mod *Module) Sections() []Section { return mod.sections }

// Section finds a data section.
func (mod *Module) Section(name string) (Section, bool) {
	for _, s := range mod.sections {
		if s.Name == name {
			return s, true
		}
	}
	return Section{}, false
}

// Ctors lists the slots of the object's constructors in calling order.
func (mod *Module) Ctors() []uint32 { return mod.ctors }

// Size is the number of bytes of code and data that the module needs while it
// lives, and of those that FreeInit gives back.
func (mod *Module) Size() (core, init uint32) {
	return mod.plan.CoreSize + mod.coreText, mod.plan.InitSize + mod.initText
}

// Target resolves another module's undefined symbol to one of this module.
// Only for use in LoadOptions.Resolve.
func (mod *Module) Target(name string) (Target, bool) {
	if mod == mod.m.builtin {
		return mod.m.builtinTarget(name)
	}
	s, ok := mod.symbols[name]
	if !ok {
		return Target{}, false
	}
	if !s.Func {
		return Target{Addr: s.Addr, Module: mod.name}, true
	}
	return Target{Module: mod.name, Name: name, Type: s.Type, Closed: s.closed, Slot: func() (uint32, error) { return s.Addr, nil }}, true
}

// SlotInfo says which function is in a table slot: what %ps prints. Needs the big lock.
func (m *Machine) SlotInfo(i uint32) (module, name string, typ object.FuncType, ok bool) {
	if uint64(i) >= uint64(len(m.slots)) {
		return "", "", object.FuncType{}, false
	}
	s := &m.slots[i]
	switch {
	case s.lazy != nil:
		return s.mod.name, s.name, s.mod.o.SymbolType(s.lazy), true
	case s.sig == nil:
		return "", "", object.FuncType{}, false
	case s.mod != nil:
		module = s.mod.name
	}
	return module, s.name, s.sig.typ, true
}

// FindData says which data symbol addr lies in. Needs the big lock.
func (m *Machine) FindData(addr uint32) (mod *Module, name string, off uint32, ok bool) {
	for _, mod := range m.modules {
		core := addr-mod.pl.Core < mod.plan.CoreSize && mod.pl.Core != 0
		if !core && !(addr-mod.pl.Init < mod.plan.InitSize && mod.pl.Init != 0) {
			continue
		}
		for n, s := range mod.symbols {
			if !s.Func && addr-s.Addr < max(s.Size, 1) {
				return mod, n, addr - s.Addr, true
			}
		}
		return mod, "", addr - mod.pl.Core, true
	}
	return nil, "", 0, false
}

// site finds the function that holds an offset in the code section.
func (mod *Module) site(code uint32, fallback string) (name string, off uint32) {
	for i := range mod.funcs {
		if f := &mod.funcs[i]; code >= f.Start && code < f.Start+f.Size {
			if f.Name == "" {
				return fallback, code - f.Start
			}
			return f.Name, code - f.Start
		}
	}
	return fallback, 0
}
