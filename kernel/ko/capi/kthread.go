package capi

import (
	"sync/atomic"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
)

// kthread is a kernel thread: a goroutine with a C thread of its own.
type kthread struct {
	c      *Ctx
	fn     ptr
	data   ptr
	stop   atomic.Bool
	park   atomic.Bool
	result int32
	done   chan struct{}
	res    *resource
	name   *kernel.Task // gives it its number
}

// exitThread is what kthread_exit unwinds with.
type exitThread struct{ code int32 }

func (e exitThread) Error() string { return "kthread_exit" }

// Kernel threads. References: kernel/kthread.c.
func kthreadFuncs() []Func {
	return []Func{
		f5("kthread_create_on_node", func(c *Ctx, fn, data ptr, node int32, format, args ptr) ptr {
			return c.kthreadCreate(fn, data, c.vformat(format, args))
		}),
		f0("kthread_should_stop", func(c *Ctx) uint32 { return flag(c.kt != nil && c.kt.stop.Load()) }),
		f0("kthread_should_park", func(c *Ctx) uint32 { return flag(c.kt != nil && c.kt.park.Load()) }),
		f1("kthread_stop", func(c *Ctx, task ptr) int32 { return c.kthreadStop(task) }),
		f1("kthread_park", func(c *Ctx, task ptr) int32 {
			if t := c.s.tasks[task]; t != nil && t.kt != nil {
				t.kt.park.Store(true)
				c.s.wakeUp(task, 0xffff)
			}
			return 0
		}),
		v1("kthread_unpark", func(c *Ctx, task ptr) {
			if t := c.s.tasks[task]; t != nil && t.kt != nil {
				t.kt.park.Store(false)
				c.s.wakeUp(task, 0xffff)
			}
		}),
		v0("kthread_parkme", func(c *Ctx) {
			for c.kt != nil && c.kt.park.Load() && !c.kt.stop.Load() {
				c.mem().put(c.current()+offTaskStructState, 0x40) // TASK_PARKED
				c.block(forever)
			}
		}),
		v2("kthread_bind", func(c *Ctx, task ptr, cpu uint32) {}),
		v1("kthread_exit", func(c *Ctx, code int64) { c.kthreadExit(int32(code)) }),
		v2("kthread_complete_and_exit", func(c *Ctx, done ptr, code int64) {
			if sym, ok := c.s.M.Builtin().Symbol("complete"); ok && done != 0 {
				_, _ = c.Call(sym.Addr, uint64(done))
			}
			c.kthreadExit(int32(code))
		}),
	}
}

func (c *Ctx) kthreadExit(code int32) {
	panic(&machine.Trap{Kind: machine.TrapKilled, Err: exitThread{code}})
}

func (c *Ctx) kthreadCreate(fn, data ptr, name string) ptr {
	s := c.s
	var owner *Module
	who := []kernel.TaskOption{kernel.WithComm(name)}
	if mod := c.th.Caller(); mod != nil {
		owner = s.byMach[mod]
	}
	if owner == nil { // a worker of kernel/lib's work queues is nobody's
		who = append(who, kernel.Daemon())
	}
	number := s.K.NewTask(who...)
	t, err := s.newCtx(number.Comm(), number.PID())
	if err != nil {
		number.Exit()
		return errPtr(kernel.ENOMEM)
	}
	k := &kthread{c: t, fn: fn, data: data, done: make(chan struct{}), name: number}
	t.kt = k
	task := t.current()
	m := c.mem()
	m.putPtr(task+offTaskStructKthreadData, data)
	m.put(task+offTaskStructState, taskUninterruptible)
	t.state.Store(taskUninterruptible)
	k.res = s.own(owner, func() string { return "kernel thread " + name }, func() { k.end() })
	s.wg.Go(k.run)
	return task
}

// end unwinds the thread by force: at its next sleep or cond_resched, or when the watchdog finds it
// running for too long. One that does not end even so is left behind; the log says so.
func (k *kthread) end() {
	close(k.c.kill)
	limit := time.NewTimer(k.c.s.watchdog() + endGrace)
	defer limit.Stop()
	select {
	case <-k.done:
	case <-limit.C:
		k.c.s.K.Log.Printf(kernel.LevelErr, "kernel thread %s (%d) does not end", k.c.comm, k.c.pid)
	}
}

// endGrace is how long a kernel thread may take to come out of C beyond the watchdog's limit.
const endGrace = 5 * time.Second

func (k *kthread) run() {
	c := k.c
	defer func() {
		c.s.M.Do(func() {
			k.res.done()
			close(k.done)
			c.dropTask()
		})
		if c.sub != nil {
			c.sub.Exit()
		}
		k.name.Exit()
	}()
	for c.state.Load() != taskRunning {
		select {
		case <-c.wake:
		case <-c.kill:
			return
		}
	}
	if k.stop.Load() {
		k.result = -int32(kernel.EINTR)
		return
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exitThread:
			k.result = r.code
		default:
			if r != errUnwound {
				panic(r)
			}
		}
	}()
	r, err := c.Call(k.fn, uint64(k.data))
	if f, ok := err.(*kernel.Fault); ok {
		_ = k.name.Oops(f)
		k.result = -int32(kernel.EFAULT)
		return
	}
	k.result = int32(r)
}

// kthreadStop asks the thread to end and waits for it.
func (c *Ctx) kthreadStop(task ptr) int32 {
	t := c.s.tasks[task]
	if t == nil || t.kt == nil {
		return -int32(kernel.EINTR)
	}
	k := t.kt
	k.stop.Store(true)
	k.park.Store(false)
	c.s.wakeUp(task, 0xffff)
	c.mayBlock()
	c.release(func() { <-k.done })
	return k.result
}
