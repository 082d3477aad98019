package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/kobench/kobench/kernel"
)

// mountFUSE serves the kernel's name space at dir. Device nodes appear as regular files, since a
// device node of the host's would lead to the host's drivers; everything is read and written past
// the host's caches. One open there is one open here. Each call is made by a task with the caller's
// user, name and number.
//
// What FUSE, or the library for it, cannot carry: poll(2), which finds every file ready; ioctls
// whose number does not say how much data goes with them; SEEK_END of a device, which has no size
// there. A seek reaches the driver with the next read or write.
func mountFUSE(k *kernel.Kernel, dir string) (func() error, error) {
	if _, err := os.Stat(dir); errors.Is(err, syscall.ENOTCONN) {
		return nil, fmt.Errorf("what is mounted there has lost its server; umount -l %s", dir)
	} else if err != nil {
		return nil, err
	}
	zero := time.Duration(0)
	server, err := fs.Mount(dir, &node{k: k, path: "/"}, &fs.Options{
		EntryTimeout: &zero, AttrTimeout: &zero, NegativeTimeout: &zero,
		MountOptions: fuse.MountOptions{FsName: "kobench", Name: "kobench", DisableXAttrs: true, DirectMount: true, AllowOther: syscall.Getuid() == 0},
	})
	if err != nil {
		return nil, err
	}
	return server.Unmount, nil
}

// node is a name; it is looked up anew at every call, since the kernel's names come and go.
type node struct {
	fs.Inode
	k    *kernel.Kernel
	path string
}

var (
	_ fs.NodeLookuper   = (*node)(nil)
	_ fs.NodeReaddirer  = (*node)(nil)
	_ fs.NodeGetattrer  = (*node)(nil)
	_ fs.NodeSetattrer  = (*node)(nil)
	_ fs.NodeOpener     = (*node)(nil)
	_ fs.NodeCreater    = (*node)(nil)
	_ fs.NodeMknoder    = (*node)(nil)
	_ fs.NodeMkdirer    = (*node)(nil)
	_ fs.NodeUnlinker   = (*node)(nil)
	_ fs.NodeRmdirer    = (*node)(nil)
	_ fs.NodeSymlinker  = (*node)(nil)
	_ fs.NodeReadlinker = (*node)(nil)
	_ fs.FileReader     = (*handle)(nil)
	_ fs.FileWriter     = (*handle)(nil)
	_ fs.FileReleaser   = (*handle)(nil)
	_ fs.FileIoctler    = (*handle)(nil)
)

// as runs do in the name of who calls.
func (n *node) as(ctx context.Context, do func(*kernel.Task) error) syscall.Errno {
	t := n.k.NewTask(caller(ctx)...)
	defer t.Exit()
	return errno(do(t))
}

// caller makes a task look like the process that calls.
func caller(ctx context.Context) []kernel.TaskOption {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		return nil
	}
	opts := []kernel.TaskOption{kernel.WithCred(kernel.Cred{UID: c.Uid, GID: c.Gid}), kernel.WithPID(int(c.Pid)), kernel.WithComm("fuse")}
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Pid)); err == nil {
		opts = append(opts, kernel.WithComm(strings.TrimSuffix(string(comm), "\n")))
	}
	return opts
}

func errno(err error) syscall.Errno {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, kernel.ErrKilled):
		return syscall.EINTR
	}
	return syscall.Errno(kernel.ErrnoOf(err))
}

// fill turns a stat into FUSE's attributes.
func fill(st kernel.Stat, a *fuse.Attr) {
	a.Ino, a.Mode, a.Nlink, a.Size = st.Ino, st.Mode, uint32(st.Nlink), uint64(st.Size)
	// and no blocks: nothing lies on a disk; with a Blksize go-fuse leaves that so
	a.Uid, a.Gid, a.Blksize = st.UID, st.GID, 4096
	if st.Mode&kernel.S_IFMT == kernel.S_IFCHR {
		a.Mode = st.Mode&^kernel.S_IFMT | kernel.S_IFREG
	}
	a.SetTimes(nil, &st.Mtime, &st.Mtime)
}

func (n *node) child(ctx context.Context, name string, st kernel.Stat, out *fuse.EntryOut) *fs.Inode {
	fill(st, &out.Attr)
	return n.NewInode(ctx, &node{k: n.k, path: path.Join(n.path, name)}, fs.StableAttr{Mode: out.Mode & syscall.S_IFMT, Ino: st.Ino})
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (in *fs.Inode, e syscall.Errno) {
	e = n.as(ctx, func(t *kernel.Task) error {
		st, err := t.Lstat(path.Join(n.path, name))
		if err == nil {
			in = n.child(ctx, name, st, out)
		}
		return err
	})
	return in, e
}

func (n *node) Readdir(ctx context.Context) (list fs.DirStream, e syscall.Errno) {
	e = n.as(ctx, func(t *kernel.Task) error {
		all, err := t.ReadDir(n.path)
		entries := []fuse.DirEntry{{Name: ".", Mode: syscall.S_IFDIR}, {Name: "..", Mode: syscall.S_IFDIR}}
		for _, st := range all {
			var a fuse.Attr
			fill(st, &a)
			entries = append(entries, fuse.DirEntry{Name: st.Name, Mode: a.Mode, Ino: st.Ino})
		}
		list = fs.NewListDirStream(entries)
		return err
	})
	return list, e
}

func (n *node) Getattr(ctx context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.as(ctx, func(t *kernel.Task) error {
		st, err := t.Lstat(n.path)
		fill(st, &out.Attr)
		return err
	})
}

func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	e := n.as(ctx, func(t *kernel.Task) error {
		if mode, ok := in.GetMode(); ok {
			if err := t.Chmod(n.path, mode&0o7777); err != nil {
				return err
			}
		}
		uid, hasUID := in.GetUID()
		gid, hasGID := in.GetGID()
		if hasUID || hasGID {
			st, err := t.Stat(n.path)
			if err != nil {
				return err
			}
			if !hasUID {
				uid = st.UID
			}
			if !hasGID {
				gid = st.GID
			}
			if err := t.Chown(n.path, uid, gid); err != nil {
				return err
			}
		}
		// open(O_TRUNC); on anything but a regular file it does nothing
		if size, ok := in.GetSize(); ok && size == 0 {
			if st, err := t.Stat(n.path); err == nil && st.Size > 0 && st.Mode&kernel.S_IFMT == kernel.S_IFREG {
				if fd, err := t.Open(n.path, kernel.O_WRONLY|kernel.O_TRUNC); err == nil {
					return t.Close(fd)
				}
			}
		}
		return nil
	})
	if e != 0 {
		return e
	}
	return n.Getattr(ctx, f, out)
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	// whose descriptors those of the callers are
	h := &handle{t: n.k.NewTask(kernel.WithComm("fuse"))}
	opts := uint32(fuse.FOPEN_DIRECT_IO)
	e := h.call(ctx, func(t *kernel.Task) (err error) {
		if h.fd, err = t.Open(n.path, flags); err != nil {
			return err
		}
		f, err := t.File(h.fd)
		if err != nil {
			return err
		}
		if f.Ops().Llseek == nil {
			opts |= fuse.FOPEN_NONSEEKABLE
		}
		return f.Close()
	})
	if e != 0 {
		h.t.Exit()
		return nil, 0, e
	}
	return h, opts, 0
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (in *fs.Inode, h fs.FileHandle, opts uint32, e syscall.Errno) {
	full := path.Join(n.path, name)
	e = n.as(ctx, func(t *kernel.Task) error {
		err := t.Mknod(full, kernel.S_IFREG|mode&0o7777, 0)
		if err == kernel.EPERM {
			err = kernel.EACCES
		}
		if err != nil {
			return err
		}
		st, err := t.Stat(full)
		in = n.child(ctx, name, st, out)
		return err
	})
	if e != 0 {
		return nil, nil, 0, e
	}
	h, opts, e = (&node{k: n.k, path: full}).Open(ctx, flags&^(syscall.O_CREAT|syscall.O_EXCL))
	return in, h, opts, e
}

func (n *node) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (in *fs.Inode, e syscall.Errno) {
	full := path.Join(n.path, name)
	e = n.as(ctx, func(t *kernel.Task) error {
		// The host packs device numbers as makedev(3) does: 8 bits of minor, 12 of major, the rest
		// of minor.
		if err := t.Mknod(full, mode, kernel.MkDev(dev>>8&0xfff, dev&0xff|dev>>12&0xfff00)); err != nil {
			return err
		}
		st, err := t.Lstat(full)
		in = n.child(ctx, name, st, out)
		return err
	})
	return in, e
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (in *fs.Inode, e syscall.Errno) {
	full := path.Join(n.path, name)
	e = n.as(ctx, func(t *kernel.Task) error {
		if err := t.Mkdir(full, mode); err != nil {
			return err
		}
		st, err := t.Lstat(full)
		in = n.child(ctx, name, st, out)
		return err
	})
	return in, e
}

func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (in *fs.Inode, e syscall.Errno) {
	full := path.Join(n.path, name)
	e = n.as(ctx, func(t *kernel.Task) error {
		if err := t.Symlink(target, full); err != nil {
			return err
		}
		st, err := t.Lstat(full)
		in = n.child(ctx, name, st, out)
		return err
	})
	return in, e
}

// Readlink makes absolute targets relative, so that they stay inside of the mount.
func (n *node) Readlink(ctx context.Context) (target []byte, e syscall.Errno) {
	e = n.as(ctx, func(t *kernel.Task) error {
		st, err := t.Lstat(n.path)
		to := st.Target
		if path.IsAbs(to) {
			up := ""
			for d := path.Dir(n.path); d != "/"; d = path.Dir(d) {
				up += "../"
			}
			to = up + to[1:]
		}
		target = []byte(to)
		return err
	})
	return target, e
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	return n.as(ctx, func(t *kernel.Task) error { return t.Unlink(path.Join(n.path, name)) })
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	return n.as(ctx, func(t *kernel.Task) error { return t.Rmdir(path.Join(n.path, name)) })
}

// handle is one open file. Each call is made by a thread of its task, so that a read that sleeps
// does not hold up a write.
type handle struct {
	t  *kernel.Task
	fd int
	// at is the position that the host knows, in bytes. The driver keeps one of its own: only a
	// seek makes the host's differ.
	at atomic.Int64
}

// seek brings the driver to where the host wants the next call to happen, after a seek there.
func (h *handle) seek(t *kernel.Task, off int64) error {
	if h.at.Swap(off) == off {
		return nil
	}
	_, err := t.Lseek(h.fd, off, kernel.SEEK_SET)
	if kernel.ErrnoOf(err) == kernel.ESPIPE { // the host counts what a stream has carried
		return nil
	}
	return err
}

func (h *handle) call(ctx context.Context, do func(*kernel.Task) error) syscall.Errno {
	t := h.t.Clone(caller(ctx)...)
	defer t.Exit()
	stop := context.AfterFunc(ctx, func() { t.Kill(kernel.SIGINT) })
	defer stop()
	return errno(do(t))
}

func (h *handle) Read(ctx context.Context, p []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n := 0
	// it was another call's before: a driver that does not fill what it says it has must not give
	// that away
	clear(p)
	e := h.call(ctx, func(t *kernel.Task) (err error) {
		if err = h.seek(t, off); err == nil {
			n, err = t.Read(h.fd, p)
			h.at.Add(int64(max(n, 0)))
		}
		return err
	})
	return fuse.ReadResultData(p[:max(n, 0)]), e
}

func (h *handle) Write(ctx context.Context, p []byte, off int64) (n uint32, e syscall.Errno) {
	e = h.call(ctx, func(t *kernel.Task) error {
		if err := h.seek(t, off); err != nil {
			return err
		}
		k, err := t.Write(h.fd, p)
		n = uint32(max(k, 0))
		h.at.Add(int64(n))
		return err
	})
	return n, e
}

// Ioctl passes on what FUSE can carry: the commands that say in their number how much data goes
// with them, or that have none. The terminals' TCGETS and the like do not, and so a terminal is
// none here; it has its pty.
func (h *handle) Ioctl(ctx context.Context, cmd uint32, arg uint64, in, out []byte) (result int32, e syscall.Errno) {
	buf := out
	if len(in) > len(out) {
		buf = in
	} else {
		clear(out[copy(out, in):]) // as in Read
	}
	e = h.call(ctx, func(t *kernel.Task) error {
		ret, err := t.Ioctl(h.fd, cmd, kernel.Arg{Val: arg, Buf: buf})
		result = int32(ret)
		if kernel.ErrnoOf(err) == kernel.EFAULT && len(buf) == 0 {
			return kernel.ENOTTY
		}
		return err
	})
	if len(in) > len(out) {
		copy(out, buf)
	}
	return result, e
}

func (h *handle) Release(context.Context) syscall.Errno {
	_ = h.t.Close(h.fd)
	h.t.Exit()
	return 0
}
