package kernel

import (
	"strings"
	"time"
)

// openFile looks path up, takes the references and calls the driver with no lock held.
//
// References: fs/namei.c do_last, fs/open.c do_dentry_open, fs/char_dev.c chrdev_open.
func (t *Task) openFile(path string, flags, perm uint32) (*File, error) {
	if t.Killed() {
		return nil, ErrKilled
	}
	ns := &t.k.ns
	ns.mu.RLock()
	i, err := t.lookupLocked(path, true)
	if err == nil {
		err = t.mayOpen(i, flags)
	}
	ns.mu.RUnlock()
	switch {
	case err == ENOENT && flags&O_CREAT != 0:
		if i, err = t.createFile(path, perm, flags); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case flags&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
		return nil, EEXIST
	}
	f := &File{inode: i, path: path}
	f.count.Store(1)
	f.flags.Store(flags &^ (O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC))
	switch i.mode & S_IFMT {
	case S_IFCHR:
		err = t.k.chrdevOpen(t, f)
	case S_IFREG:
		if !i.ops.Owner.get() { // a file of /proc whose module is going
			return nil, ENOENT
		}
		f.setOps(i.ops)
		if err = f.callOpen(t); err != nil {
			f.owner.put()
		}
	default:
		err = ENXIO
	}
	if err != nil {
		return nil, err
	}
	i.opens.Add(1)
	f.flags.And(^uint32(O_TRUNC))
	return f, nil
}

func (t *Task) mayOpen(i *Inode, flags uint32) error {
	if i.IsDir() {
		return EISDIR
	}
	want := uint32(mayRead)
	switch flags & O_ACCMODE {
	case O_WRONLY:
		want = mayWrite
	case O_RDWR:
		want = mayRead | mayWrite
	}
	return t.access(i, want)
}

func (t *Task) createFile(path string, perm, flags uint32) (*Inode, error) {
	if strings.HasSuffix(path, "/") {
		return nil, EISDIR
	}
	i, err := t.create(path, func() (*Inode, error) {
		i := t.k.ns.inode(S_IFREG|perm&modeMask&^t.umask, nil)
		i.data, i.ops = &ramFile{}, ramOps
		i.mtime = time.Now()
		return i, nil
	})
	if err == EPERM {
		err = EACCES // sysfs has no create operation
	}
	return i, err
}

// callOpen runs the driver's Open, whose failure leaves nothing behind but the caller's references.
func (f *File) callOpen(t *Task) (err error) {
	if f.op.Open == nil {
		return nil
	}
	t.depth++
	defer t.catch(f, &err)
	if err = f.op.Open(t, f); err != nil {
		err = t.sysError(err)
	}
	return err
}

// chrdevOpen finds the driver of a device node. The module is held before its code runs, and twice,
// as in Linux: once for the cdev, once for the operations.
func (k *Kernel) chrdevOpen(t *Task, f *File) error {
	dev := f.inode.rdev
	c := k.chrdevs.lookup(dev)
	if c == nil && k.requestChrdev(t, dev) {
		c = k.chrdevs.lookup(dev)
	}
	if c == nil {
		return ENXIO
	}
	f.cdev = c
	if !c.Ops.Owner.get() {
		c.put()
		return ENXIO
	}
	f.setOps(c.Ops)
	if err := f.callOpen(t); err != nil {
		f.owner.put()
		c.put()
		return err
	}
	return nil
}

// OpenFile opens a path outside of the descriptor table. The handle must be closed. Errors: as
// Open.
func (t *Task) OpenFile(path string, flags uint32) (*Handle, error) {
	f, err := t.openFile(path, flags, 0o666)
	if err != nil {
		return nil, err
	}
	return &Handle{File: f, task: t}, nil
}
