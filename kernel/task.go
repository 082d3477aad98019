package kernel

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// TaskState says whether a task runs and what may wake it (include/linux/sched.h).
type TaskState uint32

// The states of a task.
const (
	TaskRunning         TaskState = 0
	TaskInterruptible   TaskState = 1 // sleeps until woken or signalled
	TaskUninterruptible TaskState = 2 // sleeps until woken
	TaskKillable        TaskState = 3 // sleeps until woken or killed
)

// Cred says in whose name a task acts.
type Cred struct {
	UID, GID uint32
	Groups   []uint32
}

// Capable reports whether the task has root's capabilities. The bench knows no finer ones.
func (t *Task) Capable() bool { return t.cred.Load().UID == 0 }

// Task is one thread of control inside a kernel: it has a pid, credentials, file descriptors and
// signals, and makes system calls with its methods. Calls of one Task must not overlap, like those
// of one thread; Kill, WakeUp and the getters may come from anywhere. Several goroutines that want
// to share descriptors use Clone, as threads do.
//
// After a fault in a driver (an oops) or SIGKILL the task is dead: its files are closed and every
// further call gives ErrKilled.
type Task struct {
	k     *Kernel
	pid   int
	comm  atomic.Pointer[string]
	cred  atomic.Pointer[Cred]
	files *fdTable
	cwd   *Inode
	umask uint32
	user  UserMemory // of the program, nil if there is none

	state   atomic.Uint32
	pending atomic.Uint64 // bit n-1: signal n
	blocked atomic.Uint64
	caught  atomic.Uint64 // delivered, not yet taken
	wake    chan struct{} // capacity 1
	dead    atomic.Bool

	told atomic.Pointer[func(Signal)] // of OnSignal

	poll   PollTable // of the blocking calls
	event  Waiter    // of WaitEvent
	depth  int       // calls in progress, one inside the other
	daemon bool      // the kernel's own, see Daemon
	slept  bool      // counted in kernel.asleep until the outermost call ends
	once   sync.Once // exit

	// Private belongs to the module format that runs C code on behalf of the task.
	private atomic.Value
}

// TaskOption sets up a new task.
type TaskOption func(*Task)

// WithCred makes the task act for someone else than root.
func WithCred(c Cred) TaskOption { return func(t *Task) { t.cred.Store(&c) } }

// WithComm names the task (15 bytes at most are shown, as in Linux).
func WithComm(name string) TaskOption { return func(t *Task) { t.SetComm(name) } }

// WithPID gives the task a number, where it is free: that of the host's process for which it acts.
func WithPID(pid int) TaskOption { return func(t *Task) { t.pid = pid } }

// NewTask starts a task of root's, or as the options say. Exit ends it; Shutdown ends all.
func (k *Kernel) NewTask(opts ...TaskOption) *Task {
	t := &Task{k: k, wake: make(chan struct{}, 1), cwd: k.root, umask: 0o022}
	t.poll.task, t.event.task = t, t
	t.cred.Store(&Cred{}) // root
	t.files = newFDTable()
	t.SetComm("task")
	for _, o := range opts {
		o(t)
	}
	k.tasks.add(t)
	return t
}

// Clone starts a task that shares t's descriptors, credentials, directory and user memory, like a
// thread; it is called as t is, unless the options say otherwise.
func (t *Task) Clone(opts ...TaskOption) *Task {
	files := t.files
	files.users.Add(1)
	c := &Task{k: t.k, wake: make(chan struct{}, 1), cwd: t.cwd, umask: t.umask, user: t.user}
	c.poll.task, c.event.task = c, c
	c.cred.Store(t.cred.Load())
	c.files = files
	c.comm.Store(t.comm.Load())
	for _, o := range opts {
		o(c)
	}
	t.k.tasks.add(c)
	return c
}

// TaskExiter is an ability of what a module format hangs on a task ([Task.SetPrivate]): TaskExit is
// called when the task has ended, its files closed. Absence: there is nothing to give back.
type TaskExiter interface{ TaskExit() }

// Exit closes the task's files and takes it out of the kernel. Calls in flight must have returned.
func (t *Task) Exit() {
	t.once.Do(func() {
		t.dead.Store(true)
		t.exitFiles()
		t.k.tasks.remove(t)
		if p, ok := t.private.Load().(TaskExiter); ok {
			p.TaskExit()
		}
	})
}

// Kernel is the kernel that the task lives in.
func (t *Task) Kernel() *Kernel { return t.k }

// PID is the task's number, unique in its kernel.
func (t *Task) PID() int { return t.pid }

// Comm is the task's name.
func (t *Task) Comm() string { return *t.comm.Load() }

// SetComm renames the task; 15 bytes are kept (TASK_COMM_LEN).
func (t *Task) SetComm(name string) {
	if len(name) > 15 {
		name = name[:15]
	}
	t.comm.Store(&name)
}

// Cred is in whose name the task acts.
func (t *Task) Cred() Cred { return *t.cred.Load() }

// Killed reports whether the task is dead or about to be: an oops, SIGKILL, Exit.
func (t *Task) Killed() bool { return t.dead.Load() || t.pending.Load()&(1<<(SIGKILL-1)) != 0 }

// Private is a value that a module format hangs on the task; SetPrivate sets it. A [TaskExiter]
// is told when the task ends. All values of one kernel have the same type.
func (t *Task) Private() any     { return t.private.Load() }
func (t *Task) SetPrivate(v any) { t.private.Store(v) }

// Bind sends SIGINT to the task when ctx ends, so that a sleeping call returns EINTR. The function
// given back undoes it.
func (t *Task) Bind(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { t.Kill(SIGINT) })
}

// State is what the task does now.
func (t *Task) State() TaskState { return TaskState(t.state.Load()) }

// SetState says that the task is about to sleep (set_current_state); see wait.go for the order of
// steps.
func (t *Task) SetState(s TaskState) { t.state.Store(uint32(s)) }

// WakeUp makes a sleeping task run again and reports whether it did sleep (wake_up_process).
func (t *Task) WakeUp() bool {
	if TaskState(t.state.Swap(uint32(TaskRunning))) == TaskRunning {
		return false
	}
	t.kick()
	return true
}

func (t *Task) kick() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Schedule sleeps until the task is woken or, where its state allows, signalled. It returns at once
// when that has happened since SetState. The state is TaskRunning after it.
//
// When the kernel shuts down, a task that only a wake-up could end is unwound by a panic that the
// system call boundary catches.
func (t *Task) Schedule() { t.schedule(nil) }

// ScheduleTimeout is Schedule with a limit; it returns the time left, 0 when it ran out.
func (t *Task) ScheduleTimeout(d time.Duration) time.Duration {
	if d <= 0 {
		t.state.Store(uint32(TaskRunning))
		return 0
	}
	l := t.k.NewLimit(d)
	defer l.Stop()
	if !t.schedule(&l) {
		return 0
	}
	return max(l.Left(), 1)
}

// schedule reports whether something other than the limit, if there is one, ended the sleep.
func (t *Task) schedule(l *Limit) bool {
	var timeout <-chan time.Time
	if l != nil {
		timeout = l.C()
	}
	for {
		s := t.State()
		if s == TaskRunning {
			return true
		}
		if s == TaskInterruptible && t.SignalPending() || s == TaskKillable && t.Killed() {
			t.state.Store(uint32(TaskRunning))
			return true
		}
		if !t.slept && t.depth > 0 {
			t.slept = true
			t.k.asleep.add(1)
		}
		select {
		case <-t.wake:
		case <-timeout:
			if !l.Over() {
				continue
			}
			t.state.Store(uint32(TaskRunning))
			return false
		case <-t.k.dying:
			t.state.Store(uint32(TaskRunning))
			t.pending.Or(1 << (SIGKILL - 1))
			if s == TaskUninterruptible {
				panic(errShutdown)
			}
			return true
		}
	}
}

// WaitEvent sleeps until cond is true, looking again at every wake-up of q
// (wait_event_interruptible). cond is called without any lock of the queue.
//
// Errors:
//   - ERESTARTSYS: a signal is pending.
func (t *Task) WaitEvent(q *WaitQueue, cond func() bool) error {
	return t.waitEvent(q, forever, cond)
}

// WaitEventTimeout is WaitEvent with a limit (wait_event_interruptible_timeout).
//
// Errors:
//   - ERESTARTSYS: a signal is pending.
//   - ETIMEDOUT: the time ran out and cond is still false.
func (t *Task) WaitEventTimeout(q *WaitQueue, d time.Duration, cond func() bool) error {
	return t.waitEvent(q, d, cond)
}

const forever = time.Duration(math.MaxInt64)

// waitEvent waits on one queue.
func (t *Task) waitEvent(q *WaitQueue, d time.Duration, cond func() bool) error {
	if cond() {
		return nil
	}
	w := &t.event
	if w.queue != nil { // cond of an outer wait waits itself
		w = &Waiter{task: t}
	}
	q.Add(w)
	defer q.Remove(w)
	return t.waitUntil(d, cond)
}

// waitUntil is the wait loop, the only one (wait.go): done registers where it must and looks
// whether there is still something to wait for. It is called at once and after each wake-up, for d
// at most.
//
// Errors: ERESTARTSYS a signal is pending; ETIMEDOUT d is over.
func (t *Task) waitUntil(d time.Duration, done func() bool) error {
	defer t.SetState(TaskRunning)
	var start time.Duration
	if d != forever {
		start = t.k.clock.Now()
	}
	for {
		t.SetState(TaskInterruptible)
		switch {
		case done():
			return nil
		case t.SignalPending():
			return ERESTARTSYS
		case d == forever:
			t.Schedule()
			continue
		}
		left := d - (t.k.clock.Now() - start)
		if left <= 0 {
			return ETIMEDOUT
		}
		t.ScheduleTimeout(left)
	}
}

// Sleep lets time pass for the task (msleep_interruptible) and returns what is left of it when a
// signal came.
func (t *Task) Sleep(d time.Duration) (left time.Duration) {
	start := t.k.clock.Now()
	for {
		left = d - (t.k.clock.Now() - start)
		if left <= 0 || t.SignalPending() {
			return max(left, 0)
		}
		t.SetState(TaskInterruptible)
		t.ScheduleTimeout(left)
	}
}

// leave ends a call that t.depth++ has begun, where catch does not.
func (t *Task) leave() {
	if t.depth--; t.slept && t.depth == 0 {
		t.awake()
	}
}

func (t *Task) awake() {
	t.slept = false
	t.k.asleep.add(-1)
}

// sleepers counts the tasks that have slept in a call which has not ended, so that a shutdown can
// wait for them before it takes their files and modules away.
type sleepers struct {
	mu sync.Mutex
	n  int // +checklocks:mu
	// closed when n gets to 0; nil: nobody waits
	none chan struct{} // +checklocks:mu
}

func (s *sleepers) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n += n; s.n == 0 && s.none != nil {
		close(s.none)
		s.none = nil
	}
}

// wait reports whether all came home within the time.
func (s *sleepers) wait(limit time.Duration) bool {
	s.mu.Lock()
	if s.n == 0 {
		s.mu.Unlock()
		return true
	}
	if s.none == nil {
		s.none = make(chan struct{})
	}
	none := s.none
	s.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-none:
		return true
	case <-timer.C:
		return false
	}
}

// taskList is the kernel's table of tasks.
type taskList struct {
	mu   sync.Mutex
	next int           // +checklocks:mu
	all  map[int]*Task // +checklocks:mu
}

// add gives t its number: the one it asks for if that is free, else the next.
func (l *taskList) add(t *Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = make(map[int]*Task)
	}
	if t.pid <= 1 || l.all[t.pid] != nil {
		for l.next++; l.all[l.next] != nil; l.next++ {
		}
		t.pid = l.next
	}
	l.all[t.pid] = t
}

func (l *taskList) remove(t *Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, t.pid)
}

func (l *taskList) snapshot() []*Task {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*Task, 0, len(l.all))
	for _, t := range l.all {
		all = append(all, t)
	}
	return all
}

// Task finds a live task by its number.
func (k *Kernel) Task(pid int) (*Task, bool) {
	k.tasks.mu.Lock()
	defer k.tasks.mu.Unlock()
	t, ok := k.tasks.all[pid]
	return t, ok
}

// Tasks are the live tasks, in no order.
func (k *Kernel) Tasks() []*Task { return k.tasks.snapshot() }
