package serial

import (
	"context"
	"time"
)

// Read reads what has arrived, waiting for at least one character. Characters come as they were
// received, those with errors too; a break is left out. See Receive.
//
// Errors: as Receive.
func (p *Port) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, f, err := p.Receive(b)
		if err != nil || f&Break == 0 {
			return n, err
		}
	}
}

// Receive waits for characters and returns a run of them without errors (flags 0), or exactly one
// with.
//
// Errors: os.ErrDeadlineExceeded when the read deadline passes; os.ErrClosed after Close, at once
// for a pending Receive too; ENODEV after Vanish. What had arrived before is delivered first.
func (p *Port) Receive(b []byte) (int, Flags, error) {
	s := &p.soft
	s.rd.Lock()
	defer s.rd.Unlock()
	for {
		p.Lock()
		n, f := p.receiveLocked(b)
		var err error
		switch {
		case n > 0:
		case p.closed:
			err = errClosed
		case p.gone:
			err = Unplugged("read", p.name)
		case s.rdDue.passed(p.l.clock):
			err = errTimeout
		}
		p.hadTurn(&s.rdHeld)
		s.waiting = n == 0 && err == nil
		if s.waiting {
			p.softArrivals(true)
		}
		p.Unlock()
		if n > 0 || err != nil {
			return n, f, err
		}
		<-s.rdWake
	}
}

func (p *Port) receiveLocked(b []byte) (int, Flags) {
	s := &p.soft
	now := p.NowLocked()
	if len(s.rx) == s.taken && p.mode.Flow&FlowXONXOFF == 0 && !s.lost {
		if n, f := p.TakeLocked(now, b); n > 0 {
			return n, f
		}
	} else {
		p.settleLocked(now)
	}
	have := s.rx[s.taken:]
	if len(have) == 0 {
		return 0, 0
	}
	n, f := min(len(b), len(have)), Flags(0)
	if len(s.runs) > 0 {
		if r := s.runs[0]; r.at == s.taken {
			n, f = 1, r.f
			s.runs = s.runs[1:]
		} else {
			n = min(n, r.at-s.taken)
		}
	}
	copy(b, have[:n])
	s.taken += n
	if s.taken == len(s.rx) {
		s.rx, s.taken = s.rx[:0], 0
	}
	p.throttle()
	return n, f
}

// Write sends b. It returns when the port has taken all of it, which on a paced line is up to 4096
// characters before it has left; see Drain.
//
// Errors: os.ErrDeadlineExceeded, os.ErrClosed, ENODEV as Receive. An end that nobody listens to
// takes everything.
func (p *Port) Write(b []byte) (int, error) {
	n, err := p.send(b, 0)
	return n, err
}

func (p *Port) write(_ string, b []byte, flip uint16) error {
	_, err := p.send(b, flip)
	return err
}

func (p *Port) send(b []byte, flip uint16) (int, error) {
	s := &p.soft
	s.wr.Lock()
	defer s.wr.Unlock()
	sent := 0
	err := p.waitWrite(func() bool {
		if len(s.held) > 0 || !p.openLocked() {
			return len(b) == 0
		}
		if flip != 0 {
			sent += p.transmit(p.NowLocked(), b[sent:], flip)
		} else {
			sent += p.SendLocked(b[sent:])
		}
		return sent == len(b)
	})
	return sent, err
}

// waitWrite calls try under the lock until it reports true.
func (p *Port) waitWrite(try func() bool) error {
	s := &p.soft
	for {
		p.Lock()
		var err error
		switch {
		case p.closed:
			err = errClosed
		case p.gone:
			err = Unplugged("write", p.name)
		case s.wrDue.passed(p.l.clock):
			err = errTimeout
		}
		done := err != nil || try()
		p.hadTurn(&s.wrHeld)
		s.blocked = !done
		if s.blocked && !p.tx.max {
			p.softArrivals(false)
		}
		p.Unlock()
		if done {
			return err
		}
		<-s.wrWake
	}
}

// Drain waits until everything written has left. On a Max line that is: until the other end has
// taken it.
//
// Errors: as Write.
func (p *Port) Drain() error {
	s := &p.soft
	s.wr.Lock()
	defer s.wr.Unlock()
	return p.waitWrite(func() bool {
		if len(s.held) > 0 {
			return false
		}
		if p.tx.max {
			p.tx.full = p.tx.queued() > 0
			return !p.tx.full
		}
		return p.tx.free <= p.NowLocked()
	})
}

// SendBreak waits until everything written has left, holds the wire at 0 for d and lets it go.
func (p *Port) SendBreak(d time.Duration) error {
	if err := p.Drain(); err != nil {
		return err
	}
	p.SetBreak(true)
	if !p.tx.max {
		_ = p.l.clock.Sleep(context.Background(), d)
	}
	return p.SetBreak(false)
}

// Purge throws away what has arrived (rx) and what has not left (tx).
func (p *Port) Purge(rx, tx bool) error {
	p.Lock()
	defer p.Unlock()
	s := &p.soft
	if rx {
		p.settleLocked(p.NowLocked())
		s.rx, s.runs, s.taken, s.lost = s.rx[:0], s.runs[:0], 0, false
		if p.tx.max {
			p.peer.tx.discard()
			p.peer.tell(Space)
		}
	}
	if tx {
		s.held = nil
		p.tx.recall(p.NowLocked(), nil)
		if p.tx.max {
			p.tx.discard()
		}
		p.wakeWriter()
	}
	return nil
}

// SetDeadline, SetReadDeadline and SetWriteDeadline end waiting methods at t; the zero time is
// never. t is the host's, and counts on the machine's clock from now: a machine that is late is not
// timed out.
func (p *Port) SetDeadline(t time.Time) error { p.SetReadDeadline(t); return p.SetWriteDeadline(t) }

// SetReadDeadline is for Read and Receive.
func (p *Port) SetReadDeadline(t time.Time) error {
	p.Lock()
	p.soft.rdDue.put(p.l.clock, t)
	p.wakeReader()
	p.Unlock()
	return nil
}

// SetWriteDeadline is for Write and Drain.
func (p *Port) SetWriteDeadline(t time.Time) error {
	p.Lock()
	p.soft.wrDue.put(p.l.clock, t)
	p.wakeWriter()
	p.Unlock()
	return nil
}
