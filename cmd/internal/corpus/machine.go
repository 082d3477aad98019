package corpus

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kobench/kobench/cmd/internal/sim"
	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/uapi"
)

// patience is how long one call of a driver may sleep before a signal ends it.
const patience = 500 * time.Millisecond

func start(j Job, root string) (*sim.Sim, error) {
	if err := j.symlinkAll(filepath.Join(root, "lib", "modules", uapi.Release, "updates")); err != nil {
		return nil, err
	}
	return sim.Start(sim.Options{Board: j.Board, Root: root})
}

// look walks /dev, /proc and /sys. A major without a node gets one, as a user's mknod would make it.
func look(k *kernel.Kernel) world {
	t := k.NewTask(kernel.WithComm("corpus"))
	defer t.Exit()
	w := world{nodes: map[string]bool{}, files: map[string]bool{}}
	withNode := map[uint32]bool{}
	walk(t, "/dev", func(path string, st kernel.Stat) {
		if st.Mode&kernel.S_IFMT == kernel.S_IFCHR {
			w.nodes[path] = true
			withNode[st.Rdev.Major()] = true
		}
	})
	for _, dir := range []string{"/proc", "/sys"} {
		walk(t, dir, func(path string, st kernel.Stat) {
			if st.Mode&kernel.S_IFMT == kernel.S_IFREG {
				w.files[path] = true
			}
		})
	}
	for _, table := range k.DevTables() {
		for _, e := range table.Entries {
			if withNode[e.Major] {
				continue
			}
			withNode[e.Major] = true
			path := fmt.Sprintf("/dev/%s-%d", strings.ReplaceAll(e.Name, "/", "!"), e.Major)
			if t.Mknod(path, kernel.S_IFCHR|0o666, kernel.MkDev(e.Major, e.First)) == nil {
				w.nodes[path] = true
			}
		}
	}
	return w
}

// walk visits what lies below a directory, without following links.
func walk(t *kernel.Task, dir string, visit func(path string, st kernel.Stat)) {
	list, err := t.ReadDir(dir)
	if err != nil {
		return
	}
	for _, st := range list {
		path := dir + "/" + st.Name
		if st.Mode&kernel.S_IFMT == kernel.S_IFDIR {
			walk(t, path, visit)
			continue
		}
		visit(path, st)
	}
}

// An exerciser makes calls, each in a task of its own, and remembers those that did not come back.
type exerciser struct{ open []*oneCall }

// oneCall is a call, or a few on one descriptor.
type oneCall struct {
	what string
	done chan struct{}
}

// call runs f in a task that a signal ends when it sleeps for too long, and goes on after some more.
func (e *exerciser) call(k *kernel.Kernel, what string, f func(t *kernel.Task)) {
	c := &oneCall{what, make(chan struct{})}
	go func() {
		defer close(c.done)
		t := k.NewTask(kernel.WithComm("corpus"))
		defer t.Exit()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		defer t.Bind(ctx)()
		f(t)
	}()
	if !c.back() {
		e.open = append(e.open, c)
	}
}

// back waits a little longer than a call may sleep.
func (c *oneCall) back() bool {
	select {
	case <-c.done:
		return true
	case <-time.After(2 * patience):
		return false
	}
}

// stuck names the calls that still have not come back.
func (e *exerciser) stuck() (names []string) {
	for _, c := range e.open {
		if !c.back() {
			names = append(names, c.what)
		}
	}
	return names
}

// node makes the calls that any program could make of any character device. What they answer is the
// driver's affair; what they do to the kernel is in its log.
func (e *exerciser) node(k *kernel.Kernel, path string) {
	with := func(what string, flags uint32, f func(t *kernel.Task, fd int)) {
		e.call(k, what+" of "+path, func(t *kernel.Task) {
			fd, err := t.Open(path, flags|kernel.O_NONBLOCK)
			if err != nil {
				return
			}
			f(t, fd)
			_ = t.Close(fd)
		})
	}
	p := make([]byte, 4096)
	with("read", kernel.O_RDONLY, func(t *kernel.Task, fd int) { _, _ = t.Read(fd, p) })
	with("write", kernel.O_WRONLY, func(t *kernel.Task, fd int) { _, _ = t.Write(fd, []byte("kobench\n")) })
	with("use", kernel.O_RDWR, func(t *kernel.Task, fd int) {
		_, _ = t.Write(fd, []byte("kobench\n"))
		_, _ = t.Lseek(fd, 0, kernel.SEEK_SET)
		_, _ = t.Read(fd, make([]byte, 1))
		_, _ = t.Poll([]kernel.PollFD{{FD: fd, Events: kernel.PollIn | kernel.PollOut}}, 0)
		_, _ = t.Ioctl(fd, noCommand, kernel.Arg{})
	})
}

// noCommand is an ioctl that no driver has: type 0xff is nobody's [ioctl-number].
const noCommand = 0xff00

// file reads a file, and writes what it read back if it is a parameter: a file of sysfs may unbind
// or remove things, a parameter only is set.
func (e *exerciser) file(k *kernel.Kernel, path string) {
	p, n := make([]byte, 4096), 0
	e.call(k, "read of "+path, func(t *kernel.Task) {
		if fd, err := t.Open(path, kernel.O_RDONLY|kernel.O_NONBLOCK); err == nil {
			n, _ = t.Read(fd, p)
			_ = t.Close(fd)
		}
		if !isParameter(path) {
			return
		}
		if fd, err := t.Open(path, kernel.O_WRONLY|kernel.O_NONBLOCK); err == nil {
			_, _ = t.Write(fd, p[:max(n, 0)])
			_ = t.Close(fd)
		}
	})
}

func isParameter(path string) bool {
	return strings.HasPrefix(path, "/sys/module/") && strings.Contains(path, "/parameters/")
}

// unload removes the module, without a wait for what still uses it.
func unload(k *kernel.Kernel, name string) error {
	t := k.NewTask(kernel.WithComm("rmmod"))
	defer t.Exit()
	return t.DeleteModule(name, kernel.O_NONBLOCK)
}
