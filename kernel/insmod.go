package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kobench/kobench/kernel/uapi"
)

// Format reads and links one kind of module file; a kernel has one for .ko files.
type Format interface {
	// Parse checks the bytes of a module file.
	//
	// Errors: ENOEXEC, with a line about what and where in the kernel's log.
	Parse(image []byte) (Image, error)
	// Symbols are what the kernel exports to this kind of module.
	Symbols() []Symbol
	// Close gives everything back at shutdown.
	Close() error
}

// Image is a module file that has been parsed but not linked.
type Image interface {
	// Modinfo is the .modinfo section, "key=value" in order.
	Modinfo() []string
	// Signed reports whether a valid signature was found.
	Signed() bool
	// Undefined are the symbols that the module needs, in order.
	Undefined() []string
	// Link places the module's code and data, binds it to the symbols found, and fills in Params,
	// Exports, Init, Exit, Permanent, sizes, addresses, FreeInit and Free.
	//
	// Errors: ENOEXEC, ENOMEM; a line in the log says why. Nothing is left behind.
	Link(m *Module, found map[string]*Symbol) error
}

// Stub is an ability of an [Image]: Builtin names the driver linked into the program that the file
// stands for, "" for none.
// Absence: the file holds its own code.
type Stub interface{ Builtin() string }

// Flags of InitModule (include/uapi/linux/module.h).
const (
	IgnoreModversions = uapi.MODULE_INIT_IGNORE_MODVERSIONS
	IgnoreVermagic    = uapi.MODULE_INIT_IGNORE_VERMAGIC
)

// InitValue is the error with which a module's Init reports a positive result, which Linux warns of
// and takes for success.
type InitValue int

// Error says what init returned.
func (v InitValue) Error() string { return fmt.Sprintf("init returned %d", int(v)) }

// InitModule loads a module from the bytes of its file (init_module(2)).
//
// Errors:
//   - EPERM: the task is not root's.
//   - ENOEXEC: not a module, one for another kernel, or one that exports what is exported already.
//   - ENOENT: it needs a symbol that nobody exports (or only to GPL modules).
//   - EEXIST: a module of that name is loaded. EINTR: a signal came while one of that name was
//     loading.
//   - EINVAL, ERANGE, ENOSPC: a parameter's value. ENOMEM: no room.
//   - what its init returned; ErrKilled when it made an oops.
//
// References: kernel/module/main.c load_module.
func (t *Task) InitModule(image []byte, args string, flags int) (err error) {
	k := t.k
	if t.Killed() {
		return ErrKilled
	}
	if !t.Capable() {
		return EPERM
	}
	var img Image
	for _, f := range k.formats {
		if img, err = f.Parse(image); err == nil {
			break
		}
	}
	if img == nil {
		if err == nil {
			err = ENOEXEC
		}
		return ErrnoOf(err)
	}
	if g, ok := img.(Stub); ok && g.Builtin() != "" {
		m, err := k.catalogModule(g.Builtin())
		if err != nil {
			return err
		}
		return t.load(m, nil, args)
	}
	m := &Module{}
	if err := k.checkModinfo(m, img, flags); err != nil {
		return err
	}
	return t.load(m, img, args)
}

// LoadModule loads a module that is a Go value. Errors: as InitModule.
func (t *Task) LoadModule(m *Module, args string) error {
	if !t.Capable() {
		return EPERM
	}
	return t.load(m, nil, args)
}

// LoadByName loads a Go module of the kernel's catalog. Errors: ENOENT when there is none; as
// InitModule.
func (t *Task) LoadByName(name, args string) error {
	m, err := t.k.catalogModule(name)
	if err != nil {
		return err
	}
	return t.LoadModule(m, args)
}

func (k *Kernel) catalogModule(name string) (*Module, error) {
	build, ok := k.catalog[name]
	if !ok {
		k.Log.Printf(LevelErr, "%s: not in this program's driver catalog", name)
		return nil, ENOENT
	}
	m := build()
	m.Intree, m.Signed = true, true
	return m, nil
}

// checkModinfo fills in what .modinfo says and refuses a module for another kernel.
func (k *Kernel) checkModinfo(m *Module, img Image, flags int) error {
	vermagic, haveVermagic := "", false
	for _, kv := range img.Modinfo() {
		key, val, _ := strings.Cut(kv, "=")
		switch key {
		case "name":
			m.Name = val
		case "license":
			if m.License == "" {
				m.License = val
			}
		case "version":
			m.Version = val
		case "srcversion":
			m.SrcVersion = val
		case "description":
			m.Description = val
		case "author":
			m.Authors = append(m.Authors, val)
		case "alias":
			m.Aliases = append(m.Aliases, val)
		case "softdep":
			m.Softdep = append(m.Softdep, val)
		case "depends":
			if val != "" {
				m.Depends = strings.Split(val, ",")
			}
		case "intree":
			m.Intree = true
		case "vermagic":
			vermagic, haveVermagic = val, true
		}
	}
	m.Signed = img.Signed()
	if m.Name == "" || strings.ContainsAny(m.Name, "/ \n") || len(m.Name) > 55 {
		k.Log.Printf(LevelErr, "module has no usable name in its .modinfo section (found %q): was it built with the kernel build directory?", m.Name)
		return ENOEXEC
	}
	if !haveVermagic || vermagic != Vermagic {
		if flags&IgnoreVermagic == 0 {
			if !haveVermagic {
				k.Log.Printf(LevelErr, "%s: no version magic, should be '%s'", m.Name, Vermagic)
			} else {
				k.Log.Printf(LevelErr, "%s: version magic '%s' should be '%s'", m.Name, vermagic, Vermagic)
			}
			return ENOEXEC
		}
		if !k.Tainted(TaintForcedModule) {
			k.Log.Printf(LevelWarning, "%s: bad vermagic: kernel tainted.", m.Name)
		}
		k.taintModule(m, TaintForcedModule)
	}
	return nil
}

// load takes a module through its states. img is nil for a Go module.
func (t *Task) load(m *Module, img Image, args string) error {
	k := t.k
	if m.Name == "" || m.Init == nil && img == nil {
		return ENOEXEC
	}
	m.Name = strings.ReplaceAll(m.Name, "-", "_")
	m.k = k
	m.env = &Env{m: m, Task: t}
	if err := t.reserve(m); err != nil {
		return err
	}
	fail := func(err error) error {
		k.dropUses(m)
		k.modules.remove(m)
		if m.Free != nil {
			m.Free()
		}
		return err
	}
	k.taintOnLoad(m)
	found, err := t.resolve(m, img)
	if err != nil {
		return fail(err)
	}
	if img != nil {
		if err := img.Link(m, found); err != nil {
			return fail(ErrnoOf(err))
		}
	} else {
		m.env.found = found
		k.place(m)
	}
	if err := k.formed(m); err != nil {
		return fail(err)
	}
	if err := k.parseArgs(m, args); err != nil {
		m.refs.Store(0)
		k.modules.setState(m, ModuleGoing)
		return fail(t.sysError(err))
	}
	k.sysModuleAdd(m)
	return t.runInit(m)
}

// runInit is do_init_module.
func (t *Task) runInit(m *Module) error {
	k := t.k
	err := m.env.call(t, m.Init)
	var positive InitValue
	if errors.As(err, &positive) {
		k.Log.Printf(LevelWarning, "do_init_module: '%s'->init suspiciously returned %d, it should follow 0/-E convention\ndo_init_module: loading module anyway...",
			m.Name, int(positive))
		k.dumpStack(t, "do_init_module")
		k.Trouble(TroubleWarn, fmt.Sprintf("do_init_module: '%s'->init suspiciously returned %d", m.Name, int(positive)))
		err = nil
	}
	if err == ErrKilled {
		return err // stuck in Loading, as in Linux: its init never returned
	}
	if err != nil {
		k.modules.setState(m, ModuleGoing)
		m.refs.Store(0)
		m.env.unwind()
		k.sysModuleDel(m)
		k.dropUses(m)
		k.freeModule(m)
		return err
	}
	k.modules.setState(m, ModuleLive)
	m.put()
	if m.FreeInit != nil {
		m.FreeInit()
	}
	return nil
}

func (k *Kernel) freeModule(m *Module) {
	k.modules.remove(m)
	if m.Free == nil {
		return
	}
	for _, line := range m.Free() {
		k.Log.Printf(LevelWarning, "%s: left behind: %s", m.Name, line)
		k.Trouble(TroubleLeft, m.Name+": left behind: "+line)
	}
}

// reserve enters the module under its name, waiting while another of that name is on its way in or
// out (add_unformed_module).
func (t *Task) reserve(m *Module) error {
	ms := &t.k.modules
	for {
		ms.mu.Lock()
		old := ms.findLocked(m.Name)
		if old == nil {
			ms.list = slices.Insert(ms.list, 0, m)
			ms.mu.Unlock()
			return nil
		}
		state := old.State()
		ms.mu.Unlock()
		if state == ModuleLive {
			return EEXIST
		}
		err := t.WaitEvent(&ms.wait, func() bool {
			ms.mu.Lock()
			defer ms.mu.Unlock()
			return ms.findLocked(m.Name) != old || old.State() == ModuleLive
		})
		if err != nil {
			return t.sysError(err)
		}
	}
}

func (ms *modules) setState(m *Module, s ModuleState) {
	m.state.Store(int32(s))
	ms.wait.WakeAll(0)
}

func (ms *modules) remove(m *Module) {
	ms.mu.Lock()
	if i := slices.Index(ms.list, m); i >= 0 {
		ms.list = slices.Delete(ms.list, i, i+1)
	}
	ms.mu.Unlock()
	ms.wait.WakeAll(0)
}

// resolve finds every symbol that the module needs and makes it a user of the modules that they are
// from.
func (t *Task) resolve(m *Module, img Image) (map[string]*Symbol, error) {
	names := m.Needs
	if img != nil {
		names = img.Undefined()
	}
	found := make(map[string]*Symbol, len(names))
	var fail error
	for _, name := range names {
		s, err := t.symbol(m, name)
		if err != nil {
			t.k.Log.Printf(LevelWarning, "%s: Unknown symbol %s (err %d)", m.Name, name, -int(ErrnoOf(err)))
			fail = err
			continue
		}
		found[name] = s
	}
	return found, fail
}

// symbol finds one symbol, waiting up to 30 s for a module that is just being loaded
// (resolve_symbol_wait).
func (t *Task) symbol(m *Module, name string) (*Symbol, error) {
	k := t.k
	gpl := Taint(m.taints.Load())&TaintProprietary == 0
	var s *Symbol
	lookup := func() (done bool) {
		k.modules.mu.Lock()
		defer k.modules.mu.Unlock()
		var busy bool
		s, busy = k.modules.lookupLocked(name, gpl)
		if s != nil && s.Owner != nil {
			k.modules.useLocked(m, s.Owner)
		}
		return !busy
	}
	if s = k.kernelSymbol(name); s != nil && (gpl || !s.GPL) {
		return s, nil
	}
	if !lookup() {
		err := t.WaitEventTimeout(&k.modules.wait, 30*time.Second, lookup)
		if err == ETIMEDOUT {
			k.Log.Printf(LevelWarning, "%s: gave up waiting for init of module that exports %s.", m.Name, name)
			return nil, EBUSY
		} else if err != nil {
			return nil, t.sysError(err)
		}
	}
	if s == nil {
		return nil, ENOENT
	}
	return s, nil
}

// lookupLocked finds an exported symbol of a live module; busy tells that its module's init still
// runs.
//
// +checklocks:ms.mu
func (ms *modules) lookupLocked(name string, gpl bool) (s *Symbol, busy bool) {
	for _, m := range ms.list {
		state := m.State()
		if state != ModuleLive && state != ModuleComing { // its exports may be just being written
			continue
		}
		for i := range m.Exports {
			if e := &m.Exports[i]; e.Name == name && (gpl || !e.GPL) {
				if state == ModuleLive {
					return e, false
				}
				return nil, true
			}
		}
	}
	return nil, false
}

// useLocked notes that user depends on used (add_module_usage, ref_module).
func (ms *modules) useLocked(user, used *Module) {
	if user == used || slices.Contains(user.uses, used) || !used.get() {
		return
	}
	user.uses = append(user.uses, used)
	used.holders = slices.Insert(used.holders, 0, user)
	if !slices.Contains(user.Depends, used.Name) {
		user.Depends = append(user.Depends, used.Name)
	}
}

func (k *Kernel) dropUses(m *Module) {
	k.modules.mu.Lock()
	uses := m.uses
	m.uses = nil
	for _, u := range uses {
		if i := slices.Index(u.holders, m); i >= 0 {
			u.holders = slices.Delete(u.holders, i, i+1)
		}
	}
	k.modules.mu.Unlock()
	for _, u := range uses {
		if u.dir != nil {
			k.ns.detach(k.ns.mkdirAll(u.dir, "holders"), m.Name)
		}
		u.put()
	}
}

// formed makes a module one that others see, unless it exports what somebody exports already
// (complete_formation, verify_exported_symbols).
func (k *Kernel) formed(m *Module) error {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	for i := range m.Exports {
		e := &m.Exports[i]
		e.Owner = m
		owner := ""
		if k.kernelSymbolLocked(e.Name) != nil {
			owner = "kernel"
		}
		for _, o := range k.modules.list {
			if o != m && o.State() != ModuleUnformed && slices.ContainsFunc(o.Exports, func(s Symbol) bool { return s.Name == e.Name }) {
				owner = o.Name
			}
		}
		if owner != "" {
			k.Log.Printf(LevelErr, "%s: exports duplicate symbol %s (owned by %s)", m.Name, e.Name, owner)
			return ENOEXEC
		}
	}
	m.refs.Store(2) // one to live, one while init runs
	k.modules.setState(m, ModuleComing)
	return nil
}

// place gives a Go module an address range of its own, so that lists that show addresses have one
// to show.
func (k *Kernel) place(m *Module) {
	k.modules.mu.Lock()
	defer k.modules.mu.Unlock()
	if m.CoreSize == 0 {
		m.CoreSize = 16384
	}
	m.Addr = 0xbf000000 + k.modules.nextVA
	k.modules.nextVA = (k.modules.nextVA + uint64(m.CoreSize) + 4096) % 0x00f00000
	for i := range m.Exports {
		if e := &m.Exports[i]; e.Addr == 0 {
			e.Addr = m.Addr + uint64(i+1)*16
		}
		if m.Exports[i].Type == 0 {
			m.Exports[i].Type = 'T'
		}
	}
}
