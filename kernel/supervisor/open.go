//go:build linux

package supervisor

import (
	"os"
	"path"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// openHow is struct open_how.
type openHow struct{ Flags, Mode, Resolve uint64 }

func (c *call) openat2() answer {
	how, err := get[openHow](c.mem, c.Args[2])
	if err != nil || c.Args[3] < 24 {
		return goesOn() // the kernel says what is wrong
	}
	return c.open(0, 1, how.Flags, uint32(how.Mode))
}

// open is the open of a name by whichever call.
func (c *call) open(dir, arg int, flags uint64, mode uint32) answer {
	follow := flags&unix.O_NOFOLLOW == 0 && flags&(unix.O_CREAT|unix.O_EXCL) != unix.O_CREAT|unix.O_EXCL
	p, err := c.named(dir, arg, follow)
	if err != nil {
		return fails(hostErrno(err))
	}
	if p.magic != "" {
		d := c.s.nodeAt(p.magic)
		if d == nil {
			return goesOn()
		}
		p = place{world: benchs, name: d.path, host: d.host}
	}
	if flags&unix.O_CREAT != 0 {
		p = c.creating(p)
	}
	return c.openPlace(p, flags, mode)
}

// openPlace opens what a name leads to.
func (c *call) openPlace(p place, flags uint64, mode uint32) answer {
	switch p.world {
	case hosts:
		return goesOn()
	case mapped:
		fd, err := unix.Open(p.host, int(flags)&^unix.O_PATH|unix.O_CLOEXEC|unix.O_NOCTTY|unix.O_NONBLOCK, mode)
		if err != nil {
			return fails(hostErrno(err))
		}
		if flags&unix.O_NONBLOCK == 0 {
			_ = unix.SetNonblock(fd, false)
		}
		return answer{give: true, fd: fd, cloexec: flags&unix.O_CLOEXEC != 0}
	}
	return c.openBench(p, flags, mode)
}

// creating decides who gets a name that nobody has: in /dev that is the bench.
func (c *call) creating(p place) place {
	rest, ok := within(p.name, "/dev")
	if p.world != hosts || !ok || hostDev(rest) && !c.s.cfg.BenchDev {
		return p
	}
	if _, err := os.Lstat(p.host); err == nil {
		return p
	}
	if up := c.s.locate(c.task(), path.Dir(p.name)); up.world == benchs {
		p.world, p.host = benchs, ""
	}
	return p
}

// openBench opens a name of the bench's.
func (c *call) openBench(p place, flags uint64, mode uint32) answer {
	s, t := c.s, c.s.thread(int(c.TID), true)
	c.t = t
	st, err := t.task.Lstat(p.name)
	kind := st.Mode & kernel.S_IFMT
	switch {
	case err != nil && flags&unix.O_CREAT == 0:
		return fails(hostErrno(err))
	case kind == kernel.S_IFDIR:
		if flags&(unix.O_ACCMODE|unix.O_CREAT) != 0 {
			return fails(unix.EISDIR)
		}
		if !permitted(st, t.task.Cred(), 4) {
			return fails(unix.EACCES)
		}
		return s.give(&node{s: s, path: p.name, host: p.host}, flags)
	case flags&unix.O_DIRECTORY != 0:
		return fails(unix.ENOTDIR)
	case kind == kernel.S_IFLNK && flags&unix.O_PATH == 0:
		return fails(unix.ELOOP)
	case flags&unix.O_PATH != 0:
		return s.give(&node{s: s, path: p.name, pathOnly: true}, flags)
	}
	if s.opens.Add(1) > 1 {
		s.fuse.Sync() // who has closed has released
	}
	var file *kernel.File
	if a := c.sleeping(func(task *kernel.Task) answer {
		file, err = task.OpenRaw(p.name, benchFlags(flags), mode&^0o022)
		if err != nil {
			return c.fail(err)
		}
		return answer{}
	}); a.err != 0 {
		return a
	}
	d := &node{s: s, path: p.name, file: file}
	return s.give(d, flags)
}

// benchFlags are open's flags with the values of the simulated kernel, those of x86.
func benchFlags(flags uint64) uint32 {
	return uint32(flags) & (kernel.O_ACCMODE | kernel.O_CREAT | kernel.O_EXCL | kernel.O_NOCTTY | kernel.O_TRUNC | kernel.O_APPEND | kernel.O_NONBLOCK)
}

// permitted checks permission bits, 4 read, 2 write, 1 execute, as generic_permission does; root
// may not execute what nobody may.
func permitted(st kernel.Stat, who kernel.Cred, want uint32) bool {
	if who.UID == 0 {
		return want&1 == 0 || st.Mode&0o111 != 0 || st.Mode&kernel.S_IFMT == kernel.S_IFDIR
	}
	bits := st.Mode
	switch {
	case who.UID == st.UID:
		bits >>= 6
	case member(who, st.GID):
		bits >>= 3
	}
	return bits&want == want
}

func member(who kernel.Cred, gid uint32) bool {
	if who.GID == gid {
		return true
	}
	for _, g := range who.Groups {
		if g == gid {
			return true
		}
	}
	return false
}
