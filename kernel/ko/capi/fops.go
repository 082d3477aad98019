package capi

import (
	"encoding/binary"
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// fops is a struct file_operations of C as the kernel calls it.
type fops struct {
	s    *System
	mod  *Module // whose table it is
	addr ptr
	raw  [SizeofFileOperations]byte
	k    *kernel.FileOperations

	open, release, read, write, llseek, ioctl, poll, fasync, flush, readIter, writeIter ptr
	proc                                                                                *procEntry
	names                                                                               map[string]string // by operation, of the dispatch tables
}

// openFile is a file that C has opened, with its struct file, struct inode and struct dentry in kernel memory.
type openFile struct {
	ops    *fops
	k      *kernel.File
	addr   ptr // struct file
	inode  ptr
	flags  uint32 // as C knows them
	pos    ptr    // where C's read and write find the position; 0: the file is a stream (FMODE_STREAM)
	astray bool   // a seek has left the position negative
	polls  []*pollEntry
	iter   ptr            // struct kiocb and iov_iter, 0 until needed
	handle *kernel.Handle // of filp_open
}

const (
	offInode  = SizeofFile
	offDentry = offInode + SizeofInode
	offName   = offDentry + SizeofDentry
	nameLen   = 40
	fileBlock = offName + nameLen
)

// fopsAt makes the kernel's operations of the table at addr, or finds them where the table has not changed. Needs the big lock.
func (c *Ctx) fopsAt(addr ptr) *fops {
	b := c.mem().bytes(addr, SizeofFileOperations)
	if o := c.s.fops[addr]; o != nil && string(o.raw[:]) == string(b) {
		return o
	}
	o := &fops{s: c.s, addr: addr, mod: c.owner()}
	copy(o.raw[:], b)
	at := func(off uint32) ptr { return binary.LittleEndian.Uint64(b[off:]) }
	o.open, o.release = at(OffFileOperationsOpen), at(OffFileOperationsRelease)
	o.read, o.write = at(OffFileOperationsRead), at(OffFileOperationsWrite)
	o.readIter, o.writeIter = at(OffFileOperationsReadIter), at(OffFileOperationsWriteIter)
	o.llseek, o.ioctl, o.poll = at(OffFileOperationsLlseek), at(OffFileOperationsUnlockedIoctl), at(OffFileOperationsPoll)
	o.fasync, o.flush = at(OffFileOperationsFasync), at(OffFileOperationsFlush)
	o.build()
	if owner := c.s.modules[at(OffFileOperationsOwner)]; owner != nil {
		o.k.Owner, o.mod = owner.K, owner
	}
	c.s.fops[addr] = o
	return o
}

// build fills in the functions that C has.
func (o *fops) build() {
	o.name()
	k := &kernel.FileOperations{Open: o.doOpen, Release: o.doRelease, Symbol: o.symbol}
	if o.read != 0 {
		k.Read = o.doRead
	} else if o.readIter != 0 {
		k.Read = o.doReadIter
	}
	if o.write != 0 {
		k.Write = o.doWrite
	} else if o.writeIter != 0 {
		k.Write = o.doWriteIter
	}
	if o.llseek != 0 {
		k.Llseek = o.doLlseek
	}
	if o.ioctl != 0 {
		k.Ioctl = o.doIoctl
	}
	if o.poll != 0 {
		k.Poll = o.doPoll
	}
	if o.fasync != 0 {
		k.Fasync = o.doFasync
	}
	o.k = k
}

// symbol names the C function behind an operation, for the dispatch tables. It takes no lock: the kernel asks with its own held.
func (o *fops) symbol(op string) string { return o.names[op] }

// name looks the names up. Needs the big lock.
func (o *fops) name() {
	o.names = map[string]string{}
	for op, slot := range map[string]ptr{"open": o.open, "release": o.release, "read": max(o.read, o.readIter),
		"write": max(o.write, o.writeIter), "llseek": o.llseek, "ioctl": o.ioctl, "poll": o.poll} {
		if slot != 0 {
			_, o.names[op], _, _ = o.s.M.FuncAt(slot)
		}
	}
}

// newFile makes the file for C, or gives the operations that stand in the driver's table now: it is read at each open.
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
		of.pos = of.addr + OffFileFPos
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
		m.putPtr(dentry+OffDentryDParent, dentry)
		m.put(dentry+OffDentryDName+OffQstrLen, n)
		m.putPtr(dentry+OffDentryDName+OffQstrName, of.addr+offName)
		m.putPtr(dentry+OffDentryDInode, of.inode)
		m.put16(of.inode+OffInodeIMode, uint16(f.Inode().Mode()))
		m.put(of.inode+OffInodeINlink, 1)
		m.put(of.inode+OffInodeIRdev, uint32(f.Inode().Rdev()))
		m.putPtr(of.inode+OffInodeIFop, o.addr)
		m.listInit(of.inode + OffInodeIDevices)
		m.listInit(of.inode + OffInodeIRwsem + OffRwSemaphoreWait + OffWaitQueueHeadHead)
		if cd := f.Cdev(); cd != nil {
			if p, ok := cd.Private.(ptr); ok {
				m.putPtr(of.inode+OffInodeICdev, p)
			}
		}
		m.putPtr(of.addr+OffFileFPath+OffPathDentry, dentry)
		m.putPtr(of.addr+OffFileFInode, of.inode)
		m.putPtr(of.addr+OffFileFOp, o.addr)
		m.putPtr(of.addr+OffFileFCount, 1)
		m.put(of.addr+OffFileFFlags, of.flags)
		m.put(of.addr+OffFileFMode, fmode(of.flags))
		m.listInit(of.addr + OffFileFPosLock + OffMutexWait + OffWaitQueueHeadHead)
		m.putPtr(of.addr+OffFileFCred, c.current()+offCred)
		if o.proc != nil {
			m.putPtr(of.inode+OffInodeIPrivate, o.proc.data)
		}
		o.s.files[of.addr] = of
	})
	return of, now, err
}

func fmode(flags uint32) uint32 {
	mode := uint32(FmodeLseek | FmodePread | FmodePwrite)
	switch flags & kernel.O_ACCMODE {
	case kernel.O_RDONLY:
		return mode | FmodeRead | FmodeCanRead
	case kernel.O_WRONLY:
		return mode | FmodeWrite | FmodeCanWrite
	}
	return mode | FmodeRead | FmodeWrite | FmodeCanRead | FmodeCanWrite
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
	if err != nil { // an oops: the file stays, as in Linux, for the task was killed in the middle of its open
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
		if m.u32(of.addr+OffFileFMode)&FmodeStream != 0 {
			of.pos = 0
		}
		if addr := m.ptr(of.addr + OffFileFOp); addr != o.addr && addr != 0 {
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
}

func (of *openFile) syncSlow(flags uint32) {
	of.flags = flags
	of.ops.s.M.Do(func() { of.ops.s.mem().put(of.addr+OffFileFFlags, flags) })
}

// cErrno is an error of a C driver. The kernel must not take its EAGAIN for a Go driver's, which asks it to wait: C drivers wait by themselves.
type cErrno kernel.Errno

func (e cErrno) Error() string { return kernel.Errno(e).Error() }
func (e cErrno) Errno() int    { return int(e) }

// count takes the result of a read or write of n bytes.
func (of *openFile) count(r uint64, n int) (int, error) {
	v := int64(r)
	if v < 0 {
		return 0, cErrno(-v)
	}
	if v > int64(n) {
		of.overclaims(v, n)
		return n, nil
	}
	return int(v), nil
}

// overclaims says that a driver has moved more than it was asked to. Linux tells the program so; here nobody gets more than fits.
func (of *openFile) overclaims(v int64, n int) {
	k := of.ops.s.K
	text := fmt.Sprintf("%s: the driver says that it has moved %d bytes of %d", of.k.Path(), v, n)
	k.Log.Printf(kernel.LevelWarning, "%s", text)
	k.Trouble(kernel.TroubleWarn, text)
}

func (o *fops) doRead(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	if of.astray {
		return 0, kernel.EINVAL
	}
	r, err := c.th.Call(o.read, of.addr, c.th.SetUser(0, p), uint64(len(p)), of.pos)
	if err != nil {
		return 0, c.Fault(err)
	}
	return of.count(r, len(p))
}

func (o *fops) doWrite(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	if of.astray {
		return 0, kernel.EINVAL
	}
	r, err := c.th.Call(o.write, of.addr, c.th.SetUserRO(0, p), uint64(len(p)), of.pos)
	if err != nil {
		return 0, c.Fault(err)
	}
	return of.count(r, len(p))
}

// iterBlock is a struct kiocb and the struct iov_iter behind it.
const iterBlock = SizeofKiocb + SizeofIovIter

// prepare fills in the kiocb and the iterator for one read or write of n bytes at a user or kernel address.
func (of *openFile) prepare(m mem, iter, addr, n ptr, kind, source uint8, pos uint64) {
	clear(m.bytes(iter, iterBlock))
	m.putPtr(iter+OffKiocbKiFilp, of.addr)
	m.put64(iter+OffKiocbKiPos, pos)
	i := iter + SizeofKiocb
	m.put8(i+OffIovIterIterType, kind)
	m.put8(i+OffIovIterDataSource, source)
	m.putPtr(i+OffIovIterCount, n)
	m.putPtr(i+OffIovIterUbuf, addr)
	m.putPtr(i+OffIovIterNrSegs, 1)
}

func (o *fops) doIter(t *kernel.Task, f *kernel.File, p []byte, slot ptr, source uint8) (n int, err error) {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	if of.astray {
		return 0, kernel.EINVAL
	}
	var user ptr
	if source == 0 {
		user = c.th.SetUser(0, p)
	} else {
		user = c.th.SetUserRO(0, p)
	}
	iter := ptr(0)
	o.s.M.Do(func() {
		if iter, err = o.s.M.Alloc(iterBlock, 0, nil); err == nil {
			m := o.s.mem()
			of.prepare(m, iter, user, uint64(len(p)), IterUbuf, source, m.u64(of.addr+OffFileFPos))
		}
	})
	if err != nil {
		return 0, kernel.ENOMEM
	}
	r, err := c.th.Call(slot, uint64(iter), uint64(iter+SizeofKiocb))
	o.s.M.Do(func() {
		m := o.s.mem()
		if err == nil && int64(r) > 0 {
			m.put64(of.addr+OffFileFPos, m.u64(iter+OffKiocbKiPos))
		}
		_ = o.s.M.Free(iter)
	})
	if err != nil {
		return 0, c.Fault(err)
	}
	return of.count(r, len(p))
}

func (o *fops) doReadIter(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
	return o.doIter(t, f, p, o.readIter, 0)
}

func (o *fops) doWriteIter(t *kernel.Task, f *kernel.File, p []byte) (int, error) {
	return o.doIter(t, f, p, o.writeIter, 1)
}

func (o *fops) doLlseek(t *kernel.Task, f *kernel.File, off int64, whence int) (int64, error) {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	var mode uint32
	o.s.M.Do(func() { mode = o.s.mem().u32(of.addr + OffFileFMode) })
	if mode&FmodeLseek == 0 {
		return 0, kernel.ESPIPE
	}
	r, err := c.th.Call(o.llseek, uint64(of.addr), uint64(off), uint64(uint32(whence)))
	if err != nil {
		return 0, c.Fault(err)
	}
	o.s.M.Do(func() { of.astray = int64(o.s.mem().u64(of.addr+OffFileFPos)) < 0 }) // rw_verify_area
	if int64(r) < 0 {
		return 0, cErrno(-int64(r))
	}
	return int64(r), nil
}

func (o *fops) doIoctl(t *kernel.Task, f *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	val := arg.Val
	switch {
	case arg.Buf == nil:
	case val != 0: // the program's own address of it
		c.th.SetUserAt(0, val, arg.Buf)
	default:
		val = c.th.SetUser(0, arg.Buf)
	}
	r, err := c.th.Call(o.ioctl, uint64(of.addr), uint64(cmd), val)
	if err != nil {
		return 0, c.Fault(err)
	}
	v := int64(r)
	if v < 0 && v >= -4095 {
		return 0, cErrno(-v)
	}
	return int(v), nil
}

func (o *fops) doPoll(t *kernel.Task, f *kernel.File, w *kernel.PollTable) kernel.Events {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	of.sync(f)
	c.polling, c.file = w, of
	table := ptr(0)
	if w != nil {
		if c.pollTab == 0 {
			o.s.M.Do(func() { c.current() })
		}
		table = c.pollTab
	}
	r, err := c.th.Call(o.poll, uint64(of.addr), uint64(table))
	c.polling, c.file = nil, nil
	if err != nil {
		if f, ok := c.Fault(err).(*kernel.Fault); ok {
			_ = t.Oops(f)
		}
		return kernel.PollErr
	}
	return kernel.Events(r)
}

func (o *fops) doFasync(t *kernel.Task, f *kernel.File, fd int, on bool) error {
	of := f.Private.(*openFile)
	c := o.s.Enter(t)
	r, err := c.Call(o.fasync, uint64(uint32(fd)), uint64(of.addr), uint64(flag(on)))
	if err != nil {
		return err
	}
	if int32(r) < 0 {
		return cErrno(-int32(r))
	}
	return nil
}

// pollEntry stands in a wait queue of C's for one open file, and wakes those who poll it.
type pollEntry struct {
	addr ptr // struct wait_queue_entry
	head ptr
	q    kernel.WaitQueue
}

// pollwait is what poll_wait calls: it puts the file into the queue, once, and the caller of poll behind it.
func (c *Ctx) pollwait(head ptr) {
	if c.polling == nil || c.file == nil {
		return
	}
	for _, e := range c.file.polls {
		if e.head == head {
			c.polling.Wait(&e.q)
			return
		}
	}
	addr, err := c.s.M.Alloc(SizeofWaitQueueEntry, 0, nil)
	if err != nil {
		return
	}
	m := c.mem()
	e := &pollEntry{addr: addr, head: head}
	clear(m.bytes(addr, SizeofWaitQueueEntry))
	m.putPtr(addr+OffWaitQueueEntryFunc, c.s.slots.pollwake)
	m.listAdd(addr+OffWaitQueueEntryEntry, head+OffWaitQueueHeadHead)
	c.s.polls[addr] = e
	c.file.polls = append(c.file.polls, e)
	c.polling.Wait(&e.q)
}

func (s *System) dropPolls(of *openFile) {
	m := s.mem()
	for _, e := range of.polls {
		m.listDel(e.addr + OffWaitQueueEntryEntry)
		delete(s.polls, e.addr)
		_ = s.M.Free(e.addr)
	}
	of.polls = nil
}

// fasync is what a struct fasync_struct * leads to.
type fasync struct {
	list  kernel.FasyncList
	files map[ptr]bool
}
