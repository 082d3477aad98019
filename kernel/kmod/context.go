package kmod

import (
	"os"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// Context is one look at a module tree, its configuration and a live kernel. It remembers every
// module it has met. It is not safe for concurrent use.
type Context struct {
	Dir    string // the module tree, ROOT/lib/modules/RELEASE
	Config *Config
	System System
	Log    Logger // nil: quiet
	// Getenv and the streams that install and remove commands run with are the tools' business:
	// Run runs a shell command with MODPROBE_MODULE set and gives its exit status.
	Run func(command, module string) (status int, err error)

	pool    map[string]*Module
	indexes map[string]*Index // by file name; a nil one could not be opened
}

// NewContext makes a context. config may be nil for none, sys nil for no kernel.
func NewContext(dir string, config *Config, sys System, log Logger) *Context {
	if config == nil {
		config = &Config{}
	}
	if sys == nil {
		sys = NoSystem{}
	}
	return &Context{Dir: dir, Config: config, System: sys, Log: log,
		pool: map[string]*Module{}, indexes: map[string]*Index{}}
}

// The index files that are searched.
const (
	indexDep          = "modules.dep.bin"
	indexAlias        = "modules.alias.bin"
	indexSymbol       = "modules.symbols.bin"
	indexBuiltin      = "modules.builtin.bin"
	indexBuiltinAlias = "modules.builtin.alias.bin"
)

func (c *Context) index(name string) *Index {
	x, seen := c.indexes[name]
	if !seen {
		var err error
		x, err = OpenIndex(c.Dir + "/" + name)
		if err != nil && !os.IsNotExist(err) {
			// An empty builtin index is what depmod writes when the kernel's list is missing.
			if st, serr := os.Stat(c.Dir + "/" + name); serr != nil || st.Size() > 0 {
				c.Log.printf(PrioErr, Origin{"../libkmod/libkmod-index.c", 790, "index_mm_open"}, "%v", err)
			}
		}
		c.indexes[name] = x
	}
	return x
}

func (c *Context) search(index, key string) (string, bool) {
	if x := c.index(index); x != nil {
		return x.Search(key)
	}
	return "", false
}

// DumpAliases and DumpSymbols write the tree's aliases as configuration lines.
func (c *Context) DumpAliases(w interface{ Write([]byte) (int, error) }) error {
	if x := c.index(indexAlias); x != nil {
		return x.Dump(w, "alias ")
	}
	return nil
}

func (c *Context) DumpSymbols(w interface{ Write([]byte) (int, error) }) error {
	if x := c.index(indexSymbol); x != nil {
		return x.Dump(w, "alias ")
	}
	return nil
}

func (c *Context) module(key, name, alias string) *Module {
	m := c.pool[key]
	if m == nil {
		m = &Module{ctx: c, name: name, alias: alias}
		c.pool[key] = m
	}
	return m
}

// ByName is the module of a name, whether or not it exists.
func (c *Context) ByName(name string) *Module {
	name = NormalizeName(name)
	return c.module(name, name, "")
}

// byAlias is a module that was found by another name; configuration for either applies.
func (c *Context) byAlias(alias, name string) *Module {
	return c.module(name+`\`+alias, name, alias)
}

// ByPath is the module in a file.
//
// Errors: ENOENT and others of stat; EEXIST if its name is known with another path.
func (c *Context) ByPath(path string) (*Module, error) {
	abs := absPath(path)
	if _, err := os.Stat(abs); err != nil {
		return nil, err
	}
	name := ModuleName(path)
	if path[strings.LastIndexByte(path, '/')+1:] == "" {
		return nil, uapi.ENOENT
	}
	m := c.module(name, name, "")
	switch m.path {
	case "":
		m.path = abs
	case abs:
	default:
		c.Log.printf(PrioErr, originModule(428, "kmod_module_new_from_path"),
			"kmod_module '%s' already exists with different path: new-path='%s' old-path='%s'", name, abs, m.path)
		return nil, uapi.EEXIST
	}
	m.builtin = builtinNo
	return m, nil
}

// Lookup finds modules by name or alias, in this order: configured aliases, modules.dep, symbols,
// install and remove commands, modules.alias, built-in modules and their aliases. The first kind
// that knows the name answers; none is an empty list.
//
// Errors: EINVAL for an unmatched bracket.
func (c *Context) Lookup(alias string) ([]*Module, error) {
	name, ok := NormalizeAlias(alias)
	if !ok {
		return nil, uapi.EINVAL
	}
	for _, look := range [...]func(string) []*Module{
		c.fromConfig, c.fromDeps, c.fromSymbols, c.fromCommands, c.fromAliases, c.fromBuiltin, c.fromBuiltinAliases,
	} {
		if found := look(name); len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// LookupName finds one module by its name alone, nil if there is none.
func (c *Context) LookupName(name string) *Module {
	name = NormalizeName(name)
	for _, look := range [...]func(string) []*Module{c.fromDeps, c.fromBuiltin, c.fromBuiltinAliases} {
		if found := look(name); len(found) > 0 {
			return found[0]
		}
	}
	return nil
}

func (c *Context) fromConfig(name string) []*Module {
	var out []*Module
	for _, a := range c.Config.Aliases {
		if Match(a.Key, name) {
			out = append(out, c.byAlias(a.Key, a.Value))
		}
	}
	return out
}

func (c *Context) fromDeps(name string) []*Module {
	if strings.Contains(name, ":") { // no module's name has one
		return nil
	}
	line, ok := c.search(indexDep, name)
	if !ok {
		return nil
	}
	m := c.ByName(name)
	m.parseDepLine(line)
	return []*Module{m}
}

func (c *Context) fromSymbols(name string) []*Module {
	if !strings.HasPrefix(name, "symbol:") {
		return nil
	}
	return c.fromAliasIndex(indexSymbol, name)
}

func (c *Context) fromCommands(name string) []*Module {
	is := func(r Rule) bool { return r.Key == name }
	if i := slices.IndexFunc(c.Config.Install, is); i >= 0 {
		m := c.ByName(name)
		m.install, m.installSet = c.Config.Install[i].Value, true
		return []*Module{m}
	}
	if i := slices.IndexFunc(c.Config.Remove, is); i >= 0 {
		m := c.ByName(name)
		m.remove, m.removeSet = c.Config.Remove[i].Value, true
		return []*Module{m}
	}
	return nil
}

func (c *Context) fromAliases(name string) []*Module { return c.fromAliasIndex(indexAlias, name) }

func (c *Context) fromAliasIndex(index, name string) []*Module {
	x := c.index(index)
	if x == nil {
		return nil
	}
	var out []*Module
	for _, real := range x.SearchWild(name) {
		out = append(out, c.byAlias(name, real))
	}
	return out
}

func (c *Context) fromBuiltin(name string) []*Module {
	if _, ok := c.search(indexBuiltin, name); !ok {
		return nil
	}
	m := c.ByName(name)
	m.builtin = builtinYes
	return []*Module{m}
}

func (c *Context) fromBuiltinAliases(name string) []*Module {
	out := c.fromAliasIndex(indexBuiltinAlias, name)
	for _, m := range out {
		m.builtin = builtinYes
	}
	return out
}

// Loaded lists the modules of /proc/modules in its order.
//
// Errors: those of reading /proc/modules.
func (c *Context) Loaded() ([]*Module, error) {
	data, err := c.System.ReadFile("/proc/modules")
	if err != nil {
		c.Log.printf(PrioErr, originModule(1725, "kmod_module_new_from_loaded"), "could not open /proc/modules: %s", uapi.ErrnoOf(err).Error())
		return nil, err
	}
	var out []*Module
	for line := range strings.Lines(string(data)) {
		w := words{strings.TrimRight(line, "\n")}
		if name, ok := w.next(); ok {
			out = append(out, c.ByName(name))
		}
	}
	return out, nil
}
