package usbtmc

import (
	"math"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	"github.com/kobench/kobench/kernel"
)

// Flags of USBTMC_IOCTL_READ and USBTMC_IOCTL_WRITE [tmc.h].
const (
	FlagAsync         = 1 // do not wait
	FlagAppend        = 2 // the message goes on
	FlagIgnoreTrailer = 4 // read up to a packet beyond the size, for bytes that only align
)

// await waits for a completion that makes cond true, and reports whether it is. Only the holder of
// io calls it.
func (f *file) await(limit time.Duration, cond func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !cond() {
		select {
		case <-f.changed:
		case <-timer.C:
			return cond()
		case <-f.d.ctx.Done():
			return cond()
		}
	}
	return true
}

// completed tells await and pollers of one.
func (f *file) completed() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
	f.d.wait.WakeAll(0)
}

// submit starts a transfer.
func (f *file) submit(u *usb.URB) error {
	f.submitted.Add(u)
	err := u.Submit()
	if err != nil {
		f.submitted.Remove(u)
	}
	return status(err)
}

// takeOut gives an idle bulk OUT transfer, nil when all are under way.
func (f *file) takeOut() *usb.URB {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.outs); n > 0 {
		u := f.outs[n-1]
		f.outs = f.outs[:n-1]
		return u
	}
	if f.outMade == maxInFlight {
		return nil
	}
	f.outMade++
	return f.d.iface.NewURB(f.d.out, make([]byte, bufferSize), f.sent)
}

// submitOut starts a bulk OUT transfer; a refused one goes back to the idle ones.
func (f *file) submitOut(u *usb.URB) error {
	err := f.submit(u)
	if err != nil {
		f.mu.Lock()
		f.outs = append(f.outs, u)
		f.mu.Unlock()
	}
	return err
}

// sent is the end of a bulk OUT transfer ([usbtmc] usbtmc_write_bulk_cb).
func (f *file) sent(u *usb.URB) {
	f.submitted.Remove(u)
	err := killed(u.Err)
	if err != nil && err != kernel.ENOENT && err != kernel.ESHUTDOWN {
		f.d.iface.Printf(kernel.LevelErr, "usbtmc_write_bulk_cb - nonzero write bulk status received: %d", -int(kernel.ErrnoOf(err)))
	}
	f.mu.Lock()
	f.outSize += uint32(u.Actual)
	if err != nil && f.outErr == nil {
		f.outErr = err
	}
	f.outs = append(f.outs, u)
	f.mu.Unlock()
	f.completed()
}

// killed gives an unlinked transfer the number that usb_kill_urb has for it.
func killed(err error) error {
	if unlinked(err) {
		return kernel.ENOENT
	}
	return err
}

func (f *file) sendError() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outErr
}

// send writes size bytes of p as they are, a header among them or not ([usbtmc]
// usbtmc_generic_write). It returns how many went out or, with FlagAsync, were taken.
//
// Errors: EAGAIN with FlagAsync: all transfers are under way; EFAULT p is too short; ETIMEDOUT;
// ENODEV; those of the transfers.
//
// +checklocks:f.d.io
func (f *file) send(p []byte, size, flags uint32) (uint32, error) {
	f.mu.Lock()
	if flags&FlagAppend == 0 {
		f.outSize, f.outErr = 0, nil
	} else if f.outErr != nil {
		defer f.mu.Unlock()
		return 0, status(f.outErr)
	}
	f.mu.Unlock()
	done, err := f.sendParts(p, int(min(size, math.MaxInt32)), flags)
	if err != nil && err != kernel.EAGAIN {
		f.submitted.KillAll()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := uint32(done)
	if flags&FlagAsync == 0 {
		n = f.outSize
	}
	if err == nil {
		err = f.outErr
	}
	return n, status(err)
}

// sendParts hands left bytes of p out in transfers and, without FlagAsync, waits until they have
// ended. done is how many were handed out.
//
// +checklocks:f.d.io
func (f *file) sendParts(p []byte, left int, flags uint32) (done int, err error) {
	for left > 0 {
		u := f.takeOut()
		switch {
		case u != nil:
		case flags&FlagAsync != 0 && done > 0:
			return done, nil
		case flags&FlagAsync != 0:
			return done, kernel.EAGAIN
		case !f.await(f.limit(), func() bool { u = f.takeOut(); return u != nil }):
			return done, kernel.ETIMEDOUT
		}
		err := f.sendError()
		part := min(left, bufferSize)
		if err == nil && len(p)-done < part {
			err = kernel.EFAULT
		}
		if err != nil {
			f.mu.Lock()
			f.outs = append(f.outs, u)
			f.mu.Unlock()
			return done, err
		}
		b := u.Data[:bufferSize]
		copy(b, p[done:done+part])
		u.Data = align(b, part)
		if err := f.submitOut(u); err != nil {
			return done, err
		}
		left -= part
		done += part
	}
	if flags&FlagAsync == 0 && !f.await(f.limit(), f.submitted.Empty) {
		return done, kernel.ETIMEDOUT
	}
	return done, nil
}

// submitIn starts one more bulk IN transfer.
func (f *file) submitIn() error {
	var u *usb.URB
	f.mu.Lock()
	if n := len(f.ins); n > 0 {
		u = f.ins[n-1]
		f.ins = f.ins[:n-1]
	} else {
		u = f.d.iface.NewURB(f.d.in, make([]byte, bufferSize), f.arrived)
	}
	f.inUsed++
	f.mu.Unlock()
	err := f.submit(u)
	if err != nil {
		f.mu.Lock()
		f.ins = append(f.ins, u)
		f.inUsed--
		f.mu.Unlock()
	}
	return err
}

// arrived is the end of a bulk IN transfer ([usbtmc] usbtmc_read_bulk_cb).
func (f *file) arrived(u *usb.URB) {
	f.submitted.Remove(u)
	err := killed(u.Err)
	if err != nil && err != kernel.ESHUTDOWN && !f.d.dev.Gone() {
		f.d.iface.Printf(kernel.LevelErr, "usbtmc_read_bulk_cb - nonzero read bulk status received: %d", -int(kernel.ErrnoOf(err)))
	}
	f.mu.Lock()
	if err != nil && f.inErr == nil {
		f.inErr = err
	}
	f.ready = append(f.ready, arrival{u, u.Actual, err})
	f.mu.Unlock()
	f.completed()
}

// next takes the oldest arrival.
func (f *file) next() (a arrival, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ready) == 0 {
		return a, false
	}
	a = f.ready[0]
	f.ready = append(f.ready[:0], f.ready[1:]...)
	f.inUsed--
	return a, true
}

// drop ends all transfers of the file and forgets what came; with out, also how writes went.
func (f *file) drop(out bool) {
	f.submitted.KillAll()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.ready {
		f.ins = append(f.ins, a.u)
	}
	f.ready, f.inUsed, f.inErr = f.ready[:0], 0, nil
	if out {
		f.outSize, f.outErr = 0, nil
	}
}

// receive reads bulk IN data into p until size bytes or a short packet, which is told by more = 1
// ([usbtmc] usbtmc_generic_read). Without FlagIgnoreTrailer a size beyond 4096 is rounded down to a
// multiple of that. With FlagAsync it takes what has come, and starts as many transfers as the size
// needs.
//
// Errors: EAGAIN with FlagAsync: transfers were started, nothing has come; EINVAL p is nil; EFAULT
// p is too short; ETIMEDOUT; ENODEV; ECANCELED after CANCEL_IO; those of the transfers.
//
// +checklocks:f.d.io
func (f *file) receive(p []byte, size, flags uint32) (n uint32, more int, err error) {
	async := flags&FlagAsync != 0
	want, room := int64(size), int64(size) // to be read; for the caller
	if packet := int64(f.d.in.PacketSize()); flags&FlagIgnoreTrailer != 0 {
		if want%packet == 0 {
			want += packet - 1
		}
	} else if want > bufferSize {
		want -= want % bufferSize
		room = want
	}
	f.mu.Lock()
	err = f.inErr
	again := async && len(f.ready) == 0
	start := min(int((want+bufferSize-1)/bufferSize), maxInFlight) - f.inUsed
	f.mu.Unlock()
	for ; err == nil && start > 0; start-- {
		err = f.submitIn()
	}
	switch {
	case err != nil:
		f.drop(false)
		return 0, 0, status(err)
	case again:
		return 0, 0, kernel.EAGAIN
	case p == nil:
		return 0, 0, kernel.EINVAL
	}
	for want > 0 {
		var a arrival
		var ok bool
		if async {
			if a, ok = f.next(); !ok {
				return n, 0, nil
			}
		} else if !f.await(f.limit(), func() bool { a, ok = f.next(); return ok }) {
			err = kernel.ETIMEDOUT
			break
		}
		want -= min(want, int64(a.n))
		part := min(room, int64(a.n))
		if fits := int64(len(p)) - int64(n); fits < part {
			err = kernel.EFAULT
		} else {
			n += uint32(copy(p[n:], a.u.Data[:part]))
			room -= part
			err = a.err
		}
		f.mu.Lock()
		f.ins = append(f.ins, a.u)
		used := f.inUsed
		f.mu.Unlock()
		if err == nil && a.n < bufferSize {
			more = 1
			break
		}
		if err == nil && !async && want > int64(bufferSize*used) {
			err = f.submitIn()
		}
		if err != nil {
			break
		}
	}
	f.drop(false)
	return n, more, status(err)
}
