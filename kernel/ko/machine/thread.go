package machine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/kobench/kobench/kernel/ko/object"
)

const (
	// quantum is how many loops and calls C code makes before it looks at the
	// clock and at who waits for the lock: about 0.1 ms.
	quantum = 1 << 16
	// quantumTime is the shortest that a quantum takes. It bounds a call when the clock stands
	// still, as it does in a testing/synctest bubble.
	quantumTime = 25 * time.Microsecond

	maxDepth = 64 // of C calling Go calling C …
)

// Thread is a flow of control through C: a task inside a system call, or a
// kernel thread. It is used by one goroutine at a time. Outside of a call it
// holds no resources of the machine.
type Thread struct {
	Data    any               // for the owner
	Program func() UserMemory // of the program that the thread works for; nil: it has none

	m      *Machine
	name   string
	depth  int
	entry  uint64 // the function that Go called last
	id     uint64 // of the call from outside that is under way
	stack  uint32 // the C stack, lent to it during a call
	limit  uint32
	mod    *Module // entered last
	caller api.Module
	dying  *Trap
	atomic int

	run      uint64 // counts the times that it got the lock
	watchRun uint64
	start    time.Time
	quanta   int64

	asleep     uint32 // in Release: the end of its list of slots
	next, prev *Thread

	user  [maxWindows]window
	nuser int
	boun  bool // window 0 is in the bounce buffer
}

// ErrClosed: the machine is closed.
var ErrClosed = errors.New("machine: closed")

// NewThread makes a thread; the name appears in traps.
//
// Errors: ErrClosed.
func (m *Machine) NewThread(name string) (*Thread, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	return &Thread{m: m, name: name}, nil
}

// Close ends the thread. It must not be in a call.
func (t *Thread) Close() {}

// Machine is where the thread runs.
func (t *Thread) Machine() *Machine { return t.m }

// Name is what NewThread was given.
func (t *Thread) Name() string { return t.name }

// Depth is how many calls are nested: 0 outside of C.
func (t *Thread) Depth() int { return t.depth }

// Call runs the function at an address and returns its result, 0 if it has
// none; an i32 is in the low half. Outside of C it takes the big lock, waits for
// it if need be, and gives it up at the end. A host function may use it to call
// back into C; if that traps, the thread is unwound as soon as the host function
// returns.
//
// Errors: *Trap, always. An address without a function and a wrong number of
// arguments are traps of kind TrapCall.
//
// Checklocks does not know TryLock.
// +checklocksignore
func (t *Thread) Call(fn uint64, args ...uint64) (uint64, error) {
	if t.depth > 0 {
		return t.nested(fn, args)
	}
	m := t.m
	if !m.mu.TryLock() {
		m.lock()
	}
	if t.nuser > 0 || m.spare == 0 { // a closed machine has no spare stack
		if err := t.prepare(); err != nil {
			m.mu.Unlock()
			return 0, err
		}
	} else {
		t.stack, m.spare = m.spare, 0
	}
	t.limit = t.stack + stackReserve
	t.run++
	m.callID++
	t.id = m.callID
	t.depth = 1
	m.cur = t
	m.inside++
	defer t.leave()
	return t.call(fn, KernelBase+uint64(t.stack+m.cfg.StackSize), uint64(t.stack), args)
}

// prepare is the rarer part of entering C: a closed machine, a new stack, user memory.
func (t *Thread) prepare() error {
	m := t.m
	if m.closed.Load() {
		return &Trap{Kind: TrapKilled, Thread: t.name, Msg: "the machine is closed", Err: ErrClosed}
	}
	switch n := len(m.stacks); {
	case m.spare != 0:
		t.stack, m.spare = m.spare, 0
	case n > 0:
		t.stack = m.stacks[n-1]
		m.stacks = m.stacks[:n-1]
	default:
		a, err := m.heap.alloc(m.cfg.StackSize, pageSize, nil)
		if err != nil {
			return &Trap{Kind: TrapStack, Thread: t.name, Msg: "no memory for a stack", Err: err}
		}
		t.stack = a
	}
	if t.nuser > 0 {
		t.mapUser()
	}
	return nil
}

// leave ends a call from outside, however it ended.
//
// It gives up the lock that Call has taken.
// +checklocksignore
func (t *Thread) leave() {
	m := t.m
	if t.mod != nil {
		t.mod.running--
		t.mod = nil
	}
	if t.nuser > 0 {
		t.unmapUser()
	}
	if preempt, irqs := m.setAtomic(0, 0); preempt|irqs != 0 && t.dying == nil && m.cfg.Imbalance != nil {
		m.cfg.Imbalance(t, preempt, irqs)
	}
	t.dying = nil
	t.atomic, t.caller = 0, nil
	if m.spare == 0 {
		m.spare = t.stack
	} else {
		m.stacks = append(m.stacks, t.stack)
	}
	t.depth = 0
	m.inside--
	if len(m.graves) > 0 {
		m.reap()
	}
	m.mu.Unlock()
}

// nested calls from a host function back into C, on the same stack.
func (t *Thread) nested(fn uint64, args []uint64) (uint64, error) {
	if t.depth >= maxDepth {
		return 0, t.fail(&Trap{Kind: TrapStack, Msg: fmt.Sprintf("C and Go called each other %d deep", maxDepth)})
	}
	caller, mod, entry := t.caller, t.mod, t.entry
	t.mod = nil
	t.depth++
	defer func() {
		if t.mod != nil {
			t.mod.running--
		}
		t.depth--
		t.caller, t.mod, t.entry = caller, mod, entry
	}()
	return t.call(fn, t.m.sp.Get(), t.m.icalls.Get(), args)
}

// call runs a function with the lock held. It leaves t.mod and its count of
// running calls to the caller to undo.
func (t *Thread) call(fn, sp, icalls uint64, args []uint64) (uint64, error) {
	m := t.m
	slot, ok := object.FuncSlot(fn)
	if !ok || uint64(slot) >= uint64(len(m.slots)) {
		return 0, t.fail(badCall(fn))
	}
	e := &m.slots[slot]
	if e.sig == nil {
		if e.lazy == nil {
			return 0, t.fail(badCall(fn))
		}
		if err := t.need(e.lazy); err != nil {
			return 0, t.fail(&Trap{Kind: TrapCall, Addr: fn, Msg: err.Error(), Err: err})
		}
		e = &m.slots[slot]
	}
	sig, mod := e.sig, e.mod
	if len(args) != sig.params {
		return 0, t.badArgs(slot, len(args))
	}
	h := sig.spare
	if h == nil {
		h = sig.handle()
	} else {
		sig.spare = nil
	}
	st := h.stack
	n := copy(st, args)
	_ = st[n+3]
	st[n], st[n+1], st[n+2], st[n+3] = uint64(slot), sp, KernelBase+uint64(t.limit), icalls
	m.calls++
	t.entry = fn
	if t.mod = mod; mod != nil {
		mod.running++
	}
	if err := h.fn.CallWithStack(m.ctx, st); err != nil { // the handle is not used again
		tr := t.trapped(err, slot)
		m.sp.Set(sp)
		m.icalls.Set(icalls)
		return 0, tr
	}
	var r uint64
	if sig.result != 0 {
		if r = st[0]; sig.narrow {
			r = uint64(uint32(r))
		}
	}
	if sig.spare == nil {
		sig.spare = h
	} else {
		sig.free = append(sig.free, h)
	}
	return r, nil
}

// Release gives up the big lock while f runs, and takes it back. It is the only
// scheduling point: whoever sleeps inside a host function sleeps in f. The C
// stack stays the thread's own meanwhile. f must not touch the machine's memory.
// Outside of a call Release just runs f.
//
// Checklocks does not follow a lock that is given up and taken back.
// +checklocksignore
func (t *Thread) Release(f func()) {
	if t.depth == 0 {
		f()
		return
	}
	m := t.m
	sp, icalls := m.sp.Get(), m.icalls.Get()
	caller := t.caller
	m.sleeps(t, uint32(icalls))
	preempt, irqs := m.setAtomic(0, 0)
	if t.nuser > 0 {
		t.flushUser()
	}
	m.switches++
	m.mu.Unlock()
	defer func() {
		m.lock()
		m.cur = t
		m.wakes(t)
		m.sp.Set(sp)
		m.icalls.Set(icalls)
		m.limit.Set(KernelBase + uint64(t.limit))
		m.setAtomic(preempt, irqs)
		t.caller = caller
		t.run++
		if t.nuser > 0 {
			t.mapUser()
		}
	}()
	f()
}

// setAtomic exchanges what the running thread holds in the kernel's variables
// __preempt_count and __irqs_off.
func (m *Machine) setAtomic(preempt, irqs uint32) (oldPreempt, oldIrqs uint32) {
	if m.preempt == 0 {
		return 0, 0
	}
	p, i := m.mem[m.preempt:m.preempt+4], m.mem[m.irqs:m.irqs+4]
	oldPreempt, oldIrqs = binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(i)
	if oldPreempt|oldIrqs|preempt|irqs != 0 {
		binary.LittleEndian.PutUint32(p, preempt)
		binary.LittleEndian.PutUint32(i, irqs)
	}
	return oldPreempt, oldIrqs
}

// resched is called by C code whose budget is used up.
func (m *Machine) resched(t *Thread) {
	m.budget.Set(quantum)
	if t == nil {
		return // a start function
	}
	now := time.Now()
	if t.watchRun != t.run {
		t.watchRun, t.start, t.quanta = t.run, now, 0
	}
	t.quanta++
	if ran := now.Sub(t.start); ran > m.cfg.Watchdog || time.Duration(t.quanta)*quantumTime > m.cfg.Watchdog {
		panic(&Trap{Kind: TrapWatchdog, Msg: fmt.Sprintf("running for %v without a sleep", m.cfg.Watchdog)})
	}
	if m.waiters.Load() > 0 && t.PreemptCount() == 0 {
		run := t.run
		t.Release(runtime.Gosched)
		// To be preempted is not to sleep: the clock goes on, less the time it waited.
		t.run = run
		t.start = t.start.Add(time.Since(now))
	}
}

// PreemptDisable keeps loops from giving others the lock, until PreemptEnable
// was called as often. For code that holds a spinlock.
func (t *Thread) PreemptDisable() { t.atomic++ }

// PreemptEnable undoes one PreemptDisable.
func (t *Thread) PreemptEnable() {
	if t.atomic > 0 {
		t.atomic--
	}
}

// PreemptCount is not 0 if the thread must not be preempted or sleep: PreemptDisable
// is in force, or C code holds a spinlock or has interrupts off (__preempt_count,
// __irqs_off). A sleep then is a bug of the driver ("scheduling while atomic").
// Needs the big lock.
func (t *Thread) PreemptCount() int {
	n := t.atomic
	if m := t.m; m.preempt != 0 {
		n += int(int32(binary.LittleEndian.Uint32(m.mem[m.preempt:])))
		n += int(int32(binary.LittleEndian.Uint32(m.mem[m.irqs:])))
	}
	return n
}

// Caller is the module whose code called the running host function, nil if it is unknown.
func (t *Thread) Caller() *Module {
	if t.caller == nil {
		return nil
	}
	if name := t.caller.Name(); name != "" {
		return t.m.modules[name]
	}
	return t.m.builtin // its parts have no names
}

// Entry is the address of the function that was called last from Go on this thread.
func (t *Thread) Entry() uint64 { return t.entry }

// Module is the module whose function was called last from Go on this thread, nil outside.
func (t *Thread) Module() *Module { return t.mod }
