package clock

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// MaxLag is how far behind the host a paced machine may be and still catch up.
const MaxLag = 100 * time.Millisecond

// When an event is passed to in spite of holds. The host's time is counted in slices, so that a
// process that was stopped meanwhile has used one.
const (
	holdSlice     = 50 * time.Millisecond
	holdSlices    = 60
	virtualSlices = 1200 // a virtual clock rather waits for a long computation
	// given back since it is due, and others taken: a storm that has nothing to do with the event
	holdTurns = 1000
)

const never = time.Duration(math.MaxInt64)

// Clock is the time of one machine. All methods may be called from any goroutine.
type Clock struct {
	virtual bool
	epoch   time.Time // the host's time at 0
	wall    time.Time // what a calendar showed then

	holds  atomic.Int32
	frozen atomic.Bool  // an event has run and those it set off have not: the time is its own
	asked  atomic.Bool  // run has ended for the holds' sake
	turns  atomic.Int32 // holds given back since

	mu sync.Mutex
	// As last seen; of a virtual clock, the time.
	now time.Duration // +checklocks:mu
	// What the machine has lost.
	lag   time.Duration // +checklocks:mu
	queue queue         // +checklocks:mu
	seq   uint64        // +checklocks:mu
	// Somebody is in run.
	running bool // +checklocks:mu
	wanted  int  // +checklocks:mu
	// The host's, for run.
	timer *time.Timer // +checklocks:mu
	// For when; never: it is not.
	armed time.Duration // +checklocks:mu
	// That a hold has been kept while an event was due.
	slices int // +checklocks:mu
	// The holds of now are passed over, until all are given back.
	stuck bool // +checklocks:mu
	// They are for one event.
	pass bool // +checklocks:mu
}

// New makes a paced clock. Under testing/synctest, make it inside the bubble.
func New() *Clock {
	now := time.Now()
	return &Clock{epoch: now, wall: now, armed: never}
}

// Virtual makes a virtual clock, whose calendar begins at wall.
func Virtual(wall time.Time) *Clock { return &Clock{virtual: true, wall: wall, armed: never} }

// IsVirtual reports whether the clock is a virtual one.
func (c *Clock) IsVirtual() bool { return c.virtual }

// Now is the machine's time.
func (c *Clock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

// Wall is what the machine's calendar shows.
func (c *Clock) Wall() time.Time { return c.wall.Add(c.Now()) }

// +checklocks:c.mu
func (c *Clock) nowLocked() time.Duration {
	if c.virtual || c.frozen.Load() {
		return c.now
	}
	t := time.Since(c.epoch) - c.lag
	if len(c.queue) > 0 {
		t = min(t, c.queue[0].when()-1) // that event has not run yet
	}
	c.now = max(c.now, t)
	return c.now
}

// Hold keeps the next event from running, on behalf of somebody who was woken and must have his
// turn first. It takes no lock.
func (c *Clock) Hold() { c.holds.Add(1) }

// Release gives a hold back. It takes no lock.
func (c *Clock) Release() {
	n := c.holds.Add(-1)
	if n < 0 {
		panic("clock: Release without Hold")
	}
	if n == 0 {
		c.frozen.Store(false)
	}
	if !c.asked.Load() || n > 0 && (c.virtual || c.turns.Add(1) < holdTurns) {
		return
	}
	if c.asked.Swap(false) {
		go c.resume(n > 0)
	}
}

// resume is run after it has ended for the holds' sake.
func (c *Clock) resume(pass bool) {
	c.mu.Lock()
	c.slices, c.pass = 0, pass
	c.mu.Unlock()
	c.run()
}

// Want says that somebody waits for what the machine will do, so that a virtual clock jumps. The
// function given back ends it.
func (c *Clock) Want() {
	if !c.virtual {
		return
	}
	c.mu.Lock()
	c.wanted++
	first := c.wanted == 1
	c.mu.Unlock()
	if first {
		go c.run()
	}
}

// Unwant undoes one Want.
func (c *Clock) Unwant() {
	if !c.virtual {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted--
}

// run runs what is due. It ends when nothing is, or somebody holds the clock, and sees to it that
// it is called again.
func (c *Clock) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return
	}
	c.running = true
	for c.stepLocked() {
	}
	c.running = false
}

// stepLocked runs one event if it may run now. The lock is not held meanwhile.
//
// +checklocks:c.mu
func (c *Clock) stepLocked() bool {
	if len(c.queue) == 0 {
		return false
	}
	e := c.queue[0]
	if !c.virtual {
		if !c.dueLocked(e.when()) {
			return false
		}
	} else if c.wanted == 0 {
		return false
	}
	if !c.settledLocked() {
		return false
	}
	c.queue.remove(e)
	c.now = max(c.now, e.when())
	c.frozen.Store(true)
	c.mu.Unlock()
	e.f()
	c.mu.Lock()
	if c.holds.Load() == 0 {
		c.frozen.Store(false)
	}
	return true
}

// dueLocked reports whether the host has come to t, or sets its timer.
//
// +checklocks:c.mu
func (c *Clock) dueLocked(t time.Duration) bool {
	late := time.Since(c.epoch) - c.lag - t
	if late < 0 {
		c.armLocked(t, -late)
		return false
	}
	if late > MaxLag {
		c.lag += late - MaxLag
	}
	return true
}

// settledLocked reports whether nobody holds the clock, or arranges to be asked again.
//
// +checklocks:c.mu
func (c *Clock) settledLocked() bool {
	if c.holds.Load() == 0 {
		c.slices, c.stuck, c.pass = 0, false, false
		return true
	}
	if c.stuck || c.pass {
		c.pass = false
		return true
	}
	c.turns.Store(0)
	c.asked.Store(true)
	if c.holds.Load() == 0 { // the last was given back before that could be seen
		c.asked.Store(false)
		c.slices = 0
		return true
	}
	limit := holdSlices
	if c.virtual {
		limit = virtualSlices
	}
	if c.slices++; c.slices > limit {
		c.asked.Store(false)
		c.stuck = true
		return true
	}
	c.armLocked(max(c.now, c.queue[0].at)+holdSlice, holdSlice)
	return false
}

// armLocked has run called in d of the host's time, which is about t of the machine's.
//
// +checklocks:c.mu
func (c *Clock) armLocked(t, d time.Duration) {
	c.armed = t
	if c.timer == nil {
		c.timer = time.AfterFunc(d, c.alarm)
	} else {
		c.timer.Reset(d)
	}
}

func (c *Clock) alarm() {
	c.mu.Lock()
	c.armed = never
	c.mu.Unlock()
	c.run()
}
