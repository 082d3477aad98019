package serial

import (
	"context"
	"sync"
	"time"

	"github.com/kobench/kobench/hw/clock"
)

// characters a software end keeps; a Linux tty's flip buffers are as large
const softBuffer = 64 << 10

// soft is the software end of a port: what its blocking methods need.
type soft struct {
	rd, wr sync.Mutex
	rdDue  deadline // guarded by l.mu
	wrDue  deadline
	rdWake chan struct{}
	wrWake chan struct{}
	evWake chan struct{}

	// guarded by l.mu
	trigger int
	waiting bool // a reader waits
	blocked bool // a writer waits
	rdHeld  bool // a reader was woken and has not looked since: it holds the clock
	wrHeld  bool // a writer
	rx      []byte
	runs    []run // errors in rx
	taken   int   // of rx
	lost    bool  // the next character carries Overrun
	held    []byte
	xoff    bool // the other end sent DC3
	sentOff bool // we did, or took RTS off
	events  Change
}

// run marks one character of rx with errors.
type run struct {
	at int
	f  Flags
}

const (
	dc1 = 0x11 // XON
	dc3 = 0x13 // XOFF
)

func (s *soft) init(p *Port) {
	s.trigger = 1
	s.rdWake, s.wrWake, s.evWake = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	c := p.l.clock
	s.rdDue.event = c.NewEvent(func() { p.Lock(); p.wakeReader(); p.Unlock() })
	s.wrDue.event = c.NewEvent(func() { p.Lock(); p.wakeWriter(); p.Unlock() })
}

// deadline is when a waiting method gives up: a time of the host's, and as far away on the
// machine's clock. Both must have come: a machine that is late is not timed out, and one that
// catches up does not end the wait early.
type deadline struct {
	host  time.Time // zero: never
	at    time.Duration
	event *clock.Event
}

func (d *deadline) put(c *clock.Clock, t time.Time) {
	d.event.Stop()
	d.host, d.at = t, 0
	if left := time.Until(t); !t.IsZero() && left > 0 {
		d.at = c.Now() + left
		d.event.At(d.at)
	}
}

func (d *deadline) passed(c *clock.Clock) bool {
	if d.host.IsZero() || c.Now() < d.at {
		return false
	}
	if left := time.Until(d.host); left > 0 && !c.IsVirtual() {
		d.event.After(left)
		return false
	}
	return true
}

// wakeReader lets a waiting reader look again. Until it has, it holds the clock.
func (p *Port) wakeReader() {
	if s := &p.soft; s.waiting && !s.rdHeld {
		s.rdHeld = true
		p.l.clock.Hold()
	}
	wake(p.soft.rdWake)
}

// wakeWriter is wakeReader for a waiting writer.
func (p *Port) wakeWriter() {
	if s := &p.soft; s.blocked && !s.wrHeld {
		s.wrHeld = true
		p.l.clock.Hold()
	}
	wake(p.soft.wrWake)
}

// hadTurn gives back the hold of a reader or writer that has looked.
func (p *Port) hadTurn(held *bool) {
	if *held {
		*held = false
		p.l.clock.Release()
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *Port) wakeAll() { p.wakeReader(); p.wakeWriter(); wake(p.soft.evWake) }

// softListener is the listener of a port without a chip.
type softListener Port

func (sl *softListener) LineChanged(c Change) {
	p := (*Port)(sl)
	s := &p.soft
	if c&(Data|Timer) != 0 {
		p.softArrivals(false)
	}
	if c&Inputs != 0 {
		p.gate()
	}
	if c&(Space|Timer|Inputs) != 0 && s.blocked {
		p.releaseHeld()
		p.wakeWriter()
	}
	if ev := c & (Inputs | PeerMode); ev != 0 {
		s.events |= ev
		wake(s.evWake)
	}
}

// softArrivals wakes the reader if enough has arrived, or sets the timer for it. tried: the reader
// has just found nothing.
func (p *Port) softArrivals(tried bool) {
	s := &p.soft
	if p.tx.max {
		if p.mode.Flow&FlowXONXOFF != 0 {
			p.settleLocked(0)
		}
		if s.waiting && (len(s.rx) > s.taken || p.WaitingLocked(0)) {
			p.wakeReader()
		}
		return
	}
	now := p.NowLocked()
	if p.mode.Flow != FlowNone {
		p.settleLocked(now)
	}
	at, have := Time(-1), len(s.rx)-s.taken
	want := s.trigger
	if !s.waiting {
		want = softBuffer / 16 // often enough to throttle
	}
	if s.waiting || p.mode.Flow != FlowNone {
		switch due, ok := p.ArrivalLocked(max(1, want-have)); {
		case have >= want, have > 0 && !ok, ok && due <= now && !tried:
			p.wakeReader()
		case ok && due <= now:
			at = now + p.mode.span(1) // a frame that the decoder has not finished
		case ok:
			at = due
		}
	}
	if s.blocked && len(s.held) == 0 && p.openLocked() { // room comes as characters leave
		t := p.tx.free
		if u := p.UnstartedLocked(now); u > pacedAhead/2 {
			t = p.StartLocked(now, u-pacedAhead/2)
		}
		if t <= now {
			t = now + p.mode.span(1)
		}
		if at < 0 || t < at {
			at = t
		}
	}
	p.WakeAtLocked(at)
}

// settleLocked moves what has arrived into the receive buffer, as far as it fits; on a paced line
// the rest is overrun.
func (p *Port) settleLocked(now Time) {
	s := &p.soft
	if _, ok := p.listener.(*softListener); !ok {
		if c, ok := p.listener.(Settler); ok {
			c.SettleLocked(now)
		}
		return
	}
	var buf [512]byte
	for {
		room := softBuffer - (len(s.rx) - s.taken)
		if room <= 0 && p.tx.max {
			return
		}
		n, f := p.TakeLocked(now, buf[:min(len(buf), max(room, 1))])
		if n == 0 {
			break
		}
		if p.mode.Flow&FlowXONXOFF != 0 && f == 0 {
			n = p.filterXON(buf[:n])
		}
		if room <= 0 {
			s.lost = true
			p.count.Lost += uint64(n)
			continue
		}
		p.keep(buf[:n], f)
	}
	p.throttle()
}

func (p *Port) keep(b []byte, f Flags) {
	s := &p.soft
	if len(b) == 0 {
		return
	}
	if s.taken > 0 && len(s.rx)+len(b) > cap(s.rx) {
		n := copy(s.rx, s.rx[s.taken:])
		for i := range s.runs {
			s.runs[i].at -= s.taken
		}
		s.rx, s.taken = s.rx[:n], 0
	}
	if s.lost {
		s.lost = false
		f |= Overrun
		p.count.Overrun++
	}
	if f != 0 {
		s.runs = append(s.runs, run{len(s.rx), f})
	}
	s.rx = append(s.rx, b...)
}

// filterXON takes DC1 and DC3 out of b and obeys them.
func (p *Port) filterXON(b []byte) int {
	n := 0
	for _, c := range b {
		switch c {
		case dc1, dc3:
			p.soft.xoff = c == dc3
			p.gate()
			continue
		}
		b[n] = c
		n++
	}
	return n
}

// throttle asks the other end to pause when the buffer is three quarters full, and to go on at one
// quarter.
func (p *Port) throttle() {
	s := &p.soft
	n := len(s.rx) - s.taken
	off := s.sentOff
	switch {
	case p.mode.Flow == FlowNone:
		return
	case n > softBuffer*3/4:
		off = true
	case n < softBuffer/4:
		off = false
	}
	if off == s.sentOff {
		return
	}
	s.sentOff = off
	if p.mode.Flow&FlowRTSCTS != 0 {
		v := RTS
		if off {
			v = 0
		}
		p.SetSignalsLocked(RTS, v)
	}
	if p.mode.Flow&FlowXONXOFF != 0 {
		c := byte(dc1)
		if off {
			c = dc3
		}
		p.transmit(p.NowLocked(), []byte{c}, 0)
	}
}

// open reports whether flow control lets this end send.
func (p *Port) openLocked() bool {
	return !(p.mode.Flow&FlowRTSCTS != 0 && p.in&CTS == 0) && !(p.mode.Flow&FlowXONXOFF != 0 && p.soft.xoff)
}

// gate holds back what has not left, or lets it go.
func (p *Port) gate() {
	if p.mode.Flow == FlowNone {
		return
	}
	if p.openLocked() {
		p.releaseHeld()
		if p.soft.blocked {
			p.wakeWriter()
		}
	} else if p.filter == nil {
		p.soft.held = append(p.RecallLocked(nil), p.soft.held...)
	}
}

func (p *Port) releaseHeld() {
	s := &p.soft
	if len(s.held) > 0 && p.openLocked() {
		s.held = s.held[p.SendLocked(s.held):]
	}
}

func (p *Port) softModeLocked() {
	if p.mode.Flow&FlowXONXOFF == 0 {
		p.soft.xoff = false
	}
	p.releaseHeld()
	p.gate()
	p.wakeWriter()
}

// SetTrigger sets how many characters wake a waiting reader of a paced line, or fewer if no more
// are under way. 1 is exact, more is cheap.
func (p *Port) SetTrigger(n int) { p.Lock(); p.soft.trigger = max(1, n); p.Unlock() }

// WaitChange waits until the inputs or the other end's mode have changed since the last call, and
// says which ([Inputs], [PeerMode]).
//
// Errors: ctx's; os.ErrClosed; ENODEV after Vanish.
func (p *Port) WaitChange(ctx context.Context) (Change, error) {
	for {
		p.Lock()
		ev, closed, gone := p.soft.events, p.closed, p.gone
		p.soft.events = 0
		p.Unlock()
		switch {
		case ev != 0:
			return ev, nil
		case closed:
			wake(p.soft.evWake) // for the next waiter
			return 0, errClosed
		case gone:
			return 0, Unplugged("wait", p.name)
		}
		select {
		case <-p.soft.evWake:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Close lets go of the port: its lines go off, waiting methods return os.ErrClosed at once, and the
// other end's data goes nowhere. What was written before still arrives.
//
// Errors: os.ErrClosed the second time.
func (p *Port) Close() error {
	p.Lock()
	if p.closed {
		p.Unlock()
		return errClosed
	}
	p.SetBreakLocked(false)
	p.SetSignalsLocked(AllSignals, 0)
	p.closed = true
	p.listener = (*softListener)(p)
	p.WakeAtLocked(-1)
	if p.tx.max && p.peer != p {
		p.peer.tx.discard()
	}
	p.peer.tell(Space)
	p.wakeAll()
	p.Unlock()
	return nil
}
