package kernel

import (
	"fmt"
	"strconv"
	"strings"
)

// procInit fills /proc with the files that every kernel has. References: fs/proc/; kernel/sysctl.c.
func (k *Kernel) procInit() {
	show := func(name string, fn func(*Task) (string, error)) {
		k.ns.attr(k.proc, name, 0o444, &Attr{Show: fn})
	}
	show("modules", k.modulesText)
	show("devices", k.devicesText)
	show("misc", k.miscText)
	show("interrupts", k.interruptsText)
	show("kallsyms", k.kallsymsText)
	show("ksyms", k.ksymsText)
	show("devtab", k.devtabText)
	show("version", func(*Task) (string, error) { return k.version() + "\n", nil })
	show("cmdline", func(*Task) (string, error) { return k.cfg.Cmdline + "\n", nil })
	show("uptime", func(*Task) (string, error) {
		s := k.Uptime().Seconds()
		return fmt.Sprintf("%.2f %.2f\n", s, s), nil
	})
	show("filesystems", func(*Task) (string, error) { return "nodev\tsysfs\nnodev\tproc\nnodev\tdevtmpfs\n", nil })
	kmsg := k.ns.inode(S_IFREG|0o400, nil)
	kmsg.ops = procKmsgOps
	_ = k.ns.attach(k.proc, "kmsg", kmsg)

	k.ns.mkdirAll(k.proc, "tty", "driver") // for what drivers of terminals tell of themselves
	dir := k.ns.mkdirAll(k.proc, "sys", "kernel")
	text := func(name, value string) {
		k.ns.attr(dir, name, 0o444, &Attr{Show: func(*Task) (string, error) { return value + "\n", nil }})
	}
	text("osrelease", Release)
	text("ostype", "Linux")
	text("version", "#1 SMP PREEMPT")
	text("hostname", "kobench")
	text("modprobe", "/sbin/modprobe")
	k.ns.attr(dir, "tainted", 0o644, &Attr{
		Show: func(*Task) (string, error) { return strconv.Itoa(int(k.Taint())) + "\n", nil },
		Store: func(t *Task, s string) error {
			if !t.Capable() {
				return EPERM
			}
			n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 19)
			if err != nil {
				return EINVAL
			}
			k.AddTaint(Taint(n))
			return nil
		},
	})
	k.ns.attr(dir, "printk", 0o644, &Attr{
		Show: func(*Task) (string, error) {
			return fmt.Sprintf("%d\t%d\t1\t7\n", k.Log.ConsoleLevel(), LevelDefault), nil
		},
		Store: func(_ *Task, s string) error {
			f := strings.Fields(s)
			if len(f) == 0 {
				return EINVAL
			}
			n, err := strconv.ParseUint(f[0], 10, 8)
			if err != nil || n > 15 {
				return EINVAL
			}
			k.Log.SetConsoleLevel(Level(n))
			return nil
		},
	})
}

// kmsgCursor is one reader of the log.
type kmsgCursor struct{ seq uint64 }

// procKmsgOps is /proc/kmsg: the log as text with priorities, one record a read, blocking
// (fs/proc/kmsg.c).
var procKmsgOps = &FileOperations{
	Open: func(t *Task, f *File) error {
		f.Private = &kmsgCursor{t.k.Log.First()}
		return nil
	},
	Read: func(t *Task, f *File, p []byte) (int, error) {
		c := f.Private.(*kmsgCursor)
		r, err := t.k.Log.Read(c.seq)
		if err != nil && err != EPIPE {
			return 0, err
		}
		n := copy(p, fmt.Sprintf("<%d>%s%s\n", int(r.Facility)<<3|int(r.Level), r.Stamp(), r.Text))
		c.seq = r.Seq + 1
		return n, nil
	},
	Poll: func(t *Task, f *File, w *PollTable) Events {
		w.Wait(t.k.Log.Queue())
		if f.Private.(*kmsgCursor).seq < t.k.Log.Next() {
			return PollIn | PollRdnorm
		}
		return 0
	},
}
