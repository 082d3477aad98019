package machine

import (
	"errors"
	"fmt"
)

// undo gives back everything, with the big lock held.
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
		if mod.asleep() {
			m.graves = append(m.graves, grave{mod})
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
		list = append(list, Leak{addr, s.size[i]})
		s.owner[i] = nil
	})
	mod.allocs = 0
	return list
}

// Allocated is the number of allocations that the module owns.
func (mod *Module) Allocated() int { return mod.allocs }

// A grave keeps the code of an unloaded module while a sleeping thread might
// still return into it: one that entered a module which this one imported from,
// and may have been called back by. The kernel's reference counts should
// prevent that; the process must survive if they do not.
type grave struct{ mod *Module }

func (mod *Module) asleep() bool {
	for dep := range mod.deps {
		if dep.running > 0 {
			return true
		}
	}
	return false
}

// reap frees the code of modules that nobody can return into any more.
func (m *Machine) reap() {
	if !m.loadMu.TryLock() {
		return // the next call will
	}
	defer m.loadMu.Unlock()
	kept := m.graves[:0]
	for _, g := range m.graves {
		if g.mod.asleep() {
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
