package kernel

import (
	"strings"
	"sync"
)

// Attr is a pseudo file of /proc or /sys: Show makes its content when it is read from the start,
// Store takes a write.
type Attr struct {
	Show  func(t *Task) (string, error)    // nil: EIO on read
	Store func(t *Task, data string) error // nil, and no Write: EIO on write
	// Write is a Store that says what write(2) returns. nil: Store takes all.
	Write func(t *Task, data string) (int, error)
	sysfs bool
}

// pageSize bounds what one read or write of an attribute of /sys moves.
const pageSize = 4096

// attrFile is one open Attr: the content as it was at the first read.
type attrFile struct {
	mu   sync.Mutex
	text string
	have bool
}

// attrOps serve every Attr. References: fs/seq_file.c, fs/sysfs/file.c, fs/proc/inode.c.
var attrOps = &FileOperations{
	Open: func(t *Task, f *File) error {
		a, access := f.inode.private.(*Attr), f.Flags()&O_ACCMODE
		// Even root needs the permission bits here (kernfs_fop_open,
		// KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK).
		if a.sysfs && (access != O_RDONLY && f.inode.mode&0o222 == 0 || access != O_WRONLY && f.inode.mode&0o444 == 0) {
			return EACCES
		}
		f.Private = &attrFile{}
		return nil
	},
	Read: func(t *Task, f *File, p []byte) (int, error) {
		a, af := f.inode.private.(*Attr), f.Private.(*attrFile)
		if a.Show == nil {
			return 0, EIO
		}
		af.mu.Lock()
		defer af.mu.Unlock()
		pos := f.Pos()
		if !af.have || pos == 0 {
			text, err := a.Show(t)
			if err != nil {
				return 0, err
			}
			if a.sysfs && len(text) >= pageSize { // sysfs_kf_seq_show
				text = text[:pageSize-1]
			}
			af.text, af.have = text, true
		}
		if pos >= int64(len(af.text)) {
			return 0, nil
		}
		n := copy(p, af.text[pos:])
		f.SetPos(pos + int64(n))
		return n, nil
	},
	Write: func(t *Task, f *File, p []byte) (int, error) {
		a := f.inode.private.(*Attr)
		switch {
		case a.sysfs && len(p) == 0:
			return 0, nil // sysfs_kf_write
		case a.sysfs && len(p) > pageSize:
			p = p[:pageSize]
		}
		switch {
		case a.Write != nil:
			return a.Write(t, string(p))
		case a.Store == nil:
			return 0, EIO
		}
		if err := a.Store(t, string(p)); err != nil {
			return 0, err
		}
		return len(p), nil
	},
	Llseek: func(_ *Task, f *File, off int64, whence int) (int64, error) {
		if f.inode.private.(*Attr).sysfs { // generic_file_llseek
			return f.SeekSize(off, whence, pageSize)
		}
		return f.seekSeq(off, whence)
	},
}

// attr makes a pseudo file below dir.
func (ns *nameSpace) attr(dir *Inode, name string, perm uint32, a *Attr) *Inode {
	i := ns.inode(S_IFREG|perm, a)
	i.ops = attrOps
	_ = ns.attach(dir, name, i)
	return i
}

// ProcDir finds or makes a directory below /proc by its slash-separated name, "" for /proc itself.
func (k *Kernel) ProcDir(name string) *Inode {
	dir := k.ns.mkdirAll(k.proc, splitPath(name)...)
	return dir
}

// ProcFile adds a file to /proc; name may contain directories. remove takes it away again
// (proc_create, proc_remove).
//
// Errors: EEXIST the name is taken; ENOTDIR.
func (k *Kernel) ProcFile(name string, perm uint32, a *Attr) (remove func(), err error) {
	dir, base := k.splitDir(k.proc, name)
	i := k.ns.inode(S_IFREG|perm, a)
	i.ops = attrOps
	if err := k.ns.attach(dir, base, i); err != nil {
		return nil, err
	}
	return func() { k.ns.detach(dir, base) }, nil
}

// ProcFileOps adds a file of /proc that a driver serves with operations of its own; private reaches
// them as File.Inode().Private(). What they do not have gives EIO (fs/proc/inode.c proc_reg_read,
// proc_reg_write).
//
// Errors: EEXIST the name is taken; ENOTDIR.
func (k *Kernel) ProcFileOps(name string, perm uint32, ops *FileOperations, private any) (remove func(), err error) {
	mine := *ops
	no := func(*Task, *File, []byte) (int, error) { return 0, EIO }
	if mine.Read == nil {
		mine.Read = no
	}
	if mine.Write == nil {
		mine.Write = no
	}
	return k.fileOps(k.proc, name, perm, &mine, private)
}

// SysFileOps is ProcFileOps below /sys, where debugfs is one.
//
// Errors: EEXIST the name is taken; ENOTDIR.
func (k *Kernel) SysFileOps(name string, perm uint32, ops *FileOperations, private any) (remove func(), err error) {
	return k.fileOps(k.sys, name, perm, ops, private)
}

func (k *Kernel) fileOps(root *Inode, name string, perm uint32, ops *FileOperations, private any) (remove func(), err error) {
	dir, base := k.splitDir(root, name)
	i := k.ns.inode(S_IFREG|perm, private)
	i.ops = ops
	if err := k.ns.attach(dir, base, i); err != nil {
		return nil, err
	}
	return func() { k.ns.detach(dir, base) }, nil
}

// ProcChown gives a file below /proc an owner and a group.
func (k *Kernel) ProcChown(name string, uid, gid uint32) {
	dir, base := k.splitDir(k.proc, name)
	k.ns.mu.Lock()
	defer k.ns.mu.Unlock()
	if i := dir.children[base]; i != nil {
		i.uid, i.gid = uid, gid
	}
}

// ProcRemove takes a name below /proc away with everything in it.
func (k *Kernel) ProcRemove(name string) {
	k.remove(k.proc, name)
}

// SysDir finds or makes a directory below /sys; SysRemove takes one away with everything in it.
func (k *Kernel) SysDir(name string) *Inode { return k.ns.mkdirAll(k.sys, splitPath(name)...) }

// SysRemove takes a name below /sys away with everything in it.
func (k *Kernel) SysRemove(name string) {
	k.remove(k.sys, name)
}

// remove takes a name below root away and returns the directory that it was in, nil where there is
// none.
func (k *Kernel) remove(root *Inode, name string) *Inode {
	k.ns.mu.Lock()
	defer k.ns.mu.Unlock()
	parts := splitPath(name)
	if len(parts) == 0 {
		return nil
	}
	dir := root
	for _, part := range parts[:len(parts)-1] {
		if dir = dir.children[part]; dir == nil {
			return nil
		}
	}
	k.ns.detachLocked(dir, parts[len(parts)-1])
	return dir
}

// SysAttr adds an attribute file to a directory below /sys.
//
// Errors: EEXIST, with Linux's complaint in the log; ENOENT the directory is gone.
func (k *Kernel) SysAttr(dir *Inode, name string, perm uint32, a *Attr) error {
	a.sysfs = true
	i := k.ns.inode(S_IFREG|perm, a)
	i.ops = attrOps
	return k.sysAttach(dir, name, i)
}

// SysLink adds a symbolic link to a directory below /sys. Errors: as SysAttr.
func (k *Kernel) SysLink(dir *Inode, name, target string) error {
	i := k.ns.inode(S_IFLNK|0o777, nil)
	i.target = target
	return k.sysAttach(dir, name, i)
}

// sysMkdir makes a directory below /sys that must not be there, and those above it that are not.
// Errors: as SysAttr.
func (k *Kernel) sysMkdir(name string) (*Inode, error) {
	dir, base := k.splitDir(k.sys, name)
	i := k.ns.inode(S_IFDIR|0o755|sysDir, nil)
	if err := k.sysAttach(dir, base, i); err != nil {
		return nil, err
	}
	return i, nil
}

func (k *Kernel) sysAttach(dir *Inode, name string, i *Inode) error {
	err := k.ns.attach(dir, name, i)
	if err == EEXIST {
		k.sysTaken(k.ns.pathBelow(k.sys, dir) + name)
	}
	return err
}

// sysTaken complains of a name below /sys that is there already (fs/sysfs/dir.c sysfs_warn_dup).
func (k *Kernel) sysTaken(path string) {
	text := "sysfs: cannot create duplicate filename '/" + path + "'"
	k.Log.Printf(LevelWarning, "%s", text)
	k.dumpStack(k.init, "sysfs_warn_dup")
	k.Trouble(TroubleWarn, text)
}

func splitPath(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
}

func (k *Kernel) splitDir(root *Inode, name string) (*Inode, string) {
	parts := splitPath(name)
	if len(parts) == 0 {
		return root, ""
	}
	return k.ns.mkdirAll(root, parts[:len(parts)-1]...), parts[len(parts)-1]
}
