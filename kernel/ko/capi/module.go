package capi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// moduleState is what the area keeps. It belongs to the holder of the big lock.
type moduleState struct {
	modules map[ptr]*Module // by address of struct module
	byMach  map[*machine.Module]*Module
	anyone  map[*resource]bool // resources of no module
}

func newModuleState() moduleState {
	return moduleState{modules: map[ptr]*Module{}, byMach: map[*machine.Module]*Module{}, anyone: map[*resource]bool{}}
}

// Module is a loaded C module.
type Module struct {
	K    *kernel.Module
	M    *machine.Module
	this ptr // address of its struct module, 0 if it has none

	s     *System
	names map[string]string // of init_module and cleanup_module in the source
	held  map[*resource]bool
	seq   uint64

	params []*param
}

// Add enters a module that the machine has loaded.
func (s *System) Add(k *kernel.Module, m *machine.Module) *Module {
	mod := &Module{K: k, M: m, s: s, names: map[string]string{}}
	text, _ := m.Object().Section("__symbol_names")
	for _, line := range strings.Split(string(text), "\x00") {
		if alias, fn, ok := strings.Cut(line, "="); ok {
			mod.names[alias] = fn
		}
	}
	if sec, ok := m.Section(".gnu.linkonce.this_module"); ok && sec.Size >= sizeofModule {
		mod.this = sec.Addr
	}
	s.M.Do(func() {
		s.byMach[m] = mod
		if mod.this != 0 {
			s.modules[mod.this] = mod
			s.mem().put(mod.this+offModuleState, moduleStateComing)
		}
	})
	return mod
}

// Live tells C that the module's init is done, and gives its memory back.
func (mod *Module) Live() {
	mod.s.M.Do(func() {
		if mod.this != 0 {
			mod.s.mem().put(mod.this+offModuleState, moduleStateLive)
		}
		_ = mod.M.FreeInit()
	})
}

// Free takes the module out of the machine. What it left behind is given back by force and
// reported, a line each.
func (mod *Module) Free() (left []string) {
	mod.freeParams()
	s := mod.s
	var rest []*resource
	s.M.Do(func() {
		for r := range mod.held {
			rest = append(rest, r)
		}
	})
	slices.SortFunc(rest, func(a, b *resource) int { return int(int64(b.seq) - int64(a.seq)) })
	for _, r := range rest {
		if line := r.release(); line != "" {
			left = append(left, line)
		}
	}
	leaks, err := mod.M.Unload()
	if err != nil {
		return append(left, "its code: "+err.Error())
	}
	s.M.Do(func() {
		delete(s.byMach, mod.M)
		delete(s.modules, mod.this)
		for _, l := range leaks {
			left = append(left, fmt.Sprintf("%d bytes of memory at %016x", l.Size, l.Addr))
			_ = s.M.Free(l.Addr)
		}
		for addr, f := range s.fops {
			if f.mod == mod {
				delete(s.fops, addr)
			}
		}
	})
	return left
}

// FuncName is the name that a function has in the source: clang calls a static one that has an
// alias by the alias.
func (mod *Module) FuncName(name string) string {
	if fn := mod.names[name]; fn != "" {
		return fn
	}
	return name
}

// resource is something that a module has registered and must give back.
type resource struct {
	s     *System
	owner *Module // nil: the kernel itself
	seq   uint64
	what  func() string
	undo  func() // called without the big lock
}

// own notes a resource of the module that runs. undo takes it back if the module does not. Needs
// the big lock.
func (c *Ctx) own(what func() string, undo func()) *resource { return c.s.own(c.owner(), what, undo) }

func (s *System) own(mod *Module, what func() string, undo func()) *resource {
	r := &resource{s: s, owner: mod, what: what, undo: undo}
	if mod == nil {
		s.anyone[r] = true
		return r
	}
	mod.seq++
	r.seq = mod.seq
	if mod.held == nil {
		mod.held = map[*resource]bool{}
	}
	mod.held[r] = true
	return r
}

// done forgets a resource that was given back as it should be; it tells whether it was still there.
// Needs the big lock.
func (r *resource) done() bool {
	if r.owner == nil {
		was := r.s.anyone[r]
		delete(r.s.anyone, r)
		return was
	}
	was := r.owner.held[r]
	delete(r.owner.held, r)
	return was
}

// release gives it back by force.
func (r *resource) release() (line string) {
	was := false
	r.s.M.Do(func() {
		if was = r.done(); was {
			line = r.what()
		}
	})
	if was {
		r.undo()
	}
	return line
}

func moduleFuncs() []Func {
	return []Func{
		f1("try_module_get", func(c *Ctx, mod ptr) uint32 {
			if m := c.s.modules[mod]; m != nil {
				return flag(m.K.Get())
			}
			return flag(mod == 0)
		}),
		v1("__module_get", func(c *Ctx, mod ptr) {
			if m := c.s.modules[mod]; m != nil {
				m.K.Get()
			}
		}),
		v1("module_put", func(c *Ctx, mod ptr) {
			if m := c.s.modules[mod]; m != nil {
				m.K.Put()
			}
		}),
		f1("module_refcount", func(c *Ctx, mod ptr) int32 {
			if m := c.s.modules[mod]; m != nil {
				return int32(m.K.Refcount())
			}
			return 0
		}),
		v2("__module_put_and_kthread_exit", func(c *Ctx, mod ptr, code int64) {
			if m := c.s.modules[mod]; m != nil {
				m.K.Put()
			}
			c.kthreadExit(int32(code))
		}),
		f3("__request_module", func(c *Ctx, wait uint32, format, args ptr) int32 {
			name := c.vformat(format, args)
			var err error
			ask := func() { err = c.s.K.RequestModule(c.T, name) }
			if wait == 0 {
				c.s.wg.Go(ask)
				return 0
			}
			c.release(ask)
			return errno(err)
		}),
		f1("__symbol_get", func(c *Ctx, name ptr) ptr {
			want := c.mem().str(name)
			for _, m := range c.s.modules {
				for _, e := range m.K.Exports {
					if e.Name == want && m.K.State() == kernel.ModuleLive && m.K.Get() {
						if sym, ok := m.M.Symbol(want); ok {
							return sym.Addr
						}
						m.K.Put()
					}
				}
			}
			if sym, ok := c.s.M.Builtin().Symbol(want); ok {
				return sym.Addr
			}
			return 0
		}),
		v1("__symbol_put", func(c *Ctx, name ptr) {
			want := c.mem().str(name)
			for _, m := range c.s.modules {
				for _, e := range m.K.Exports {
					if e.Name == want {
						m.K.Put()
						return
					}
				}
			}
		}),
	}
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// errno is what a C function returns for a Go error: 0 or a negative number.
func errno(err error) int32 {
	if err == nil {
		return 0
	}
	return -int32(kernel.ErrnoOf(err))
}

// errPtr is ERR_PTR(err).
func errPtr(err error) ptr { return ptr(int64(errno(err))) }

// isErr is IS_ERR(p).
func isErr(p ptr) bool { return p >= 1<<64-4095 }
