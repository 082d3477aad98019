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
