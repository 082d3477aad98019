//go:build linux

package supervisor

import (
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

const maxLinks = 40

// resolve walks a name as a thread's call means it and says where it leads. A link at the end is
// followed where follow says so; of a name that is not there, the place is where it would be.
//
// Errors: ELOOP; EFAULT and ENAMETOOLONG are its callers'.
func (s *Supervisor) resolve(t *thread, dirfd uint64, name string, follow bool) (place, error) {
	w := walk{s: s, t: t, root: s.rootOf(t.tid)}
	if name == "" {
		return place{}, unix.ENOENT
	}
	if name[0] != '/' {
		base, err := s.base(t, dirfd)
		if err != nil {
			return place{}, err
		}
		if w.root != "" {
			base, _ = strings.CutPrefix(base, w.root)
		}
		name = base + "/" + name
	}
	return w.walk(name, follow)
}

// rootOf is the directory that a thread has for "/", "" for the host's.
func (s *Supervisor) rootOf(tid int) string {
	root, err := os.Readlink(procFile(tid, "root"))
	if err != nil || root == "/" {
		return ""
	}
	return root
}

// base is the directory that a relative name begins at, as the program sees it.
func (s *Supervisor) base(t *thread, dirfd uint64) (string, error) {
	link := procFile(t.tid, "cwd")
	if int32(dirfd) != unix.AT_FDCWD {
		link = procFile(t.tid, "fd/"+itoa(uint64(uint32(dirfd))))
	}
	if d := s.nodeAt(link); d != nil {
		return d.path, nil
	}
	name, err := os.Readlink(link)
	if err != nil {
		return "", unix.EBADF
	}
	if name[0] != '/' {
		return "", unix.ENOTDIR
	}
	return name, nil
}

// walk follows one name.
type walk struct {
	s     *Supervisor
	t     *thread
	root  string
	links int
	// foreign: a link that the host does not have was followed.
	foreign bool
}

func (w *walk) walk(name string, follow bool) (place, error) {
	at, p := "/", place{name: "/", host: "/"}
	for name != "" {
		part, after, slash := strings.Cut(name, "/")
		name = after
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			p = w.s.locate(w.t.task, at)
			continue
		}
		rest := strings.Trim(name, "/") != ""
		at = path.Join(at, part)
		if link, ok := w.self(at); ok {
			at = link
		}
		p = w.s.locate(w.t.task, at)
		if !follow && !rest {
			continue
		}
		if magic(at) {
			p.magic = at
			if rest {
				if d := w.s.nodeAt(at); d != nil {
					at = d.path
					continue
				}
				if to, err := os.Readlink(at); err == nil && to[0] == '/' {
					at = to
					continue
				}
			}
			continue
		}
		target, ok := w.readlink(p)
		if !ok {
			if slash && p.world == benchs && w.file(p) {
				return p, unix.ENOTDIR
			}
			continue
		}
		w.foreign = w.foreign || p.world != hosts
		if w.links++; w.links > maxLinks {
			return p, unix.ELOOP
		}
		if target[0] == '/' {
			at = "/"
		} else {
			at = path.Dir(at)
		}
		if slash {
			target += "/" + name
		}
		name = target
		if at != "/" {
			name = at + "/" + name
			at = "/"
		}
		p = place{name: "/", host: "/"}
	}
	if w.root != "" && p.world == hosts {
		p.host = w.root + p.host
	}
	if w.foreign && p.world == hosts {
		p.world = mapped
	}
	return p, nil
}

// self turns /proc/self and /proc/thread-self into what they are for the thread.
func (w *walk) self(at string) (string, bool) {
	switch at {
	case "/proc/self":
		return "/proc/" + strconv.Itoa(w.t.pid), true
	case "/proc/thread-self":
		return "/proc/" + strconv.Itoa(w.t.pid) + "/task/" + strconv.Itoa(w.t.tid), true
	}
	return "", false
}

// magic reports whether a name of /proc is a link that leads where its text does not say:
// /proc/N/fd/3, /proc/N/cwd.
func magic(name string) bool {
	rest, ok := within(name, "/proc")
	if !ok || !process(rest) {
		return false
	}
	_, rest, _ = strings.Cut(rest, "/")
	if sub, ok := within(rest, "task"); ok {
		_, rest, _ = strings.Cut(sub, "/")
	}
	switch {
	case rest == "cwd", rest == "root", rest == "exe":
		return true
	}
	n, ok := within(rest, "fd")
	return ok && n != ""
}

// file reports whether a place of the bench's is there and no directory.
func (w *walk) file(p place) bool {
	st, err := w.t.task.Lstat(p.name)
	return err == nil && st.Mode&kernel.S_IFMT != kernel.S_IFDIR
}

// readlink gives the text of a link, false for what is none, or not there.
func (w *walk) readlink(p place) (string, bool) {
	if p.world == benchs {
		st, err := w.t.task.Lstat(p.name)
		if err != nil || st.Mode&kernel.S_IFMT != kernel.S_IFLNK {
			return "", false
		}
		return st.Target, st.Target != ""
	}
	name := p.host
	if p.world == hosts {
		name = w.root + name
	}
	var buf [maxPath]byte
	n, err := unix.Readlink(name, buf[:])
	if err != nil || n <= 0 {
		return "", false
	}
	return string(buf[:n]), true
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
