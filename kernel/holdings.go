package kernel

import (
	"fmt"
	"maps"
	"slices"
)

// Ending stands behind a line of Holdings that goes by itself: a task that has been killed.
const Ending = ", ending"

// Holdings lists what drivers and tasks have of the kernel, a line each, in order: modules, tasks,
// open files, device numbers, misc devices, interrupt handlers, names in /dev, /proc and /sys. A
// test compares it before and after. Names that a task has made (mknod) and the kernel's own
// daemons are not in it.
func (k *Kernel) Holdings() []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, m := range k.Modules() {
		add("module %s: %s, in use by %d", m.Name, m.State(), m.Refcount())
	}
	for _, t := range k.Tasks() {
		if t != k.init && !t.daemon {
			ending := ""
			if t.Killed() { // it unwinds in its own goroutine
				ending = Ending
			}
			add("task %s, pid %d%s", t.Comm(), t.pid, ending)
		}
	}
	k.chrdevs.holdings(add)
	k.misc.mu.Lock()
	for _, m := range k.misc.list {
		add("misc device %s, minor %d", m.Name, m.Minor)
	}
	k.misc.mu.Unlock()
	k.irqs.holdings(add)
	if list := k.ueventSubs.Load(); list != nil {
		for range *list {
			add("uevent listener")
		}
	}
	k.ns.holdings(k.root, add)
	slices.Sort(all)
	return all
}

// Daemon says that a task is one of the kernel's own that live as long as it does, such as kworker.
func Daemon() TaskOption { return func(t *Task) { t.daemon = true } }

func (cd *chrdevs) holdings(add func(string, ...any)) {
	cd.mu.RLock()
	defer cd.mu.RUnlock()
	for major, t := range cd.majors {
		if t == nil {
			continue
		}
		for _, r := range t.regions {
			add("device numbers %d:%d to %d of %s", major, r.first, r.first+r.count-1, r.name)
		}
		for _, c := range t.cdevs {
			add("cdev at %d:%d to %d", major, c.dev.Minor(), c.dev.Minor()+c.count-1)
		}
	}
}

func (ir *irqs) holdings(add func(string, ...any)) {
	ir.mu.RLock()
	defer ir.mu.RUnlock()
	for _, n := range slices.Sorted(maps.Keys(ir.lines)) {
		l := ir.lines[n]
		l.mu.Lock()
		for _, a := range l.actions {
			add("handler %s of interrupt %d", a.name, n)
		}
		l.mu.Unlock()
	}
}

// goneInode is a name that was taken away while a file of it was open.
type goneInode struct {
	name string
	i    *Inode
}

// holdings names what the kernel has made below root, and every inode that is open.
func (ns *nameSpace) holdings(root *Inode, add func(string, ...any)) {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	var visit func(path string, i *Inode)
	visit = func(path string, i *Inode) {
		for name, c := range i.children {
			at := path + "/" + name
			if !c.made {
				add("%s", at)
			}
			open(add, at, c)
			visit(at, c)
		}
	}
	visit("", root)
	for _, g := range ns.gone {
		open(add, g.name+" (removed)", g.i)
	}
}

func open(add func(string, ...any), name string, i *Inode) {
	for range i.opens.Load() {
		add("open file %s", name)
	}
}

// HoldingsBeyond are the lines of Holdings that an earlier call did not give, or not as often.
func (k *Kernel) HoldingsBeyond(before []string) (lines []string) {
	had := map[string]int{}
	for _, line := range before {
		had[line]++
	}
	for _, line := range k.Holdings() {
		if had[line]--; had[line] < 0 {
			lines = append(lines, line)
		}
	}
	return lines
}
