package serial

import (
	"sync"

	"github.com/kobench/kobench/hw/clock"
)

// Speed says whether a line keeps line time.
type Speed uint8

// The speeds of a line.
const (
	Paced Speed = iota // a character takes its line time
	Max                // characters arrive as fast as they are taken
)

func (s Speed) String() string {
	if s == Max {
		return "max"
	}
	return "paced"
}

// line is what two ports share. With a loop-back plug both are the same port.
type line struct {
	clock   *clock.Clock
	mu      sync.Mutex
	speed   Speed
	pending bool // some port's changes are not zero
	running bool // notify is on the stack
	ports   []*Port
}

// Port is one end of a line. Its blocking methods are for device models and software; a chip model
// uses Listen and the Locked methods. All methods may be called from several goroutines; there is
// one reader and one writer at a time.
type Port struct {
	name string
	l    *line
	peer *Port
	tx   wire    // what this port sends; its peer takes
	rx   decoder // how this port receives what its peer sends

	// All below are guarded by l.mu.
	listener Listener
	changes  Change // not yet told to the listener
	mode     Mode
	out      Signals // driven here
	in       Signals // seen here
	wiring   func(out Signals) Signals
	closed   bool
	gone     bool // unplugged for the software at this end
	severed  bool // the cable is out, at either end
	internal bool // a chip's own loop: no cable
	filter   Filter
	taps     []Tap
	stuck    func(Signals) Signals
	count    Counters
	event    *clock.Event // of WakeAtLocked
	eventAt  Time         // -1: not set

	soft soft // buffers and waiting of the blocking methods (io.go)
}

func newPort(l *line, name string) *Port {
	p := &Port{name: name, l: l, mode: DefaultMode, eventAt: -1}
	p.event = l.clock.NewEvent(p.due)
	p.tx.max = l.speed == Max
	p.rx.setMode(DefaultMode)
	p.soft.init(p)
	p.listener = (*softListener)(p)
	l.ports = append(l.ports, p)
	return p
}

func straight(out Signals) Signals { return out }

func crossed(out Signals) (in Signals) {
	if out&RTS != 0 {
		in |= CTS
	}
	if out&DTR != 0 {
		in |= DSR | DCD
	}
	return in
}

// Cables makes the lines of one machine, which has one clock.
type Cables struct{ clock *clock.Clock }

// On makes lines that keep c's time.
func On(c *clock.Clock) Cables { return Cables{c} }

// NullModem makes a line with crossed wires between two DTEs: TX→RX, RTS→CTS, DTR→DSR+DCD. RI stays
// off.
func (x Cables) NullModem(s Speed) (a, b *Port) { return x.join(s, crossed) }

// Straight makes a line between a DTE and a DCE such as a modem: each output is the other end's
// input of the same name. The device sees DTR and RTS and drives CTS, DSR, DCD and RI.
func (x Cables) Straight(s Speed) (dte, dce *Port) { return x.join(s, straight) }

func (x Cables) join(s Speed, w func(Signals) Signals) (a, b *Port) {
	l := &line{speed: s, clock: x.clock}
	a, b = newPort(l, "a"), newPort(l, "b")
	a.peer, b.peer = b, a
	a.wiring, b.wiring = w, w
	return a, b
}

// Loopback makes a port with a loop-back plug in it: TX→RX, RTS→CTS, DTR→DSR+DCD.
func (x Cables) Loopback(s Speed) *Port {
	p := newPort(&line{speed: s, clock: x.clock}, "loopback")
	p.peer, p.wiring = p, crossed
	return p
}

// NullModem is [Cables.NullModem] with a paced clock of the line's own.
func NullModem(s Speed) (a, b *Port) { return On(clock.New()).NullModem(s) }

// Straight is [Cables.Straight] with a paced clock of the line's own.
func Straight(s Speed) (dte, dce *Port) { return On(clock.New()).Straight(s) }

// Loopback is [Cables.Loopback] with a paced clock of the line's own.
func Loopback(s Speed) *Port { return On(clock.New()).Loopback(s) }

// Clock is the machine's.
func (p *Port) Clock() *clock.Clock { return p.l.clock }

// SetName names the port in its errors.
func (p *Port) SetName(name string) { p.Lock(); p.name = name; p.Unlock() }

// Name is the port's name.
func (p *Port) Name() string { return p.name }

// Peer is the other end of the line; of a loop-back plug, the port itself.
func (p *Port) Peer() *Port { return p.peer }

// Speed is the line's.
func (p *Port) Speed() Speed { return p.l.speed }

// Lock takes the line's lock, which guards both ports of the line and the chips that listen to
// them.
//
// +checklocksignore
func (p *Port) Lock() { p.l.mu.Lock() }

// Unlock tells the listeners what has changed and gives the lock back.
//
// It gives back the lock that Lock has taken.
// +checklocksignore
func (p *Port) Unlock() {
	if p.l.pending {
		p.l.notify()
	}
	p.l.mu.Unlock()
}

// notify runs the listeners until nothing is left to tell. A listener changes the line by the
// Locked methods.
func (l *line) notify() {
	if l.running {
		return
	}
	l.running = true
	for l.pending {
		l.pending = false
		for _, p := range l.ports {
			if c := p.changes; c != 0 {
				p.changes = 0
				p.listener.LineChanged(c)
			}
		}
	}
	l.running = false
}

func (p *Port) tell(c Change) {
	p.changes |= c
	p.l.pending = true
}

// NowLocked is the line time; 0 on a Max line.
func (p *Port) NowLocked() Time {
	if p.tx.max {
		return 0
	}
	return Time(p.l.clock.Now())
}

// SetMode sets the port's rate and frame format, for both directions, and its flow control. What
// has been sent and has not begun to leave goes out in the new mode.
//
// Errors: EINVAL as [Mode.Validate].
func (p *Port) SetMode(m Mode) error {
	if err := m.Validate(); err != nil {
		return err
	}
	p.Lock()
	p.SetModeLocked(m)
	p.softModeLocked()
	p.Unlock()
	return nil
}

// SetModeLocked is SetMode for a chip, which has checked m.
func (p *Port) SetModeLocked(m Mode) {
	if m == p.mode {
		return
	}
	frame := m
	frame.Flow = p.mode.Flow
	if frame != p.mode {
		now := p.NowLocked()
		p.settleLocked(now) // what has arrived by now was received in the old mode
		var back []byte
		if p.filter == nil && len(p.taps) == 0 {
			back = p.tx.recall(now, nil)
		}
		p.mode = m
		p.rx.setMode(m)
		if len(back) > 0 {
			p.tx.push(now, m, back, 0)
		}
	}
	p.mode = m
	p.peer.tell(PeerMode | Data)
	p.tell(Data)
	if q := p.peer; q != p && q.rx.auto && !p.rx.auto {
		frame.Flow = q.mode.Flow
		q.SetModeLocked(frame)
	}
}

// SetAuto makes the port take on the other end's rate and format whenever that changes, and receive
// every character as it was sent: an end that has no wire of its own, such as one that passes the
// bytes on, or a device that finds the rate out.
func (p *Port) SetAuto(on bool) {
	p.Lock()
	p.rx.auto = on
	p.rx.cached = Mode{}
	if on && p.peer != p {
		m := p.peer.mode
		m.Flow = p.mode.Flow
		p.SetModeLocked(m)
	}
	p.Unlock()
}

// Mode is the port's mode.
func (p *Port) Mode() Mode { p.Lock(); defer p.Unlock(); return p.mode }

// PeerMode is the other end's mode: what a pty or a network end follows.
func (p *Port) PeerMode() Mode { p.Lock(); defer p.Unlock(); return p.peer.mode }

// PeerModeLocked is PeerMode for a listener.
func (p *Port) PeerModeLocked() Mode { return p.peer.mode }

// Signals are the modem lines that this end sees: its inputs. The error is always nil; other ends
// have reasons for one.
func (p *Port) Signals() (Signals, error) { p.Lock(); defer p.Unlock(); return p.in, nil }

// SignalsLocked is Signals for a chip.
func (p *Port) SignalsLocked() Signals { return p.in }

// OutputsLocked are the lines this end drives.
func (p *Port) OutputsLocked() Signals { return p.out }

// SetSignals drives the lines in mask to their state in value. It never fails here; other ends have
// reasons for an error.
func (p *Port) SetSignals(mask, value Signals) error {
	p.Lock()
	p.SetSignalsLocked(mask, value)
	p.Unlock()
	return nil
}

// SetSignalsLocked is SetSignals for a chip.
func (p *Port) SetSignalsLocked(mask, value Signals) {
	out := p.out&^mask | value&mask
	if out == p.out {
		return
	}
	p.out = out
	p.peer.updateInputs()
	for _, t := range p.taps {
		t.Lines(p.NowLocked(), out)
	}
}

func (p *Port) updateInputs() {
	var in Signals
	if !p.severed {
		in = p.peer.wiring(p.peer.out)
	}
	if p.stuck != nil {
		in = p.stuck(in)
	}
	if in == p.in {
		return
	}
	p.count.edges(p.in, in)
	p.in = in
	p.tell(Inputs)
}

// SetBreak holds the wire at 0, after the characters already sent, or lets it go. The other end
// receives one [Break] when the wire was 0 for a whole frame of its mode. A character sent
// meanwhile is lost. The error is always nil.
func (p *Port) SetBreak(on bool) error {
	p.Lock()
	p.SetBreakLocked(on)
	p.Unlock()
	return nil
}

// SetBreakLocked is SetBreak for a chip.
func (p *Port) SetBreakLocked(on bool) {
	if on == p.tx.low {
		return
	}
	now := p.NowLocked()
	for _, t := range p.taps {
		t.Break(now, on)
	}
	if on {
		p.tx.breakOn(now, p.mode)
		if p.peer.deaf() {
			p.tx.discard()
		}
	} else {
		p.tx.breakOff(now)
	}
	p.peer.tell(Data)
}

func (p *Port) deaf() bool { return p.closed || p.severed }

// Counters are what this end has seen.
func (p *Port) Counters() Counters { p.Lock(); defer p.Unlock(); return p.count }

// Unplug takes the cable out: both ends see all modem lines off and nothing that was sent
// afterwards or was under way. Plug puts it back.
func (p *Port) Unplug() { p.Lock(); p.UnplugLocked(); p.Unlock() }

// UnplugLocked is Unplug for a filter.
func (p *Port) UnplugLocked() {
	for _, e := range p.l.ports {
		e.settleLocked(e.NowLocked())
	}
	for _, e := range p.l.ports {
		if !e.internal {
			e.severed = true
		}
	}
	for _, e := range p.l.ports {
		if !e.internal {
			if e.tx.max {
				e.tx.discard() // a paced wire goes on; nobody takes what arrives meanwhile
			}
			e.tell(Data | Space)
		}
	}
	for _, e := range p.l.ports {
		e.updateInputs()
	}
}

// Plug puts the cable back.
func (p *Port) Plug() { p.Lock(); p.PlugLocked(); p.Unlock() }

// PlugLocked is Plug for a filter.
func (p *Port) PlugLocked() {
	for _, e := range p.l.ports {
		if !e.severed {
			continue
		}
		e.tx.expire(e.NowLocked())
		e.severed = false
		e.tell(Data)
	}
	for _, e := range p.l.ports {
		e.updateInputs()
	}
}

// Vanish takes the port itself away, as a USB adapter that is pulled: the cable is unplugged, and
// pending and later reads and writes at this end fail with [Unplugged] (ENODEV).
func (p *Port) Vanish() { p.Lock(); p.VanishLocked(); p.Unlock() }

// VanishLocked is Vanish for a filter.
func (p *Port) VanishLocked() {
	p.gone = true
	p.UnplugLocked()
	p.wakeAll()
}

// Return undoes Vanish.
func (p *Port) Return() { p.Lock(); p.ReturnLocked(); p.Unlock() }

// ReturnLocked is Return for a filter.
func (p *Port) ReturnLocked() { p.gone = false; p.PlugLocked() }
