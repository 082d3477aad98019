package kernel

import (
	"strings"
	"time"
)

const maxLinks = 40 // MAXSYMLINKS

// lookup walks path from the task's directory. With follow, a link at the end is followed.
// The name-space lock is held by the caller.
//
// References: fs/namei.c path_lookupat, inode_permission.
func (t *Task) lookupLocked(path string, follow bool) (*Inode, error) {
	links := 0
	return t.walkLocked(t.cwd, path, follow, &links)
}

func (t *Task) walkLocked(at *Inode, path string, follow bool, links *int) (*Inode, error) {
	if path == "" {
		return nil, ENOENT
	}
	if path[0] == '/' {
		at = t.k.root
	}
	for path != "" {
		if path[0] == '/' {
			path = path[1:]
			continue
		}
		name := path
		if i := strings.IndexByte(path, '/'); i >= 0 {
			name, path = path[:i], path[i:]
		} else {
			path = ""
		}
		if len(name) > 255 {
			return nil, ENAMETOOLONG
		}
		if !at.IsDir() {
			return nil, ENOTDIR
		}
		if err := t.access(at, mayExec); err != nil {
			return nil, err
		}
		switch name {
		case ".":
			continue
		case "..":
			if at.parent != nil {
				at = at.parent
			}
			continue
		}
		next, ok := at.children[name]
		if !ok {
			return nil, ENOENT
		}
		if next.target != "" && (follow || path != "") {
			if *links++; *links > maxLinks {
				return nil, ELOOP
			}
			var err error
			if next, err = t.walkLocked(at, next.target, true, links); err != nil {
				return nil, err
			}
		}
		at = next
	}
	return at, nil
}

// parentLocked finds the directory that the last element of path is, or would be, in.
func (t *Task) parentLocked(path string) (dir *Inode, name string, err error) {
	clean := strings.TrimRight(path, "/")
	if clean == "" {
		if path == "" {
			return nil, "", ENOENT
		}
		return nil, "", EEXIST
	}
	i := strings.LastIndexByte(clean, '/')
	name = clean[i+1:]
	switch {
	case len(name) > 255:
		return nil, "", ENAMETOOLONG
	case i < 0:
		dir = t.cwd
	case i == 0:
		dir = t.k.root
	default:
		links := 0
		if dir, err = t.walkLocked(t.cwd, clean[:i], true, &links); err != nil {
			return nil, "", err
		}
	}
	if !dir.IsDir() {
		return nil, "", ENOTDIR
	}
	return dir, name, nil
}

// The rights that access asks for.
const (
	mayExec  = 1
	mayWrite = 2
	mayRead  = 4
)

// access checks the permission bits for the task's credentials (generic_permission).
func (t *Task) access(i *Inode, want uint32) error {
	c := t.cred.Load()
	if c.UID == 0 {
		return nil
	}
	bits := i.mode & 7
	switch {
	case c.UID == i.uid:
		bits = i.mode >> 6 & 7
	case c.inGroup(i.gid):
		bits = i.mode >> 3 & 7
	}
	if bits&want != want {
		return EACCES
	}
	return nil
}

func (c *Cred) inGroup(gid uint32) bool {
	if c.GID == gid {
		return true
	}
	for _, g := range c.Groups {
		if g == gid {
			return true
		}
	}
	return false
}

// create attaches a new inode at path, owned by the task.
func (t *Task) create(path string, make func() (*Inode, error)) (*Inode, error) {
	ns := &t.k.ns
	ns.mu.Lock()
	defer ns.mu.Unlock()
	dir, name, err := t.parentLocked(path)
	if err != nil {
		return nil, err
	}
	if _, taken := dir.children[name]; taken || name == "." || name == ".." {
		return nil, EEXIST
	}
	switch {
	case dir.mode&procDir != 0:
		return nil, ENOENT
	case dir.mode&sysDir != 0:
		return nil, EPERM
	}
	if err := t.access(dir, mayWrite|mayExec); err != nil {
		return nil, err
	}
	i, err := make()
	if err != nil {
		return nil, err
	}
	c := t.cred.Load()
	i.uid, i.gid, i.mtime, i.made = c.UID, c.GID, time.Now(), true
	return i, dir.attachLocked(name, i)
}

// procDir and sysDir mark directories of /proc and /sys, where only the kernel makes and removes
// names (not part of the mode that is shown). For who tries, a name that /proc does not have cannot
// be looked up (proc_lookup), and /sys has no operation to make one.
const (
	procDir = 1 << 20
	sysDir  = 1 << 21
)

// Mknod makes a device node (S_IFCHR), or an empty regular file (S_IFREG).
//
// Errors:
//   - EPERM: the task is not root's, or the directory is part of /sys; or the type is another.
//   - EEXIST: the name is taken. ENOENT, ENOTDIR, EACCES: the path leads nowhere, to /proc, or is
//     closed to the task.
func (t *Task) Mknod(path string, mode uint32, dev Dev) error {
	switch mode & S_IFMT {
	case S_IFCHR:
		if !t.Capable() {
			return EPERM
		}
	case S_IFREG, 0:
		mode |= S_IFREG
	default:
		return EPERM
	}
	_, err := t.create(path, func() (*Inode, error) {
		i := t.k.ns.inode(mode&(S_IFMT|modeMask)&^t.umask, nil)
		i.rdev = dev
		if mode&S_IFMT == S_IFREG {
			i.data = &ramFile{}
			i.ops = ramOps
		}
		return i, nil
	})
	return err
}

// Mkdir makes a directory. Errors: as Mknod.
func (t *Task) Mkdir(path string, perm uint32) error {
	_, err := t.create(path, func() (*Inode, error) {
		return t.k.ns.inode(S_IFDIR|perm&modeMask&^t.umask, nil), nil
	})
	return err
}

// Symlink makes a symbolic link at path. Errors: as Mknod; ENOENT for an empty target.
func (t *Task) Symlink(target, path string) error {
	if target == "" {
		return ENOENT
	}
	_, err := t.create(path, func() (*Inode, error) {
		i := t.k.ns.inode(S_IFLNK|0o777, nil)
		i.target = target
		return i, nil
	})
	return err
}

// Unlink takes a name away; files that are open live on.
//
// Errors: ENOENT, EISDIR, EACCES, EPERM (in /proc or /sys).
func (t *Task) Unlink(path string) error { return t.remove(path, false) }

// Rmdir takes an empty directory away.
//
// Errors: ENOENT, ENOTDIR, ENOTEMPTY, EACCES, EPERM (in /proc or /sys).
func (t *Task) Rmdir(path string) error { return t.remove(path, true) }

func (t *Task) remove(path string, wantDir bool) error {
	ns := &t.k.ns
	ns.mu.Lock()
	defer ns.mu.Unlock()
	dir, name, err := t.parentLocked(path)
	if err != nil {
		if err == EEXIST {
			return EBUSY
		}
		return err
	}
	i, ok := dir.children[name]
	switch {
	case !ok:
		return ENOENT
	case wantDir && !i.IsDir():
		return ENOTDIR
	case !wantDir && i.IsDir():
		return EISDIR
	case dir.mode&(procDir|sysDir) != 0:
		return EPERM
	case i.mode&(procDir|sysDir) != 0:
		return EBUSY // mounted there
	case len(i.children) > 0:
		return ENOTEMPTY
	}
	if err := t.access(dir, mayWrite|mayExec); err != nil {
		return err
	}
	if c := t.cred.Load(); dir.mode&S_ISVTX != 0 && c.UID != 0 && c.UID != i.uid && c.UID != dir.uid {
		return EPERM
	}
	ns.detachLocked(dir, name)
	return nil
}

// Stat describes what path leads to; Lstat does not follow a link at its end.
//
// Errors: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
func (t *Task) Stat(path string) (Stat, error) { return t.statAt(path, true) }

// Lstat is Stat of a link itself.
//
// Errors: as Stat.
func (t *Task) Lstat(path string) (Stat, error) { return t.statAt(path, false) }

func (t *Task) statAt(path string, follow bool) (Stat, error) {
	ns := &t.k.ns
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	i, err := t.lookupLocked(path, follow)
	if err != nil {
		return Stat{}, err
	}
	s := i.stat(path[strings.LastIndexByte(path, '/')+1:])
	s.Mode &= S_IFMT | modeMask
	return s, nil
}

// ReadDir lists a directory, sorted by name.
//
// Errors: as Stat; ENOTDIR; EACCES.
func (t *Task) ReadDir(path string) ([]Stat, error) {
	ns := &t.k.ns
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	dir, err := t.lookupLocked(path, true)
	if err != nil {
		return nil, err
	}
	if !dir.IsDir() {
		return nil, ENOTDIR
	}
	if err := t.access(dir, mayRead); err != nil {
		return nil, err
	}
	list := make([]Stat, 0, len(dir.children))
	for _, name := range dir.names() {
		s := dir.children[name].stat(name)
		s.Mode &= S_IFMT | modeMask
		list = append(list, s)
	}
	return list, nil
}

// Chmod changes the permission bits. Errors: as Stat; EPERM when the task is neither root's nor the
// owner's.
func (t *Task) Chmod(path string, perm uint32) error {
	return t.change(path, func(i *Inode) { i.mode = i.mode&^modeMask | perm&modeMask })
}

// Chown changes the owner. Errors: as Chmod; only root may.
func (t *Task) Chown(path string, uid, gid uint32) error {
	if !t.Capable() {
		return EPERM
	}
	return t.change(path, func(i *Inode) { i.uid, i.gid = uid, gid })
}

func (t *Task) change(path string, do func(*Inode)) error {
	ns := &t.k.ns
	ns.mu.Lock()
	defer ns.mu.Unlock()
	i, err := t.lookupLocked(path, true)
	if err != nil {
		return err
	}
	if c := t.cred.Load(); c.UID != 0 && c.UID != i.uid {
		return EPERM
	}
	do(i)
	return nil
}

// Chdir changes the directory that relative paths start at. Errors: as Stat; ENOTDIR; EACCES.
func (t *Task) Chdir(path string) error {
	ns := &t.k.ns
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	i, err := t.lookupLocked(path, true)
	if err != nil {
		return err
	}
	if !i.IsDir() {
		return ENOTDIR
	}
	if err := t.access(i, mayExec); err != nil {
		return err
	}
	t.cwd = i
	return nil
}
