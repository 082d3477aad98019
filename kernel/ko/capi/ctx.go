package capi

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// Ctx is one flow of control through C: the thread it runs on and whom it runs for. Bindings get it
// as their first argument.
type Ctx struct {
	s      *System
	T      *kernel.Task // nil for kernel threads, timers and other work of the kernel's own
	th     *machine.Thread
	task   ptr // struct task_struct, 0 until somebody asks for it
	pid    int
	comm   string
	signal uint64 // allow_signal of kernel threads

	// What poll_wait registers with, during a poll.
	polling *kernel.PollTable
	file    *openFile
	// initcall is the init function that runs, for complaints about it.
	initcall string
	pollTab  ptr

	// The sleep of whoever has no kernel.Task.
	state atomic.Uint32
	wake  chan struct{} // capacity 1
	kill  chan struct{} // closed: unwind
	kt    *kthread
	sub   *kernel.Task // makes the calls of filp_open
}

// Enter is the C side of a task, made at its first call.
func (s *System) Enter(t *kernel.Task) *Ctx {
	if c, ok := t.Private().(*Ctx); ok {
		return c
	}
	th, err := s.M.NewThread(t.Comm())
	if err != nil {
		panic(&kernel.Fault{What: err.Error(), Err: err})
	}
	c := &Ctx{s: s, T: t, th: th, pid: t.PID(), comm: t.Comm()}
	th.Data = c
	th.Program = func() machine.UserMemory { return t.UserMemory() }
	t.SetPrivate(c)
	return c
}

// newCtx is a Ctx without a task.
func (s *System) newCtx(comm string, pid int) (*Ctx, error) {
	th, err := s.M.NewThread(comm)
	if err != nil {
		return nil, err
	}
	c := &Ctx{s: s, th: th, pid: pid, comm: comm, wake: make(chan struct{}, 1), kill: make(chan struct{})}
	th.Data = c
	return c, nil
}

// helper runs fn with a Ctx that belongs to nobody, for calls that the kernel makes without a task
// at hand.
func (s *System) helper(fn func(c *Ctx) error) error {
	s.helpMu.Lock()
	var c *Ctx
	if n := len(s.helpers); n > 0 {
		c = s.helpers[n-1]
		s.helpers = s.helpers[:n-1]
	}
	s.helpMu.Unlock()
	if c == nil {
		var err error
		if c, err = s.newCtx("kobench", 1); err != nil {
			return err
		}
	}
	err := fn(c)
	s.helpMu.Lock()
	s.helpers = append(s.helpers, c)
	s.helpMu.Unlock()
	return err
}

// TaskExit gives back what the task had in kernel memory.
func (c *Ctx) TaskExit() {
	c.s.M.Do(func() { c.dropTask() })
	if c.sub != nil {
		c.sub.Exit()
	}
	c.th.Close()
}

func (c *Ctx) dropTask() {
	if c.task == 0 {
		return
	}
	addr := c.task
	c.task = 0
	if b, ok := c.s.M.Bytes(addr, sizeofTaskStruct); ok {
		m := c.mem()
		m.put(addr+offTaskStructExitState, 0x20)
		n := m.u32(addr+offTaskStructUsage) - 1
		m.put(addr+offTaskStructUsage, n)
		if n == 0 {
			_ = b
			delete(c.s.tasks, addr)
			_ = c.s.M.Free(addr)
		}
	}
}

// offCred is where a task's struct cred and poll_table stand behind its task_struct.
const (
	offCred    = (sizeofTaskStruct + 7) &^ 7
	offPollTab = (offCred + sizeofCred + 7) &^ 7
	taskBlock  = offPollTab + sizeofPollTable
)

// current is the address of the task_struct. Needs the big lock.
func (c *Ctx) current() ptr {
	if c.task != 0 {
		return c.task
	}
	addr, err := c.s.M.Alloc(taskBlock, 0, nil)
	if err != nil {
		panic(c.killed(err))
	}
	m := c.mem()
	clear(m.bytes(addr, taskBlock))
	m.put(addr+offTaskStructPid, uint32(c.pid))
	m.put(addr+offTaskStructTgid, uint32(c.pid))
	m.putPtr(addr+offTaskStructRealParent, addr)
	m.putPtr(addr+offTaskStructParent, addr)
	m.putPtr(addr+offTaskStructGroupLeader, addr)
	m.put(addr+offTaskStructUsage, 1)
	m.put(addr+offTaskStructPrio, 120)
	m.put(addr+offTaskStructStaticPrio, 120)
	m.put(addr+offTaskStructNormalPrio, 120)
	m.put64(addr+offTaskStructStartTime, uint64(c.s.K.Uptime()))
	for _, off := range []ptr{offTaskStructChildren, offTaskStructSibling, offTaskStructTasks} {
		m.listInit(addr + off)
	}
	if c.T == nil {
		m.put(addr+offTaskStructFlags, pfKthread)
	} else {
		m.putPtr(addr+offTaskStructMm, addr) // not NULL: it has a user space
	}
	copy(m.bytes(addr+offTaskStructComm, taskCommLen-1), c.command())
	cred := addr + offCred
	m.putPtr(addr+offTaskStructCred, cred)
	m.putPtr(addr+offTaskStructRealCred, cred)
	m.put(cred+offCredUsage, 1)
	if c.T != nil {
		who := c.T.Cred()
		for _, off := range []ptr{offCredUid, offCredSuid, offCredEuid, offCredFsuid} {
			m.put(cred+off, who.UID)
		}
		for _, off := range []ptr{offCredGid, offCredSgid, offCredEgid, offCredFsgid} {
			m.put(cred+off, who.GID)
		}
	}
	c.task, c.pollTab = addr, addr+offPollTab
	m.putPtr(c.pollTab+offPollTableQproc, c.s.slots.pollwait)
	m.put(c.pollTab+offPollTableKey, 0xffffffff)
	c.s.tasks[addr] = c
	return addr
}

// command is the name of whoever runs.
func (c *Ctx) command() string {
	if c.T != nil {
		return c.T.Comm()
	}
	return c.comm
}

// Call runs the C function at an address. Errors: *kernel.Fault when it made an oops; inside of C
// the thread is unwound then.
func (c *Ctx) Call(fn ptr, args ...uint64) (uint64, error) {
	r, err := c.th.Call(fn, args...)
	if err != nil {
		return 0, c.fault(err)
	}
	return r, nil
}

// owner is the module that runs: the one whose code called, or for code of kernel/lib the one that
// called that.
func (c *Ctx) owner() *Module {
	if m := c.th.Caller(); m != nil && m != c.s.M.Builtin() {
		return c.s.byMach[m]
	}
	return c.s.byMach[c.th.Module()]
}

// heapOwner is owner for the machine's accounts.
func (c *Ctx) heapOwner() *machine.Module {
	if m := c.th.Caller(); m != nil && m != c.s.M.Builtin() {
		return m
	}
	if m := c.th.Module(); m != c.s.M.Builtin() {
		return m
	}
	return nil
}

// errUnwound ends C threads that nobody can wake any more.
var errUnwound = errors.New("the kernel thread was ended")

func (c *Ctx) killed(err error) *machine.Trap {
	return &machine.Trap{Kind: machine.TrapKilled, Msg: err.Error(), Err: err}
}

// release gives up the big lock while f sleeps. A panic of f unwinds the C thread and reaches the
// system call.
func (c *Ctx) release(f func()) {
	var cause any
	c.th.Release(func() {
		defer func() { cause = recover() }()
		f()
	})
	if cause != nil {
		err, ok := cause.(error)
		if !ok {
			err = fmt.Errorf("%v", cause)
		}
		panic(c.killed(err))
	}
	select {
	// nil, and so never, for a task's; a thread that is to end does so wherever it lets others run
	case <-c.kill:
		panic(c.killed(errUnwound))
	default:
	}
}

// forever is MAX_SCHEDULE_TIMEOUT.
const forever = time.Duration(1<<63 - 1)

// block is schedule(): it sleeps in the state that __state says and gives the time left. Needs the
// big lock, which it gives up.
func (c *Ctx) block(limit time.Duration) (left time.Duration) {
	c.mayBlock()
	m := c.mem()
	task := c.current()
	state := m.u32(task + offTaskStructState)
	left = limit
	switch {
	case state == taskRunning:
		c.release(func() {})
		return left
	case c.T != nil:
		left = c.blockTask(state, limit)
	default:
		left = c.blockSelf(state, limit)
	}
	m.put(task+offTaskStructState, taskRunning)
	return left
}

func (c *Ctx) blockTask(state uint32, limit time.Duration) (left time.Duration) {
	s := kernel.TaskUninterruptible
	if state&taskInterruptible != 0 {
		s = kernel.TaskInterruptible
	} else if state&taskWakekill != 0 {
		s = kernel.TaskKillable
	}
	c.T.SetState(s)
	left = limit
	c.release(func() {
		if limit == forever {
			c.T.Schedule()
		} else {
			left = c.T.ScheduleTimeout(limit)
		}
	})
	return left
}

func (c *Ctx) blockSelf(state uint32, limit time.Duration) (left time.Duration) {
	c.state.Store(state)
	left = limit
	c.release(func() {
		var after <-chan time.Time
		var end kernel.Limit
		if limit != forever {
			end = c.s.K.NewLimit(max(limit, 0))
			defer end.Stop()
			after = end.C()
		}
		for c.state.Load() != taskRunning {
			select {
			case <-c.wake:
				continue
			case <-after:
				if !end.Over() {
					continue
				}
				left = 0
			case <-c.kill:
				c.state.Store(taskRunning)
				panic(errUnwound)
			}
			c.state.Store(taskRunning)
			return
		}
		if limit != forever {
			left = max(end.Left(), 1)
		}
	})
	return left
}

// wakeUp is try_to_wake_up: it makes the task run if it sleeps in one of the states of the mask.
// Needs the big lock.
func (s *System) wakeUp(task ptr, mask uint32) bool {
	m := s.mem()
	c := s.tasks[task]
	state := m.u32(task + offTaskStructState)
	if c == nil || state&mask == 0 {
		return false
	}
	m.put(task+offTaskStructState, taskRunning)
	if c.T != nil {
		c.T.WakeUp()
	} else if c.state.Swap(taskRunning) != taskRunning {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// mayBlock complains when the thread must not sleep ([Linux] kernel/sched/core.c __schedule_bug).
func (c *Ctx) mayBlock() {
	n := c.th.PreemptCount()
	if n == 0 {
		return
	}
	c.atomicBug(n)
}

// sleepingBug is what __might_sleep says in atomic context ([Linux] kernel/sched/core.c
// __might_resched).
func (c *Ctx) sleepingBug(file string, line int32) {
	text := fmt.Sprintf("BUG: sleeping function called from invalid context at %s:%d", file, line)
	c.s.K.Log.Printf(kernel.LevelErr, "%s", text)
	c.s.K.Log.Printf(kernel.LevelErr, "in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: %d, name: %s", c.pid, c.command())
	c.s.K.Log.Printf(kernel.LevelErr, "preempt_count: %x, expected: 0", c.th.PreemptCount())
	c.dumpStack(kernel.LevelErr)
	c.s.K.AddTaint(kernel.TaintWarn)
	c.s.K.Trouble(kernel.TroubleWarn, text)
}

// atomicBug is __schedule_bug. n is what the driver has added to the preempt count; schedule()
// itself adds one.
func (c *Ctx) atomicBug(n int) {
	text := fmt.Sprintf("BUG: scheduling while atomic: %s/%d/0x%08x", c.command(), c.pid, n+1)
	c.s.K.Log.Printf(kernel.LevelErr, "%s", text)
	c.dumpStack(kernel.LevelErr)
	c.s.K.AddTaint(kernel.TaintWarn)
	c.s.K.Trouble(kernel.TroubleWarn, text)
}

// imbalance says that a call of C has ended and holds a lock, as [Linux] init/main.c
// do_one_initcall does of an init; another call meets schedule() on its way back to the program.
func (c *Ctx) imbalance(preempt, irqs uint32) {
	if c.initcall == "" {
		c.atomicBug(int(preempt + irqs))
		return
	}
	what := "initcall " + c.initcall + " returned with "
	if preempt != 0 {
		what += "preemption imbalance "
	}
	if irqs != 0 {
		what += "disabled interrupts "
	}
	c.warn("init/main.c", 1284, uint32(bits.TrailingZeros32(uint32(kernel.TaintWarn))), what+"\n")
}

// CallInit is Call of a module's init.
func (c *Ctx) CallInit(m *Module, fn ptr) (uint64, error) {
	c.s.M.Do(func() { c.initcall = c.s.place(m.K.Name, "init_module", 0) })
	defer func() { c.initcall = "" }()
	return c.Call(fn)
}

// sleepFor sleeps for d in a state, to the end unless a signal may cut it short.
func (c *Ctx) sleepFor(d time.Duration, state uint32) (left time.Duration) {
	now := c.s.K.Clock().Now
	start := now()
	for left = d; left > 0; left = d - (now() - start) {
		if state&taskInterruptible != 0 && c.signalPending() {
			return left
		}
		c.mem().put(c.current()+offTaskStructState, state)
		c.block(left)
	}
	return 0
}

func (c *Ctx) signalPending() bool { return c.T != nil && c.T.SignalPending() }
