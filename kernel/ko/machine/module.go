package machine

import (
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

	*info
	plan     object.Plan
	pl       object.Placement
	deps     map[*Module]bool
	users    int // modules that import from it
	running  int // calls that entered through its slots and have not returned
	allocs   int // allocations that it owns
	initGone bool
}

// info is what never changes about a loaded module.
type info struct {
	symbols  map[string]Symbol
	funcs    []object.FuncInfo
	sections []Section
	ctors    []uint64
	adapted  []object.Adapted
	coreText uint32
	initText uint32
}

// Symbol is a defined symbol of a loaded module that is not local.
type Symbol struct {
	Name string
	Addr uint64 // as C sees it
	Size uint64 // of data
	Func bool
	Type object.FuncType // of a function

	closed bool
	index  int // in Object.Symbols
}

// slot is the table slot of a function.
func (s Symbol) slot() uint32 {
	i, _ := object.FuncSlot(s.Addr)
	return i
}

// Section is a data section of a loaded module.
type Section struct {
	Name string
	Addr uint64
	Size uint32
	Init bool // its memory goes when FreeInit is called
}

// Leak is memory that a module allocated and did not free.
type Leak struct {
	Addr uint64
	Size uint32
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

// Ctors lists the object's constructors in calling order.
func (mod *Module) Ctors() []uint64 { return mod.ctors }

// Adapted lists the functions that the module calls with another prototype than they have.
func (mod *Module) Adapted() []object.Adapted { return mod.adapted }

// Size is the number of bytes of code and data that the module needs while it
// lives, and of those that FreeInit gives back.
func (mod *Module) Size() (core, init uint32) {
	return mod.plan.CoreSize + mod.coreText, mod.plan.InitSize + mod.initText
}

// Target resolves another module's undefined symbol to one of this module.
// Only for use in LoadOptions.Resolve.
//
// Checklocks does not see loadMu: it is held around a function that is called back.
// +checklocksignore
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
	return Target{Module: mod.name, Name: name, Type: s.Type, Closed: s.closed, Slot: func() (uint32, error) { return s.slot(), nil }}, true
}

// FuncAt says which function has an address: what %ps prints. Needs the big lock.
func (m *Machine) FuncAt(addr uint64) (module, name string, typ object.FuncType, ok bool) {
	i, ok := object.FuncSlot(addr)
	if !ok || uint64(i) >= uint64(len(m.slots)) {
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
func (m *Machine) FindData(addr uint64) (mod *Module, name string, off uint64, ok bool) {
	if addr-KernelBase >= uint64(len(m.mem)) {
		return nil, "", 0, false
	}
	at := offset(addr)
	for _, mod := range m.modules {
		core := at-mod.pl.Core < mod.plan.CoreSize && mod.pl.Core != 0
		if !core && !(at-mod.pl.Init < mod.plan.InitSize && mod.pl.Init != 0) {
			continue
		}
		for n, s := range mod.symbols {
			if !s.Func && addr-s.Addr < max(s.Size, 1) {
				return mod, n, addr - s.Addr, true
			}
		}
		return mod, "", uint64(at - mod.pl.Core), true
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
