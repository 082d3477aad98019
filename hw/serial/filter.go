package serial

import "time"

// Filter stands in one direction of a line and decides what the wire does to the characters sent:
// it passes them on, changes, drops or doubles them through the injector. It is called with the
// line's lock held and must not block. Faults are filters.
type Filter interface {
	Transmit(in *Injector, at Time, m Mode, p []byte)
}

// Injector puts on the wire what a filter decides.
type Injector struct {
	p   *Port
	now Time
}

// Chars sends p unchanged.
func (in *Injector) Chars(p []byte) { in.p.transmit(in.now, p, 0) }

// Frame sends one character with the frame bits in flip inverted: bit 0 is the start bit, then
// data, parity, stop.
func (in *Injector) Frame(b byte, flip uint16) { in.p.transmit(in.now, []byte{b}, flip) }

// Gap keeps the wire idle for d nanoseconds.
func (in *Injector) Gap(d Time) { in.p.tx.gap(in.now, d) }

// Break holds the wire at 0 for d.
func (in *Injector) Break(d Time) { in.p.BreakLocked(d) }

// BreakLocked holds the wire at 0 for d after what has been sent, whatever the sender does.
func (p *Port) BreakLocked(d Time) {
	w := &p.tx
	if w.low || p.peer.deaf() {
		return
	}
	w.breakOn(p.NowLocked(), p.mode)
	w.low = false
	if s := w.last(); !w.max {
		s.end = s.start + d
		w.free = s.end
	}
	p.peer.tell(Data)
}

// Until is how long from now the next character sent would begin: 0 on a line that is idle or keeps
// no time.
func (in *Injector) Until() time.Duration {
	if in.p.tx.max {
		return 0
	}
	return time.Duration(max(0, in.p.tx.free-in.now))
}

// Port is the sending end.
func (in *Injector) Port() *Port { return in.p }

// Tap watches what one end sends and drives; it is called with the line's lock held and must not
// block. Recording is a tap.
type Tap interface {
	Chars(at Time, m Mode, p []byte, flip uint16)
	Break(at Time, on bool)
	Lines(at Time, s Signals)
}

// SetFilter puts f into this end's sending direction; nil takes it out.
func (p *Port) SetFilter(f Filter) { p.Lock(); p.filter = f; p.Unlock() }

// SetStuck puts fn between the wires and this end's inputs; nil takes it out.
func (p *Port) SetStuck(fn func(Signals) Signals) {
	p.Lock()
	p.SetStuckLocked(fn)
	p.Unlock()
}

// SetStuckLocked is SetStuck for a filter.
func (p *Port) SetStuckLocked(fn func(Signals) Signals) {
	p.stuck = fn
	p.updateInputs()
}

// AddTap lets t watch this end; RemoveTap ends that.
func (p *Port) AddTap(t Tap) { p.Lock(); p.taps = append(p.taps, t); p.Unlock() }

// RemoveTap ends what AddTap began.
func (p *Port) RemoveTap(t Tap) {
	p.Lock()
	for i, x := range p.taps {
		if x == t {
			p.taps = append(p.taps[:i:i], p.taps[i+1:]...)
			break
		}
	}
	p.Unlock()
}

func (p *Port) sendFiltered(now Time, b []byte) int {
	n := min(len(b), p.tx.room(now)/4) // a filter may send more than it was given
	if n == 0 {
		p.tx.full = true
		return 0
	}
	p.filter.Transmit(&Injector{p, now}, max(now, p.tx.free), p.mode, b[:n])
	return n
}

// SendFrame sends one character with the frame bits in flip inverted, as [Injector.Frame]: an end
// on the host passes on a framing or parity error that its own port has seen ([Mode.StopFlip],
// [Mode.ParityFlip]). It blocks as Write does.
func (p *Port) SendFrame(b byte, flip uint16) error {
	if flip == 0 {
		_, err := p.Write([]byte{b})
		return err
	}
	return p.write("write", []byte{b}, flip)
}
