package machine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/kobench/kobench/kernel/ko/object"
)

// builtin is the module "vmlinux": kernel/lib. Its data and its table slots are
// placed when the machine is made, but a function is linked and compiled
// only when a module imports it, takes its address, uses data that points to it,
// or Go calls it. So the library may grow and a machine stays cheap.
//
// What is needed together is linked together, with all that it needs itself
// (object.Closure): no part ever lacks anything that comes in a later one.
type builtin struct {
	mod     *Module
	img     *object.Image
	done    []bool           // functions that are linked
	part    []api.Module     // by function, who has it
	symbol  []*object.Symbol // by function, any symbol of it
	pending []*object.Symbol // to be linked by flushBuiltin
}

// loadBuiltin places the library's data.
//
// +checklocks:m.loadMu
func (m *Machine) loadBuiltin(o *object.Object) error {
	mod := &Module{m: m, name: "vmlinux", o: o, plan: o.Plan(), deps: map[*Module]bool{}}
	mod.plan.Indirect = nil // the parts see to that
	if err := mod.place(); err != nil {
		return err
	}
	n := len(o.Funcs)
	b := &builtin{mod: mod, done: make([]bool, n), part: make([]api.Module, n), symbol: make([]*object.Symbol, n)}
	img, err := m.linkBuiltin(mod)
	if err != nil {
		return err
	}
	b.img = img
	for i := range img.Segments {
		copy(m.mem[img.Segments[i].Addr:], img.Segments[i].Data)
	}
	first := uint32(len(o.Imports))
	for i := range o.Imports {
		if o.Imports[i].Kind != object.ImportFunc {
			first--
		}
	}
	for i := range o.Symbols {
		if s := &o.Symbols[i]; s.Kind == object.SymFunc && s.Defined() {
			b.symbol[s.Index-first] = s
		}
	}
	for i := range img.Funcs {
		if f := &img.Funcs[i]; f.Slot != 0 {
			m.slots[f.Slot] = slot{mod: mod, name: f.Name, lazy: b.symbol[i]}
		}
	}
	m.builtin, m.lib = mod, b
	m.modules[mod.name] = mod
	return nil
}

// linkBuiltin lays out the library's data. Machines with a common Cache that put
// it in the same place share the result, unless it contains addresses of host
// functions.
func (m *Machine) linkBuiltin(mod *Module) (*object.Image, error) {
	key := layout{mod.o, mod.pl, m.cfg.StackSize, m.cfg.MemoryLimit}
	if l, ok := m.cache.layout(key); ok {
		mod.info = l.info
		return l.img, nil
	}
	opt := m.linkOptions(&object.Part{Funcs: make([]bool, len(mod.o.Funcs))})
	resolve, own := opt.Resolve, false
	opt.Resolve = func(s *object.Symbol) (Target, error) {
		own = true
		return resolve(s)
	}
	img, err := mod.o.Link(mod.pl, opt)
	if err != nil {
		return nil, err
	}
	mod.info = newInfo(img)
	if !own {
		m.cache.addLayout(key, placed{img, mod.info})
	}
	return img, nil
}

func (m *Machine) linkOptions(part *object.Part) object.LinkOptions {
	part.Other = func(f int) (string, string) { return "lib:" + strconv.Itoa(f), object.PartName(f) }
	return object.LinkOptions{
		Name:      "vmlinux",
		StackSize: m.cfg.StackSize - stackReserve,
		Memory:    m.cfg.MemoryLimit,
		Part:      part,
		Indirect:  m.dispatcher,
		Resolve: func(s *object.Symbol) (Target, error) {
			if s.Kind == object.SymFunc {
				if t, ok := m.HostTarget(s.Name); ok {
					return t, nil
				}
			}
			return Target{}, fmt.Errorf("there is no such kernel %v", s.Kind)
		},
	}
}

// dispatcher names the stand-in for call_indirect; it exists already.
func (m *Machine) dispatcher(t object.FuncType) (module, name string) {
	s := m.sigs[t.Key()]
	return s.module, "icall" + s.suffix
}

// builtinTarget resolves a symbol to one of the library, which flushBuiltin
// will link. The caller holds loadMu or is alone.
//
// +checklocks:m.loadMu
func (m *Machine) builtinTarget(name string) (Target, bool) {
	b := m.lib
	if b == nil {
		return Target{}, false
	}
	sym, ok := b.mod.symbols[name]
	if !ok {
		return Target{}, false
	}
	b.pending = append(b.pending, &b.mod.o.Symbols[sym.index])
	if !sym.Func {
		return Target{Addr: sym.Addr}, true
	}
	f := b.img.Globals[name].Func
	return Target{
		Module: "lib:" + strconv.Itoa(f), Name: object.PartName(f), Type: sym.Type, Closed: sym.closed,
		Slot: func() (uint32, error) { return sym.slot(), nil },
	}, true
}

// flushBuiltin links what has become pending. The caller holds loadMu or is alone, and not
// the big lock.
//
// +checklocks:m.loadMu
func (m *Machine) flushBuiltin() error {
	b := m.lib
	if b == nil || len(b.pending) == 0 {
		return nil
	}
	done := append([]bool(nil), b.done...)
	fresh := b.mod.o.Closure(b.pending, done)
	b.pending = b.pending[:0]
	n := 0
	for _, f := range fresh {
		if f {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	var err error
	m.Do(func() {
		for i, f := range fresh {
			if f && err == nil {
				_, err = m.signature(b.img.Funcs[i].Type)
			}
		}
		for _, t := range b.mod.o.Indirect(fresh) {
			if err == nil {
				_, err = m.signature(t)
			}
		}
	})
	if err != nil {
		return err
	}
	img, err := b.mod.o.Link(b.mod.pl, m.linkOptions(&object.Part{Funcs: fresh}))
	if err != nil {
		return fmt.Errorf("built-in library: %w", err)
	}
	if err := m.flushHosts(); err != nil {
		return err
	}
	c, err := m.compile(img.Wasm)
	if err != nil {
		return err
	}
	m.Do(func() {
		var inst api.Module
		if inst, err = m.rt.InstantiateModule(m.loadCtx, c.compiled, m.modConfig.WithName("")); err != nil {
			return
		}
		for i, f := range fresh {
			if !f {
				continue
			}
			b.part[i] = inst
			if fi := &b.img.Funcs[i]; fi.Slot != 0 {
				m.slots[fi.Slot].sig = m.sigs[fi.Type.Key()]
				m.slots[fi.Slot].lazy = nil
			}
		}
	})
	if err != nil {
		m.drop(c)
		return err
	}
	b.done = done
	return nil
}

// need links a library function that was called by its slot. The thread is in a
// call, but not in C.
func (t *Thread) need(s *object.Symbol) (err error) {
	m := t.m
	t.Release(func() {
		m.loadMu.Lock()
		defer m.loadMu.Unlock()
		if m.closed.Load() {
			err = ErrClosed
			return
		}
		m.lib.pending = append(m.lib.pending, s)
		err = m.flushBuiltin()
	})
	return err
}

// Need links functions of the built-in library, and what data of that name
// points to, so that C can call them through pointers that Go hands out. It must
// not be called with the big lock held.
//
// Errors: an unknown symbol; those of Load.
func (m *Machine) Need(names ...string) error {
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	if m.closed.Load() {
		return ErrClosed
	}
	for _, name := range names {
		if _, ok := m.builtinTarget(name); !ok {
			return fmt.Errorf("machine: the built-in library has no symbol %q", name)
		}
	}
	return m.flushBuiltin()
}

// importLib finds the part that has a library function, by "lib:NUMBER".
//
// +checklocks:m.loadMu
func (m *Machine) importLib(module string) api.Module {
	if n, ok := strings.CutPrefix(module, "lib:"); ok {
		if i, err := strconv.Atoi(n); err == nil && i < len(m.lib.part) {
			return m.lib.part[i]
		}
	}
	return nil
}
