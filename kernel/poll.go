package kernel

import "slices"

// Events is a set of poll(2) events with Linux's values.
type Events uint32

// The bits of include/uapi/asm-generic/poll.h.
const (
	PollIn     Events = 0x0001
	PollPri    Events = 0x0002
	PollOut    Events = 0x0004
	PollErr    Events = 0x0008
	PollHup    Events = 0x0010
	PollNval   Events = 0x0020
	PollRdnorm Events = 0x0040
	PollRdband Events = 0x0080
	PollWrnorm Events = 0x0100
	PollWrband Events = 0x0200
	PollMsg    Events = 0x0400
	PollRdhup  Events = 0x2000

	// PollDefault is what a file without a Poll operation always is (DEFAULT_POLLMASK).
	PollDefault = PollIn | PollOut | PollRdnorm | PollWrnorm
)

// PollTable collects the queues that a caller of Poll wants to be woken by. A nil table, or one
// that has collected already, only asks for the state.
type PollTable struct {
	task *Task        // whom to wake, or
	fn   func(Events) // what to call
	// registered; what follows up to its capacity is kept for the next registration, or nil
	waiters []*Waiter
	full    bool // queues were registered by an earlier round
}

const pollKept = 8 // waiters that a table keeps

// Wait registers the caller with q (poll_wait). A driver calls it for each of its queues before
// it looks at its state. It never blocks.
func (p *PollTable) Wait(q *WaitQueue) {
	if p == nil || p.full || q == nil {
		return
	}
	n := len(p.waiters)
	if n == cap(p.waiters) {
		p.waiters = slices.Grow(p.waiters, 1)
	}
	p.waiters = p.waiters[:n+1]
	w := p.waiters[n]
	if w == nil {
		w = &Waiter{task: p.task, Func: p.fn}
		p.waiters[n] = w
	}
	q.Add(w)
}

// NewPollTable gives a table whose registrations call fn at every wake-up, for event loops
// outside of any task. fn must not block. Release takes the table off the queues again.
func NewPollTable(fn func(Events)) *PollTable { return &PollTable{fn: fn} }

// Queues is how many queues the table is registered with.
func (p *PollTable) Queues() int { return len(p.waiters) }

// Release takes the table off every queue that it was registered with.
func (p *PollTable) Release() {
	for _, w := range p.waiters {
		if q := w.queue; q != nil {
			q.Remove(w)
		}
	}
	if len(p.waiters) > pollKept {
		clear(p.waiters[pollKept:])
	}
	p.waiters = p.waiters[:0]
	p.full = false
}
