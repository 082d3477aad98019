package serial

import "time"

// Change says what a listener should look at.
type Change uint8

// The changes.
const (
	// characters were sent to this end, or taken back; a break began or ended
	Data     Change = 1 << iota
	Space           // a wire that was full has room again
	Inputs          // modem lines
	PeerMode        // the other end's mode
	Timer           // the time asked for with WakeAtLocked has come
)

// Listener is a chip on a port. LineChanged is called with the line's lock held, never while
// another LineChanged of the same line runs; it uses the Locked methods.
type Listener interface{ LineChanged(Change) }

// Settler is a listener that can take in what has arrived by now, as the line asks before something
// changes under it (mode, cable). Without it what the listener has not taken by then is received in
// the new mode, or lost.
type Settler interface{ SettleLocked(now Time) }

// Listen attaches a chip to the port, in place of the port's blocking methods. nil gives those
// back.
func (p *Port) Listen(l Listener) {
	p.Lock()
	defer p.Unlock()
	if l == nil {
		l = (*softListener)(p)
	}
	p.listener = l
	p.tell(Data | Inputs)
}

// SendLocked sends b in the port's mode and returns how much was taken: at most what the wire has
// room for. [Space] says when it has room again.
func (p *Port) SendLocked(b []byte) int {
	now := p.NowLocked()
	n := 0
	switch {
	case len(b) == 0:
		return 0
	case p.filter != nil:
		n = p.sendFiltered(now, b)
	case len(p.taps) > 0 && !p.tx.max && p.mode.Flow != FlowNone:
		// What is held back later must not have been seen by the taps: one character as it begins.
		if p.tx.free > now {
			p.tx.full = true
			return 0
		}
		n = p.transmit(now, b[:1], 0)
	default:
		n = p.transmit(now, b, 0)
	}
	p.count.TX += uint64(n)
	return n
}

// transmit puts b on the wire, seen by the taps.
func (p *Port) transmit(now Time, b []byte, flip uint16) int {
	if p.peer.deaf() {
		if p.tx.max { // nobody listens, and it takes no time: all of it is gone
			for _, t := range p.taps {
				t.Chars(now, p.mode, b, flip)
			}
			return len(b)
		}
		p.tx.expire(now) // nobody listens; on a paced line the characters still take their time
	}
	if p.tx.room(now) < len(b) && !p.tx.max && p.peer.listener != nil {
		p.peer.settleLocked(now)
	}
	free := p.tx.free
	n := p.tx.push(now, p.mode, b, flip)
	if n > 0 {
		for _, t := range p.taps {
			t.Chars(max(free, now), p.mode, b[:n], flip)
		}
		p.peer.tell(Data)
	}
	return n
}

// RecallLocked takes back the characters that have not begun to leave and appends them to dst. With
// a filter nothing comes back.
func (p *Port) RecallLocked(dst []byte) []byte {
	if p.filter != nil {
		return dst
	}
	n := len(dst)
	dst = p.tx.recall(p.NowLocked(), dst)
	p.count.TX -= uint64(len(dst) - n)
	p.peer.tell(Data)
	return dst
}

// UnstartedLocked is how many characters of this end have not begun to leave at t.
func (p *Port) UnstartedLocked(t Time) int { return p.tx.unstarted(t) }

// StartLocked is when the n-th unstarted character begins to leave (n counts from 1).
func (p *Port) StartLocked(t Time, n int) Time { return p.tx.nextStart(t, n) }

// FreeLocked is when the last character sent will have left.
func (p *Port) FreeLocked() Time { return p.tx.free }

// AheadLocked is how many characters a chip should hand over before they begin: without limit (the
// chip can take them back with RecallLocked), or 1 where a fault or a recording must see each as it
// begins.
func (p *Port) AheadLocked() int {
	if !p.tx.max && (p.filter != nil || len(p.taps) > 0) {
		return 1
	}
	return wireSize
}

// RoomLocked is how many characters SendLocked takes now.
func (p *Port) RoomLocked() int { return p.tx.room(p.NowLocked()) }

// TakeLocked receives into b what has arrived by t: a run of characters without errors (flags 0),
// or exactly one with.
func (p *Port) TakeLocked(t Time, b []byte) (int, Flags) {
	w := &p.peer.tx
	if p.deaf() {
		w.expire(t)
		return 0, 0
	}
	n, f := w.take(t, &p.rx, b)
	if n > 0 {
		p.count.received(n, f)
		if w.full {
			w.full = false
			p.peer.tell(Space)
		}
	}
	return n, f
}

// LastArrivalLocked is when the character taken last had arrived.
func (p *Port) LastArrivalLocked() Time { return p.rx.last }

// InternalLoop makes a port on the same line, under the same lock, that hears only itself: a chip's
// diagnostic loop-back path.
func (p *Port) InternalLoop(l Listener) *Port {
	p.Lock()
	defer p.Unlock()
	in := newPort(p.l, p.name)
	in.internal = true
	in.peer, in.wiring, in.listener = in, func(Signals) Signals { return 0 }, l
	return in
}

// LostLocked counts a character the chip could not keep.
func (p *Port) LostLocked(n int) { p.count.Lost += uint64(n) }

// WaitingLocked reports whether, at t, TakeLocked would give something; it may say yes for a frame
// not yet decoded.
func (p *Port) WaitingLocked(t Time) bool {
	at, ok := p.ArrivalLocked(1)
	return ok && at <= t
}

// ArrivalLocked is when the n-th character not yet taken will have arrived (n counts from 1), or
// the last one under way if there are fewer; false when none is. A time that has passed and yet
// TakeLocked gave nothing means a frame that is not decoded to its end: look again a character time
// later.
func (p *Port) ArrivalLocked(n int) (Time, bool) {
	if p.deaf() {
		return 0, false
	}
	return p.peer.tx.arrival(n, &p.rx)
}

// WakeAtLocked asks for LineChanged(Timer) at t, in place of the time asked for before. A time in
// the past is now, a negative one never.
func (p *Port) WakeAtLocked(t Time) {
	if p.tx.max || t < 0 {
		t = -1
	}
	switch {
	case t == p.eventAt:
	case t < 0:
		p.event.Stop()
	default:
		p.event.At(time.Duration(t))
	}
	p.eventAt = t
}

// due is what the event does.
func (p *Port) due() {
	p.Lock()
	// it may have been put off while we waited for the lock
	if p.eventAt >= 0 && p.NowLocked() >= p.eventAt {
		p.eventAt = -1
		p.tell(Timer)
	}
	p.Unlock()
}
