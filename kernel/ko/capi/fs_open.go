package capi

import (
	"github.com/kobench/kobench/kernel"
)

// newFile makes the file for C, or gives the operations that stand in the driver's table now: it is
// read at each open.
func (o *fops) newFile(c *Ctx, f *kernel.File) (of *openFile, now *fops, err error) {
	of = &openFile{ops: o, k: f, flags: f.Flags()}
	o.s.M.Do(func() {
		if now = o; o.addr != 0 && o.proc == nil {
			if now = c.fopsAt(o.addr); now != o {
				now.mod = o.mod
				return
			}
		}
		if of.addr, err = o.s.M.Alloc(fileBlock, 0, nil); err != nil {
			return
		}
		m := o.s.mem()
		clear(m.bytes(of.addr, fileBlock))
		of.pos = of.addr + offFileFPos
		of.inode = of.addr + offInode
		dentry := of.addr + offDentry
		name := f.Path()
		for i := len(name) - 1; i >= 0; i-- {
			if name[i] == '/' {
				name = name[i+1:]
				break
			}
		}
		n := uint32(copy(m.bytes(of.addr+offName, nameLen-1), name))
		m.putPtr(dentry+offDentryDParent, dentry)
		m.put(dentry+offDentryDName+offQstrLen, n)
		m.putPtr(dentry+offDentryDName+offQstrName, of.addr+offName)
		m.putPtr(dentry+offDentryDInode, of.inode)
		m.put16(of.inode+offInodeIMode, uint16(f.Inode().Mode()))
		m.put(of.inode+offInodeINlink, 1)
		m.put(of.inode+offInodeIRdev, uint32(f.Inode().Rdev()))
		m.putPtr(of.inode+offInodeIFop, o.addr)
		m.listInit(of.inode + offInodeIDevices)
		m.listInit(of.inode + offInodeIRwsem + offRwSemaphoreWait + offWaitQueueHeadHead)
		if cd := f.Cdev(); cd != nil {
			if p, ok := cd.Private.(ptr); ok {
				m.putPtr(of.inode+offInodeICdev, p)
			}
		}
		m.putPtr(of.addr+offFileFPath+offPathDentry, dentry)
		m.putPtr(of.addr+offFileFInode, of.inode)
		m.putPtr(of.addr+offFileFOp, o.addr)
		m.putPtr(of.addr+offFileFCount, 1)
		m.put(of.addr+offFileFFlags, of.flags)
		m.put(of.addr+offFileFMode, fmode(of.flags))
		m.listInit(of.addr + offFileFPosLock + offMutexWait + offWaitQueueHeadHead)
		m.putPtr(of.addr+offFileFCred, c.current()+offCred)
		if o.proc != nil {
			m.putPtr(of.inode+offInodeIPrivate, o.proc.data)
		}
		o.s.files[of.addr] = of
	})
	return of, now, err
}

func fmode(flags uint32) uint32 {
	mode := uint32(fmodeLseek | fmodePread | fmodePwrite)
	switch flags & kernel.O_ACCMODE {
	case kernel.O_RDONLY:
		return mode | fmodeRead | fmodeCanRead
	case kernel.O_WRONLY:
		return mode | fmodeWrite | fmodeCanWrite
	}
	return mode | fmodeRead | fmodeWrite | fmodeCanRead | fmodeCanWrite
}

func (o *fops) doOpen(t *kernel.Task, f *kernel.File) error {
	c := o.s.Enter(t)
	of, now, err := o.newFile(c, f)
	switch {
	case err != nil:
		return kernel.ENOMEM
	case now != o:
		if err := f.ReplaceOps(now.k); err != nil {
			return err
		}
		return now.doOpen(t, f)
	}
	f.Private = of
	var r uint64
	switch {
	case o.proc != nil && o.proc.table != 0:
		var v int32
		v, err = c.procOpen(o.proc, of)
		r = uint64(uint32(v))
	case o.open == 0:
		return nil
	default:
		r, err = c.Call(o.open, uint64(of.inode), uint64(of.addr))
	}
	// an oops: the file stays, as in Linux, for the task was killed in the middle of its open
	if err != nil {
		return err
	}
	if int32(r) != 0 {
		o.drop(of)
		if int32(r) > 0 { // Linux hands a positive number out as a descriptor; say so instead
			o.s.K.Log.Printf(kernel.LevelWarning, "%s: open returned %d, neither 0 nor an error", f.Path(), r)
			return kernel.EIO
		}
		return kernel.Errno(-int32(r))
	}
	return o.replaced(c, of)
}

// replaced follows an open that has put other operations into f_op (replace_fops).
func (o *fops) replaced(c *Ctx, of *openFile) (err error) {
	var now *fops
	o.s.M.Do(func() {
		m := o.s.mem()
		mode := m.u32(of.addr + offFileFMode)
		if mode&fmodeStream != 0 {
			of.pos = 0
		}
		if mode&(fmodeLseek|fmodePread) == 0 {
			of.k.SetStream()
		}
		if addr := m.ptr(of.addr + offFileFOp); addr != o.addr && addr != 0 {
			now = c.fopsAt(addr)
		}
	})
	if now == nil {
		return nil
	}
	if err = of.k.ReplaceOps(now.k); err != nil {
		o.drop(of)
		return err
	}
	// C has counted for itself: fops_get of the new module, fops_put of the old.
	of.ops = now
	if now.k.Owner != nil {
		now.k.Owner.Put()
	}
	if o.k.Owner != nil {
		o.k.Owner.Get()
	}
	return nil
}

// drop forgets the file's memory.
func (o *fops) drop(of *openFile) {
	o.s.M.Do(func() {
		o.s.dropPolls(of)
		delete(o.s.files, of.addr)
		_ = o.s.M.Free(of.addr)
		if of.iter != 0 {
			_ = o.s.M.Free(of.iter)
		}
	})
}

func (o *fops) doRelease(t *kernel.Task, f *kernel.File) {
	of, ok := f.Private.(*openFile)
	if !ok {
		return
	}
	c := o.s.Enter(t)
	of.sync(f)
	o.s.M.Do(func() { o.s.dropPolls(of) })
	if o.flush != 0 {
		if _, err := c.Call(o.flush, uint64(of.addr), 0); err != nil {
			panic(err)
		}
	}
	if o.release != 0 {
		if _, err := c.Call(o.release, uint64(of.inode), uint64(of.addr)); err != nil {
			panic(err)
		}
	}
	o.drop(of)
}

// sync tells C about flags that F_SETFL has changed.
func (of *openFile) sync(f *kernel.File) {
	if flags := f.Flags(); flags != of.flags {
		of.syncSlow(flags)
	}
	if f.Moved() {
		of.ops.s.M.Do(func() { of.ops.s.mem().put64(of.addr+offFileFPos, uint64(f.Pos())) })
	}
}

func (of *openFile) syncSlow(flags uint32) {
	of.flags = flags
	of.ops.s.M.Do(func() { of.ops.s.mem().put(of.addr+offFileFFlags, flags) })
}
