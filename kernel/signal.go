package kernel

import "math/bits"

// Signal is a signal number of Linux's.
type Signal int

// The signals that character devices deal in.
const (
	SIGHUP   Signal = 1
	SIGINT   Signal = 2
	SIGQUIT  Signal = 3
	SIGKILL  Signal = 9
	SIGUSR1  Signal = 10
	SIGSEGV  Signal = 11
	SIGPIPE  Signal = 13
	SIGALRM  Signal = 14
	SIGTERM  Signal = 15
	SIGCONT  Signal = 18
	SIGSTOP  Signal = 19
	SIGTSTP  Signal = 20
	SIGTTIN  Signal = 21
	SIGTTOU  Signal = 22
	SIGWINCH Signal = 28
	SIGIO    Signal = 29
)

// Kill makes the signal pending and ends a sleep that it may interrupt, which then returns EINTR.
// It may be called from anywhere. Signals outside 1…64 are ignored.
func (t *Task) Kill(sig Signal) {
	if sig < 1 || sig > 64 {
		return
	}
	t.pending.Or(1 << (sig - 1))
	if fn := t.told.Load(); fn != nil {
		(*fn)(sig)
	}
	switch t.State() {
	case TaskInterruptible:
		t.kick()
	case TaskKillable:
		if sig == SIGKILL {
			t.kick()
		}
	}
}

// OnSignal has fn called at each Kill from now on, from wherever it comes; fn must not block. nil
// ends that. It is for tasks that stand for somebody outside of the kernel.
func (t *Task) OnSignal(fn func(Signal)) {
	if fn == nil {
		t.told.Store(nil)
		return
	}
	t.told.Store(&fn)
}

// SignalPending reports whether a signal waits that is not blocked (signal_pending). SIGKILL never
// is.
func (t *Task) SignalPending() bool {
	return t.pending.Load()&^(t.blocked.Load()&^(1<<(SIGKILL-1))) != 0
}

// deliver takes what is pending off the task at the end of an interrupted call, as the return to
// user space does; TakeSignal hands it out. SIGKILL stays pending for good.
func (t *Task) deliver() {
	open := t.pending.Load() &^ t.blocked.Load() &^ (1 << (SIGKILL - 1))
	t.pending.And(^open)
	t.caught.Or(open)
}

// TakeSignal gives the lowest signal that has interrupted a call or is pending, as a handler would
// see it. SIGKILL is not given out: the task dies of it.
func (t *Task) TakeSignal() (Signal, bool) {
	t.deliver()
	for {
		p := t.caught.Load()
		if p == 0 {
			return 0, false
		}
		bit := p & -p
		if t.caught.CompareAndSwap(p, p&^bit) {
			return Signal(bits.TrailingZeros64(bit) + 1), true
		}
	}
}

// Block sets the signals that do not interrupt the task, as a mask with bit n-1 for signal n, and
// returns the old mask.
func (t *Task) Block(mask uint64) (old uint64) { return t.blocked.Swap(mask) }
