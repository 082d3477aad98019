//go:build linux

package supervisor

import (
	"path"
	"strings"

	"github.com/kobench/kobench/kernel"
	"golang.org/x/sys/unix"
)

// The devices that the bench's trees seem to lie on, minor numbers of major 0.
const (
	devTree  = 0x7f05
	sysTree  = 0x7f06
	procTree = 0x7f07
)

func treeOf(name string) uint32 {
	switch {
	case strings.HasPrefix(name, "/sys"):
		return sysTree
	case strings.HasPrefix(name, "/proc"):
		return procTree
	}
	return devTree
}

// about is what stat tells of something of the bench's.
type about struct {
	kernel.Stat
	tree uint32
}

// about describes a place of the bench's, its link where it is one.
func (c *call) about(p place) (about, error) {
	st, err := c.task().Lstat(p.name)
	if st.Mode&kernel.S_IFMT == kernel.S_IFLNK {
		st.Size = int64(len(linkText(p.name, st.Target)))
	}
	return about{st, treeOf(p.name)}, err
}

// aboutNode describes what a descriptor leads to.
func (c *call) aboutNode(d *node) (about, error) {
	if d.file != nil {
		return about{c.s.k.StatRaw(d.file), treeOf(d.path)}, nil
	}
	return c.about(place{name: d.path})
}

// target finds out whom a call by name or descriptor is about. ours is false where the kernel below
// answers, or, with a host's name, the mapped one.
func (c *call) target(dir, arg int, follow bool, emptyPath bool) (a about, host string, ours bool, err error) {
	name := ""
	if c.Args[arg] != 0 || !emptyPath {
		if name, err = c.mem.text(c.Args[arg], maxPath); err != nil {
			return a, "", true, err
		}
	}
	if name == "" && emptyPath {
		var d *node
		if int32(c.Args[dir]) == unix.AT_FDCWD {
			d = c.s.nodeAt(procFile(int(c.TID), "cwd"))
		} else {
			d = c.descriptor(dir)
		}
		if d == nil {
			return a, "", false, nil
		}
		a, err = c.aboutNode(d)
		return a, "", true, err
	}
	p, err := c.place(dir, name, follow)
	if err != nil {
		return a, "", true, err
	}
	if p.magic != "" {
		d := c.s.nodeAt(p.magic)
		if d == nil {
			return a, "", false, nil
		}
		a, err = c.aboutNode(d)
		return a, "", true, err
	}
	switch p.world {
	case hosts:
		return a, "", false, nil
	case mapped:
		return a, p.host, true, nil
	}
	a, err = c.about(p)
	return a, "", true, err
}

// fill writes struct stat of this machine.
func (a about) fill(st *unix.Stat_t) {
	*st = unix.Stat_t{}
	st.Dev, st.Ino, st.Mode, st.Size = unix.Mkdev(0, a.tree), a.Ino, a.Mode, a.Size
	setLinks(st, a.Nlink)
	st.Uid, st.Gid = a.UID, a.GID
	st.Rdev = unix.Mkdev(a.Rdev.Major(), a.Rdev.Minor())
	st.Blksize = 4096
	at := unix.NsecToTimespec(a.Mtime.UnixNano())
	st.Atim, st.Mtim, st.Ctim = at, at, at
}

func (c *call) putStat(a about, host string, follow bool, addr uint64) answer {
	var st unix.Stat_t
	if host != "" {
		get := unix.Lstat
		if follow {
			get = unix.Stat
		}
		if err := get(host, &st); err != nil {
			return fails(hostErrno(err))
		}
	} else {
		a.fill(&st)
	}
	return result(0, put(c.mem, addr, &st))
}

// stat is stat(2) and lstat(2).
func (c *call) stat(dir, name, buf int, follow bool) answer {
	a, host, ours, err := c.target(dir, name, follow, false)
	switch {
	case !ours:
		return goesOn()
	case err != nil:
		return c.fail(err)
	}
	return c.putStat(a, host, follow, c.Args[buf])
}

func (c *call) fstatat() answer {
	flags := c.Args[3]
	follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
	a, host, ours, err := c.target(0, 1, follow, flags&unix.AT_EMPTY_PATH != 0)
	switch {
	case !ours:
		return goesOn()
	case err != nil:
		return c.fail(err)
	}
	return c.putStat(a, host, follow, c.Args[2])
}

func (c *call) fstat(fd, buf int) answer {
	d := c.descriptor(fd)
	if d == nil {
		return goesOn()
	}
	a, err := c.aboutNode(d)
	if err != nil {
		return c.fail(err)
	}
	return c.putStat(a, "", false, c.Args[buf])
}

func (c *call) statx() answer {
	flags := c.Args[2]
	follow := flags&unix.AT_SYMLINK_NOFOLLOW == 0
	a, host, ours, err := c.target(0, 1, follow, flags&unix.AT_EMPTY_PATH != 0)
	switch {
	case !ours:
		return goesOn()
	case err != nil:
		return c.fail(err)
	}
	var st unix.Statx_t
	if host != "" {
		if err := unix.Statx(unix.AT_FDCWD, host, int(flags), int(c.Args[3]), &st); err != nil {
			return fails(hostErrno(err))
		}
	} else {
		st.Mask = unix.STATX_BASIC_STATS
		st.Blksize, st.Nlink, st.Uid, st.Gid = 4096, uint32(a.Nlink), a.UID, a.GID
		st.Mode, st.Ino, st.Size = uint16(a.Mode), a.Ino, uint64(a.Size)
		st.Mtime = unix.StatxTimestamp{Sec: a.Mtime.Unix(), Nsec: uint32(a.Mtime.Nanosecond())}
		st.Atime, st.Ctime = st.Mtime, st.Mtime
		st.Rdev_major, st.Rdev_minor = a.Rdev.Major(), a.Rdev.Minor()
		st.Dev_minor = a.tree
	}
	return result(0, put(c.mem, c.Args[4], &st))
}

// Magic numbers of file systems (include/uapi/linux/magic.h).
const (
	magicSysfs = 0x62656572
	magicProc  = 0x9fa0
	magicTmpfs = 0x01021994
)

func (c *call) statfs() answer {
	p, err := c.named(cwd, 0, true)
	switch {
	case err != nil:
		return fails(hostErrno(err))
	case p.magic != "":
		if d := c.s.nodeAt(p.magic); d != nil {
			return c.putStatfs(d.path)
		}
		return goesOn()
	case p.world == hosts:
		return goesOn()
	case p.world == mapped:
		var st unix.Statfs_t
		if err := unix.Statfs(p.host, &st); err != nil {
			return fails(hostErrno(err))
		}
		return result(0, put(c.mem, c.Args[1], &st))
	}
	if _, err := c.about(p); err != nil {
		return c.fail(err)
	}
	return c.putStatfs(p.name)
}

func (c *call) fstatfs() answer {
	d := c.descriptor(0)
	if d == nil {
		return goesOn()
	}
	return c.putStatfs(d.path)
}

func (c *call) putStatfs(name string) answer {
	st := unix.Statfs_t{Type: magicTmpfs, Bsize: 4096, Frsize: 4096, Namelen: 255}
	switch treeOf(name) {
	case sysTree:
		st.Type = magicSysfs
	case procTree:
		st.Type = magicProc
	}
	return result(0, put(c.mem, c.Args[1], &st))
}

func (c *call) access(dir, name int, flags uint64) answer {
	a, host, ours, err := c.target(dir, name, flags&unix.AT_SYMLINK_NOFOLLOW == 0, flags&unix.AT_EMPTY_PATH != 0)
	mode := uint32(c.Args[name+1])
	switch {
	case !ours:
		return goesOn()
	case err != nil:
		return c.fail(err)
	case host != "":
		return result(0, unix.Access(host, mode))
	case mode&^7 != 0:
		return fails(unix.EINVAL)
	case !permitted(a.Stat, c.task().Cred(), mode):
		return fails(unix.EACCES)
	}
	return returns(0)
}

// linkText is a link's text: relative in /sys, as the real one's are.
func linkText(name, target string) string {
	if !strings.HasPrefix(name, "/sys/") || !strings.HasPrefix(target, "/sys/") {
		return target
	}
	from, to := strings.Split(path.Dir(name)[1:], "/"), strings.Split(target[1:], "/")
	same := 0
	for same < len(from) && same < len(to)-1 && from[same] == to[same] {
		same++
	}
	return strings.Repeat("../", len(from)-same) + strings.Join(to[same:], "/")
}

func (c *call) readlink(dir, name int) answer {
	p, err := c.named(dir, name, false)
	if err == unix.ENOENT && dir != cwd { // of an O_PATH descriptor of a link
		if d := c.descriptor(dir); d != nil {
			p, err = place{world: benchs, name: d.path}, nil
		} else {
			return goesOn()
		}
	}
	if err != nil {
		return fails(hostErrno(err))
	}
	text := ""
	switch {
	case magic(p.name):
		d := c.s.nodeAt(p.name)
		if d == nil {
			return goesOn()
		}
		text = d.path
	case p.world == hosts:
		return goesOn()
	case p.world == mapped:
		var buf [maxPath]byte
		n, err := unix.Readlink(p.host, buf[:])
		if err != nil {
			return fails(hostErrno(err))
		}
		text = string(buf[:n])
	default:
		st, err := c.task().Lstat(p.name)
		if err != nil {
			return c.fail(err)
		}
		if st.Mode&kernel.S_IFMT != kernel.S_IFLNK {
			return fails(unix.EINVAL)
		}
		text = linkText(p.name, st.Target)
	}
	size := int32(c.Args[name+2])
	if size <= 0 {
		return fails(unix.EINVAL)
	}
	b := []byte(text)[:min(len(text), int(size))]
	if c.mem.write(b, c.Args[name+1]) != len(b) {
		return fails(unix.EFAULT)
	}
	return returns(len(b))
}

// xattr: what the bench has, has none.
func (c *call) xattr(follow bool) answer {
	p, err := c.named(cwd, 0, follow)
	switch {
	case err != nil:
		return fails(hostErrno(err))
	case p.magic != "" && c.s.nodeAt(p.magic) == nil, p.magic == "" && p.world == hosts:
		return goesOn()
	}
	return fails(unix.ENOTSUP)
}
