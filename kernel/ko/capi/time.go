package capi

import "time"

// jiffies is the kernel's clock in ticks; it begins five minutes before it wraps, as in Linux.
func (s *System) jiffies() uint64 { return initialJiffies + uint64(s.K.Uptime()/tick) }

func (s *System) putTimespec(addr ptr, ns int64) {
	m := s.mem()
	m.put64(addr+offTimespec64TvSec, uint64(ns/1e9))
	m.putPtr(addr+offTimespec64TvNsec, uint64(ns%1e9))
}

// Clocks and delays. References: kernel/time/timekeeping.c; kernel/time/timer.c msleep.
func timeFuncs() []Func {
	list := []Func{
		f0("__jiffies_now", func(c *Ctx) ptr { return c.s.jiffies() }),
		f0("get_jiffies_64", func(c *Ctx) uint64 { return c.s.jiffies() }),
		f0("ktime_get_real_seconds", func(c *Ctx) int64 { return time.Now().Unix() }),
		f0("ktime_get_seconds", func(c *Ctx) int64 { return int64(c.s.K.Uptime() / time.Second) }),
		v1("ktime_get_real_ts64", func(c *Ctx, ts ptr) { c.s.putTimespec(ts, time.Now().UnixNano()) }),
		v1("msleep", func(c *Ctx, ms uint32) { c.sleepFor(time.Duration(ms)*time.Millisecond, taskUninterruptible) }),
		f1("msleep_interruptible", func(c *Ctx, ms uint32) ptr {
			left := c.sleepFor(time.Duration(ms)*time.Millisecond, taskInterruptible)
			return uint64((left + time.Millisecond - 1) / time.Millisecond)
		}),
		v3("usleep_range_state", func(c *Ctx, least, most ptr, state uint32) {
			c.sleepFor(time.Duration(least)*time.Microsecond, state)
		}),
		v1("__udelay", func(c *Ctx, us ptr) { c.delay(time.Duration(us) * time.Microsecond) }),
		v1("__ndelay", func(c *Ctx, ns ptr) { c.delay(time.Duration(ns)) }),
	}
	for _, name := range []string{"ktime_get", "ktime_get_ns", "ktime_get_boottime", "ktime_get_boottime_ns", "ktime_get_raw", "ktime_get_raw_ns"} {
		list = append(list, f0(name, func(c *Ctx) int64 { return int64(c.s.K.Uptime()) }))
	}
	for _, name := range []string{"ktime_get_real", "ktime_get_real_ns"} {
		list = append(list, f0(name, func(c *Ctx) int64 { return time.Now().UnixNano() }))
	}
	for _, name := range []string{"ktime_get_ts64", "ktime_get_boottime_ts64"} {
		list = append(list, v1(name, func(c *Ctx, ts ptr) { c.s.putTimespec(ts, int64(c.s.K.Uptime())) }))
	}
	return list
}

// delay waits busily, at most 20 ms. A thread that may sleep lets others run meanwhile.
func (c *Ctx) delay(d time.Duration) {
	d = min(d, 20*time.Millisecond)
	if c.th.PreemptCount() == 0 {
		c.release(func() { time.Sleep(d) })
		return
	}
	// The clock may stand still, as it does in a testing/synctest bubble: then the turns end it.
	for start, turns := time.Now(), d/10; time.Since(start) < d && turns >= 0; turns-- {
	}
}
