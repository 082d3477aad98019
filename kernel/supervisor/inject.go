//go:build linux

package supervisor

import (
	"golang.org/x/sys/unix"
)

func (c *call) mmap() answer {
	d := c.descriptor(4)
	if d == nil {
		return goesOn()
	}
	return fails(unix.ENODEV)
}

func (c *call) chdir() answer {
	p, err := c.named(cwd, 0, true)
	switch {
	case err != nil:
		return fails(hostErrno(err))
	case p.world == hosts:
		return goesOn()
	}
	return fails(unix.EACCES)
}

// getcwd is only ours in a directory of the bench's.
func (c *call) getcwd() answer {
	d := c.s.nodeAt(procFile(int(c.TID), "cwd"))
	if d == nil {
		return goesOn()
	}
	b := append([]byte(d.path), 0)
	if uint64(len(b)) > c.Args[1] {
		return fails(unix.ERANGE)
	}
	if c.mem.write(b, c.Args[0]) != len(b) {
		return fails(unix.EFAULT)
	}
	return returns(len(b))
}
