package kmod

import (
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kobench/kobench/kernel/uapi"
)

// Depmod works out which module of a tree needs which, and writes the tree's index files.
//
// Use: NewDepmod, then optionally LoadSymvers or LoadSystemMap, then Search or AddFile, Load,
// and Write or Show. It is not safe for concurrent use, but reads modules on all processors.
type Depmod struct {
	dir string
	opt DepmodOptions

	modules []*depModule
	byName  map[string]*depModule
	symbols map[string]*depSymbol
	sorted  []*depSymbol // those of modules, once they are asked for
}

// DepmodOptions are depmod's switches.
type DepmodOptions struct {
	Config       *DepmodConfig
	SymbolPrefix byte // 0: none
	CheckSymvers bool // compare checksums, -E
	PrintUnknown bool // -e
	WarnDups     bool // -w
	Log          Logger
	Show         func(format string, args ...any) // -v; nil: quiet
}

// depModule is one module of the tree.
type depModule struct {
	name, path string
	rel        string // relative to the tree, path itself if it lies outside
	deps       []*depModule
	users      int
	index      int // in modules, the priority of its index entries
	order      int // from modules.order: negative, the first the lowest; 1 for the others
	rank       int // of the topological sort, those nobody needs first
	visited    bool

	info    []Field
	exports []Symbol
	needs   []Symbol
}

type depSymbol struct {
	name  string
	owner *depModule // nil: the kernel
	crc   uint64
}

// ErrCycle is returned by Load when modules need each other.
var ErrCycle error = cycleError{}

type cycleError struct{}

func (cycleError) Error() string { return "modules in dependency cycles" }
func (cycleError) Errno() int    { return int(uapi.EINVAL) }

// NewDepmod begins with an empty set of modules of the tree dir (ROOT/lib/modules/RELEASE).
func NewDepmod(dir string, opt DepmodOptions) *Depmod {
	if opt.Config == nil {
		opt.Config = &DepmodConfig{searches: []string{"updates"}}
	}
	return &Depmod{dir: dir, opt: opt, byName: map[string]*depModule{}, symbols: map[string]*depSymbol{}}
}

func (d *Depmod) logf(p Priority, format string, args ...any) {
	d.opt.Log.printf(p, Origin{}, format, args...)
}

// Search adds every module file below the tree and the external directories.
//
// Errors: those of opening the tree itself; others are logged and passed over.
func (d *Depmod) Search() error {
	if err := d.searchTree(d.dir); err != nil {
		return err
	}
	for _, ext := range d.opt.Config.externals {
		_ = d.searchTree(ext) // logged
	}
	return nil
}

func (d *Depmod) searchTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		d.logf(PrioErr, "could not open directory %s: %s", dir, uapi.ErrnoOf(err).Error())
		return err
	}
	d.searchDir(f, dir)
	return nil
}

// searchDir takes entries in the directory's own order, which decides between equals.
func (d *Depmod) searchDir(f *os.File, path string) {
	entries, err := f.ReadDir(-1)
	if err = errors.Join(err, f.Close()); err != nil {
		d.logf(PrioErr, "failed %s: %s", path, uapi.ErrnoOf(err).Error())
	}
	for _, e := range entries {
		if d.opt.Config.excluded(e.Name()) {
			continue
		}
		full := path + "/" + e.Name()
		mode := e.Type()
		if !mode.IsRegular() && !mode.IsDir() {
			st, err := os.Stat(full)
			if err != nil {
				d.logf(PrioErr, "could not stat %s: %s", full, uapi.ErrnoOf(err).Error())
				continue
			}
			mode = st.Mode().Type()
		}
		switch {
		case mode.IsDir():
			sub, err := os.Open(full)
			if err != nil {
				d.logf(PrioErr, "could not open directory %s: %s", full, uapi.ErrnoOf(err).Error())
				continue
			}
			d.searchDir(sub, full)
		case mode.IsRegular():
			if IsModuleFile(e.Name()) {
				d.found(full)
			}
		default:
			d.logf(PrioErr, "unsupported file type %s: %s", full, mode)
		}
	}
}

func (d *Depmod) found(path string) {
	name := ModuleName(path)
	if old := d.byName[name]; old != nil {
		if d.opt.Config.keepsOld(d.dir, withoutExtension(old.path), withoutExtension(path)) {
			return
		}
	}
	d.add(name, path)
}

func withoutExtension(path string) string {
	slash := strings.LastIndexByte(path, '/') + 1
	if dot := strings.IndexByte(path[slash:], '.'); dot >= 0 {
		return path[:slash+dot]
	}
	return path
}

func (d *Depmod) add(name, path string) {
	m := &depModule{name: name, path: path, rel: path, order: 1, rank: math.MaxInt}
	if rel, ok := strings.CutPrefix(path, d.dir+"/"); ok {
		m.rel = rel
	}
	d.byName[name] = m
}

// AddFile adds one module file.
//
// Errors: ENOENT and others of stat; EEXIST if its name is there already.
func (d *Depmod) AddFile(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	name := ModuleName(path)
	if d.byName[name] != nil {
		return uapi.EEXIST
	}
	d.add(name, path)
	return nil
}

// Load reads all modules and works out their dependencies.
//
// Errors: ErrCycle, after the cycles were logged. Unreadable modules are logged and passed over.
func (d *Depmod) Load() error {
	d.modules = make([]*depModule, 0, len(d.byName))
	for _, m := range d.byName {
		d.modules = append(d.modules, m)
	}
	sortByBucket(d.modules, 512, func(m *depModule) string { return m.name })
	d.sortByOrderFile()
	for i, m := range d.modules {
		m.index = i
	}
	d.readModules()
	for _, m := range d.modules {
		for _, s := range m.exports {
			d.addSymbol(s.Name, s.CRC, m)
		}
	}
	for _, m := range d.modules {
		d.resolve(m)
	}
	return d.rankModules()
}

// sortByOrderFile puts the modules of modules.order first, in its order.
func (d *Depmod) sortByOrderFile() {
	const name = "modules.order"
	data, ok := d.treeFile(name)
	if !ok {
		return
	}
	if n := len(data); n > 0 && data[n-1] != '\n' {
		d.logf(PrioErr, "%s/%s:%d corrupted line misses '\\n'", d.dir, name, strings.Count(string(data), "\n")+1)
		return
	}
	byRel := make(map[string]*depModule, len(d.modules))
	for _, m := range d.modules {
		if m.rel != m.path {
			slash := strings.LastIndexByte(m.rel, '/') + 1
			byRel[m.rel[:slash]+m.rel[slash:][:len(m.name)]+".ko"] = m
		}
	}
	total := strings.Count(string(data), "\n") + 1
	i := 0
	for line := range strings.Lines(string(data)) {
		i++
		if m := byRel[line[:len(line)-1]]; m != nil {
			m.order = i - total
		}
	}
	slices.SortStableFunc(d.modules, func(a, b *depModule) int { return a.order - b.order })
}

// treeFile reads a file of the tree that may be missing, which is worth a warning.
func (d *Depmod) treeFile(name string) ([]byte, bool) {
	data, err := os.ReadFile(d.dir + "/" + name)
	if err != nil {
		d.logf(PrioWarning, "could not open %s at %s: %s", name, d.dir, uapi.ErrnoOf(err).Error())
		return nil, false
	}
	return data, true
}

// readModules reads what is wanted of every module, on all processors.
func (d *Depmod) readModules() {
	failed := make([]error, len(d.modules))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(d.modules)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(d.modules)); i = next.Add(1) - 1 {
				failed[i] = d.modules[i].read()
			}
		})
	}
	wg.Wait()
	for i, err := range failed {
		if err != nil {
			d.logf(PrioErr, "failed to load symbols from %s: %s", d.modules[i].path, uapi.ErrnoOf(err).Error())
		}
	}
}

func (m *depModule) read() (err error) {
	obj, f, err := openObject(m.path)
	if err != nil {
		return err
	}
	defer f.Close()
	m.exports, err = obj.Exports()
	if errors.Is(err, ErrNoSection) {
		err = nil
	}
	// A module without these still has a place in modules.dep.
	m.info, _ = obj.Modinfo()
	m.needs, _ = obj.Undefined()
	return err
}

func (d *Depmod) addSymbol(name string, crc uint64, owner *depModule) {
	if d.opt.SymbolPrefix != 0 && len(name) > 0 && name[0] == d.opt.SymbolPrefix {
		name = name[1:]
	}
	d.symbols[name] = &depSymbol{name, owner, crc}
}

func (d *Depmod) symbol(name string) *depSymbol {
	name = strings.TrimPrefix(name, ".") // PowerPC's .foo is foo
	if d.opt.SymbolPrefix != 0 && len(name) > 0 && name[0] == d.opt.SymbolPrefix {
		name = name[1:]
	}
	return d.symbols[name]
}

// resolve finds the modules that m needs, in the order of its undefined symbols.
func (d *Depmod) resolve(m *depModule) {
	for _, need := range m.needs {
		s := d.symbol(need.Name)
		if s == nil {
			if d.opt.PrintUnknown && !need.Weak {
				d.logf(PrioWarning, "%s needs unknown symbol %s", m.path, need.Name)
			}
			continue
		}
		if d.opt.CheckSymvers && s.crc != need.CRC && !need.Weak && d.opt.PrintUnknown {
			d.logf(PrioWarning, "%s disagrees about version of symbol %s", m.path, need.Name)
		}
		if s.owner == nil || slices.Contains(m.deps, s.owner) {
			continue
		}
		m.deps = append(m.deps, s.owner)
		s.owner.users++
		if d.opt.Show != nil {
			d.opt.Show("%s needs \"%s\": %s\n", m.path, s.name, s.owner.path)
		}
	}
}

// rankModules sorts topologically, modules that nobody needs first.
func (d *Depmod) rankModules() error {
	users := make([]int, len(d.modules))
	var roots []*depModule
	for i, m := range d.modules {
		if users[i] = m.users; m.users == 0 {
			roots = append(roots, m)
		}
	}
	sorted := 0
	for len(roots) > 0 {
		m := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		m.rank = sorted
		sorted++
		for _, dep := range m.deps {
			users[dep.index]--
			if users[dep.index] == 0 {
				roots = append(roots, dep)
			}
		}
	}
	if sorted < len(d.modules) {
		d.reportCycles(users)
		return ErrCycle
	}
	for _, m := range d.modules {
		slices.SortFunc(m.deps, byRank)
	}
	return nil
}

func byRank(a, b *depModule) int { return a.rank - b.rank }

// allDeps are all modules that m needs, directly or not, those nobody else needs first.
func (d *Depmod) allDeps(m *depModule, seen []int, stamp int, out []*depModule) []*depModule {
	out = appendDeps(m, seen, stamp, out)
	slices.SortFunc(out, byRank)
	return out
}

func appendDeps(m *depModule, seen []int, stamp int, out []*depModule) []*depModule {
	for _, dep := range m.deps {
		if seen[dep.index] != stamp {
			seen[dep.index] = stamp
			out = appendDeps(dep, seen, stamp, append(out, dep))
		}
	}
	return out
}
