package machine

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/kobench/kobench/kernel/ko/object"
)

// host is a bound HostFunc: it has its own wazero module, so that hundreds of
// kernel functions cost nothing until a module uses them.
type host struct {
	fn   HostFunc
	typ  object.FuncType
	slot uint32 // 0: its address was never taken
}

func apiTypes(v []ValType) []api.ValueType {
	a := make([]api.ValueType, len(v))
	for i, t := range v {
		a[i] = api.ValueType(t)
	}
	return a
}

// bootHost makes the functions that the loader inserts calls of.
func (m *Machine) bootHost() error {
	b := m.rt.NewHostModuleBuilder("host")
	add := func(name string, params []api.ValueType, f func(t *Thread, stack []uint64)) {
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			f(m.cur, stack)
		}), params, nil).Export(name)
	}
	add("resched", nil, func(t *Thread, _ []uint64) { m.resched(t) })
	add("trap", []api.ValueType{api.ValueTypeI32}, func(_ *Thread, stack []uint64) { panic(&siteTrap{uint32(stack[0])}) })
	add("stack", nil, func(t *Thread, _ []uint64) { panic(m.stackTrap(t)) })
	_, err := b.Instantiate(m.ctx)
	return err
}

// bind finds a host function and makes its wazero module. The caller holds
// loadMu or is alone.
func (m *Machine) bind(name string) (*host, bool, error) {
	if h := m.hosts[name]; h != nil {
		return h, true, nil
	}
	fn, ok := intrinsic(name)
	if !ok && m.cfg.Host != nil {
		fn, ok = m.cfg.Host(name)
	}
	if !ok {
		return nil, false, nil
	}
	h := &host{fn: fn, typ: object.FuncType{Params: fn.Params, Results: fn.Results}}
	b := m.rt.NewHostModuleBuilder("host:" + name)
	b.NewFunctionBuilder().WithGoModuleFunction(m.hostCall(fn.Fn), apiTypes(fn.Params), apiTypes(fn.Results)).Export(name)
	if _, err := b.Instantiate(m.ctx); err != nil {
		return nil, true, fmt.Errorf("machine: bind %s: %w", name, err)
	}
	m.hosts[name] = h
	return h, true, nil
}

// hostCall is the step from C into Go. A nested Call that trapped ends the
// whole thread, whatever the host function made of the error.
func (m *Machine) hostCall(fn func(t *Thread, stack []uint64)) api.GoModuleFunc {
	return func(_ context.Context, caller api.Module, stack []uint64) {
		t := m.cur
		t.caller = caller
		fn(t, stack)
		if t.dying != nil {
			panic(t.dying)
		}
	}
}

// HostTarget resolves a symbol to the host function of that name; ok is
// false if there is none. Only for use in LoadOptions.Resolve.
func (m *Machine) HostTarget(name string) (t Target, ok bool, err error) {
	h, ok, err := m.bind(name)
	if !ok || err != nil {
		return Target{}, ok, err
	}
	return Target{
		Module: "host:" + name, Name: name, Type: h.typ, Host: true,
		Slot: func() (s uint32, err error) {
			m.Do(func() { s, err = m.hostSlot(name, h) })
			return s, err
		},
	}, true, nil
}

// HostSlot is the table slot of a host function, made on first use: the value
// of &name in C. It must not be called with the big lock held.
//
// Errors: no such function; the table is full.
func (m *Machine) HostSlot(name string) (s uint32, err error) {
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	t, ok, err := m.HostTarget(name)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, fmt.Errorf("machine: no host function %q", name)
	}
	return t.Slot()
}

// hostSlot puts a host function into the table by way of a module that lives
// as long as the machine, for a function reference lives in its importer.
func (m *Machine) hostSlot(name string, h *host) (uint32, error) {
	if h.slot != 0 {
		return h.slot, nil
	}
	sig, err := m.signature(h.typ)
	if err != nil {
		return 0, err
	}
	s, err := m.allocSlots(1)
	if err != nil {
		return 0, err
	}
	b := object.NewBuilder("slot:" + name)
	setT := b.Type([]ValType{I32, object.Funcref}, nil)
	typ := b.Type(h.typ.Params, h.typ.Results)
	set := b.ImportFunc("kernel", "slot", setT)
	f := b.ImportFunc("host:"+name, name, typ)
	b.Declare(f)
	b.Start(b.Func(b.Type(nil, nil), "", object.Call(object.RefFunc(object.I32Const(nil, int32(s)), f), set)))
	c, err := m.compile(b.Bytes())
	if err == nil {
		_, err = m.rt.InstantiateModule(m.ctx, c.compiled, wazero.NewModuleConfig().WithName("slot:"+name))
	}
	if err != nil {
		_ = m.freeSlots(s, 1)
		return 0, fmt.Errorf("machine: take the address of %s: %w", name, err)
	}
	m.slots[s] = slot{sig: sig, name: name}
	h.slot = s
	return s, nil
}

// DataTarget resolves a data symbol to an address.
func DataTarget(addr uint32) Target { return Target{Addr: addr} }
