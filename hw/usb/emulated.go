package usb

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/hw/clock"
)

// Emulated is the Device of a Function: the queues of its endpoints and the answers to standard
// requests.
type Emulated struct {
	fn    Function
	speed Speed
	desc  *Descriptors
	gone  chan struct{}
	clock *clock.Clock

	pending  atomic.Uint64 // endpoints to look at again, one bit each, and pendingHold
	busy     atomic.Bool   // somebody holds mu and will look at pending before it lets go
	spawning atomic.Bool   // a goroutine is on its way to do so

	mu       sync.Mutex
	queues   [32]*queue // by epIndex
	ctl      queue
	config   *Configuration
	alts     []uint8 // pairs: interface number, its setting
	remote   bool    // remote wake-up enabled
	address  uint8
	detached bool
	done     list // finished, to be given back
	draining bool // somebody gives them back
	holds    int  // on the clock, of WakeHeld, until the device is at rest
}

// pendingHold goes with a WakeHeld: the clock is held until the device is at rest.
const pendingHold = 1 << 32

// queue is the transfers of one endpoint, oldest first.
type queue struct {
	list
	ep        uint8
	typ       TransferType
	maxPacket int
	iface     uint8
	halted    bool
	interval  time.Duration // isochronous: of a packet
	due       time.Duration // isochronous: when the endpoint is free
	event     *clock.Event
	begun     *Transfer // isochronous: whose time is running
}

// list is a queue of transfers, linked through themselves.
type list struct{ head, tail *Transfer }

func (l *list) push(t *Transfer) {
	t.next = nil
	if l.head == nil {
		l.head = t
	} else {
		l.tail.next = t
	}
	l.tail = t
}

func (l *list) pop() *Transfer {
	t := l.head
	l.head, t.next = t.next, nil
	return t
}

// remove takes t out and reports whether it was there.
func (l *list) remove(t *Transfer) bool {
	var last *Transfer
	for p := l.head; p != nil; last, p = p, p.next {
		if p != t {
			continue
		}
		if last == nil {
			l.head = t.next
		} else {
			last.next = t.next
		}
		if l.tail == t {
			l.tail = last
		}
		t.next = nil
		return true
	}
	return false
}

func epIndex(ep uint8) int { return int(ep&0x0f | ep&DirIn>>3) }

// New makes the device that fn is, at this speed.
//
// Errors: EINVAL if fn cannot run at that speed or its descriptors break the rules of
// [Descriptors.Validate].
func New(fn Function, speed Speed) (*Emulated, error) {
	desc := fn.Descriptors(speed)
	if desc == nil {
		return nil, fail("new device", "", EINVAL, "the function has no descriptors for %s speed", speed)
	}
	if err := desc.Validate(speed); err != nil {
		return nil, err
	}
	d := &Emulated{fn: fn, speed: speed, desc: desc, gone: make(chan struct{}), clock: clock.New()}
	d.ctl.maxPacket = desc.Device.controlPacket()
	d.queues[0] = &d.ctl
	if a, ok := fn.(Attacher); ok {
		a.Attach(&Link{d})
	}
	return d, nil
}

// MustNew is New for descriptors known to be right; it panics otherwise.
func MustNew(fn Function, speed Speed) *Emulated {
	d, err := New(fn, speed)
	if err != nil {
		panic(err)
	}
	return d
}

// SetClock puts the device on a machine's clock, before anything is submitted. Until then it has
// one of its own.
func (d *Emulated) SetClock(c *clock.Clock) { d.clock = c }

// Clock is the device's.
func (d *Emulated) Clock() *clock.Clock { return d.clock }

// Speed is the one given to New.
func (d *Emulated) Speed() Speed { return d.speed }

// Gone is closed by Unplug.
func (d *Emulated) Gone() <-chan struct{} { return d.gone }

// Submit implements [Device]. A transfer that the function is ready for is done before Submit
// returns, unless others keep the device busy.
func (d *Emulated) Submit(t *Transfer) error {
	if err := t.Begin(); err != nil {
		return err
	}
	d.lock()
	if d.detached {
		d.unlock()
		return t.Abort(ENODEV)
	}
	q := &d.ctl
	if t.Type != Control {
		q = d.queues[epIndex(t.Endpoint)]
		if q == nil || q == &d.ctl {
			d.unlock()
			return t.Abort(ENOENT)
		}
		if (q.typ == Isochronous) != (t.Type == Isochronous) {
			d.unlock()
			return t.Abort(fail(t.Type.String(), epName(t.Endpoint), EINVAL, "it is a %s endpoint", q.typ))
		}
	}
	q.push(t)
	t.owner = q
	if q.head == t {
		d.run(q)
	}
	d.unlock()
	return nil
}

// Cancel implements [Device].
func (d *Emulated) Cancel(t *Transfer) {
	d.lock()
	if q := t.owner; q != nil && q.remove(t) {
		if q.begun == t {
			q.begun = nil
		}
		d.finish(t, ECONNRESET)
		d.run(q)
	}
	d.unlock()
}

// Reset implements [Device].
func (d *Emulated) Reset() error {
	d.lock()
	defer d.unlock()
	if d.detached {
		return ENODEV
	}
	d.flush(&d.ctl, ESHUTDOWN)
	d.configure(nil)
	d.remote = false
	return nil
}

// Unplug takes the device away: what waits ends with ESHUTDOWN, later calls with ENODEV.
func (d *Emulated) Unplug() {
	d.lock()
	if d.detached {
		d.unlock()
		return
	}
	d.detached = true
	for _, q := range d.queues {
		if q != nil {
			d.flush(q, ESHUTDOWN)
		}
	}
	if a, ok := d.fn.(Attacher); ok {
		a.Detach()
	}
	close(d.gone)
	d.unlock()
}

// wake is Link.Wake. Whoever holds the lock looks again; if nobody does, a goroutine does.
func (d *Emulated) wake(ep uint8) {
	d.pending.Or(1 << epIndex(ep))
	d.look()
}

// look makes sure that somebody looks at what is pending.
func (d *Emulated) look() {
	if d.busy.Load() || !d.spawning.CompareAndSwap(false, true) {
		return
	}
	go func() {
		d.spawning.Store(false)
		d.lock()
		d.unlock()
	}()
}

// wakeHeld is Link.WakeHeld.
func (d *Emulated) wakeHeld(ep uint8) {
	d.clock.Hold()
	if d.pending.Or(1<<epIndex(ep)|pendingHold)&pendingHold != 0 {
		d.clock.Release() // the one before is still to be seen
	}
	d.look()
}

// +checklocksacquire:d.mu
func (d *Emulated) lock() {
	d.mu.Lock()
	d.busy.Store(true)
}

// drainLimit is how many transfers a caller gives back before a goroutine takes over: what
// completes may be submitted again at once, for ever.
const drainLimit = 16

// drain goes on where unlock had enough.
func (d *Emulated) drain() {
	d.lock()
	d.draining = false
	d.unlock()
}

// unlock looks at what was woken meanwhile, gives back what is finished, and releases the lock.
//
// Checklocks does not follow a lock that is given up and taken back.
// +checklocksignore
// +checklocksrelease:d.mu
func (d *Emulated) unlock() {
	for given := 0; ; {
		bits := d.pending.Swap(0)
		if bits&pendingHold != 0 {
			d.holds++
		}
		for bits &^= pendingHold; bits != 0; bits &= bits - 1 {
			for i := range d.queues {
				if bits&-bits == 1<<i && d.queues[i] != nil {
					d.run(d.queues[i])
				}
			}
		}
		if d.done.head != nil && !d.draining {
			d.draining = true
			for ; d.done.head != nil; given++ {
				if given == drainLimit {
					d.busy.Store(false)
					d.mu.Unlock()
					go d.drain()
					return
				}
				t := d.done.pop()
				d.busy.Store(false)
				d.mu.Unlock()
				t.Complete(t.moved, t.Err)
				d.lock()
			}
			d.draining = false
			continue
		}
		d.busy.Store(false)
		if d.pending.Load() == 0 {
			for ; d.holds > 0 && !d.draining; d.holds-- {
				d.clock.Release()
			}
			d.mu.Unlock()
			return
		}
		d.busy.Store(true)
	}
}
