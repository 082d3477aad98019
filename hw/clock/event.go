package clock

import (
	"context"
	"time"
)

// Event is something that will happen once at a time, or at none.
type Event struct {
	c *Clock
	f func()

	// All below are guarded by c.mu.
	at    time.Duration
	seq   uint64 // among those of one time, first set first run
	index int    // in the queue, from 1; 0: not set
}

// NewEvent makes an event that calls f, on a goroutine of the clock's. It is not set yet.
func (c *Clock) NewEvent(f func()) *Event { return &Event{c: c, f: f} }

// AfterFunc makes an event that is d from now.
func (c *Clock) AfterFunc(d time.Duration, f func()) *Event {
	e := c.NewEvent(f)
	e.After(d)
	return e
}

// Go calls f on a goroutine that holds the clock.
func (c *Clock) Go(f func()) {
	c.Hold()
	go func() {
		defer c.Release()
		f()
	}()
}

// Later calls f in d, on a goroutine that holds the clock and may wait. stop is [Event.Stop].
func (c *Clock) Later(d time.Duration, f func()) (stop func() bool) {
	return c.AfterFunc(d, func() { c.Go(f) }).Stop
}

// At sets the event for t, in place of any other time. A time that has passed is now.
func (e *Event) At(t time.Duration) {
	c := e.c
	c.mu.Lock()
	defer c.mu.Unlock()
	e.setLocked(t)
}

// After sets the event for d from now.
func (e *Event) After(d time.Duration) {
	c := e.c
	c.mu.Lock()
	defer c.mu.Unlock()
	e.setLocked(c.nowLocked() + d)
}

// +checklocks:e.c.mu
func (e *Event) setLocked(t time.Duration) {
	c := e.c
	if e.index != 0 {
		if e.at == t {
			return
		}
		c.queue.remove(e)
	}
	e.at = max(t, c.now)
	c.seq++
	e.seq = c.seq
	c.queue.add(e)
	if c.queue[0] != e || c.running {
		return // run sees to it
	}
	if c.virtual {
		if c.wanted > 0 {
			go c.run()
		}
		return
	}
	if e.at < c.armed {
		c.armLocked(e.at, max(0, e.at+c.lag-time.Since(c.epoch)))
	}
}

// Stop makes the event happen at no time, and reports whether it was set. It does not wait for f.
func (e *Event) Stop() bool {
	c := e.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.index == 0 {
		return false
	}
	c.queue.remove(e) // the host's timer finds nothing to do
	return true
}

// Sleep waits for d of the machine's time.
//
// Errors: ctx's.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	over := make(chan struct{})
	e := c.AfterFunc(d, func() { close(over) })
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		e.Stop()
		return ctx.Err()
	}
}

// queue is a heap: the next event is the first. The lock of the clock that has it guards the events
// in it, which checklocks cannot see.
type queue []*Event

// when is the time of an event, for who holds the lock of its clock.
//
// +checklocksignore
func (e *Event) when() time.Duration { return e.at }

// +checklocksignore
func (q queue) before(i, j int) bool {
	a, b := q[i], q[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// +checklocksignore
func (q queue) swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i+1, j+1
}

func (q queue) up(i int) {
	for i > 0 && q.before(i, (i-1)/2) {
		q.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (q queue) down(i int) {
	for {
		k := 2*i + 1
		if k >= len(q) {
			return
		}
		if k+1 < len(q) && q.before(k+1, k) {
			k++
		}
		if !q.before(k, i) {
			return
		}
		q.swap(i, k)
		i = k
	}
}

// +checklocksignore
func (q *queue) add(e *Event) {
	*q = append(*q, e)
	e.index = len(*q)
	q.up(e.index - 1)
}

// +checklocksignore
func (q *queue) remove(e *Event) {
	i, last := e.index-1, len(*q)-1
	q.swap(i, last)
	(*q)[last] = nil
	*q = (*q)[:last]
	e.index = 0
	if i < last {
		q.up(i)
		q.down(i)
	}
}
