// Package fault breaks a USB device on purpose, the same way every time.
//
//	dev, err := fault.New(device, 42,
//		fault.Rule{Kind: fault.Stall, Rate: 0.01}, fault.Rule{Kind: fault.Disconnect, At: 500})
//	bus.Plug("", dev)
//	…
//	dev.Report() // what was injected where
//
// Rates are drawn from a generator seeded for each rule, and counted in transfers on the endpoints
// that the rule names: the same seed and the same transfers give the same faults.
package fault

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/usb"
)

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	Stall Kind = "stall" // EPIPE; a bulk or interrupt endpoint is halted for real
	// the device is not ready For this long; then the transfer begins
	NAK Kind = "nak"
	// an IN transfer ends early, after half of its bytes; others are not counted
	Short      Kind = "short"
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
	if r.Kind == Short && r.Endpoint != 0 && r.Endpoint&usb.DirIn == 0 {
		return fmt.Errorf("%s: endpoint %#02x takes data, and a host sends all it has; want an IN endpoint such as %#02x", r.Kind, r.Endpoint, r.Endpoint|usb.DirIn)
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
	seed    uint64
	list    []Injected
	count   map[Kind]int
	lanes   map[uint8]*lane
	held    map[*usb.Transfer]*held
	gone    chan struct{}
	removed bool
	clock   *clock.Clock
}

type rule struct {
	Rule
	rnd *rand.Rand
	n   uint64
}

// Clocked is a device on a machine's clock. Absence: its faults last by a clock of their own.
type Clocked interface{ Clock() *clock.Clock }

// New puts faults on d.
//
// Errors: EINVAL with the rule that makes no sense.
func New(d usb.Device, seed uint64, rules ...Rule) (*Device, error) {
	f := &Device{Device: d, seed: seed, count: map[Kind]int{}, lanes: map[uint8]*lane{}, held: map[*usb.Transfer]*held{}, gone: make(chan struct{})}
	if c, ok := d.(Clocked); ok {
		f.clock = c.Clock()
	} else {
		f.clock = clock.New()
	}
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
	f.mu.Unlock()
	if was {
		return
	}
	if u, ok := f.Device.(usb.Unplugger); ok && below {
		u.Unplug()
	}
	f.flush()
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

// WriteReport writes what was injected for a person to read.
//
// Errors: those of w.
func (f *Device) WriteReport(w io.Writer) error {
	f.mu.Lock()
	list, count, seed := slices.Clone(f.list), maps.Clone(f.count), f.seed
	f.mu.Unlock()
	total := 0
	for _, n := range count {
		total += n
	}
	var b strings.Builder
	fmt.Fprintf(&b, "faults injected: %d (seed %d)\n", total, seed)
	for _, x := range list {
		where := "control"
		if x.Endpoint != 0 {
			where = fmt.Sprintf("endpoint %#02x", x.Endpoint)
		}
		fmt.Fprintf(&b, "%10d  %-10s %s\n", x.Transfer, x.Kind, where)
	}
	if total > len(list) {
		fmt.Fprintf(&b, "… and %d more\n", total-len(list))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// draw decides what happens to t: the first rule that strikes.
func (f *Device) draw(t *usb.Transfer) (hit Rule, ok bool) {
	for _, r := range f.rules {
		if !r.concerns(t) {
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

// concerns reports whether a rule counts this transfer.
func (r *rule) concerns(t *usb.Transfer) bool {
	switch {
	case r.Control != (t.Type == usb.Control), r.Endpoint != 0 && r.Endpoint != t.Endpoint:
		return false
	case r.Kind == Short:
		return t.In() && len(t.Data) > 0 && t.Type != usb.Isochronous
	}
	return true
}
