package kernel

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// File types and permission bits of a mode, with Linux's values (include/uapi/linux/stat.h).
const (
	S_IFMT   = 0o170000
	S_IFLNK  = 0o120000
	S_IFREG  = 0o100000
	S_IFBLK  = 0o060000
	S_IFDIR  = 0o040000
	S_IFCHR  = 0o020000
	S_ISUID  = 0o4000
	S_ISGID  = 0o2000
	S_ISVTX  = 0o1000
	modeMask = 0o7777
)

// Dev is a device number: 12 bits of major, 20 of minor (include/linux/kdev_t.h).
type Dev uint32

// MkDev builds a device number.
func MkDev(major, minor uint32) Dev { return Dev(major<<20 | minor&0xfffff) }

// Major and Minor are the parts of a device number.
func (d Dev) Major() uint32 { return uint32(d) >> 20 }

// Minor is the lower part of a device number.
func (d Dev) Minor() uint32 { return uint32(d) & 0xfffff }

// Inode is one object of the kernel's name space: a directory, a device node, a pseudo file of
// /proc or /sys, a symbolic link or a small regular file in memory. The tree is guarded by the
// kernel's name-space lock.
type Inode struct {
	ino    uint64
	mode   uint32
	uid    uint32
	gid    uint32
	rdev   Dev
	mtime  time.Time
	nlink  int
	parent *Inode

	children map[string]*Inode // directory
	target   string            // symbolic link
	ops      *FileOperations   // regular and pseudo files
	private  any               // of ops
	data     *ramFile          // regular file in memory
	made     bool              // by a task, or to stay: not one of Holdings
	opens    atomic.Int32      // open files
}

// Mode is the file type and permission bits; Rdev the device number of a node.
func (i *Inode) Mode() uint32 { return i.mode }

// Rdev is the device number of a device node.
func (i *Inode) Rdev() Dev { return i.rdev }

// Private is the value that the inode was made with.
func (i *Inode) Private() any { return i.private }

// IsDir reports whether the inode is a directory.
func (i *Inode) IsDir() bool { return i.mode&S_IFMT == S_IFDIR }

// Stat describes an inode, as stat(2) does.
type Stat struct {
	Name   string // the last element of the path asked for
	Ino    uint64
	Mode   uint32 // type and permissions, S_IF* bits
	Nlink  int
	UID    uint32
	GID    uint32
	Rdev   Dev
	Size   int64
	Mtime  time.Time
	Target string // of a symbolic link
}

func (i *Inode) stat(name string) Stat {
	s := Stat{Name: name, Ino: i.ino, Mode: i.mode, Nlink: i.nlink, UID: i.uid, GID: i.gid, Rdev: i.rdev,
		Mtime: i.mtime, Target: i.target}
	switch {
	case i.data != nil:
		s.Size = i.data.size()
	case i.ops != nil && i.mode&S_IFMT == S_IFREG:
		if a, ok := i.private.(*Attr); ok && a.sysfs {
			s.Size = pageSize
		}
	case i.target != "":
		s.Size = int64(len(i.target))
	}
	return s
}

func (i *Inode) names() []string {
	names := make([]string, 0, len(i.children))
	for n := range i.children {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// nameSpace is the tree of names and its lock.
type nameSpace struct {
	mu   sync.RWMutex
	ino  atomic.Uint64
	boot time.Time
	// names that were removed while open
	gone []goneInode // +checklocks:mu
}

func (ns *nameSpace) inode(mode uint32, private any) *Inode {
	i := &Inode{ino: ns.ino.Add(1), mode: mode, nlink: 1, private: private, mtime: ns.boot}
	if mode&S_IFMT == S_IFDIR {
		i.children = make(map[string]*Inode)
		i.nlink = 2
	}
	return i
}

// attach puts child into dir under name.
//
// Errors: ENOTDIR, EEXIST, ENOENT (dir is gone).
func (ns *nameSpace) attach(dir *Inode, name string, child *Inode) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return dir.attachLocked(name, child)
}

func (i *Inode) attachLocked(name string, child *Inode) error {
	if !i.IsDir() {
		return ENOTDIR
	}
	if i.nlink == 0 {
		return ENOENT
	}
	if _, taken := i.children[name]; taken {
		return EEXIST
	}
	i.children[name] = child
	child.parent = i
	if child.IsDir() {
		i.nlink++
	}
	return nil
}

// detach takes name, with all that is below it, out of dir; open files of it live on.
func (ns *nameSpace) detach(dir *Inode, name string) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.detachLocked(dir, name)
}

// +checklocks:ns.mu
func (ns *nameSpace) detachLocked(i *Inode, name string) {
	child, ok := i.children[name]
	if !ok {
		return
	}
	delete(i.children, name)
	if child.IsDir() {
		i.nlink--
		for n := range child.children {
			ns.detachLocked(child, n)
		}
	}
	child.nlink = 0
	if child.opens.Load() > 0 {
		ns.gone = slices.DeleteFunc(ns.gone, func(g goneInode) bool { return g.i.opens.Load() == 0 })
		ns.gone = append(ns.gone, goneInode{name, child})
	}
}

// pathBelow is the way from root to dir, with a slash at its end; "" for root.
func (ns *nameSpace) pathBelow(root, dir *Inode) string {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	path := ""
	for ; dir != root && dir != nil && dir.parent != nil; dir = dir.parent {
		for name, c := range dir.parent.children {
			if c == dir {
				path = name + "/" + path
			}
		}
	}
	return path
}

// prune takes a directory away that has nothing in it any more: the one between a parent and its
// devices of a class (drivers/base/core.c cleanup_glue_dir).
func (ns *nameSpace) prune(dir *Inode) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if dir.parent == nil || len(dir.children) > 0 {
		return
	}
	for name, c := range dir.parent.children {
		if c == dir {
			ns.detachLocked(dir.parent, name)
		}
	}
}

// mkdirAll makes the directories of a slash-separated path below dir and returns the last.
func (ns *nameSpace) mkdirAll(dir *Inode, path ...string) *Inode {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	for _, name := range path {
		next, ok := dir.children[name]
		if !ok {
			next = ns.inode(S_IFDIR|0o755|dir.mode&(procDir|sysDir), nil)
			_ = dir.attachLocked(name, next)
		}
		dir = next
	}
	return dir
}
