package usb

import (
	"sync"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// URB is a transfer of an interface that nobody waits for (struct urb). Its fields are the driver's
// while it is not submitted.
type URB struct {
	hw.Transfer // Actual, Err and Packets hold the result in Complete
	// Complete is called when the transfer is done, however it ended; it may submit the URB again.
	// Transfer.Done belongs to the core.
	Complete func(u *URB)
	// Context is the driver's.
	Context any

	iface  *Interface
	mu     sync.Mutex
	idle   sync.Cond
	active int // submissions whose Complete has not returned
	kills  int // Submit is refused
}

// NewURB makes a URB for an endpoint of i. It lives until its interface is released; Free ends it
// before.
func (i *Interface) NewURB(e *hw.Endpoint, data []byte, complete func(*URB)) *URB {
	u := &URB{iface: i, Complete: complete}
	u.idle.L = &u.mu
	u.Type, u.Data = hw.Control, data
	if e != nil {
		u.Endpoint, u.Type, u.Interval = e.Address, e.Type(), int(e.Interval)
	}
	u.Done = u.done
	i.mu.Lock()
	i.urbs[u] = struct{}{}
	i.mu.Unlock()
	return u
}

// Free ends a URB for good.
func (u *URB) Free() {
	u.Kill()
	u.iface.mu.Lock()
	delete(u.iface.urbs, u)
	u.iface.mu.Unlock()
}

// Submit starts the transfer (usb_submit_urb). Complete may be called before it returns.
//
// Errors: ENODEV the device has gone or the driver was unbound; EPERM the URB is being killed;
// EBUSY it is submitted; ENOENT no such endpoint.
func (u *URB) Submit() error {
	u.mu.Lock()
	switch {
	case u.iface.ended.Load() || u.iface.dev.gone.Load():
		u.mu.Unlock()
		return kernel.ENODEV
	case u.kills > 0:
		u.mu.Unlock()
		return kernel.EPERM
	case u.Pending():
		u.mu.Unlock()
		return kernel.EBUSY
	}
	u.active++
	u.mu.Unlock()
	if err := u.iface.dev.slot.Submit(&u.Transfer); err != nil {
		u.over()
		return errnoOf(err)
	}
	u.mu.Lock()
	killed := u.kills > 0 // since it was looked at
	u.mu.Unlock()
	if killed {
		u.Unlink()
	}
	return nil
}

func (u *URB) done(t *hw.Transfer) {
	t.Err = errnoOf(t.Err)
	u.Complete(u)
	u.over()
}

// over is the end of one submission.
func (u *URB) over() {
	u.mu.Lock()
	if u.active--; u.active == 0 {
		u.idle.Broadcast()
	}
	u.mu.Unlock()
}

// Unlink asks for the end of the transfer, which completes with ECONNRESET (usb_unlink_urb).
func (u *URB) Unlink() { u.iface.dev.slot.Cancel(&u.Transfer) }

// Kill ends the transfer and waits until its Complete has returned; meanwhile it cannot be
// submitted (usb_kill_urb). Not to be called from Complete.
func (u *URB) Kill() {
	u.mu.Lock()
	u.kills++
	u.mu.Unlock()
	u.Unlink()
	u.mu.Lock()
	for u.active > 0 {
		u.idle.Wait()
	}
	u.kills--
	u.mu.Unlock()
}

// endURBs kills all that were made for the interface and refuses more until the next Probe.
func (i *Interface) endURBs() {
	i.ended.Store(true)
	i.mu.Lock()
	list := make([]*URB, 0, len(i.urbs))
	for u := range i.urbs {
		list = append(list, u)
	}
	clear(i.urbs)
	i.mu.Unlock()
	for _, u := range list {
		u.Kill()
	}
}

// Anchor is a set of URBs that are ended together (struct usb_anchor). The zero value is empty.
type Anchor struct {
	mu   sync.Mutex
	urbs map[*URB]struct{} // +checklocks:mu
}

// Add puts u in; it stays until Remove.
func (a *Anchor) Add(u *URB) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.urbs == nil {
		a.urbs = make(map[*URB]struct{})
	}
	a.urbs[u] = struct{}{}
}

// Remove takes u out.
func (a *Anchor) Remove(u *URB) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.urbs, u)
}

// Empty reports whether there is none left.
func (a *Anchor) Empty() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.urbs) == 0
}

// KillAll ends all and waits for them (usb_kill_anchored_urbs).
func (a *Anchor) KillAll() {
	for _, u := range a.list() {
		u.Kill()
	}
}

// UnlinkAll asks for the end of all (usb_unlink_anchored_urbs).
func (a *Anchor) UnlinkAll() {
	for _, u := range a.list() {
		u.Unlink()
	}
}

func (a *Anchor) list() []*URB {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]*URB, 0, len(a.urbs))
	for u := range a.urbs {
		list = append(list, u)
	}
	return list
}
