// Package usbfault breaks a USB device on purpose, the same way every time.
//
//	dev, err := usbfault.New(device, 42, usbfault.Rule{Kind: usbfault.Stall, Rate: 0.01}, usbfault.Rule{Kind: usbfault.Disconnect, At: 500})
//	bus.Plug("", dev)
//	…
//	dev.Report() // what was injected where
//
// Rates are drawn from a generator seeded for each rule, and counted in transfers on the endpoints that the rule names: the same seed and
// the same transfers give the same faults.
package usbfault

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/usb"
)

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	Stall      Kind = "stall"      // EPIPE; a bulk or interrupt endpoint is halted for real
	NAK        Kind = "nak"        // the device is not ready For this long; then the transfer begins
	Short      Kind = "short"      // an IN transfer ends early, after half of its bytes
	Babble     Kind = "babble"     // EOVERFLOW
	CRC        Kind = "crc"        // EPROTO: the packet was lost
	Timeout    Kind = "timeout"    // ETIMEDOUT after For: no answer
	Slow       Kind = "slow"       // the transfer is done For later than it was
	Disconnect Kind = "disconnect" // the device is unplugged
)

// Rule is one fault or a rate of them. Exactly one of Rate and At says when.
type Rule struct {
	Kind     Kind
	Rate     float64 // probability for each transfer
	At       uint64  // the number of the transfer; the first is 1
	For      time.Duration
	Endpoint uint8 // address; 0 is every endpoint but the control one
	Control  bool  // control transfers instead
}

func (r Rule) check() error {
	switch r.Kind {
	case NAK, Slow, Timeout:
		if r.For <= 0 {
			return fmt.Errorf("%s: say for how long", r.Kind)
		}
	case Stall, Short, Babble, CRC, Disconnect:
	default:
		return fmt.Errorf("%q is not a fault; there are stall, nak, short, babble, crc, timeout, slow and disconnect", r.Kind)
	}
	if (r.Rate != 0) == (r.At != 0) {
		return fmt.Errorf("%s: give exactly one of rate and transfer", r.Kind)
	}
	if !(r.Rate >= 0 && r.Rate <= 1) {
		return fmt.Errorf("%s: the rate %g is not a probability between 0 and 1", r.Kind, r.Rate)
	}
	return nil
}

// Injected is one fault that happened.
type Injected struct {
	Kind     Kind   `json:"kind"`
	Transfer uint64 `json:"transfer"` // its number among those that the rule looks at
	Endpoint uint8  `json:"endpoint"`
}

const maxReport = 10000

// Device is a device with faults. It implements [usb.Device].
type Device struct {
	usb.Device

	mu      sync.Mutex
	rules   []*rule
	list    []Injected
	count   map[Kind]int
	held    map[*usb.Transfer]*delay
	gone    chan struct{}
	removed bool
}

type rule struct {
	Rule
	rnd *rand.Rand
	n   uint64
}

// delay is a transfer kept back: first by a timer, then by the device, in a transfer of its own.
type delay struct {
	timer *time.Timer
	inner *usb.Transfer
}

// New puts faults on d.
//
// Errors: EINVAL with the rule that makes no sense.
func New(d usb.Device, seed uint64, rules ...Rule) (*Device, error) {
	f := &Device{Device: d, count: map[Kind]int{}, held: map[*usb.Transfer]*delay{}, gone: make(chan struct{})}
	for i, r := range rules {
		if err := r.check(); err != nil {
			return nil, &usb.Error{Op: "fault", Where: fmt.Sprintf("rule %d", i+1), Errno: usb.EINVAL, Reason: err.Error()}
		}
		f.rules = append(f.rules, &rule{Rule: r, rnd: rand.New(rand.NewPCG(seed, uint64(i)+1))})
	}
	go func() {
		select {
		case <-d.Gone():
			f.vanish(false)
		case <-f.gone:
		}
	}()
	return f, nil
}

// Gone is closed when the device has been unplugged, by a fault or otherwise.
func (f *Device) Gone() <-chan struct{} { return f.gone }

// Unplug unplugs the device.
func (f *Device) Unplug() { f.vanish(true) }

func (f *Device) vanish(below bool) {
	f.mu.Lock()
	was := f.removed
	f.removed = true
	var waiting []*usb.Transfer
	for t, d := range f.held {
		if d.inner == nil && d.timer.Stop() {
			waiting = append(waiting, t)
			delete(f.held, t)
		}
	}
	f.mu.Unlock()
	if was {
		return
	}
	if u, ok := f.Device.(interface{ Unplug() }); ok && below {
		u.Unplug()
	}
	for _, t := range waiting {
		t.Complete(0, usb.ESHUTDOWN)
	}
	close(f.gone)
}

// Report is what was injected, in order; the first 10,000. Count says how many of each kind.
func (f *Device) Report() []Injected {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Injected(nil), f.list...)
}

// Count is how many faults of a kind there were.
func (f *Device) Count(k Kind) int { f.mu.Lock(); defer f.mu.Unlock(); return f.count[k] }

// draw decides what happens to t: the first rule that strikes.
func (f *Device) draw(t *usb.Transfer) (hit Rule, ok bool) {
	for _, r := range f.rules {
		if r.Control != (t.Type == usb.Control) || r.Endpoint != 0 && r.Endpoint != t.Endpoint {
			continue
		}
		r.n++
		strikes := r.n == r.At || r.Rate > 0 && r.rnd.Float64() < r.Rate
		if !strikes || ok {
			continue
		}
		hit, ok = r.Rule, true
		f.count[r.Kind]++
		if len(f.list) < maxReport {
			f.list = append(f.list, Injected{r.Kind, r.n, t.Endpoint})
		}
	}
	return hit, ok
}

// Submit implements [usb.Device].
func (f *Device) Submit(t *usb.Transfer) error {
	f.mu.Lock()
	if f.removed {
		f.mu.Unlock()
		return usb.ENODEV
	}
	hit, ok := f.draw(t)
	f.mu.Unlock()
	if !ok {
		return f.Device.Submit(t)
	}
	switch hit.Kind {
	case NAK, Timeout:
		return f.wait(t, hit)
	case Slow:
		t.Push(slow{hit.For})
		return f.Device.Submit(t)
	case Short:
		if t.In() && len(t.Data) > 0 && t.Type != usb.Isochronous {
			t.Push(short{})
		}
		return f.Device.Submit(t)
	case Disconnect:
		if err := t.Begin(); err != nil {
			return err
		}
		f.vanish(true)
		t.Complete(0, usb.ESHUTDOWN)
		return nil
	}
	if err := t.Begin(); err != nil {
		return err
	}
	err := map[Kind]usb.Errno{Stall: usb.EPIPE, Babble: usb.EOVERFLOW, CRC: usb.EPROTO}[hit.Kind]
	if hit.Kind == Stall && t.Type != usb.Control { // the device halts its endpoint; t ends when that is so
		halt := &usb.Transfer{Type: usb.Control, Setup: usb.Setup{RequestType: usb.ToEndpoint, Request: usb.SetFeature, Value: usb.EndpointHalt, Index: uint16(t.Endpoint)}}
		halt.Done = func(*usb.Transfer) { t.Complete(0, usb.EPIPE) }
		if f.Device.Submit(halt) == nil {
			return nil
		}
	}
	t.Complete(0, err)
	return nil
}

// wait keeps t back. It is not submitted below meanwhile, so the claim on it is ours.
func (f *Device) wait(t *usb.Transfer, hit Rule) error {
	if err := t.Begin(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[t] = &delay{timer: time.AfterFunc(hit.For, func() {
		f.mu.Lock()
		_, mine := f.held[t]
		delete(f.held, t)
		f.mu.Unlock()
		switch {
		case !mine:
		case hit.Kind == Timeout:
			t.Complete(0, usb.ETIMEDOUT)
		default:
			f.forward(t)
		}
	})}
	return nil
}

// forward carries t to the device in a transfer of its own, since t counts as submitted.
func (f *Device) forward(t *usb.Transfer) {
	inner := &usb.Transfer{Endpoint: t.Endpoint, Type: t.Type, Flags: t.Flags, Setup: t.Setup, Data: t.Data, Packets: t.Packets, Interval: t.Interval}
	inner.Done = func(x *usb.Transfer) {
		f.mu.Lock()
		delete(f.held, t)
		f.mu.Unlock()
		t.StartFrame, t.ErrorCount = x.StartFrame, x.ErrorCount
		t.Complete(x.Actual, x.Err)
	}
	f.mu.Lock()
	f.held[t] = &delay{inner: inner}
	f.mu.Unlock()
	if err := f.Device.Submit(inner); err != nil {
		f.mu.Lock()
		delete(f.held, t)
		f.mu.Unlock()
		t.Complete(0, err)
	}
}

// Cancel implements [usb.Device].
func (f *Device) Cancel(t *usb.Transfer) {
	f.mu.Lock()
	d := f.held[t]
	mine := d != nil && d.inner == nil && d.timer.Stop()
	if mine {
		delete(f.held, t)
	}
	f.mu.Unlock()
	if mine {
		t.Complete(0, usb.ECONNRESET)
		return
	}
	if d != nil && d.inner != nil {
		t = d.inner
	}
	f.Device.Cancel(t)
}

// slow holds a completion back.
type slow struct{ d time.Duration }

func (s slow) Completed(t *usb.Transfer) bool {
	time.AfterFunc(s.d, t.Resume)
	return true
}

// short cuts an answer.
type short struct{}

func (short) Completed(t *usb.Transfer) bool {
	if t.Err == nil {
		t.Actual /= 2
		if t.Flags&usb.ShortNotOK != 0 {
			t.Err = usb.EREMOTEIO
		}
	}
	return false
}
