package kernel

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kobench/kobench/kernel/uapi"
)

// Release is the simulated kernel's version, as `uname -r` gives it, and Vermagic what a module's
// must equal.
const (
	Release  = uapi.Release
	Vermagic = uapi.Vermagic
)

// ModuleState is where a module is in its life (enum module_state).
type ModuleState int32

// The states of a module.
const (
	ModuleUnformed ModuleState = iota // not visible yet
	ModuleComing                      // its init runs: "Loading"
	ModuleLive                        // "Live"
	ModuleGoing                       // "Unloading"
)

// String is the word that /proc/modules shows.
func (s ModuleState) String() string {
	switch s {
	case ModuleComing:
		return "Loading"
	case ModuleLive:
		return "Live"
	case ModuleGoing:
		return "Unloading"
	}
	return "Unformed"
}

// sysName is the word that /sys/module/NAME/initstate shows.
func (s ModuleState) sysName() string {
	switch s {
	case ModuleComing:
		return "coming"
	case ModuleLive:
		return "live"
	case ModuleGoing:
		return "going"
	}
	return ""
}

// Module is a loadable driver. Written in Go it is a value that a function builds anew for every
// load, so that it holds all state of that load and no globals are needed; read from a .ko file,
// the file's format fills it in.
type Module struct {
	Name        string // with underscores
	License     string // "GPL" …; others taint the kernel
	Version     string
	SrcVersion  string
	Description string
	Authors     []string
	Aliases     []string
	Softdep     []string // "pre: a b", "post: c"
	Depends     []string // names of modules, filled in from Needs where empty
	Params      []Param
	Exports     []Symbol // what other modules may use
	Needs       []string // names of symbols of other modules, found with Env.Symbol

	// Init sets the module up. What it does through env is undone in reverse when it fails and when
	// the module is removed. An error keeps the module out; its Errno is what insmod reports.
	Init func(env *Env) error
	// Exit runs before the undoing, when the module is removed. nil: nothing more to do.
	Exit func(env *Env)
	// Permanent modules have no exit and cannot be removed.
	Permanent bool

	// What the loader of a file knows.
	Intree   bool
	Signed   bool
	CoreSize uint32   // bytes of code and data that stay
	InitSize uint32   // bytes that are given back after init
	Addr     uint64   // where the core lies
	Sections []Symbol // name and address of each section
	Symtab   []Symbol // what /proc/kallsyms shows beside Exports
	// FreeInit gives back what only init needed, Free everything; both may be nil. left is what the
	// module did not give back by itself, a line each.
	FreeInit func()
	Free     func() (left []string)

	k       *Kernel
	env     *Env
	state   atomic.Int32
	refs    atomic.Int32 // base 1 while it lives
	taints  atomic.Uint32
	holders []*Module // who uses it, newest first; guarded by modules.mu
	uses    []*Module // whom it uses; guarded by modules.mu
	dir     *Inode
}

// Symbol is a name with a value: an export, a section, an entry of the symbol table.
type Symbol struct {
	Name  string
	GPL   bool   // EXPORT_SYMBOL_GPL: for modules with a compatible licence only
	Type  byte   // as nm(1) shows it: 'T', 't', 'D', 'd', 'r' …
	Addr  uint64 // in the kernel's address space; 0 where it has none
	Value any    // for Go modules and the file format
	Owner *Module
}

// State is where the module is in its life.
func (m *Module) State() ModuleState { return ModuleState(m.state.Load()) }

// Kernel is the kernel that the module is loaded in.
func (m *Module) Kernel() *Kernel { return m.k }

// Refcount counts the reasons why the module cannot go: open files (two each), modules that use it.
func (m *Module) Refcount() int { return int(m.refs.Load()) - 1 }

// get takes a reference unless the module is on its way out (try_module_get). The nil module, the
// kernel itself, always can be held.
func (m *Module) get() bool {
	if m == nil {
		return true
	}
	for {
		n := m.refs.Load()
		if n <= 0 || ModuleState(m.state.Load()) == ModuleGoing {
			return false
		}
		if m.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// put gives a reference back (module_put) and reports false where there was none, which the kernel
// complains of.
func (m *Module) put() bool {
	if m == nil {
		return true
	}
	for {
		n := m.refs.Load()
		if n <= 0 {
			m.k.Warn(nil, "kernel/module/main.c:857 module_put", "")
			return false
		}
		if m.refs.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// Get is try_module_get, Put module_put, for drivers that hand out references of their own.
func (m *Module) Get() bool { return m.get() }

// Put gives a reference back. One that there is not is a WARN in the log.
func (m *Module) Put() { m.put() }

// modules is the kernel's list of modules.
type modules struct {
	mu sync.Mutex
	// newest first
	list []*Module // +checklocks:mu
	// the last one that was removed
	last    string    // +checklocks:mu
	wait    WaitQueue // state changes
	syms    map[string]*Symbol
	nextVA  uint64
	symOnce sync.Once
}

// Module finds a module by name; '-' and '_' are the same.
func (k *Kernel) Module(name string) (*Module, bool) {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	m := k.modules.findLocked(name)
	return m, m != nil
}

// +checklocks:ms.mu
func (ms *modules) findLocked(name string) *Module {
	name = strings.ReplaceAll(name, "-", "_")
	for _, m := range ms.list {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Modules are the modules of the kernel, newest first, without those that are not formed yet.
func (k *Kernel) Modules() []*Module {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(k.modules.list), func(m *Module) bool { return m.State() == ModuleUnformed })
}

// modulesText is /proc/modules (kernel/module/procfs.c m_show).
func (k *Kernel) modulesText(t *Task) (string, error) {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	var b strings.Builder
	for _, m := range k.modules.list {
		if m.State() == ModuleUnformed {
			continue
		}
		fmt.Fprintf(&b, "%s %d %d ", m.Name, m.CoreSize+m.initSize(), m.Refcount())
		for _, h := range m.holders {
			b.WriteString(h.Name + ",")
		}
		if m.permanent() {
			b.WriteString("[permanent],")
		} else if len(m.holders) == 0 {
			b.WriteByte('-')
		}
		addr := m.Addr
		if t != nil && !t.Capable() {
			addr = 0 // kptr_restrict
		}
		fmt.Fprintf(&b, " %s 0x%016x", m.State(), addr)
		if flags := m.flags(); flags != "" {
			b.WriteString(" " + flags)
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func (m *Module) initSize() uint32 {
	if m.State() == ModuleLive {
		return 0
	}
	return m.InitSize
}

// permanent modules have an init and no exit.
func (m *Module) permanent() bool { return m.Permanent }

// flags are the taints and the state as /proc/modules and the oops show them: "(OE+)".
func (m *Module) flags() string {
	s := taintLetters(Taint(m.taints.Load()))
	switch m.State() {
	case ModuleGoing:
		s += "-"
	case ModuleComing:
		s += "+"
	}
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// linkedIn is the oops's list of modules.
func (k *Kernel) linkedIn() string {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	s := "Modules linked in:"
	for _, m := range k.modules.list {
		if m.State() != ModuleUnformed {
			s += " " + m.Name + m.flags()
		}
	}
	if k.modules.last != "" {
		s += " [last unloaded: " + k.modules.last + "]"
	}
	return s
}
