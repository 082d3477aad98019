package machine

import (
	"context"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/kobench/kobench/kernel/ko/object"
)

// host is a bound HostFunc. A function is bound when a module first uses it, so
// that hundreds of kernel functions cost nothing until then.
//
// wazero's engine may hold on to the code of a closed module, and with it to
// the Go function. So that is a method of host, which Close empties.
type host struct {
	m    *Machine
	fn   HostFunc
	typ  object.FuncType
	inst api.Module // nil until flushHosts
	slot uint32     // 0: its address was never taken
}

func apiTypes(v []ValType) []api.ValueType {
	a := make([]api.ValueType, len(v))
	for i, t := range v {
		a[i] = api.ValueType(t)
	}
	return a
}

// bootHost makes the functions that the loader inserts calls of.
//
// Unlocked: nobody else has the machine yet.
// +checklocksignore
func (m *Machine) bootHost() error {
	b := m.rt.NewHostModuleBuilder("host")
	g := &host{m: m}
	m.gate = g
	add := func(name string, params []api.ValueType, f func(m *Machine, stack []uint64)) {
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			f(g.m, stack)
		}), params, nil).Export(name)
	}
	add("resched", nil, func(m *Machine, _ []uint64) { m.resched(m.cur) })
	const i32, i64 = api.ValueTypeI32, api.ValueTypeI64
	add("trap", []api.ValueType{i32}, func(_ *Machine, stack []uint64) { panic(&siteTrap{site: uint32(stack[0])}) })
	add("fault", []api.ValueType{i64, i32}, func(_ *Machine, stack []uint64) {
		panic(&siteTrap{site: uint32(stack[1]), fault: true, addr: stack[0]})
	})
	add("span", []api.ValueType{i64, i64, i32}, func(m *Machine, stack []uint64) {
		panic(&siteTrap{site: uint32(stack[2]), fault: true, addr: m.firstBad(stack[0])})
	})
	add("badcall", []api.ValueType{i64}, func(_ *Machine, stack []uint64) { panic(badCall(stack[0])) })
	add("stack", nil, func(m *Machine, _ []uint64) { panic(m.stackTrap(m.cur)) })
	_, err := m.instantiateHost(b)
	return err
}

// instantiateHost keeps the code, to close it with the machine: a shared cache
// would hold on to it, and it to the machine.
//
// +checklocks:m.loadMu
func (m *Machine) instantiateHost(b wazero.HostModuleBuilder) (api.Module, error) {
	c, err := b.Compile(m.ctx)
	if err != nil {
		return nil, err
	}
	m.hostCode = append(m.hostCode, c)
	return m.rt.InstantiateModule(m.ctx, c, m.modConfig)
}

// bind finds a host function. It can be called once flushHosts has run. The
// caller holds loadMu or is alone.
//
// +checklocks:m.loadMu
func (m *Machine) bind(name string) (*host, bool) {
	if h := m.hosts[name]; h != nil {
		return h, true
	}
	fn, ok := intrinsic(name)
	if !ok && m.cfg.Host != nil {
		fn, ok = m.cfg.Host(name)
	}
	if !ok {
		return nil, false
	}
	h := &host{m: m, fn: fn, typ: object.FuncType{Params: fn.Params, Results: fn.Results}}
	m.hosts[name] = h
	m.pending = append(m.pending, name)
	return h, true
}

// flushHosts makes one wazero module of all host functions that were bound
// since the last time. Importers name "host:NAME", and importHost finds it: so
// their bytes do not depend on which functions came together.
//
// +checklocks:m.loadMu
func (m *Machine) flushHosts() error {
	if len(m.pending) == 0 {
		return nil
	}
	b := m.rt.NewHostModuleBuilder(fmt.Sprintf("host:%d", len(m.hosts)))
	for _, name := range m.pending {
		h := m.hosts[name]
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(h.call), apiTypes(h.fn.Params), apiTypes(h.fn.Results)).Export(name)
	}
	inst, err := m.instantiateHost(b)
	for _, name := range m.pending {
		if err != nil {
			delete(m.hosts, name)
			continue
		}
		m.hosts[name].inst = inst
	}
	names := m.pending
	m.pending = nil
	if err != nil {
		return fmt.Errorf("machine: bind %v: %w", names, err)
	}
	return nil
}

// importHost implements experimental.ImportResolver.
//
// +checklocks:m.loadMu
func (m *Machine) importHost(module string) api.Module {
	if name, ok := strings.CutPrefix(module, "host:"); ok {
		if h := m.hosts[name]; h != nil {
			return h.inst
		}
	}
	return nil
}

// call is the step from C into Go. A nested Call that trapped ends the whole
// thread, whatever the host function made of the error.
func (h *host) call(_ context.Context, caller api.Module, stack []uint64) {
	t := h.m.cur
	t.caller = caller
	h.fn.Fn(t, stack)
	if t.dying != nil {
		panic(t.dying)
	}
}

// HostTarget resolves a symbol to the host function of that name; ok is
// false if there is none. Only for use in LoadOptions.Resolve.
//
// Checklocks does not see loadMu: it is held around a function that is called back.
// +checklocksignore
func (m *Machine) HostTarget(name string) (t Target, ok bool) {
	h, ok := m.bind(name)
	if !ok {
		return Target{}, false
	}
	return Target{
		// Thread.Call bounds the depth
		Module: "host:" + name, Name: name, Type: h.typ, Closed: true,
		Slot: func() (s uint32, err error) {
			if err := m.flushHosts(); err != nil {
				return 0, err
			}
			m.Do(func() { s, err = m.hostSlot(name, h) })
			return s, err
		},
	}, true
}

// HostFunc is the address of a host function, made on first use: the value
// of &name in C. It must not be called with the big lock held.
//
// Errors: no such function; the table is full.
func (m *Machine) HostFunc(name string) (addr uint64, err error) {
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	if m.closed.Load() {
		return 0, ErrClosed
	}
	t, ok := m.HostTarget(name)
	if !ok {
		return 0, fmt.Errorf("machine: no host function %q", name)
	}
	s, err := t.Slot()
	return object.FuncAddr(s), err
}

// hostSlot puts a host function into the table by way of a module that lives
// as long as the machine, for a function reference lives in its importer.
//
// Checklocks does not see loadMu: it is held around a function that is called back.
// +checklocksignore
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
		_, err = m.rt.InstantiateModule(m.loadCtx, c.compiled, m.modConfig)
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
func DataTarget(addr uint64) Target { return Target{Addr: addr} }
