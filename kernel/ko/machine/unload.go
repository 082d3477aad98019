package machine

import (
	"errors"
	"fmt"
)

// undo gives back everything, with the big lock held.
//
// Checklocks does not see loadMu: it is held around a function that is called back.
// +checklocksignore
func (mod *Module) undo() {
	m := mod.m
	if m.closed.Load() || m.core == nil {
		return
	}
	if m.modules[mod.name] == mod {
		delete(m.modules, mod.name)
		for dep := range mod.deps {
			dep.users--
		}
	}
	late := mod.sleepersIn()
	if mod.pl.Slot != 0 {
		_ = m.freeSlots(mod.pl.Slot, mod.plan.Slots)
		mod.pl.Slot = 0
	}
	for _, a := range []*uint32{&mod.pl.Core, &mod.pl.Init} {
		if *a != 0 {
			_ = m.heap.release(*a)
			*a = 0
		}
	}
	if mod.inst != nil {
		_ = mod.inst.Close(m.ctx)
	}
	if mod.code != nil {
		if len(late) > 0 {
			m.graves = append(m.graves, grave{mod, late})
		} else {
			m.drop(mod.code)
			mod.code = nil
		}
	}
	mod.inst = nil
}

// Unload removes the module: memory, slots, instance and code. The kernel has
// run its exit function, and nothing refers to it any more. Memory that it
// allocated and did not free is reported and stays allocated, as in Linux; who
// wants it back calls Machine.Free. It must not be called with the big lock held.
//
// Errors: ErrBusy if a call is inside the module or another module imports
// from it; it stays loaded then.
func (mod *Module) Unload() (leaks []Leak, err error) {
	m := mod.m
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	if m.closed.Load() {
		return nil, ErrClosed
	}
	m.Do(func() {
		switch {
		case m.modules[mod.name] != mod:
			err = fmt.Errorf("machine: module %s is not loaded", mod.name)
		case mod == m.builtin:
			err = fmt.Errorf("%w: %s is the kernel itself", ErrBusy, mod.name)
		case mod.running > 0:
			err = fmt.Errorf("%w: %d calls are inside module %s", ErrBusy, mod.running, mod.name)
		case mod.users > 0:
			err = fmt.Errorf("%w: %d modules import from %s", ErrBusy, mod.users, mod.name)
		default:
			leaks = mod.leaks()
			mod.undo()
		}
	})
	return leaks, err
}

// leaks lists what the module still owns and takes the ownership from it.
func (mod *Module) leaks() []Leak {
	if mod.allocs == 0 {
		return nil
	}
	var list []Leak
	mod.m.heap.each(mod, func(s *span, i int, addr uint32) {
		list = append(list, Leak{KernelBase + uint64(addr), s.size[i]})
		s.owner[i] = nil
	})
	mod.allocs = 0
	return list
}

// Allocated is the number of allocations that the module owns.
func (mod *Module) Allocated() int { return mod.allocs }

// A grave keeps the code of an unloaded module while a sleeping thread will
// return into it: it was called through a pointer, by another module. The
// kernel's reference counts should prevent that; the process must survive if
// they do not.
type grave struct {
	mod  *Module
	late []lateCall
}

type lateCall struct {
	t  *Thread
	id uint64
}

// sleepersIn lists the calls that sleep inside of the module, having come through a
// pointer. Whoever holds the lock sees all other calls asleep.
func (mod *Module) sleepersIn() (list []lateCall) {
	m := mod.m
	for t := m.sleepers; t != nil; t = t.next {
		for a := t.stack; a < t.asleep; a += 4 {
			if s, _ := m.U32(KernelBase + uint64(a)); uint64(s) < uint64(len(m.slots)) && m.slots[s].mod == mod {
				list = append(list, lateCall{t, t.id})
				break
			}
		}
	}
	return list
}

// sleeps and wakes keep the list of the threads in Release.
func (m *Machine) sleeps(t *Thread, icalls uint32) {
	t.asleep = icalls
	if t.next = m.sleepers; t.next != nil {
		t.next.prev = t
	}
	m.sleepers = t
}

func (m *Machine) wakes(t *Thread) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		m.sleepers = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	}
	t.next, t.prev, t.asleep = nil, nil, 0
}

// reap frees the code of modules that nobody will return into any more.
//
// Unlocked for checklocks, which does not know TryLock.
// +checklocksignore
func (m *Machine) reap() {
	if !m.loadMu.TryLock() {
		return // the next call will
	}
	defer m.loadMu.Unlock()
	kept := m.graves[:0]
	for _, g := range m.graves {
		busy := false
		for _, c := range g.late {
			busy = busy || c.t.depth > 0 && c.t.id == c.id
		}
		if busy {
			kept = append(kept, g)
			continue
		}
		m.drop(g.mod.code)
		g.mod.code = nil
	}
	clear(m.graves[len(kept):])
	m.graves = kept
}

// FreeInit gives back the memory of .init.data and .modinfo, and the slots of
// init code, so that a call of it is a trap. The kernel calls it once
// init_module has returned. Needs the big lock.
func (mod *Module) FreeInit() error {
	if mod.initGone {
		return nil
	}
	mod.initGone = true
	var err error
	if mod.pl.Init != 0 {
		err = mod.m.heap.release(mod.pl.Init)
		mod.pl.Init = 0
	}
	for i := range mod.funcs {
		// The entry stays reserved until the module goes.
		if f := &mod.funcs[i]; f.Init && f.Slot != 0 {
			mod.m.slots[f.Slot] = slot{}
			err = errors.Join(err, mod.m.clearSlots(f.Slot, 1))
		}
	}
	return err
}
