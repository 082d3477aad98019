package clock

import (
	"sync"
	"time"
)

// PatienceLimit is how long, by the host's clock, a machine waits for somebody outside of it.
const PatienceLimit = time.Second

// Patience holds a clock for somebody whose lateness may be the host's, such as the program that
// reads a terminal: until he comes, or for [PatienceLimit]. Then he is believed not to come, and is
// not waited for again before he has been seen.
type Patience struct {
	c *Clock

	mu      sync.Mutex
	expects bool        // +checklocks:mu
	held    bool        // +checklocks:mu
	timer   *time.Timer // +checklocks:mu
}

// NewPatience makes one that expects nobody yet.
func (c *Clock) NewPatience() *Patience { return &Patience{c: c} }

// Wait holds the clock if he has been seen since the last time that he did not come.
func (p *Patience) Wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held || !p.expects {
		return
	}
	p.held = true
	p.c.Hold()
	if p.timer == nil {
		p.timer = time.AfterFunc(PatienceLimit, func() { p.end(false) })
	} else {
		p.timer.Reset(PatienceLimit)
	}
}

// Seen says that he is there. The hold, if there is one, goes on.
func (p *Patience) Seen() { p.mu.Lock(); p.expects = true; p.mu.Unlock() }

// Done ends the hold: he has come.
func (p *Patience) Done() { p.end(true) }

// Forget ends the hold, and expects nobody any more.
func (p *Patience) Forget() { p.end(false) }

func (p *Patience) end(came bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expects = came
	if p.held {
		p.held = false
		p.timer.Stop()
		p.c.Release()
	}
}
