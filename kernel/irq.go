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
	lines map[int]*irqLine // +checklocks:mu
}

type irqLine struct {
	mu      sync.Mutex // one handler of a line at a time
	actions []*irqAction
	count   atomic.Uint64
}

type irqAction struct {
	name    string
	handler func() bool
}

// RequestIRQ installs a handler on an interrupt line; several may share one. The handler tells whether its device had asked
// for it. It runs in the goroutine of the hardware that raised the line and must not block. free takes it off again.
//
// Errors: EINVAL for a negative line or no handler.
func (k *Kernel) RequestIRQ(line int, name string, handler func() bool) (free func(), err error) {
	if line < 0 || handler == nil {
		return nil, EINVAL
	}
	a := &irqAction{name, handler}
	k.irqs.mu.Lock()
	if k.irqs.lines == nil {
		k.irqs.lines = make(map[int]*irqLine)
	}
	l := k.irqs.lines[line]
	if l == nil {
		l = &irqLine{}
		k.irqs.lines[line] = l
	}
	l.mu.Lock()
	l.actions = append(l.actions, a)
	l.mu.Unlock()
	k.irqs.mu.Unlock()
	return func() {
		k.irqs.mu.Lock()
		defer k.irqs.mu.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.actions = slices.DeleteFunc(l.actions, func(o *irqAction) bool { return o == a })
		if len(l.actions) == 0 && k.irqs.lines[line] == l {
			delete(k.irqs.lines, line)
		}
	}, nil
}

// RaiseIRQ is what hardware calls when its line goes active. An interrupt that nobody handles is dropped.
func (k *Kernel) RaiseIRQ(line int) {
	k.irqs.mu.RLock()
	l := k.irqs.lines[line]
	k.irqs.mu.RUnlock()
	if l == nil {
		return
	}
	l.count.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.actions {
		a.handler()
	}
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
		for _, a := range l.actions {
			names = append(names, a.name)
		}
		l.mu.Unlock()
		fmt.Fprintf(&b, "%4d: %10d   IO-APIC %3d-edge      %s\n", n, l.count.Load(), n, strings.Join(names, ", "))
	}
	return b.String(), nil
}
