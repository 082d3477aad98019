package capi

import (
	"time"

	"github.com/kobench/kobench/kernel"
)

// schedState is what the area keeps. It belongs to the holder of the big lock.
type schedState struct {
	tasks map[ptr]*Ctx // by address of struct task_struct
}

func newSchedState() schedState {
	return schedState{tasks: map[ptr]*Ctx{}}
}

// Sleeping and waking. Wait queues, mutexes and completions stand on these, in kernel/lib.
// References: kernel/sched/core.c; kernel/time/timer.c schedule_timeout.
func schedFuncs() []Func {
	return []Func{
		f0("get_current", func(c *Ctx) ptr { return c.current() }),
		v0("schedule", func(c *Ctx) { c.block(forever) }),
		f1("schedule_timeout", func(c *Ctx, jiffies int64) int64 {
			if jiffies == maxTimeout {
				c.block(forever)
				return maxTimeout
			}
			if jiffies < 0 {
				c.s.K.Log.Printf(kernel.LevelErr, "schedule_timeout: wrong timeout value %x", uint64(jiffies))
				c.mem().put(c.current()+offTaskStructState, taskRunning)
				return 0
			}
			return int64((c.block(ticks(jiffies)) + tick - 1) / tick)
		}),
		f2("wake_up_state", func(c *Ctx, task ptr, mask uint32) uint32 { return flag(c.s.wakeUp(task, mask)) }),
		f1("wake_up_process", func(c *Ctx, task ptr) uint32 { return flag(c.s.wakeUp(task, taskNormal)) }),
		v0("yield", func(c *Ctx) { c.mayBlock(); c.release(func() {}) }),
		f0("__cond_resched", func(c *Ctx) uint32 {
			if c.th.PreemptCount() != 0 {
				return 0
			}
			c.release(func() {})
			return 1
		}),
		v2("__might_sleep", func(c *Ctx, file ptr, line int32) {
			if c.th.PreemptCount() != 0 {
				c.sleepingBug(c.mem().name(file), line)
			}
		}),
		f1("signal_pending", func(c *Ctx, task ptr) uint32 {
			t := c.s.tasks[task]
			return flag(t != nil && t.signalPending())
		}),
		f1("fatal_signal_pending", func(c *Ctx, task ptr) uint32 {
			t := c.s.tasks[task]
			return flag(t != nil && t.T != nil && t.T.Killed())
		}),
		v1("__put_task_struct", func(c *Ctx, task ptr) {
			if t := c.s.tasks[task]; t != nil && t.task != task { // it has ended
				delete(c.s.tasks, task)
				_ = c.s.M.Free(task)
			}
		}),
		f3("__get_task_comm", func(c *Ctx, to, n, task ptr) ptr {
			b := c.mem().bytes(to, n)
			clear(b)
			if n > 0 {
				copy(b[:n-1], c.mem().str(task+offTaskStructComm))
			}
			return to
		}),
		v2("set_user_nice", func(c *Ctx, task ptr, nice int64) { c.mem().put(task+offTaskStructStaticPrio, uint32(120+nice)) }),
		v1("sched_set_fifo", func(c *Ctx, task ptr) { c.mem().put(task+offTaskStructPolicy, 1) }),
		v2("sched_set_normal", func(c *Ctx, task ptr, nice int32) { c.mem().put(task+offTaskStructPolicy, 0) }),
		f1("next_task", func(c *Ctx, task ptr) ptr { return c.nextTask(task) }),
		v1("allow_signal", func(c *Ctx, sig int32) { c.signal |= 1 << (uint32(sig-1) & 63) }),
		v1("disallow_signal", func(c *Ctx, sig int32) { c.signal &^= 1 << (uint32(sig-1) & 63) }),
		v1("flush_signals", func(c *Ctx, task ptr) {
			if t := c.s.tasks[task]; t != nil && t.T != nil {
				for ok := true; ok; {
					_, ok = t.T.TakeSignal()
				}
			}
		}),
		f3("send_sig", func(c *Ctx, sig int32, task ptr, priv int32) int32 {
			t := c.s.tasks[task]
			if t == nil || t.T == nil {
				return -int32(kernel.ESRCH)
			}
			t.T.Kill(kernel.Signal(sig))
			return 0
		}),
		f1("capable", func(c *Ctx, cap int32) uint32 { return flag(c.T == nil || c.T.Capable()) }),
	}
}

const (
	maxTimeout = 1<<63 - 1 // MAX_SCHEDULE_TIMEOUT
	tick       = time.Second / hz
)

// ticks is that many jiffies, at most a century.
func ticks(n int64) time.Duration {
	const most = int64(100 * 365 * 24 * time.Hour / tick)
	return time.Duration(min(max(n, -most), most)) * tick
}

// nextTask walks the tasks that C has seen, init_task last.
func (c *Ctx) nextTask(task ptr) ptr {
	next := ptr(0)
	for addr := range c.s.tasks {
		if addr > task && (next == 0 || addr < next) || task == c.s.data["init_task"] && (next == 0 || addr < next) {
			next = addr
		}
	}
	if next == 0 {
		next = c.s.data["init_task"]
	}
	return next
}
