//go:build linux

package supervisor

import (
	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// change runs a call that makes or changes a name: in the bench, or in the place that a name of the
// host's is shown from.
func (c *call) change(dir, name int, follow, creates bool, bench func(t *kernel.Task, name string) error, host func(name string) error) answer {
	p, err := c.named(dir, name, follow)
	if err != nil {
		return fails(hostErrno(err))
	}
	if p.magic != "" {
		d := c.s.nodeAt(p.magic)
		if d == nil {
			return goesOn()
		}
		p = place{world: benchs, name: d.path}
	}
	if creates {
		p = c.creating(p)
	}
	switch p.world {
	case hosts:
		return goesOn()
	case mapped:
		return result(0, host(p.host))
	}
	c.t = c.s.thread(int(c.TID), true)
	if err := bench(c.t.task, p.name); err != nil {
		return c.fail(err)
	}
	return returns(0)
}

// umask is what a new name of the bench's does not get; the programs' own is not looked at.
const umask = 0o022

func (c *call) mkdir(dir, name int) answer {
	mode := uint32(c.Args[name+1])
	return c.change(dir, name, false, true,
		func(t *kernel.Task, name string) error { return t.Mkdir(name, mode&^umask) },
		func(name string) error { return unix.Mkdir(name, mode) })
}

// mknod makes a device node of the bench's, in /dev. Elsewhere the host decides.
func (c *call) mknod(dir, name int) answer {
	mode, dev := uint32(c.Args[name+1]), c.Args[name+2]
	return c.change(dir, name, false, true,
		func(t *kernel.Task, name string) error {
			return t.Mknod(name, mode&^umask, kernel.MkDev(unix.Major(dev), unix.Minor(dev)))
		},
		func(string) error { return unix.EPERM })
}

func (c *call) unlink(dir, name int, rmdir bool) answer {
	return c.change(dir, name, false, false,
		func(t *kernel.Task, name string) error {
			if rmdir {
				return t.Rmdir(name)
			}
			return t.Unlink(name)
		},
		func(name string) error {
			if rmdir {
				return unix.Rmdir(name)
			}
			return unix.Unlink(name)
		})
}

// symlink has the new name in argument name and the text in the first one.
func (c *call) symlink(dir, name int) answer {
	text, err := c.mem.text(c.Args[0], maxPath)
	if err != nil {
		return fails(hostErrno(err))
	}
	if dir == 1 {
		dir = 1
	}
	return c.change(dir, name, false, true,
		func(t *kernel.Task, name string) error { return t.Symlink(text, name) },
		func(name string) error { return unix.Symlink(text, name) })
}

// rename is rename(2) and link(2). Between the bench and the host it is EXDEV; the bench itself
// knows neither.
func (c *call) rename(dir1, name1, dir2, name2 int, link bool) answer {
	from, err := c.named(dir1, name1, false)
	if err != nil {
		return fails(hostErrno(err))
	}
	to, err := c.named(dir2, name2, false)
	if err != nil {
		return fails(hostErrno(err))
	}
	switch {
	case from.world == hosts && to.world == hosts:
		return goesOn()
	case from.world == benchs && to.world == benchs:
		return fails(unix.EPERM)
	case from.world == benchs || to.world == benchs:
		return fails(unix.EXDEV)
	case link:
		return result(0, unix.Link(from.host, to.host))
	}
	return result(0, unix.Rename(from.host, to.host))
}

func (c *call) chmod(dir, name int, follow bool) answer {
	mode := uint32(c.Args[name+1])
	return c.change(dir, name, follow, false,
		func(t *kernel.Task, name string) error { return t.Chmod(name, mode) },
		func(name string) error { return unix.Chmod(name, mode) })
}

func (c *call) fchmod() answer {
	d := c.descriptor(0)
	if d == nil {
		return goesOn()
	}
	return result(0, c.task().Chmod(d.path, uint32(c.Args[1])))
}

// owners are the user and group that a chown leaves, -1 being as they are.
func (c *call) owners(t *kernel.Task, name string, arg int) error {
	st, err := t.Stat(name)
	if err != nil {
		return err
	}
	uid, gid := uint32(c.Args[arg]), uint32(c.Args[arg+1])
	if uid == ^uint32(0) {
		uid = st.UID
	}
	if gid == ^uint32(0) {
		gid = st.GID
	}
	return t.Chown(name, uid, gid)
}

func (c *call) chown(dir, name int, follow bool) answer {
	return c.change(dir, name, follow, false,
		func(t *kernel.Task, path string) error { return c.owners(t, path, name+1) },
		func(path string) error {
			return unix.Lchown(path, int(int32(c.Args[name+1])), int(int32(c.Args[name+2])))
		})
}

func (c *call) fchown() answer {
	d := c.descriptor(0)
	if d == nil {
		return goesOn()
	}
	return result(0, c.owners(c.task(), d.path, 1))
}

// touch changes times: the bench keeps none, so that nothing happens.
func (c *call) touch(dir, name int) answer {
	return c.change(dir, name, true, false,
		func(t *kernel.Task, name string) error { _, err := t.Stat(name); return err },
		func(name string) error { return unix.UtimesNanoAt(unix.AT_FDCWD, name, nil, 0) })
}

func (c *call) utimensat() answer {
	if c.Args[1] == 0 { // of a descriptor
		if c.descriptor(0) == nil {
			return goesOn()
		}
		return returns(0)
	}
	return c.touch(0, 1)
}

func (c *call) truncate() answer {
	size := int64(c.Args[1])
	return c.change(cwd, 0, true, false,
		func(t *kernel.Task, name string) error {
			if st, err := t.Stat(name); err != nil || st.Mode&kernel.S_IFMT != kernel.S_IFREG {
				return unix.EINVAL
			}
			return nil
		},
		func(name string) error { return unix.Truncate(name, size) })
}
