package kernel

import "time"

// Clock is the time of the machine, for Config. Without one a kernel follows the host's.
type Clock interface {
	// Now is the time since the machine was powered.
	Now() time.Duration
	// Wall is what its calendar shows.
	Wall() time.Time
	// Later calls f in d, on a goroutine that may wait; stop undoes that, and reports whether it
	// came in time.
	Later(d time.Duration, f func()) (stop func() bool)
	// Hold keeps time from going on until Release: somebody was woken and has not had his turn.
	// Neither blocks.
	Hold()
	Release()
}

// hostClock is the time of the host. Nobody can hold it.
type hostClock struct{ boot time.Time }

func (c hostClock) Now() time.Duration { return time.Since(c.boot) }
func (c hostClock) Wall() time.Time    { return time.Now() }
func (c hostClock) Hold()              {}
func (c hostClock) Release()           {}

func (c hostClock) Later(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(max(d, 0), f).Stop
}

// Limit is a time-out of somebody who sleeps. It never ends before the machine's time has come: a
// machine that is late is not timed out.
type Limit struct {
	clock    Clock
	d, start time.Duration
	pause    time.Duration
	timer    *time.Timer
}

// How long a limit waits for a machine that is late, at first and at most; it doubles.
const (
	firstPause = 50 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

// NewLimit begins one of d, which Stop ends.
func (k *Kernel) NewLimit(d time.Duration) Limit {
	return Limit{k.clock, d, k.clock.Now(), firstPause, time.NewTimer(d)}
}

// C is where the limit asks for a look, by Over.
func (l *Limit) C() <-chan time.Time { return l.timer.C }

// Left is what is left of it.
func (l *Limit) Left() time.Duration { return l.d - (l.clock.Now() - l.start) }

// Over reports whether the time is over; if it is not, C will ask again.
func (l *Limit) Over() bool {
	left := l.Left()
	if left <= 0 {
		return true
	}
	l.timer.Reset(max(left, l.pause))
	l.pause = min(2*l.pause, lastPause)
	return false
}

// Stop ends it.
func (l *Limit) Stop() { l.timer.Stop() }
