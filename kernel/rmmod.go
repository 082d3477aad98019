package kernel

import (
	"strings"

	"github.com/kobench/kobench/kernel/uapi"
)

// Flags of DeleteModule: without O_NONBLOCK Linux 6.1 does not wait either; O_TRUNC forces.
const (
	DeleteForce    = uapi.DELETE_FORCE
	DeleteNonblock = uapi.DELETE_NONBLOCK
)

// DeleteModule removes a module (delete_module(2)).
//
// Errors:
//   - EPERM: the task is not root's. ENOENT: no such module.
//   - EAGAIN (EWOULDBLOCK): other modules or open files use it.
//   - EBUSY: it has no exit function and DeleteForce is not given, or it is not live.
//   - ErrKilled: its exit made an oops; it stays, unloading.
//
// References: kernel/module/main.c delete_module.
func (t *Task) DeleteModule(name string, flags int) error {
	k := t.k
	if t.Killed() {
		return ErrKilled
	}
	if !t.Capable() {
		return EPERM
	}
	ms := &k.modules
	ms.mu.Lock()
	m := ms.findLocked(name)
	if m == nil || m.State() == ModuleUnformed || strings.ContainsRune(name, '-') {
		ms.mu.Unlock()
		return ENOENT
	}
	if err := k.stopLocked(m, flags); err != nil {
		ms.mu.Unlock()
		return err
	}
	ms.mu.Unlock()
	ms.wait.WakeAll(0)
	if m.Exit != nil {
		if err := m.env.call(t, func(env *Env) error { m.Exit(env); return env.fault }); err == ErrKilled {
			return err
		}
	}
	m.env.unwind()
	ms.mu.Lock()
	ms.last = m.Name
	ms.mu.Unlock()
	k.sysModuleDel(m)
	k.dropUses(m)
	k.freeModule(m)
	return nil
}

// stopLocked decides whether the module may go and closes the door (try_stop_module).
func (k *Kernel) stopLocked(m *Module, flags int) error {
	if len(m.holders) > 0 {
		return EAGAIN
	}
	if m.State() != ModuleLive {
		return EBUSY
	}
	if m.permanent() {
		if flags&DeleteForce == 0 {
			return EBUSY
		}
		k.AddTaint(TaintForcedRmmod)
	}
	if m.refs.CompareAndSwap(1, 0) {
		m.state.Store(int32(ModuleGoing))
		return nil
	}
	if flags&DeleteForce == 0 {
		return EAGAIN
	}
	k.AddTaint(TaintForcedRmmod)
	m.state.Store(int32(ModuleGoing))
	return nil
}
