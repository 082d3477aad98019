//go:build linux

package supervisor

import (
	"os"
	"path"
	"strings"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/supervisor/fuse"
	"golang.org/x/sys/unix"
)

// world says who has a name.
type world uint8

const (
	hosts  world = iota // the host: the call goes on
	mapped              // the host, under another name
	benchs              // the simulated kernel
)

// place is where a name leads.
type place struct {
	world world
	name  string // as the program sees it, absolute
	// of hosts and mapped: the host's name. Of a bench's directory: the host's whose names it shows
	// too, or ""
	host string
	// magic is the link of /proc that leads to a descriptor or directory of a process, followed;
	// the rest of the name is used up.
	magic string
}

// hostDev are the names of /dev that stay the host's unless the bench's are asked for.
func hostDev(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "fd", "stdin", "stdout", "stderr", "mqueue":
		return true
	}
	return false
}

// within gives what follows dir in name, "" for dir itself.
func within(name, dir string) (rest string, ok bool) {
	if !strings.HasPrefix(name, dir) {
		return "", false
	}
	rest = name[len(dir):]
	if rest == "" {
		return "", true
	}
	return rest[1:], rest[0] == '/'
}

// locate says who has an absolute, clean name whose directories are no links. The task is who asks.
func (s *Supervisor) locate(t *kernel.Task, name string) place {
	p := place{name: name, host: name}
	if rest, ok := within(name, "/sys"); ok {
		return place{world: benchs, name: path.Join("/sys", rest)}
	}
	if rest, ok := within(name, "/dev"); ok && (s.cfg.BenchDev || !hostDev(rest)) {
		return s.shared(t, p, rest == "")
	}
	if rest, ok := within(name, "/proc"); ok && !process(rest) {
		return s.shared(t, p, rest == "")
	}
	for _, m := range s.maps {
		if rest, ok := within(name, m.name); ok {
			if rest == kernel.Release+"/build" || rest == kernel.Release {
				s.build.Do(s.linkBuild)
			}
			return place{world: mapped, name: name, host: path.Join(m.host, rest)}
		}
	}
	return p
}

// process reports whether a name below /proc is about processes.
func process(name string) bool {
	return name != "" && (name[0] >= '0' && name[0] <= '9') || strings.HasPrefix(name, "self") || strings.HasPrefix(name, "thread-self")
}

// shared is a name of a tree that both have: the bench's goes first, and directories of both are
// shown as one.
func (s *Supervisor) shared(t *kernel.Task, p place, root bool) place {
	st, err := t.Lstat(p.name)
	if err != nil {
		return p
	}
	p.world = benchs
	if st.Mode&kernel.S_IFMT == kernel.S_IFDIR {
		if hst, err := os.Lstat(p.name); err == nil && hst.IsDir() || root {
			return p
		}
	}
	p.host = ""
	return p
}

// list gives the names of a bench's directory, with those of the host's where that is shown too.
func (s *Supervisor) list(name, host string) ([]fuse.Entry, bool) {
	t := s.k.NewTask(kernel.WithComm("readdir"))
	defer t.Exit()
	all, err := t.ReadDir(name)
	if err != nil {
		all = nil
	}
	list := []fuse.Entry{{Name: ".", Ino: 1, Mode: unix.S_IFDIR}, {Name: "..", Ino: 1, Mode: unix.S_IFDIR}}
	seen := map[string]bool{}
	for _, st := range all {
		if host == "/dev" && !s.cfg.BenchDev && hostDev(st.Name) {
			continue
		}
		seen[st.Name] = true
		list = append(list, fuse.Entry{Name: st.Name, Ino: st.Ino, Mode: st.Mode})
	}
	if host == "" {
		return list, true
	}
	entries, _ := os.ReadDir(host)
	for _, e := range entries {
		if seen[e.Name()] || host == "/dev" && s.cfg.BenchDev {
			continue
		}
		list = append(list, fuse.Entry{Name: e.Name(), Ino: 1, Mode: hostType(e.Type())})
	}
	return list, true
}

// hostType is a file's type as S_IFMT bits.
func hostType(m os.FileMode) uint32 {
	switch {
	case m.IsDir():
		return unix.S_IFDIR
	case m&os.ModeSymlink != 0:
		return unix.S_IFLNK
	case m&os.ModeCharDevice != 0:
		return unix.S_IFCHR
	case m&os.ModeDevice != 0:
		return unix.S_IFBLK
	case m&os.ModeNamedPipe != 0:
		return unix.S_IFIFO
	case m&os.ModeSocket != 0:
		return unix.S_IFSOCK
	}
	return unix.S_IFREG
}

// linkBuild makes the link that module makefiles go by.
func (s *Supervisor) linkBuild() {
	if s.cfg.Build == nil {
		return
	}
	dir, err := s.cfg.Build()
	if err != nil {
		s.k.Log.Printf(kernel.LevelErr, "kobench: %v", err)
		return
	}
	tree := path.Join(s.cfg.Root, "lib/modules", kernel.Release)
	for _, name := range []string{"build", "source"} {
		_ = os.Remove(path.Join(tree, name))
		_ = os.Symlink(dir, path.Join(tree, name))
	}
}
