// Package fault breaks a serial line on purpose, the same way every time.
//
//	in, err := fault.Parse(42, "biterror=1e-4 drop=1e-3 break@1000=250ms unplug@2s plug@3s")
//	in.Install(port)        // faults in what port sends and in the lines it sees
//	…
//	fmt.Print(in.Report())  // what was injected where
//
// Rates are drawn from a generator seeded for each rule, and counted in characters or bits sent:
// the same seed and the same bytes give the same faults, however the bytes were cut into writes. A
// fault at a time happens by the machine's clock.
//
// References:
//
//	[geometric] L. Devroye, Non-Uniform Random Variate Generation, X.2: the gap between two faults
//	            of a constant rate
package fault

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/clock"
	"github.com/kobench/kobench/hw/serial"
)

// Kind is a kind of fault.
type Kind string

// The kinds. The first four happen at a rate or at a character, the others at a character or a
// time.
const (
	BitError  Kind = "biterror"  // a bit of the frame is inverted: data, parity, stop or start bit
	Drop      Kind = "drop"      // a character is lost
	Duplicate Kind = "duplicate" // a character comes twice
	Delay     Kind = "delay"     // the wire rests before a character
	Break     Kind = "break"     // the wire is held at 0
	Unplug    Kind = "unplug"    // the cable is taken out
	Plug      Kind = "plug"      // and put back
	Vanish    Kind = "vanish"    // the port itself goes: ENODEV for its user
	Return    Kind = "return"    // and comes back
	StuckOff  Kind = "stuckoff"  // inputs of the port are off whatever the other end drives
	StuckOn   Kind = "stuckon"   // or on
	Unstick   Kind = "unstick"   // and free again
)

// Rule is one fault or a rate of them. Exactly one of Rate, AtByte and AtTime says when.
type Rule struct {
	Kind Kind
	// Rate is the probability for each character sent, or for BitError each bit of its frame
	// (start, data, parity, first stop bit).
	Rate float64
	// AtByte is the number of the character before or at which it happens; the first is 1.
	AtByte uint64
	// AtTime is the time since Install.
	AtTime time.Duration
	// For is how long a delay or break lasts.
	For time.Duration
	// Lines are the inputs of StuckOff, StuckOn and Unstick.
	Lines serial.Signals
}

// Injected is one fault that happened.
type Injected struct {
	Kind   Kind          `json:"kind"`
	Byte   uint64        `json:"byte"`    // characters sent until then, this one included
	Time   time.Duration `json:"time_ns"` // since Install
	Detail string        `json:"detail,omitempty"`
}

// maxReport bounds the report's list; all are counted.
const maxReport = 10000

// Injector injects the faults of its rules into one direction of a line.
type Injector struct {
	p     *serial.Port
	seed  uint64
	rules []*rule

	start    time.Duration // by the machine's clock
	sent     uint64        // characters given to us; guarded by the line's lock, as is next
	stuckOn  serial.Signals
	stuckOff serial.Signals
	timers   []*clock.Event

	mu    sync.Mutex // a leaf: guards the report
	list  []Injected
	count map[Kind]int
}

// rule is a Rule at work.
type rule struct {
	Rule
	rnd  *rand.Rand
	next uint64 // trial (character or bit) at which it happens next; 0 is never
	at   uint64 // trials so far
}

// New makes an injector.
//
// Errors: a rule that makes no sense, and why.
func New(seed uint64, rules ...Rule) (*Injector, error) {
	in := &Injector{seed: seed, count: map[Kind]int{}}
	for i, r := range rules {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("fault: rule %d: %w", i+1, err)
		}
		x := &rule{Rule: r, rnd: rand.New(rand.NewPCG(seed, uint64(i)+1))}
		x.next = r.AtByte
		if r.Rate > 0 {
			x.draw()
		}
		in.rules = append(in.rules, x)
	}
	return in, nil
}

func (r Rule) check() error {
	when := 0
	for _, set := range []bool{r.Rate != 0, r.AtByte != 0, r.AtTime != 0} {
		if set {
			when++
		}
	}
	switch r.Kind {
	case BitError, Drop, Duplicate, Delay:
		if r.AtTime != 0 {
			return fmt.Errorf("%s happens to a character: give a rate or a byte, not a time", r.Kind)
		}
	case Break, Unplug, Plug, Vanish, Return, StuckOff, StuckOn, Unstick:
		if r.Rate != 0 {
			return fmt.Errorf("%s happens at a byte or a time, not at a rate", r.Kind)
		}
	default:
		return fmt.Errorf("%q is not a fault; there are biterror, drop, duplicate, delay, break, unplug, plug, vanish, return, stuckoff, stuckon and unstick", r.Kind)
	}
	switch {
	case when != 1:
		return fmt.Errorf("%s: give exactly one of rate, byte and time", r.Kind)
	case !(r.Rate >= 0 && r.Rate <= 1):
		return fmt.Errorf("%s: the rate %g is not a probability between 0 and 1", r.Kind, r.Rate)
	case r.AtTime < 0 || r.For < 0:
		return fmt.Errorf("%s: a time is negative", r.Kind)
	case r.For == 0 && (r.Kind == Delay || r.Kind == Break):
		return fmt.Errorf("%s: say for how long", r.Kind)
	case r.Lines == 0 && (r.Kind == StuckOff || r.Kind == StuckOn || r.Kind == Unstick):
		return fmt.Errorf("%s: say which lines", r.Kind)
	}
	return nil
}

// draw sets the next trial of a rate.
func (x *rule) draw() {
	gap := 1.0
	if x.Rate < 1 {
		gap = 1 + math.Floor(math.Log(1-x.rnd.Float64())/math.Log1p(-x.Rate))
	}
	x.next = x.at + uint64(min(gap, 1e18))
}

// Install puts the injector into what p sends and what p sees. It is installed once; Remove takes
// it out.
func (in *Injector) Install(p *serial.Port) {
	in.p, in.start = p, p.Clock().Now()
	p.SetFilter(in)
	p.Lock()
	for _, x := range in.rules {
		if x.AtTime > 0 {
			in.later(x, x.AtTime)
		}
	}
	p.Unlock()
}

// Remove takes the injector out; a cable that is out stays out.
func (in *Injector) Remove() {
	in.p.SetFilter(nil)
	in.p.Lock()
	for _, t := range in.timers {
		t.Stop()
	}
	in.p.Unlock()
	in.p.SetStuck(nil)
}

// Transmit is [serial.Filter]'s.
func (in *Injector) Transmit(w *serial.Injector, at serial.Time, m serial.Mode, p []byte) {
	bits := frameBits(m)
	for len(p) > 0 {
		n := in.clean(uint64(len(p)), bits)
		w.Chars(p[:n])
		in.advance(n, bits)
		p = p[n:]
		if len(p) > 0 {
			in.strike(w, m, bits, p[0])
			p = p[1:]
		}
	}
}

// frameBits is how many bits of a frame an error can hit: start, data, parity, first stop bit.
func frameBits(m serial.Mode) uint64 {
	n := uint64(2 + m.Data)
	if m.Parity != serial.ParityNone {
		n++
	}
	return n
}

// trials is how many trials of x a character is.
func (x *rule) trials(bits uint64) uint64 {
	if x.Kind == BitError && x.Rate > 0 {
		return bits
	}
	return 1
}

// clean is how many of the next n characters no rule touches.
func (in *Injector) clean(n, bits uint64) uint64 {
	for _, x := range in.rules {
		if x.next > x.at {
			n = min(n, (x.next-x.at-1)/x.trials(bits))
		}
	}
	return n
}

func (in *Injector) advance(n, bits uint64) {
	in.sent += n
	for _, x := range in.rules {
		x.at += n * x.trials(bits)
	}
}

// strike sends one character that at least one rule touches.
func (in *Injector) strike(w *serial.Injector, m serial.Mode, bits uint64, b byte) {
	in.sent++
	var flip uint16
	copies := 1
	for _, x := range in.rules {
		end := x.at + x.trials(bits)
		for x.next > x.at && x.next <= end {
			switch x.Kind {
			case BitError:
				bit := x.next - x.at - 1
				if x.Rate == 0 {
					bit = 1 + x.rnd.Uint64N(uint64(m.Data))
				}
				flip ^= 1 << bit
				in.note(x, fmt.Sprintf("%#02x, bit %d of the frame", b, bit))
			case Drop:
				copies = 0
				in.note(x, fmt.Sprintf("%#02x", b))
			case Duplicate:
				copies *= 2
				in.note(x, fmt.Sprintf("%#02x", b))
			case Delay, Break:
				in.act(x, w)
			default:
				in.later(x, w.Until())
			}
			if x.Rate == 0 {
				x.next = 0
				break
			}
			if x.Kind == BitError {
				in.redraw(x)
				continue
			}
			x.at = end
			x.draw()
			x.at = end - x.trials(bits)
			break
		}
		x.at = end
	}
	for range copies {
		if flip != 0 {
			w.Frame(b, flip)
		} else {
			w.Chars([]byte{b})
		}
	}
}

// later acts when the character that is being handed over begins to leave.
func (in *Injector) later(x *rule, d time.Duration) {
	if d <= 0 {
		in.act(x, nil)
		return
	}
	p := in.p
	in.timers = append(in.timers, p.Clock().AfterFunc(d, func() {
		p.Lock()
		in.act(x, nil)
		p.Unlock()
	}))
}

// redraw finds the next bit error after the one at x.next, within the same frame perhaps.
func (in *Injector) redraw(x *rule) {
	at := x.at
	x.at = x.next
	x.draw()
	x.at = at
}

// act does what is not about one character's bits. The line's lock is held; w is nil for a fault at
// a time.
func (in *Injector) act(x *rule, w *serial.Injector) {
	p := in.p
	detail := ""
	switch x.Kind {
	case Delay:
		w.Gap(serial.Time(x.For))
		detail = x.For.String()
	case Break:
		detail = x.For.String()
		if w == nil {
			p.BreakLocked(serial.Time(x.For))
		} else {
			w.Break(serial.Time(x.For))
		}
	case Unplug:
		p.UnplugLocked()
	case Plug:
		p.PlugLocked()
	case Vanish:
		p.VanishLocked()
	case Return:
		p.ReturnLocked()
	case StuckOff:
		in.stuckOff |= x.Lines
		in.stuckOn &^= x.Lines
	case StuckOn:
		in.stuckOn |= x.Lines
		in.stuckOff &^= x.Lines
	case Unstick:
		in.stuckOn &^= x.Lines
		in.stuckOff &^= x.Lines
	}
	if x.Lines != 0 {
		detail = x.Lines.String()
		on, off := in.stuckOn, in.stuckOff
		p.SetStuckLocked(func(s serial.Signals) serial.Signals { return s&^off | on })
	}
	in.note(x, detail)
}

func (in *Injector) note(x *rule, detail string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.count[x.Kind]++
	if len(in.list) < maxReport {
		in.list = append(in.list, Injected{x.Kind, in.sent, in.p.Clock().Now() - in.start, detail})
	}
}

// Injected is what has happened so far, in order, and how often each kind has.
func (in *Injector) Injected() ([]Injected, map[Kind]int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	count := make(map[Kind]int, len(in.count))
	for k, n := range in.count {
		count[k] = n
	}
	return append([]Injected(nil), in.list...), count
}

// Report is Injected as a table.
func (in *Injector) Report() string {
	list, count := in.Injected()
	var b strings.Builder
	total := 0
	for _, n := range count {
		total += n
	}
	fmt.Fprintf(&b, "faults injected: %d (seed %d)\n", total, in.seed)
	for _, x := range list {
		fmt.Fprintf(&b, "%10d  %12v  %-9s %s\n", x.Byte, x.Time.Round(time.Microsecond), x.Kind, x.Detail)
	}
	if total > len(list) {
		fmt.Fprintf(&b, "… and %d more\n", total-len(list))
	}
	return b.String()
}
