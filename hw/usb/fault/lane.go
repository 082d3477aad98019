package fault

import (
	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/usb"
)

// lane is the transfers of one endpoint. A fault strikes its transfer when those before it are
// done, and those after it wait until it is over: an endpoint is one thing after another, whatever
// goes wrong.
type lane struct {
	queue   []*held // not at the device yet; the first may be struck
	below   int     // at the device
	blocked bool    // the first of the queue is being dealt with
	running bool    // somebody is in advance
}

// held is a transfer that was submitted. It goes to the device as a transfer of its own, inner,
// since it counts as submitted itself.
type held struct {
	t      *usb.Transfer
	lane   *lane
	hit    Rule
	struck bool
	cancel bool          // the device has been asked to cancel inner
	inner  *usb.Transfer // at the device
	timer  *clock.Event
	after  func() // what the timer will do
}

// Submit implements [usb.Device].
func (f *Device) Submit(t *usb.Transfer) error {
	if err := t.Begin(); err != nil {
		return err
	}
	f.mu.Lock()
	if f.removed {
		f.mu.Unlock()
		return t.Abort(usb.ENODEV)
	}
	endpoint := t.Endpoint
	if t.Type == usb.Control {
		endpoint = 0
	}
	l := f.lanes[endpoint]
	if l == nil {
		l = &lane{}
		f.lanes[endpoint] = l
	}
	h := &held{t: t, lane: l}
	h.hit, h.struck = f.draw(t)
	f.held[t] = h
	if h.struck || l.running || l.blocked || len(l.queue) > 0 {
		l.queue = append(l.queue, h)
		f.mu.Unlock()
		f.advance(l)
		return nil
	}
	l.running = true
	inner := f.innerLocked(h)
	f.mu.Unlock()
	if err := f.Device.Submit(inner); err != nil { // the caller hears what the device says
		f.mu.Lock()
		l.below--
		l.running = false
		delete(f.held, t)
		f.mu.Unlock()
		err = t.Abort(err)
		f.advance(l)
		return err
	}
	f.mu.Lock()
	l.running = false
	f.mu.Unlock()
	f.advance(l)
	return nil
}

// advance gives the device what may go to it, in order, and lets the fault strike that is due. One
// goroutine at a time does so for a lane; who comes meanwhile leaves its work to it.
func (f *Device) advance(l *lane) {
	f.mu.Lock()
	if l.running {
		f.mu.Unlock()
		return
	}
	l.running = true
	// flush ends what is there when the device goes
	for !l.blocked && len(l.queue) > 0 && !f.removed {
		h := l.queue[0]
		if h.struck {
			if l.below > 0 {
				break // the last of them comes here again
			}
			l.blocked = true
			f.mu.Unlock()
			f.strike(h)
			f.mu.Lock()
			continue
		}
		l.queue = l.queue[1:]
		inner := f.innerLocked(h)
		f.mu.Unlock()
		if err := f.Device.Submit(inner); err != nil {
			f.arrived(h, 0, err)
		}
		f.mu.Lock()
	}
	l.running = false
	f.mu.Unlock()
}

// innerLocked makes the transfer that goes to the device.
func (f *Device) innerLocked(h *held) *usb.Transfer {
	t := h.t
	h.inner = &usb.Transfer{Endpoint: t.Endpoint, Type: t.Type, Flags: t.Flags, Setup: t.Setup, Data: t.Data, Packets: t.Packets, Interval: t.Interval}
	h.inner.Done = func(x *usb.Transfer) {
		t.StartFrame, t.ErrorCount = x.StartFrame, x.ErrorCount
		f.arrived(h, x.Actual, x.Err)
	}
	h.lane.below++
	return h.inner
}

// arrived is after the device has done with a transfer.
func (f *Device) arrived(h *held, n int, err error) {
	f.mu.Lock()
	h.lane.below--
	h.inner = nil
	slow := h.struck && h.hit.Kind == Slow && !h.cancel && !f.removed
	f.mu.Unlock()
	switch {
	case slow:
		f.later(h, func() { f.finish(h, n, err) })
		return
	case h.struck && h.hit.Kind == Short && err == nil:
		if n /= 2; h.t.Flags&usb.ShortNotOK != 0 {
			err = usb.EREMOTEIO
		}
	}
	f.finish(h, n, err)
}

// later does after when the fault has lasted its time. Whoever ends the transfer before does so in
// its place.
func (f *Device) later(h *held, after func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h.after = after
	h.timer = f.clock.AfterFunc(h.hit.For, func() {
		if after := f.take(h); after != nil {
			f.clock.Go(after)
		}
	})
	if h.cancel || f.removed {
		h.timer.After(0)
	}
}

// take takes what the timer was to do, once.
func (f *Device) take(h *held) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	after := h.after
	h.after = nil
	return after
}

// strike lets the fault of the first in the queue happen.
func (f *Device) strike(h *held) {
	end := func(err error) func() { return func() { f.finish(h, 0, err) } }
	switch h.hit.Kind {
	case NAK:
		f.later(h, func() { f.below(h) })
	case Timeout:
		f.later(h, end(usb.ETIMEDOUT))
	case Slow, Short:
		f.below(h)
	case Disconnect:
		f.vanish(true)
		f.finish(h, 0, usb.ESHUTDOWN)
	case Stall:
		// the device halts its endpoint; the transfer ends when that is so
		if h.t.Type != usb.Control {
			halt := &usb.Transfer{Type: usb.Control, Setup: usb.Setup{RequestType: usb.ToEndpoint, Request: usb.SetFeature, Value: usb.EndpointHalt, Index: uint16(h.t.Endpoint)}}
			halt.Done = func(*usb.Transfer) { f.finish(h, 0, usb.EPIPE) }
			if f.Device.Submit(halt) == nil {
				return
			}
		}
		f.finish(h, 0, usb.EPIPE)
	case Babble:
		f.finish(h, 0, usb.EOVERFLOW)
	default:
		f.finish(h, 0, usb.EPROTO)
	}
}

// below gives the device a struck transfer.
func (f *Device) below(h *held) {
	f.mu.Lock()
	if f.held[h.t] != h || f.removed { // it was ended meanwhile, or flush is about to
		f.mu.Unlock()
		f.finish(h, 0, usb.ESHUTDOWN)
		return
	}
	inner := f.innerLocked(h)
	f.mu.Unlock()
	if err := f.Device.Submit(inner); err != nil {
		f.arrived(h, 0, err)
	}
}

// finish gives a transfer back to its owner, once, and lets the next ones go.
func (f *Device) finish(h *held, n int, err error) {
	f.mu.Lock()
	if f.held[h.t] != h {
		f.mu.Unlock()
		return
	}
	delete(f.held, h.t)
	h.after = nil
	if h.timer != nil {
		h.timer.Stop()
	}
	l, first := h.lane, h.struck
	if first { // it is the first of the queue, unless it was taken out of the middle
		first = len(l.queue) > 0 && l.queue[0] == h && l.blocked
	}
	for i, x := range l.queue {
		if x == h {
			l.queue = append(l.queue[:i:i], l.queue[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	h.t.Complete(n, err)
	if first {
		f.mu.Lock()
		l.blocked = false
		f.mu.Unlock()
	}
	f.advance(l)
}

// Cancel implements [usb.Device].
func (f *Device) Cancel(t *usb.Transfer) {
	f.mu.Lock()
	h := f.held[t]
	if h == nil {
		f.mu.Unlock()
		return
	}
	h.cancel = true
	inner := h.inner
	f.mu.Unlock()
	if inner != nil {
		f.Device.Cancel(inner)
		return
	}
	f.finish(h, 0, usb.ECONNRESET)
}

// Reset implements [usb.Device].
func (f *Device) Reset() error {
	f.flush()
	return f.Device.Reset()
}

// flush ends what is not at the device.
func (f *Device) flush() {
	f.mu.Lock()
	var waiting []*held
	for _, l := range f.lanes {
		for _, h := range l.queue {
			if h.inner == nil {
				waiting = append(waiting, h)
			}
		}
	}
	f.mu.Unlock()
	for _, h := range waiting {
		f.finish(h, 0, usb.ESHUTDOWN)
	}
}

// Unwrap is the device without faults.
func (f *Device) Unwrap() usb.Device { return f.Device }
