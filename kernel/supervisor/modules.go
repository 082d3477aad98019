//go:build linux

package supervisor

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

const (
	maxImage  = 64 << 20
	maxParams = 1 << 17
)

func (c *call) initModule() answer {
	size := c.Args[1]
	if size > maxImage {
		return fails(unix.ENOEXEC)
	}
	image := make([]byte, size)
	if c.mem.read(image, c.Args[0]) != len(image) {
		return fails(unix.EFAULT)
	}
	return c.insert(image, 2, 0)
}

func (c *call) finitModule() answer {
	image, err := c.content(c.Args[0])
	if err != nil {
		return fails(hostErrno(err))
	}
	return c.insert(image, 1, int(int32(c.Args[2])))
}

// content reads the file of a descriptor from its start.
func (c *call) content(fd uint64) ([]byte, error) {
	f, err := os.Open(procFile(int(c.TID), "fd/"+itoa(uint64(uint32(fd)))))
	if err != nil {
		return nil, unix.EBADF
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, unix.EINVAL
	}
	return io.ReadAll(io.LimitReader(f, maxImage))
}

func (c *call) insert(image []byte, params, flags int) answer {
	text, err := c.mem.text(c.Args[params], maxParams)
	if err != nil {
		return fails(hostErrno(err))
	}
	c.t = c.s.thread(int(c.TID), true)
	return c.sleeping(func(t *kernel.Task) answer {
		if err := t.InitModule(image, text, flags); err != nil {
			return c.fail(err)
		}
		return returns(0)
	})
}

func (c *call) deleteModule() answer {
	name, err := c.mem.text(c.Args[0], 56) // MODULE_NAME_LEN
	if err != nil {
		if err == unix.ENAMETOOLONG {
			err = unix.ENOENT
		}
		return fails(hostErrno(err))
	}
	c.t = c.s.thread(int(c.TID), true)
	c.s.fuse.Sync() // files that have just been closed no longer hold it
	return c.sleeping(func(t *kernel.Task) answer {
		if err := t.DeleteModule(name, int(int32(c.Args[1]))); err != nil {
			return c.fail(err)
		}
		return returns(0)
	})
}

// uname is the host's but for what the kernel says of itself.
func (c *call) uname() answer {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fails(hostErrno(err))
	}
	set := func(b []byte, s string) { clear(b); copy(b, s) }
	set(u.Release[:], kernel.Release)
	set(u.Version[:], "#1 SMP PREEMPT")
	return result(0, put(c.mem, c.Args[0], &u))
}

// Actions of syslog(2) (include/linux/syslog.h).
const (
	syslogRead       = 2
	syslogReadAll    = 3
	syslogReadClear  = 4
	syslogClear      = 5
	syslogConsoleOff = 6
	syslogConsoleOn  = 7
	syslogLevel      = 8
	syslogUnread     = 9
	syslogSize       = 10
)

// syslog is do_syslog (kernel/printk/printk.c).
func (c *call) syslog() answer {
	log := &c.s.k.Log
	action, size := int32(c.Args[0]), int32(c.Args[2])
	if action != syslogReadAll && action != syslogSize && !c.task().Capable() {
		return fails(unix.EPERM)
	}
	switch action {
	case 0, 1, syslogConsoleOff, syslogConsoleOn, syslogUnread:
		return returns(0)
	case syslogRead, syslogReadAll, syslogReadClear:
		if c.Args[1] == 0 || size < 0 {
			return fails(unix.EINVAL)
		}
		text := tailOf(log.All(), int(size))
		if c.mem.write([]byte(text), c.Args[1]) != len(text) {
			return fails(unix.EFAULT)
		}
		if action == syslogReadClear {
			log.Clear()
		}
		return returns(len(text))
	case syslogClear:
		log.Clear()
		return returns(0)
	case syslogLevel:
		if size < 1 || size > 8 {
			return fails(unix.EINVAL)
		}
		log.SetConsoleLevel(kernel.Level(size))
		return returns(0)
	case syslogSize:
		return returns(1 << 17)
	}
	return fails(unix.EINVAL)
}

// tailOf are the last records that fit, whole ones.
func tailOf(all []kernel.Record, size int) string {
	lines := make([]string, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		r := all[i]
		prefix := fmt.Sprintf("<%d>%s", int(r.Facility)<<3|int(r.Level), r.Stamp())
		line := prefix + strings.ReplaceAll(r.Text, "\n", "\n"+prefix) + "\n"
		if size -= len(line); size < 0 {
			break
		}
		lines = append(lines, line)
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
	}
	return b.String()
}
