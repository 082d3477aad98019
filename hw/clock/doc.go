// Package clock is the time of one machine: everything that happens at a time is an event in one
// ordered queue.
//
//	c := clock.New()
//	e := c.NewEvent(func() { … })
//	e.At(c.Now() + 10*time.Millisecond)
//
// Time is a [time.Duration] since the machine was powered.
//
// # Paced and virtual
//
// A paced clock ([New]) follows the host's. When the host is late, the machine is late as a whole:
// an event runs at its own time, in its turn, and nobody sees a later time before it has run. After
// more than [MaxLag] the machine's time has lost the difference for good; below that it catches up.
//
// A virtual clock ([Virtual]) stands still while anybody works, and jumps to the next event when
// all wait and somebody wants it to ([Clock.Want]). It never looks at the host's.
//
// # Holds
//
// What an event sets off may happen on other goroutines: an interrupt handler, a woken reader. Who
// wakes one of them takes a hold for it ([Clock.Hold]), and it gives the hold back when it has had
// its turn ([Clock.Release]). The next event waits for that, and the time stands still at the last
// one's. A hold that is kept for seconds of the host's time is passed over: nobody can stop the
// machine.
//
// # Locks
//
// The clock's lock is a leaf. Events run without it, one at a time, on a goroutine of the clock's,
// and may take any lock that is not held while somebody waits for an event.
//
// References:
//
//	[icount] QEMU, docs/devel/tcg-icount.rst, and util/qemu-timer.c: virtual time, warped to the
//	         next timer when idle
//	[renode] renode-infrastructure, src/Emulator/Main/Time/BaseClockSource.cs: one queue, host
//	         time at the edge only
package clock
