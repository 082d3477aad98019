package capi

import (
	"github.com/kobench/kobench/kernel"
)

// Files opened by the kernel itself, and what linux/fs.h offers beside.

// Files. References: fs/fcntl.c fasync_helper; fs/read_write.c; fs/open.c.
func fsFuncs() []Func {
	return []Func{
		v3("__kb_pollwait", func(c *Ctx, filp, head, table ptr) { c.pollwait(head) }),
		f4("__kb_pollwake", func(c *Ctx, entry ptr, mode uint32, flags int32, key ptr) int32 {
			if e := c.s.polls[entry]; e != nil {
				e.q.WakeAll(kernel.Events(key))
			}
			return 1
		}),
		f4("fasync_helper", func(c *Ctx, fd int32, filp ptr, on int32, at ptr) int32 {
			return c.fasyncHelper(filp, on != 0, at)
		}),
		v3("kill_fasync", func(c *Ctx, at ptr, sig, band int32) {
			if a := c.s.asyncs[c.mem().ptr(at)]; a != nil {
				a.list.Kill()
			}
		}),
		f3("filp_open", func(c *Ctx, name ptr, flags int32, mode uint32) ptr {
			return c.filpOpen(c.mem().str(name), uint32(flags))
		}),
		f2("filp_close", func(c *Ctx, filp, id ptr) int32 { c.fput(filp); return 0 }),
		v1("fput", func(c *Ctx, filp ptr) { c.fput(filp) }),
		f1("fget", func(c *Ctx, fd uint32) ptr { return 0 }),
		// Files of drivers have no page cache to read through.
		f2("generic_file_read_iter", func(c *Ctx, iocb, iter ptr) int64 { return -int64(kernel.EINVAL) }),
		f2("generic_file_write_iter", func(c *Ctx, iocb, iter ptr) int64 { return -int64(kernel.EINVAL) }),
		f4("kernel_read", func(c *Ctx, filp, buf, n, pos ptr) int64 { return c.kernelIO(filp, buf, n, pos, false) }),
		f4("kernel_write", func(c *Ctx, filp, buf, n, pos ptr) int64 { return c.kernelIO(filp, buf, n, pos, true) }),
		f4("vfs_read", func(c *Ctx, filp, buf, n, pos ptr) int64 { return c.vfsIO(filp, buf, n, pos, false) }),
		f4("vfs_write", func(c *Ctx, filp, buf, n, pos ptr) int64 { return c.vfsIO(filp, buf, n, pos, true) }),
		f3("vfs_llseek", func(c *Ctx, filp ptr, off int64, whence int32) int64 {
			of := c.s.files[filp]
			if of == nil || of.ops.llseek == 0 || c.mem().u32(filp+offFileFMode)&fmodeLseek == 0 {
				return -int64(kernel.ESPIPE)
			}
			r, _ := c.th.Call(of.ops.llseek, uint64(filp), uint64(off), uint64(uint32(whence)))
			return int64(r)
		}),
		f2("vfs_poll", func(c *Ctx, filp, table ptr) uint32 {
			of := c.s.files[filp]
			if of == nil || of.ops.poll == 0 {
				return uint32(kernel.PollDefault)
			}
			r, _ := c.Call(of.ops.poll, uint64(filp), uint64(table))
			return uint32(r)
		}),
		f3("d_path", func(c *Ctx, path, buf ptr, n uint32) ptr {
			name := "/" + c.mem().name(c.mem().ptr(c.mem().ptr(path+offPathDentry)+offDentryDName+offQstrName))
			if uint32(len(name))+1 > n {
				return errPtr(kernel.ENAMETOOLONG)
			}
			c.mem().text(buf, name)
			return buf
		}),
	}
}

func (c *Ctx) fasyncHelper(filp ptr, on bool, at ptr) int32 {
	m := c.mem()
	of := c.s.files[filp]
	if of == nil {
		return -int32(kernel.EBADF)
	}
	handle := m.ptr(at)
	a := c.s.asyncs[handle]
	if a == nil {
		if !on {
			return 0
		}
		var err error
		if handle, err = c.s.M.Alloc(16, 0, nil); err != nil {
			return -int32(kernel.ENOMEM)
		}
		a = &fasync{files: map[ptr]bool{}}
		c.s.asyncs[handle] = a
		m.putPtr(at, handle)
	}
	t := c.T
	if t == nil {
		t = c.s.K.Init()
	}
	a.list.Set(t, of.k, on)
	was := a.files[filp]
	if on {
		a.files[filp] = true
		return 1 - int32(flag(was))
	}
	delete(a.files, filp)
	if len(a.files) == 0 {
		delete(c.s.asyncs, handle)
		_ = c.s.M.Free(handle)
		m.putPtr(at, 0)
	}
	return int32(flag(was))
}

// filpOpen opens a file for C: one whose operations are C's too, for others have no struct file. A
// task of its own makes the call, so that a module can be loaded for it.
func (c *Ctx) filpOpen(path string, flags uint32) ptr {
	var h *kernel.Handle
	var err error
	c.release(func() {
		if c.sub == nil {
			c.sub = c.s.K.NewTask(kernel.WithComm(c.command()))
		}
		if h, err = c.sub.OpenFile(path, flags); err != nil {
			return
		}
		of, ok := h.File.Private.(*openFile)
		if !ok {
			_ = h.Close()
			c.s.K.Log.Printf(kernel.LevelWarning, "filp_open: %s is not served by a C module, which is all that C modules can open", path)
			err = kernel.EOPNOTSUPP
			return
		}
		of.handle = h
	})
	if err != nil {
		return errPtr(err)
	}
	return h.File.Private.(*openFile).addr
}

func (c *Ctx) fput(filp ptr) {
	of := c.s.files[filp]
	if of == nil {
		return
	}
	n := c.mem().ptr(filp+offFileFCount) - 1
	c.mem().putPtr(filp+offFileFCount, n)
	if h := of.handle; n == 0 && h != nil {
		of.handle = nil
		c.release(func() { _ = h.Close() })
	}
}

// kernelIO is kernel_read and kernel_write: kernel memory in both ends, which needs read_iter or
// write_iter, as in Linux.
func (c *Ctx) kernelIO(filp, buf, n, pos ptr, write bool) int64 {
	of := c.s.files[filp]
	if of == nil {
		return -int64(kernel.EBADF)
	}
	slot, source := of.ops.readIter, uint8(0)
	if write {
		slot, source = of.ops.writeIter, 1
	}
	if slot == 0 {
		c.s.K.Log.Printf(kernel.LevelWarning, "kernel %s not supported for file %s (pid: %d comm: %s)",
			map[bool]string{false: "read", true: "write"}[write], of.k.Path(), c.pid, c.command())
		return -int64(kernel.EINVAL)
	}
	m := c.mem()
	if of.iter == 0 {
		var err error
		if of.iter, err = c.s.M.Alloc(iterBlock+sizeofKvec, 0, nil); err != nil {
			return -int64(kernel.ENOMEM)
		}
	}
	iter, vec := of.iter, of.iter+iterBlock
	of.iter = 0 // in use, should the operation sleep
	at := uint64(0)
	if pos != 0 {
		at = m.u64(pos)
	}
	m.putPtr(vec+offKvecIovBase, buf)
	m.putPtr(vec+offKvecIovLen, n)
	of.prepare(m, iter, vec, n, iterKvec, source, at)
	r, err := c.th.Call(slot, uint64(iter), uint64(iter+sizeofKiocb))
	if err == nil && int64(r) > 0 && pos != 0 {
		m.put64(pos, m.u64(iter+offKiocbKiPos))
	}
	if of.iter == 0 {
		of.iter = iter
	} else {
		_ = c.s.M.Free(iter)
	}
	return int64(r)
}

// vfsIO is vfs_read and vfs_write: C hands a user address on.
func (c *Ctx) vfsIO(filp, buf, n, pos ptr, write bool) int64 {
	of := c.s.files[filp]
	if of == nil {
		return -int64(kernel.EBADF)
	}
	slot := of.ops.read
	if write {
		slot = of.ops.write
	}
	if slot == 0 {
		return -int64(kernel.EINVAL)
	}
	r, _ := c.Call(slot, uint64(filp), uint64(buf), uint64(n), uint64(pos))
	return int64(r)
}
