package ko

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/capi"
	"github.com/kobench/kobench/kernel/ko/machine"
	"github.com/kobench/kobench/kernel/ko/object"
)

// image is a parsed module file.
type image struct {
	f      *format
	o      *object.Object
	signed bool
}

// Modinfo is the .modinfo section.
func (g *image) Modinfo() []string {
	var list []string
	for _, kv := range object.Modinfo(g.o) {
		list = append(list, kv.Key+"="+kv.Value)
	}
	return list
}

// info is the first value of a key of .modinfo.
func (g *image) info(key string) string {
	for _, kv := range object.Modinfo(g.o) {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}

// Signed reports whether a signature stood at the end of the file.
func (g *image) Signed() bool { return g.signed }

// Builtin names the driver linked into the program that the file stands for, "" for a module with
// code of its own.
func (g *image) Builtin() string { return g.info(builtinKey) }

// Undefined are the symbols that the module cannot do without.
func (g *image) Undefined() []string {
	var names []string
	for _, s := range g.o.Undefined() {
		if !s.Weak() && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// cExport is what an exported symbol of a C module holds in kernel.Symbol.Value.
type cExport struct{ mod *machine.Module }

// Link places the module in the machine and fills in what the kernel needs to run it.
func (g *image) Link(m *kernel.Module, found map[string]*kernel.Symbol) error {
	sys, err := g.f.system()
	if err != nil {
		g.f.k.Log.Printf(kernel.LevelErr, "%s: cannot start the machine for C modules: %v", m.Name, err)
		return kernel.ENOMEM
	}
	mod, err := sys.M.Load(g.o, machine.LoadOptions{Name: m.Name, Resolve: func(s *object.Symbol) (machine.Target, error) {
		sym := found[s.Name]
		if sym == nil || sym.Value == nil {
			return sys.Resolve(s)
		}
		e, ok := sym.Value.(cExport)
		if !ok {
			return machine.Target{}, fmt.Errorf("%s exports it as a Go value, which C cannot use", sym.Owner.Name)
		}
		t, ok := e.mod.Target(s.Name)
		if !ok {
			return machine.Target{}, fmt.Errorf("it is gone from %s", e.mod.Name())
		}
		return t, nil
	}})
	if err != nil {
		g.f.k.Log.Printf(kernel.LevelErr, "%s: %v", m.Name, err)
		if errors.Is(err, machine.ErrNoMemory) {
			return kernel.ENOMEM
		}
		return kernel.ENOEXEC
	}
	c := sys.Add(m, mod)
	for _, a := range mod.Adapted() {
		g.f.k.Log.Printf(kernel.LevelWarning, "%s: %s is %v, but is called as %v (wrong prototype?)", m.Name, a.Symbol, a.Is, a.Used)
	}
	g.describe(m, mod, c)
	if err := g.fill(m, mod, c, sys); err != nil {
		g.f.k.Log.Printf(kernel.LevelErr, "%s: %v", m.Name, err)
		c.Free()
		return kernel.ENOEXEC
	}
	m.FreeInit = c.Live
	m.Free = c.Free
	return nil
}

// describe fills in sizes, addresses and names.
func (g *image) describe(m *kernel.Module, mod *machine.Module, c *capi.Module) {
	core, init := mod.Size()
	m.CoreSize, m.InitSize = pages(core), pages(init)
	for _, s := range mod.Sections() {
		m.Sections = append(m.Sections, kernel.Symbol{Name: s.Name, Addr: s.Addr})
		if !s.Init && (m.Addr == 0 || s.Addr < m.Addr) {
			m.Addr = s.Addr
		}
	}
	for _, fn := range mod.Funcs() {
		if fn.Name == "" || fn.Init {
			continue // init's names go with its code
		}
		if source := c.FuncName(fn.Name); source != fn.Name {
			m.Symtab = append(m.Symtab, kernel.Symbol{Name: source, Type: 't', Addr: object.FuncAddr(fn.Slot)})
		}
		m.Symtab = append(m.Symtab, kernel.Symbol{Name: fn.Name, Type: 't', Addr: object.FuncAddr(fn.Slot)})
	}
	for _, s := range mod.Symbols() {
		if !s.Func {
			m.Symtab = append(m.Symtab, kernel.Symbol{Name: s.Name, Type: 'd', Addr: s.Addr})
		}
	}
}

const pageSize = 4096

func pages(n uint32) uint32 { return (n + pageSize - 1) &^ (pageSize - 1) }

// fill sets Init, Exit, Params and Exports.
func (g *image) fill(m *kernel.Module, mod *machine.Module, own *capi.Module, sys *capi.System) error {
	init, hasInit := mod.Symbol("init_module")
	exit, hasExit := mod.Symbol("cleanup_module")
	for _, s := range []struct {
		machine.Symbol
		ok   bool
		want string
	}{{init, hasInit, "_i"}, {exit, hasExit, "_"}} {
		if s.ok && (!s.Func || s.Type.Key() != s.want) {
			return fmt.Errorf("%s is %v, not the function that module_init and module_exit make", s.Name, s.Type)
		}
	}
	ctors := mod.Ctors()
	m.Init = func(env *kernel.Env) error {
		c := sys.Enter(env.Task)
		for _, fn := range ctors {
			if _, err := c.Call(fn); err != nil {
				return err
			}
		}
		if !hasInit {
			return nil
		}
		r, err := c.CallInit(own, init.Addr)
		switch n := int32(r); {
		case err != nil:
			return err
		case n < 0:
			return kernel.Errno(-n)
		case n > 0:
			return kernel.InitValue(n)
		}
		return nil
	}
	if hasExit {
		m.Exit = func(env *kernel.Env) {
			if _, err := sys.Enter(env.Task).Call(exit.Addr); err != nil {
				env.Fail(err)
			}
		}
	}
	m.Permanent = hasInit && !hasExit
	if err := exports(m, mod, sys); err != nil {
		return err
	}
	return own.ReadParams(g.Modinfo())
}

// exports reads the symbol table sections, ___ksymtab+NAME and ___ksymtab_gpl+NAME.
func exports(m *kernel.Module, mod *machine.Module, sys *capi.System) error {
	for _, s := range mod.Sections() {
		name, ok := strings.CutPrefix(s.Name, "___ksymtab+")
		onlyGPL := false
		if !ok {
			if name, onlyGPL = strings.CutPrefix(s.Name, "___ksymtab_gpl+"); !onlyGPL {
				continue
			}
		}
		sym, found := mod.Symbol(name)
		if !found {
			return fmt.Errorf("exports %s, which it does not define", name)
		}
		typ := byte('D')
		if sym.Func {
			typ = 'T'
		}
		m.Exports = append(m.Exports, kernel.Symbol{Name: name, GPL: onlyGPL, Type: typ, Addr: sym.Addr, Value: cExport{mod}})
	}
	return nil
}
