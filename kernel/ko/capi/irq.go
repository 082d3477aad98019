package capi

import (
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// irqKey names a handler: the line and the device it is for.
type irqKey struct{ irq, dev uint32 }

// Interrupts. References: kernel/irq/manage.c.
func irqFuncs() []Func {
	return []Func{
		F6("request_threaded_irq", func(c *Ctx, irq, handler, thread, flags, name, dev uint32) int32 {
			return c.requestIRQ(irq, handler, thread, c.mem().name(name), dev)
		}),
		F2("free_irq", func(c *Ctx, irq, dev uint32) uint32 {
			key := irqKey{irq, dev}
			r := c.s.irqs[key]
			if r == nil {
				c.warn("kernel/irq/manage.c", 1908, 9, fmt.Sprintf("Trying to free already-free IRQ %d\n", irq))
				return 0
			}
			r.done()
			delete(c.s.irqs, key)
			c.Release(r.undo)
			return 0
		}),
		V1("enable_irq", func(c *Ctx, irq uint32) {}),
		V1("disable_irq", func(c *Ctx, irq uint32) {}),
		V1("disable_irq_nosync", func(c *Ctx, irq uint32) {}),
		V1("synchronize_irq", func(c *Ctx, irq uint32) { c.Release(func() {}) }),
	}
}

// requestIRQ puts C functions on a line: the handler in interrupt context, then the thread function if the handler asks for it.
func (c *Ctx) requestIRQ(irq, handler, thread uint32, name string, dev uint32) int32 {
	s, key := c.s, irqKey{irq, dev}
	if handler == 0 && thread == 0 || s.irqs[key] != nil {
		return -int32(kernel.EINVAL)
	}
	t, err := s.newCtx("irq/"+name, 0)
	if err != nil {
		return -int32(kernel.ENOMEM)
	}
	const handled, wake = 1, 2
	run := func() bool {
		r := uint32(wake)
		if handler != 0 {
			t.th.PreemptDisable()
			v, err := t.Call(handler, uint64(irq), uint64(dev))
			if err != nil {
				s.oopsNobody(err)
				return true
			}
			r = v
		}
		if r == wake && thread != 0 {
			if _, err := t.Call(thread, uint64(irq), uint64(dev)); err != nil {
				s.oopsNobody(err)
			}
		}
		return r == handled || r == wake
	}
	free := func() {}
	c.Release(func() { free = s.K.IRQ(int(irq)).Request(name, run) })
	s.irqs[key] = c.own(func() string { return fmt.Sprintf("interrupt %d %s", irq, name) }, func() {
		free()
		s.M.Do(func() { delete(s.irqs, key) })
	})
	return 0
}

// oopsNobody logs a fault that no task made.
func (s *System) oopsNobody(err error) {
	if f, ok := err.(*kernel.Fault); ok {
		_ = s.K.NewTask(kernel.WithComm("swapper/0")).Oops(f)
	}
}
