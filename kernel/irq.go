package kernel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// irqs are the interrupt lines of the machine.
type irqs struct {
	mu    sync.RWMutex
	lines map[int]*IRQLine // +checklocks:mu
}

// IRQLine is one interrupt line: hardware drives its level through a [IRQLine.Source] each, a
// goroutine of the kernel's runs the handlers while it is up.
type IRQLine struct {
	clock  Clock
	up     atomic.Int32 // pins that are
	count  atomic.Uint64
	kick   chan struct{} // capacity 1
	served atomic.Bool   // there are handlers, and they are not disabled
	held   atomic.Bool   // the line was kicked, and the clock is held until the handlers have run

	busy sync.Mutex // held while handlers run

	mu sync.Mutex
	// replaced, never changed: service walks it without mu
	actions []*irqAction // +checklocks:mu
	// nil while nobody has requested the line
	stop chan struct{} // +checklocks:mu
	// of Disable
	depth int // +checklocks:mu
}

type irqAction struct {
	name    string
	shared  bool
	handler func() bool
}

// IRQ finds interrupt line n, for hardware to drive.
func (k *Kernel) IRQ(n int) *IRQLine {
	k.irqs.mu.Lock()
	defer k.irqs.mu.Unlock()
	if k.irqs.lines == nil {
		k.irqs.lines = make(map[int]*IRQLine)
	}
	l := k.irqs.lines[n]
	if l == nil {
		l = &IRQLine{clock: k.clock, kick: make(chan struct{}, 1)}
		k.irqs.lines[n] = l
	}
	return l
}

// Source makes a pin that drives the line; the line is up while one of its pins is. set never
// blocks and takes no lock, so that hardware may call it whatever it holds; the calls for one pin
// are the hardware's to put in order.
func (l *IRQLine) Source() (set func(level bool)) {
	var pin atomic.Bool
	return func(level bool) {
		switch {
		case pin.Swap(level) == level:
		case level:
			l.up.Add(1)
			l.wake()
		default:
			l.up.Add(-1)
		}
	}
}

// wake lets the handlers run. A machine's time does not go on before they have: the host may be
// late, the driver is not. Where there are none, or they are disabled, it does.
func (l *IRQLine) wake() {
	if l.served.Load() && l.held.CompareAndSwap(false, true) {
		l.clock.Hold()
		if !l.served.Load() {
			l.letGo()
		}
	}
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// letGo gives the hold of wake back, if nobody else has.
func (l *IRQLine) letGo() {
	if l.held.Swap(false) {
		l.clock.Release()
	}
}

// Request installs a handler on the line; several may share one. While the line is up the handlers
// are called, one at a time, from a goroutine of the kernel's; a handler tells whether its device
// had asked for it, and must not block for long. Request does not wait for handlers, so that a
// driver may hold what its own needs. free takes it off again and waits for a call in progress; it
// must not be called from a handler, nor with what one waits for held.
func (l *IRQLine) Request(name string, handler func() bool) (free func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requestLocked(&irqAction{name, true, handler})
}

// RequestExclusive is Request for a driver that does not share its line, or does (__setup_irq,
// kernel/irq/manage.c).
//
// Errors: EBUSY if somebody has the line, and one of the two does not share it; with is that
// handler's name, and withShared whether it shares.
func (l *IRQLine) RequestExclusive(name string, shared bool, handler func() bool) (free func(), with string, withShared bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.actions) > 0 && !(shared && l.actions[0].shared) {
		return nil, l.actions[0].name, l.actions[0].shared, EBUSY
	}
	return l.requestLocked(&irqAction{name, shared, handler}), "", false, nil
}

// Disable keeps the handlers from being called until as many Enables; a call in progress goes on,
// Synchronize waits for it.
func (l *IRQLine) Disable() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.depth++
	l.served.Store(false)
}

// Enable undoes one Disable, and reports false if there was none.
func (l *IRQLine) Enable() (ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.depth == 0 {
		return false
	}
	if l.depth--; l.depth == 0 {
		l.served.Store(l.stop != nil)
		if l.up.Load() > 0 {
			l.wake()
		}
	}
	return true
}

// Synchronize waits until no handler that runs now does any more. It must not be called from one.
func (l *IRQLine) Synchronize() {
	l.busy.Lock()
	defer l.busy.Unlock()
}

// +checklocks:l.mu
func (l *IRQLine) requestLocked(a *irqAction) (free func()) {
	l.actions = append(slices.Clone(l.actions), a)
	if l.stop == nil {
		l.stop = make(chan struct{})
		l.served.Store(l.depth == 0)
		go l.run(l.stop)
	}
	if l.up.Load() > 0 {
		l.wake()
	}
	return func() {
		l.remove(a)
		l.Synchronize()
	}
}

func (l *IRQLine) remove(a *irqAction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.actions = slices.DeleteFunc(slices.Clone(l.actions), func(o *irqAction) bool { return o == a })
	if len(l.actions) == 0 && l.stop != nil {
		l.served.Store(false)
		close(l.stop)
		l.stop = nil
	}
}

// close takes all handlers off all lines.
func (ir *irqs) close() {
	ir.mu.RLock()
	defer ir.mu.RUnlock()
	for _, l := range ir.lines {
		l.mu.Lock()
		for _, a := range l.actions {
			defer l.remove(a)
		}
		l.mu.Unlock()
	}
}

func (l *IRQLine) run(stop chan struct{}) {
	for {
		select {
		case <-l.kick:
		case <-stop:
			l.letGo()
			return
		}
		held := l.held.Swap(false) // a pin that comes up from here on holds the clock anew
		for l.up.Load() > 0 && l.service() {
		}
		if held {
			l.clock.Release()
		}
	}
}

// service calls the handlers once and reports whether one of them cared.
func (l *IRQLine) service() (handled bool) {
	l.busy.Lock()
	defer l.busy.Unlock()
	l.mu.Lock()
	actions, off := l.actions, l.depth > 0
	l.mu.Unlock()
	if off {
		return false
	}
	l.count.Add(1)
	for _, a := range actions {
		if a.handler() {
			handled = true
		}
	}
	return handled
}

// interruptsText is /proc/interrupts.
func (k *Kernel) interruptsText(*Task) (string, error) {
	k.irqs.mu.RLock()
	defer k.irqs.mu.RUnlock()
	var b strings.Builder
	b.WriteString("            CPU0       \n")
	for _, n := range slices.Sorted(maps.Keys(k.irqs.lines)) {
		l := k.irqs.lines[n]
		var names []string
		l.mu.Lock()
		actions := l.actions
		l.mu.Unlock()
		for _, a := range actions {
			names = append(names, a.name)
		}
		if names == nil {
			continue
		}
		fmt.Fprintf(&b, "%4d: %10d   IO-APIC %3d-edge      %s\n", n, l.count.Load(), n, strings.Join(names, ", "))
	}
	return b.String(), nil
}
