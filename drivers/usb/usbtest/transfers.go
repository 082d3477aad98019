package usbtest

import (
	"sync"
	"time"

	"github.com/kobench/kobench/drivers/usb"
	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// timeout is how long one transfer may take ([usbtest] SIMPLE_IO_TIMEOUT).
const timeout = 10 * time.Second

// simple does one transfer after the other: 1 to 4, and 17 to 20 at an odd address.
func (t *tester) simple(p *Params, e *hw.Endpoint, vary, odd bool) error {
	if e == nil {
		return kernel.EOPNOTSUPP
	}
	if vary && p.Vary == 0 {
		return kernel.EINVAL
	}
	buf := make([]byte, p.Length+1)
	if buf = buf[:p.Length]; odd {
		buf = buf[:p.Length+1][1:]
	}
	n := p.Length
	for range p.Iterations {
		if err := t.one(e, buf[:n]); err != nil {
			return err
		}
		if vary {
			n = length(p, n)
		}
	}
	return nil
}

// one does a transfer and looks at its data.
func (t *tester) one(e *hw.Endpoint, b []byte) error {
	if e.In() {
		for i := range b {
			b[i] = 0xff // what is not written over is found
		}
	} else {
		t.fill(e, b)
	}
	n, err := t.i.Dev().Bulk(e, b, timeout)
	if err == nil && n != len(b) {
		err = kernel.EREMOTEIO
	}
	if err == nil && e.In() {
		err = t.check(e, b)
	}
	return err
}

// flight is a number of URBs whose ends are waited for.
type flight struct {
	urbs  []*usb.URB
	ends  chan *usb.URB
	first error
}

func (t *tester) flight(n int, e *hw.Endpoint) *flight {
	f := &flight{ends: make(chan *usb.URB, n)}
	for range n {
		f.urbs = append(f.urbs, t.i.NewURB(e, nil, func(u *usb.URB) { f.ends <- u }))
	}
	return f
}

func (f *flight) free() {
	for _, u := range f.urbs {
		u.Free()
	}
}

// wait waits for n ends.
func (f *flight) wait(n int) {
	limit := time.After(timeout)
	for range n {
		select {
		case u := <-f.ends:
			if u.Err != nil && f.first == nil {
				f.first = u.Err
			}
		case <-limit:
			if f.first == nil {
				f.first = kernel.ETIMEDOUT
			}
			return
		}
	}
}

// queue does SGLen transfers at once, again and again: 5 to 8, 27, 28.
func (t *tester) queue(p *Params, e *hw.Endpoint, vary bool) error {
	if e == nil {
		return kernel.EOPNOTSUPP
	}
	if p.SGLen == 0 || vary && p.Vary == 0 {
		return kernel.EINVAL
	}
	f := t.flight(int(p.SGLen), e)
	defer f.free()
	n := p.Length
	for _, u := range f.urbs {
		u.Data = make([]byte, n)
		if vary {
			n = length(p, n)
		}
	}
	for range p.Iterations {
		sent := 0
		for _, u := range f.urbs {
			if !e.In() {
				t.fill(e, u.Data)
			}
			if err := u.Submit(); err != nil {
				f.first = err
				break
			}
			sent++
		}
		f.wait(sent)
		if f.first != nil {
			return f.first
		}
		for _, u := range f.urbs {
			if u.Actual != len(u.Data) {
				return kernel.EREMOTEIO
			}
			if e.In() {
				if err := t.check(e, u.Data); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// unlink cancels a transfer that goes on and on, after a moment: 11, 12 ([usbtest] unlink1).
func (t *tester) unlink(p *Params, e *hw.Endpoint) error {
	if e == nil {
		return kernel.EOPNOTSUPP
	}
	if p.Length == 0 {
		return kernel.EINVAL
	}
	for range p.Iterations {
		f := t.flight(1, e)
		u := f.urbs[0]
		u.Data = make([]byte, p.Length)
		stop, over := make(chan struct{}), make(chan error, 1)
		go func() { // submits it again until it is unlinked
			for {
				if err := u.Submit(); err != nil {
					over <- err
					return
				}
				f.wait(1)
				if f.first != nil {
					over <- f.first
					return
				}
				select {
				case <-stop:
					over <- nil
					return
				default:
				}
			}
		}()
		time.Sleep(time.Millisecond)
		close(stop)
		u.Kill()
		err := <-over
		f.free()
		switch err {
		case nil, kernel.ECONNRESET, kernel.ENOENT, kernel.EPERM:
		default:
			return err
		}
	}
	return nil
}

// unlinkQueued queues writes and unlinks some in the middle: 24 ([usbtest] unlink_queued).
func (t *tester) unlinkQueued(p *Params, e *hw.Endpoint) error {
	if e == nil {
		return kernel.EOPNOTSUPP
	}
	if p.SGLen < 8 || p.Length == 0 {
		return kernel.EINVAL
	}
	for range p.Iterations {
		f := t.flight(int(p.SGLen), e)
		sent := 0
		for _, u := range f.urbs {
			u.Data = make([]byte, p.Length)
			if err := u.Submit(); err != nil {
				f.free()
				return err
			}
			sent++
		}
		f.urbs[sent-4].Unlink()
		f.urbs[sent-2].Unlink()
		f.wait(sent)
		f.free()
		switch f.first {
		case nil, kernel.ECONNRESET, kernel.ENOENT:
		default:
			return f.first
		}
	}
	return nil
}

// iso streams packets with several URBs in flight: 15, 16, 22, 23. At most one packet in ten may
// fail.
func (t *tester) iso(p *Params, e *hw.Endpoint) error {
	if e == nil {
		return kernel.EOPNOTSUPP
	}
	if p.SGLen == 0 || p.Length == 0 {
		return kernel.EINVAL
	}
	f := t.flight(int(min(p.SGLen, 16)), e)
	defer f.free()
	size := max(e.PacketSize(), 1)
	for _, u := range f.urbs {
		u.Data = make([]byte, p.Length)
		t.fill(e, u.Data)
		for at := 0; at < len(u.Data); at += size {
			u.Packets = append(u.Packets, hw.IsoPacket{Offset: at, Length: min(size, len(u.Data)-at)})
		}
	}
	packets, failed := 0, 0
	for range p.Iterations {
		sent := 0
		for _, u := range f.urbs {
			if err := u.Submit(); err != nil {
				f.first = err
				break
			}
			sent++
		}
		f.wait(sent)
		if f.first != nil {
			return f.first
		}
		for _, u := range f.urbs {
			packets, failed = packets+len(u.Packets), failed+u.ErrorCount
		}
	}
	if failed > packets/10 {
		return kernel.EIO
	}
	return nil
}

// toggles clears a halt that is not there between two transfers: 29. Host and device must agree on
// the data toggle afterwards.
func (t *tester) toggles(p *Params) error {
	if t.out == nil {
		return kernel.EOPNOTSUPP
	}
	b := make([]byte, min(p.Length, 4096))
	if err := t.one(t.out, b); err != nil {
		return err
	}
	if err := t.i.Dev().ClearHalt(t.out); err != nil {
		return err
	}
	return t.one(t.out, b)
}

// parallel is used by controlQueue: the ends of URBs of different kinds.
type parallel struct {
	mu   sync.Mutex
	err  error
	left sync.WaitGroup
}

func (p *parallel) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}
