package kmod

import (
	"os"
	"strconv"
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// Module is a module that a Context knows of: on disk, loaded, built in, or a mere name.
type Module struct {
	ctx   *Context
	name  string
	alias string // the name it was found by, "" if that was its own
	path  string

	depsRead bool
	deps     []*Module // those to be loaded first come first
	builtin  int8      // builtinUnknown, …

	install, remove       string // commands set by lookup
	installSet, removeSet bool

	// Used while a probe is planned.
	visited    bool
	required   bool // the module asked for or one of its dependencies, not a mere softdep
	ignoreCmds bool
}

const (
	builtinUnknown int8 = iota
	builtinNo
	builtinYes
)

// State is a module's state in the kernel.
type State int

const (
	StateNone State = iota // not in the kernel
	StateBuiltin
	StateLive
	StateComing
	StateGoing
)

// Name is the module's name as the kernel has it.
func (m *Module) Name() string { return m.name }

// Path is the module's file, "" if there is none.
func (m *Module) Path() string {
	if m.path == "" && !m.depsRead {
		m.readDeps()
	}
	return m.path
}

// Dependencies are the modules it needs, direct or not, in the order in which they must be loaded.
func (m *Module) Dependencies() []*Module {
	if !m.depsRead {
		m.readDeps()
	}
	return m.deps
}

func (m *Module) readDeps() {
	if line, ok := m.ctx.search(indexDep, m.name); ok {
		m.parseDepLine(line)
	}
}

// parseDepLine takes a line of modules.dep: "path: dep dep ...", paths relative to the tree.
func (m *Module) parseDepLine(line string) {
	if m.depsRead {
		return
	}
	m.depsRead = true
	path, rest, ok := strings.Cut(line, ":")
	if !ok {
		return
	}
	join := func(p string) string {
		if strings.HasPrefix(p, "/") {
			return p
		}
		return m.ctx.Dir + "/" + p
	}
	if m.path == "" {
		m.path = absPath(join(path))
	}
	list := strings.Fields(rest)
	for i := len(list) - 1; i >= 0; i-- {
		dep, err := m.ctx.ByPath(join(list[i]))
		if err != nil {
			m.ctx.Log.printf(PrioErr, originModule(191, "kmod_module_parse_depline"),
				"path=%s error=%s", join(list[i]), uapi.ErrnoOf(err).Error())
			m.deps, m.depsRead = nil, false
			return
		}
		m.deps = append(m.deps, dep)
	}
}

// Builtin reports whether the kernel image contains the module.
func (m *Module) Builtin() bool {
	if m.builtin == builtinUnknown {
		m.builtin = builtinNo
		if _, ok := m.ctx.search(indexBuiltin, m.name); ok {
			m.builtin = builtinYes
		}
	}
	return m.builtin == builtinYes
}

// State asks the kernel for the module's state.
//
// Errors: those of reading initstate, ENOENT for a module that is not loaded.
func (m *Module) State() (State, error) {
	if m.Builtin() {
		return StateBuiltin, nil
	}
	dir := "/sys/module/" + m.name
	data, err := m.ctx.System.ReadFile(dir + "/initstate")
	if err != nil {
		// A module that is still being set up has a directory and nothing in it.
		if _, derr := m.ctx.System.ReadDir(dir); derr == nil {
			return StateComing, nil
		}
		return StateNone, err
	}
	switch string(data) {
	case "live\n":
		return StateLive, nil
	case "coming\n":
		return StateComing, nil
	case "going\n":
		return StateGoing, nil
	}
	m.ctx.Log.printf(PrioErr, originModule(1847, "kmod_module_get_initstate"), "unknown %s: '%s'", dir+"/initstate", data)
	return StateNone, uapi.EINVAL
}

// inKernel reports whether the module works already.
func (m *Module) inKernel() bool {
	s, err := m.State()
	return err == nil && (s == StateLive || s == StateBuiltin)
}

// RefCount is how often the module is in use.
//
// Errors: ENOENT if it is not loaded or cannot be unloaded.
func (m *Module) RefCount() (int, error) {
	return m.readInt("refcnt")
}

// Size is the module's size in the kernel, in bytes.
func (m *Module) Size() (int, error) { return m.readInt("coresize") }

func (m *Module) readInt(file string) (int, error) {
	path := "/sys/module/" + m.name + "/" + file
	data, err := m.ctx.System.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		m.ctx.Log.printf(PrioErr, originModule(1967, "kmod_module_get_refcnt"), "could not read integer from '%s': '%s'", path, uapi.EINVAL.Error())
		return 0, uapi.EINVAL
	}
	return n, nil
}

// Holders are the modules that use this one, in the order of /sys/module/NAME/holders.
func (m *Module) Holders() []*Module {
	dir := "/sys/module/" + m.name + "/holders"
	names, err := m.ctx.System.ReadDir(dir)
	if err != nil {
		m.ctx.Log.printf(PrioErr, originModule(1998, "kmod_module_get_holders"), "could not open '%s': %s", dir, uapi.ErrnoOf(err).Error())
		return nil
	}
	out := make([]*Module, 0, len(names))
	for _, n := range names {
		out = append(out, m.ctx.ByName(n))
	}
	return out
}

// Options are all configured options for the module, by its name and by the alias it was found by.
func (m *Module) Options() string {
	var all []string
	for _, o := range m.ctx.Config.Options {
		if o.Value != "" && (o.Key == m.name || m.alias != "" && o.Key == m.alias) {
			all = append(all, o.Value)
		}
	}
	return strings.Join(all, " ")
}

// InstallCommand is the command to run in place of loading the module.
func (m *Module) InstallCommand() (string, bool) {
	if m.installSet {
		return m.install, true
	}
	return firstMatch(m.ctx.Config.Install, m.name)
}

// RemoveCommand is the command to run in place of unloading the module.
func (m *Module) RemoveCommand() (string, bool) {
	if m.removeSet {
		return m.remove, true
	}
	return firstMatch(m.ctx.Config.Remove, m.name)
}

// Softdeps are the modules wanted before and after this one. Only the first softdep line that
// covers the name counts (kmod issue 33).
func (m *Module) Softdeps() (pre, post []*Module) {
	for _, s := range m.ctx.Config.Softdeps {
		if Match(s.Name, m.name) {
			return m.ctx.lookupAll(s.Pre), m.ctx.lookupAll(s.Post)
		}
	}
	return nil, nil
}

func (c *Context) lookupAll(names []string) []*Module {
	var out []*Module
	for _, n := range names {
		found, err := c.Lookup(n)
		if err != nil {
			c.Log.printf(PrioErr, originModule(1567, "lookup_softdep"), "failed to lookup soft dependency '%s', continuing anyway.", n)
			continue
		}
		out = append(out, found...)
	}
	return out
}

// Info is what modinfo prints of the module: from its file, or for a built-in one from
// modules.builtin.modinfo.
//
// Errors: those of ReadInfo; for a built-in module ENOENT without that file, ENOSYS if the module
// is not in it.
func (m *Module) Info() ([]Field, error) {
	if m.Builtin() {
		return m.builtinInfo()
	}
	path := m.Path()
	if path == "" {
		return nil, uapi.ENOENT
	}
	return ReadInfo(path)
}

func (m *Module) builtinInfo() ([]Field, error) {
	data, err := os.ReadFile(m.ctx.Dir + "/modules.builtin.modinfo")
	if err != nil {
		return nil, err
	}
	var out []Field
	for entry := range strings.SplitSeq(string(data), "\x00") {
		name, rest, ok := strings.Cut(entry, ".")
		if ok && name == m.name {
			out = append(out, splitField(rest))
		} else if len(out) > 0 {
			break
		}
	}
	if out == nil {
		return nil, uapi.ENOSYS
	}
	return out, nil
}

// open parses the module's file; the caller closes it.
func (m *Module) open() (Object, func() error, error) {
	path := m.Path()
	if path == "" {
		return nil, nil, uapi.ENOENT
	}
	obj, c, err := openObject(path)
	if err != nil {
		return nil, nil, err
	}
	return obj, c.Close, nil
}

// Exports are the symbols that the module's file exports.
func (m *Module) Exports() ([]Symbol, error) {
	obj, done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return obj.Exports()
}

// Versions are the versioned symbols that the module's file needs.
func (m *Module) Versions() ([]Symbol, error) {
	obj, done, err := m.open()
	if err != nil {
		return nil, err
	}
	defer done()
	return obj.Versions()
}
