package kmodtest

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/kobench/kobench/kernel/kmod"
	"github.com/kobench/kobench/kernel/uapi"
)

// System is a kernel that loads modules without running them. It is safe for concurrent use.
type System struct {
	Cmdline  string
	Kallsyms string
	Exports  []string // the kernel's own symbols besides printk and module_layout
	// Init stands for module inits: an error keeps the module out. It may be nil.
	Init func(name, params string) error

	mu      sync.Mutex
	modules []*Loaded // the newest first, as in /proc/modules
	calls   []string
}

// Loaded is a module in a System.
type Loaded struct {
	Name, Params string
	Refs         int // uses other than those of its holders
	Size         int
	Permanent    bool // no exit function: EBUSY
	holders      []string
	exports      []string
	deps         []string
}

// Calls lists what was asked for: "init NAME PARAMS flags", "delete NAME flags".
func (s *System) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Module gives a loaded module, nil if there is none of the name. f, if not nil, may change it.
func (s *System) Module(name string, f func(m *Loaded)) *Loaded {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(name)
	if m != nil && f != nil {
		f(m)
	}
	return m
}

// Names lists the loaded modules, the newest first.
func (s *System) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, m := range s.modules {
		out = append(out, m.Name)
	}
	return out
}

func (s *System) find(name string) *Loaded {
	for _, m := range s.modules {
		if m.Name == name {
			return m
		}
	}
	return nil
}

func (s *System) FinitModule(image []byte, params string, flags int) error {
	obj, err := kmod.Parse(image)
	if err != nil {
		return uapi.ENOEXEC
	}
	m := &Loaded{Params: params, Size: 16384}
	info, _ := obj.Modinfo()
	for _, f := range info {
		if f.Key == "name" {
			m.Name = f.Value
		}
	}
	s.mu.Lock()
	s.calls = append(s.calls, strings.TrimRight(fmt.Sprintf("init %s %s", m.Name, params), " ")+fmt.Sprintf(" flags=%d", flags))
	if s.find(m.Name) != nil {
		s.mu.Unlock()
		return uapi.EEXIST
	}
	exports, _ := obj.Exports()
	for _, e := range exports {
		m.exports = append(m.exports, e.Name)
	}
	needs, _ := obj.Undefined()
	for _, need := range needs {
		i := slices.IndexFunc(s.modules, func(o *Loaded) bool { return slices.Contains(o.exports, need.Name) })
		if i >= 0 {
			if !slices.Contains(m.deps, s.modules[i].Name) {
				m.deps = append(m.deps, s.modules[i].Name)
			}
		} else if !need.Weak && need.Name != "printk" && need.Name != "module_layout" && !slices.Contains(s.Exports, need.Name) {
			s.mu.Unlock()
			return uapi.ENOENT
		}
	}
	s.mu.Unlock()
	if s.Init != nil {
		if err := s.Init(m.Name, params); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range m.deps {
		if o := s.find(d); o != nil {
			o.holders = append(o.holders, m.Name)
		}
	}
	s.modules = slices.Insert(s.modules, 0, m)
	return nil
}

func (s *System) DeleteModule(name string, flags int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, fmt.Sprintf("delete %s flags=%#o", name, flags))
	m := s.find(name)
	switch {
	case m == nil:
		return uapi.ENOENT
	case m.Permanent:
		return uapi.EBUSY
	case m.Refs > 0 || len(m.holders) > 0:
		return uapi.EAGAIN
	}
	s.modules = slices.DeleteFunc(s.modules, func(o *Loaded) bool { return o == m })
	for _, o := range s.modules {
		o.holders = slices.DeleteFunc(o.holders, func(h string) bool { return h == name })
	}
	return nil
}

func (s *System) ReadFile(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch name {
	case "/proc/modules":
		var b strings.Builder
		for i, m := range s.modules {
			holders := strings.Join(m.holders, ",") + ","
			if len(m.holders) == 0 {
				holders = "-"
			}
			fmt.Fprintf(&b, "%s %d %d %s Live 0xffffffffc020%d000\n", m.Name, m.Size, m.Refs+len(m.holders), holders, i)
		}
		return []byte(b.String()), nil
	case "/proc/cmdline":
		return []byte(s.Cmdline + "\n"), nil
	case "/proc/kallsyms":
		return []byte(s.Kallsyms), nil
	}
	rest, ok := strings.CutPrefix(name, "/sys/module/")
	dir, file := path.Split(rest)
	m := s.find(strings.TrimSuffix(dir, "/"))
	if !ok || m == nil {
		return nil, uapi.ENOENT
	}
	switch file {
	case "initstate":
		return []byte("live\n"), nil
	case "refcnt":
		return fmt.Appendln(nil, m.Refs+len(m.holders)), nil
	case "coresize":
		return fmt.Appendln(nil, m.Size), nil
	}
	return nil, uapi.ENOENT
}

func (s *System) ReadDir(name string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, _ := strings.CutPrefix(name, "/sys/module/")
	mod, sub, _ := strings.Cut(rest, "/")
	m := s.find(mod)
	switch {
	case m == nil:
		return nil, uapi.ENOENT
	case sub == "holders":
		return slices.Clone(m.holders), nil
	case sub == "":
		return []string{"coresize", "holders", "initstate", "refcnt"}, nil
	}
	return nil, uapi.ENOENT
}

// Host is this machine's own kernel, for reading only.
type Host struct{ kmod.NoSystem }

func (Host) ReadFile(name string) ([]byte, error) { return os.ReadFile(name) }

func (Host) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.Name()
	}
	return out, err
}
