package capi

import (
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// interruptState is what the area keeps. It belongs to the holder of the big lock.
type interruptState struct {
	irqs map[irqKey]*resource
}

func newInterruptState() interruptState {
	return interruptState{irqs: map[irqKey]*resource{}}
}

// irqKey names a handler: the line and the device it is for.
type irqKey struct {
	irq uint32
	dev ptr
}

// Interrupts. References: kernel/irq/manage.c.
func irqFuncs() []Func {
	return []Func{
		f6("request_threaded_irq", func(c *Ctx, irq uint32, handler, thread, flags, name, dev ptr) int32 {
			return c.requestIRQ(irq, handler, thread, uint32(flags), c.mem().name(name), dev)
		}),
		f2("free_irq", func(c *Ctx, irq uint32, dev ptr) ptr {
			key := irqKey{irq, dev}
			r := c.s.irqs[key]
			if r == nil {
				c.warn("kernel/irq/manage.c", 1908, 9, fmt.Sprintf("Trying to free already-free IRQ %d\n", irq))
				return 0
			}
			r.done()
			delete(c.s.irqs, key)
			c.release(r.undo)
			return 0
		}),
		v1("enable_irq", func(c *Ctx, irq uint32) {
			if !c.s.K.IRQ(int(irq)).Enable() {
				c.warn("kernel/irq/manage.c", 774, 9, fmt.Sprintf("Unbalanced enable for IRQ %d\n", irq))
			}
		}),
		v1("disable_irq", func(c *Ctx, irq uint32) {
			line := c.s.K.IRQ(int(irq))
			line.Disable()
			c.release(line.Synchronize)
		}),
		v1("disable_irq_nosync", func(c *Ctx, irq uint32) { c.s.K.IRQ(int(irq)).Disable() }),
		v1("synchronize_irq", func(c *Ctx, irq uint32) { c.release(c.s.K.IRQ(int(irq)).Synchronize) }),
	}
}

// requestIRQ puts C functions on a line: the handler in interrupt context, then the thread function
// if the handler asks for it.
func (c *Ctx) requestIRQ(irq uint32, handler, thread ptr, flags uint32, name string, dev ptr) int32 {
	const shared = 0x80 // IRQF_SHARED
	s, key := c.s, irqKey{irq, dev}
	if handler == 0 && thread == 0 || flags&shared != 0 && dev == 0 || s.irqs[key] != nil && flags&shared != 0 {
		return -int32(kernel.EINVAL)
	}
	t, err := s.newCtx("irq/"+name, 0)
	if err != nil {
		return -int32(kernel.ENOMEM)
	}
	const handled, wake = 1, 2
	run := func() bool {
		r := uint64(wake)
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
	free, with, withShared, err := s.K.IRQ(int(irq)).RequestExclusive(name, flags&shared != 0, run)
	if err != nil {
		theirs := uint32(0)
		if withShared {
			theirs = shared
		}
		s.K.Log.Printf(kernel.LevelErr, "genirq: Flags mismatch irq %d. %08x (%s) vs. %08x (%s)", irq, flags, name, theirs, with)
		return -int32(kernel.EBUSY)
	}
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
