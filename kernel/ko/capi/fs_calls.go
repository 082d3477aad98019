package capi

import (
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// cErrno is an error of a C driver. The kernel must not take its EAGAIN for a Go driver's, which
// asks it to wait: C drivers wait by themselves.
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

// overclaims says that a driver has moved more than it was asked to. Linux tells the program so;
// here nobody gets more than fits.
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
		return 0, c.fault(err)
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
		return 0, c.fault(err)
	}
	return of.count(r, len(p))
}

// iterBlock is a struct kiocb and the struct iov_iter behind it.
const iterBlock = sizeofKiocb + sizeofIovIter

// prepare fills in the kiocb and the iterator for one read or write of n bytes at a user or kernel
// address.
func (of *openFile) prepare(m mem, iter, addr, n ptr, kind, source uint8, pos uint64) {
	clear(m.bytes(iter, iterBlock))
	m.putPtr(iter+offKiocbKiFilp, of.addr)
	m.put64(iter+offKiocbKiPos, pos)
	i := iter + sizeofKiocb
	m.put8(i+offIovIterIterType, kind)
	m.put8(i+offIovIterDataSource, source)
	m.putPtr(i+offIovIterCount, n)
	m.putPtr(i+offIovIterUbuf, addr)
	m.putPtr(i+offIovIterNrSegs, 1)
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
			of.prepare(m, iter, user, uint64(len(p)), iterUbuf, source, m.u64(of.addr+offFileFPos))
		}
	})
	if err != nil {
		return 0, kernel.ENOMEM
	}
	r, err := c.th.Call(slot, uint64(iter), uint64(iter+sizeofKiocb))
	o.s.M.Do(func() {
		m := o.s.mem()
		if err == nil && int64(r) > 0 {
			m.put64(of.addr+offFileFPos, m.u64(iter+offKiocbKiPos))
		}
		_ = o.s.M.Free(iter)
	})
	if err != nil {
		return 0, c.fault(err)
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
	o.s.M.Do(func() { mode = o.s.mem().u32(of.addr + offFileFMode) })
	if mode&fmodeLseek == 0 {
		return 0, kernel.ESPIPE
	}
	r, err := c.th.Call(o.llseek, uint64(of.addr), uint64(off), uint64(uint32(whence)))
	if err != nil {
		return 0, c.fault(err)
	}
	o.s.M.Do(func() { of.astray = int64(o.s.mem().u64(of.addr+offFileFPos)) < 0 }) // rw_verify_area
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
		return 0, c.fault(err)
	}
	v := int64(r)
	if v < 0 && v >= -4095 {
		return 0, cErrno(-v)
	}
	return int(v), nil
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
