package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kobench/kobench/kernel"
)

// A World is what a look at a kernel's file systems and dispatch tables shows.
type World struct{ nodes, files map[string]bool }

// Look walks /dev, /proc and /sys. A major without a node gets one, as a user's mknod would make
// it: /dev/NAME-MAJOR.
func Look(k *kernel.Kernel) World {
	t := k.NewTask(kernel.WithComm("scenario"))
	defer t.Exit()
	w := World{nodes: map[string]bool{}, files: map[string]bool{}}
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
			path := fmt.Sprintf("/dev/%s-%d", strings.NewReplacer("/", "!", " ", "_").Replace(e.Name), e.Major)
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

// NodesBeyond are the device nodes that an earlier look did not see.
func (w World) NodesBeyond(old World) []string { return beyond(w.nodes, old.nodes) }

// FilesBeyond are the files of /proc and /sys that an earlier look did not see.
func (w World) FilesBeyond(old World) []string { return beyond(w.files, old.files) }

func beyond(now, before map[string]bool) []string {
	var all []string
	for name := range now {
		if !before[name] {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// Exercise writes a scenario of the calls that any program could make of any device and file: what
// they answer is the driver's affair, what they do to the kernel is not. Files are read only, since
// a write may unbind or remove things. Commands are ioctls that are tried on each device: with
// memory of the size that the number states, all zero and with a small number in front, and with
// none.
func Exercise(nodes, files []string, commands []uint32) string {
	var b strings.Builder
	for _, node := range nodes {
		fmt.Fprintf(&b, strings.TrimLeft(nodeScript, "\n"), node)
		if len(commands) > 0 {
			fmt.Fprintf(&b, "open a %s rw nonblock\n", node)
		}
		for _, c := range commands {
			if size := int(c >> 16 & 0x3fff); size > 0 {
				rest := strings.Repeat("00", size-1)
				fmt.Fprintf(&b, "ioctl a %#x hex:00%s\nioctl a %#x hex:04%s\nioctl a %#x hex:\n", c, rest, c, rest, c)
				continue
			}
			fmt.Fprintf(&b, "ioctl a %#x 0\nioctl a %#x 1\n", c, c)
		}
		if len(commands) > 0 {
			b.WriteString("close a\n")
		}
	}
	for _, file := range files {
		if strings.ContainsAny(file, " \t\"") {
			continue
		}
		fmt.Fprintf(&b, "cat %s\n", file)
	}
	return b.String()
}

// nodeScript exercises one node: several openers, calls that must not sleep, a reader and a writer
// at once, and one that may sleep until the other has written. 0xff00 is an ioctl that no driver
// has [ioctl-number].
const nodeScript = `
open a %[1]s rw nonblock
open b %[1]s rw nonblock
poll a inout 0s
read a 64
write a "kobench\n"
lseek a 0 set
poll b inout 0s
read b 1
read b 4096
ioctl a 0xff00
1: x20 read a 1
2: x20 write b "x"
go
close b
close a
open a %[1]s r nonblock
read a 64
poll a in 0s
close a
open a %[1]s w nonblock
write a "kobench\n"
close a
open a %[1]s r
open b %[1]s w
1: read a 16
2: sleep 1ms
2: write b "kobench\n"
go
close a
close b
`
