package capi

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// softirq runs timers and tasklets, one at a time, on a C thread of its own. A function that runs
// there must not sleep.
type softirq struct {
	s       *System
	mu      sync.Mutex // held while something runs
	c       *Ctx       // +checklocks:mu
	timers  map[ptr]*timer
	rcu     int // calls of call_rcu to come
	running ptr // the timer or tasklet whose function runs
	closed  bool
}

// quiet waits until nothing runs.
func (q *softirq) quiet() {
	q.mu.Lock()
	defer q.mu.Unlock()
}

// timer is a pending struct timer_list or struct hrtimer.
type timer struct {
	addr ptr
	high bool
	t    *time.Timer
	res  *resource
}

func (q *softirq) init(s *System) {
	q.s, q.timers = s, map[ptr]*timer{}
}

// close lets what runs come to its end.
func (q *softirq) close() {
	q.s.M.Do(func() {
		q.closed = true
		for addr, t := range q.timers {
			t.t.Stop()
			delete(q.timers, addr)
		}
	})
	q.mu.Lock()
	defer q.mu.Unlock()
}

// run calls fn(arg) in interrupt context; kind says of what.
func (q *softirq) run(addr ptr, kind softKind) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.c == nil {
		c, err := q.s.newCtx("ksoftirqd/0", 0)
		if err != nil {
			return
		}
		q.c = c
	}
	defer func() { _ = recover() }() // of a machine that is closing
	if _, err := q.c.Call(q.s.slots.softirq, uint64(addr), uint64(kind)); err != nil {
		if f, ok := err.(*kernel.Fault); ok {
			q.s.K.NewTask(kernel.WithComm("ksoftirqd/0")).Oops(f)
		}
		q.s.M.Do(func() { q.running = 0 })
	}
}

type softKind uint32

// offPending is not NULL in a timer that is pending: entry.pprev.
const offPending = offTimerListEntry + offHlistNodePprev

const (
	softTimer softKind = iota
	softHrtimer
	softTasklet
	softRCU
)

// dispatch is the inside of run, with the big lock held.
func (c *Ctx) dispatch(addr ptr, kind softKind) {
	q, m := &c.s.soft, c.mem()
	if q.closed {
		return
	}
	c.th.PreemptDisable()
	defer c.th.PreemptEnable()
	count := ptr(0)
	if sym, ok := c.s.M.Builtin().Symbol("__preempt_count"); ok {
		count = sym.Addr
		m.put(count, m.u32(count)+softirqOffset)
	}
	q.running = addr
	switch kind {
	case softTimer:
		c.fireTimer(addr)
	case softHrtimer:
		c.fireHrtimer(addr)
	case softTasklet:
		c.fireTasklet(addr)
	case softRCU: // struct callback_head: next, func
		q.rcu--
		_, _ = c.Call(m.ptr(addr+sizeofPtr), uint64(addr))
	}
	q.running = 0
	if count != 0 {
		m.put(count, m.u32(count)-softirqOffset)
	}
}

func (c *Ctx) fireTimer(addr ptr) {
	t, m := c.s.soft.timers[addr], c.mem()
	if t == nil || t.high {
		return
	}
	if left := int64(m.ptr(addr+offTimerListExpires) - c.s.jiffies()); left > 0 && m.ptr(addr+offPending) != 0 {
		t.t.Reset(ticks(left))
		return
	}
	c.s.forget(t)
	arg := addr
	if m.u32(addr+offTimerListFlags)&timerOldstyle != 0 {
		arg = m.ptr(addr + offTimerListData)
	}
	_, _ = c.Call(m.ptr(addr+offTimerListFunction), uint64(arg))
}

func (c *Ctx) fireHrtimer(addr ptr) {
	t, m := c.s.soft.timers[addr], c.mem()
	if t == nil || !t.high {
		return
	}
	left := int64(m.u64(addr+offHrtimerExpires)) - c.clock(addr)
	if left > 0 && m.u32(addr+offHrtimerClock) != clockRealtime { // the machine is late
		t.t.Reset(max(time.Duration(left), latePause))
		return
	}
	c.s.forget(t)
	m.put(addr+offHrtimerState, 2)
	again, err := c.Call(m.ptr(addr+offHrtimerFunction), uint64(addr))
	if err != nil {
		return
	}
	state := m.u32(addr+offHrtimerState) &^ 2
	m.put(addr+offHrtimerState, state)
	if again == hrtimerRestart && state&1 == 0 {
		c.startHrtimer(addr)
	}
}

// latePause is how long a timer of high resolution waits, at least, for a machine that is late.
const latePause = 50 * time.Microsecond

func (c *Ctx) fireTasklet(addr ptr) {
	m := c.mem()
	state := m.ptr(addr + offTaskletStructState)
	if state&1 == 0 {
		return // killed
	}
	if m.u32(addr+offTaskletStructCount) != 0 { // disabled: again later
		c.s.after(time.Millisecond, addr, softTasklet)
		return
	}
	m.putPtr(addr+offTaskletStructState, state&^1)
	arg := addr
	if m.u8(addr+offTaskletStructUseCallback) == 0 {
		arg = m.ptr(addr + offTaskletStructData)
	}
	_, _ = c.Call(m.ptr(addr+offTaskletStructFunc), uint64(arg))
}

func (s *System) after(d time.Duration, addr ptr, kind softKind) *time.Timer {
	return time.AfterFunc(max(d, 0), func() { s.soft.run(addr, kind) })
}

// forget takes a timer out of the list of pending ones.
func (s *System) forget(t *timer) {
	t.t.Stop()
	delete(s.soft.timers, t.addr)
	t.res.done()
	m := s.mem()
	if t.high {
		m.put(t.addr+offHrtimerState, m.u32(t.addr+offHrtimerState)&^1)
		return
	}
	m.putPtr(t.addr+offTimerListEntry, 0)
	m.putPtr(t.addr+offPending, 0)
}

func (c *Ctx) start(addr ptr, d time.Duration, high bool) {
	s := c.s
	if s.soft.closed {
		return
	}
	kind, what := softTimer, "timer"
	if high {
		kind, what = softHrtimer, "hrtimer"
	}
	t := &timer{addr: addr, high: high}
	var owner *Module
	if mod := c.heapOwner(); mod != nil {
		owner = s.byMach[mod]
	}
	t.res = s.own(owner, func() string { return fmt.Sprintf("%s at %016x, still pending", what, addr) }, func() {
		t.t.Stop()
		s.M.Do(func() { delete(s.soft.timers, addr) })
		s.soft.quiet() // one that fires now comes to its end first
	})
	s.soft.timers[addr] = t
	t.t = s.after(d, addr, kind)
}

// delTimer is del_timer and, with wait, del_timer_sync.
func (c *Ctx) delTimer(addr ptr, wait bool) uint32 {
	t := c.s.soft.timers[addr]
	if t != nil {
		c.s.forget(t)
	}
	if wait {
		c.waitSoft(addr)
		if again := c.s.soft.timers[addr]; again != nil { // it has started itself again
			c.s.forget(again)
		}
	}
	return flag(t != nil)
}

// waitSoft waits until the function of addr does not run.
func (c *Ctx) waitSoft(addr ptr) {
	q := &c.s.soft
	for q.running == addr && q.c != c { // +checklocksignore
		c.mayBlock()
		c.release(q.quiet)
	}
}

func (c *Ctx) modTimer(addr, expires ptr, only bool) uint32 {
	m := c.mem()
	t := c.s.soft.timers[addr]
	if t == nil && only {
		return 0
	}
	if m.ptr(addr+offTimerListFunction) == 0 {
		c.warn("kernel/time/timer.c", 1130, 9, "")
		return 0
	}
	if t != nil {
		c.s.forget(t)
	}
	m.putPtr(addr+offTimerListExpires, expires)
	m.putPtr(addr+offPending, addr)
	c.start(addr, ticks(int64(expires-c.s.jiffies())), false)
	return flag(t != nil)
}

func (c *Ctx) startHrtimer(addr ptr) {
	m := c.mem()
	m.put(addr+offHrtimerState, m.u32(addr+offHrtimerState)|1)
	c.start(addr, time.Duration(int64(m.u64(addr+offHrtimerExpires))-c.clock(addr)), true)
}

// clock is what an hrtimer's time is measured by.
func (c *Ctx) clock(addr ptr) int64 {
	if c.mem().u32(addr+offHrtimerClock) == clockRealtime {
		return time.Now().UnixNano()
	}
	return int64(c.s.K.Uptime())
}

// Timers and tasklets. References: kernel/time/timer.c; kernel/time/hrtimer.c; kernel/softirq.c.
func timerFuncs() []Func {
	return []Func{
		v2("__kb_softirq", func(c *Ctx, addr ptr, kind uint32) { c.dispatch(addr, softKind(kind)) }),
		v5("init_timer_key", func(c *Ctx, addr, fn ptr, flags uint32, name, key ptr) {
			m := c.mem()
			clear(m.bytes(addr, sizeofTimerList))
			m.putPtr(addr+offTimerListFunction, fn)
			m.put(addr+offTimerListFlags, flags)
		}),
		v1("add_timer", func(c *Ctx, addr ptr) {
			if c.s.soft.timers[addr] != nil {
				c.bug("kernel BUG at kernel/time/timer.c:1152!")
			}
			c.modTimer(addr, c.mem().ptr(addr+offTimerListExpires), false)
		}),
		f2("mod_timer", func(c *Ctx, addr, expires ptr) uint32 { return c.modTimer(addr, expires, false) }),
		f2("mod_timer_pending", func(c *Ctx, addr, expires ptr) uint32 { return c.modTimer(addr, expires, true) }),
		f1("del_timer", func(c *Ctx, addr ptr) uint32 { return c.delTimer(addr, false) }),
		f1("del_timer_sync", func(c *Ctx, addr ptr) uint32 { return c.delTimer(addr, true) }),
		v3("hrtimer_init", func(c *Ctx, addr ptr, clock, mode uint32) {
			clear(c.mem().bytes(addr, sizeofHrtimer))
			c.mem().put(addr+offHrtimerClock, clock)
		}),
		v4("hrtimer_start_range_ns", func(c *Ctx, addr ptr, at, slack uint64, mode uint32) {
			if t := c.s.soft.timers[addr]; t != nil {
				c.s.forget(t)
			}
			if mode&hrtimerModeRel != 0 {
				at += uint64(c.clock(addr))
			}
			c.mem().put64(addr+offHrtimerExpires, at)
			c.startHrtimer(addr)
		}),
		f1("hrtimer_cancel", func(c *Ctx, addr ptr) uint32 { return c.delTimer(addr, true) }),
		f1("hrtimer_try_to_cancel", func(c *Ctx, addr ptr) int32 {
			if c.s.soft.running == addr {
				return -1
			}
			return int32(c.delTimer(addr, false))
		}),
		f1("hrtimer_active", func(c *Ctx, addr ptr) uint32 {
			return flag(c.s.soft.timers[addr] != nil || c.s.soft.running == addr)
		}),
		f3("hrtimer_forward", func(c *Ctx, addr ptr, now, interval int64) int64 {
			m := c.mem()
			at := int64(m.u64(addr + offHrtimerExpires))
			if interval <= 0 || now < at {
				return 0
			}
			n := (now-at)/interval + 1
			m.put64(addr+offHrtimerExpires, uint64(at+n*interval))
			return n
		}),
		f2("__hrtimer_get_remaining", func(c *Ctx, addr ptr, adjust uint32) int64 {
			return int64(c.mem().u64(addr+offHrtimerExpires)) - c.clock(addr)
		}),
		v1("__tasklet_schedule", func(c *Ctx, addr ptr) { c.s.after(0, addr, softTasklet) }),
		v1("__tasklet_hi_schedule", func(c *Ctx, addr ptr) { c.s.after(0, addr, softTasklet) }),
		v3("tasklet_init", func(c *Ctx, addr, fn, data ptr) {
			m := c.mem()
			clear(m.bytes(addr, sizeofTaskletStruct))
			m.putPtr(addr+offTaskletStructFunc, fn)
			m.putPtr(addr+offTaskletStructData, data)
		}),
		v2("tasklet_setup", func(c *Ctx, addr, fn ptr) {
			m := c.mem()
			clear(m.bytes(addr, sizeofTaskletStruct))
			m.put8(addr+offTaskletStructUseCallback, 1)
			m.putPtr(addr+offTaskletStructFunc, fn)
		}),
		// Nobody reads without the big lock: a grace period is over as soon as everybody else had a
		// turn.
		v0("synchronize_rcu", func(c *Ctx) { c.mayBlock(); c.release(func() {}) }),
		v0("rcu_barrier", func(c *Ctx) {
			for c.s.soft.rcu > 0 {
				c.release(runtime.Gosched)
			}
		}),
		v2("call_rcu", func(c *Ctx, head, fn ptr) {
			c.mem().putPtr(head+sizeofPtr, fn)
			c.s.soft.rcu++
			c.s.after(0, head, softRCU)
		}),
		v1("tasklet_kill", func(c *Ctx, addr ptr) {
			c.waitSoft(addr)
			c.mem().putPtr(addr+offTaskletStructState, 0)
		}),
	}
}

var _ = machine.TrapKilled
