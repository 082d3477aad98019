package machine

import (
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/kobench/kobench/kernel/ko/object"
)

const (
	coreSlots  = 1024         // entries of the function table at first
	bootMemory = 4 * wasmPage // bytes of kernel memory in use at first
)

// common are the signatures whose trampolines the core module has from the
// start, by FuncType.Key; others get a module of their own when needed.
var common = [...]string{"_", "_i", "i_", "i_i", "ii_", "l_", "l_i", "l_l", "ll_", "ll_i", "lil_l", "lli_l", "llll_l", "ll_l"}

// signature is one function type with its way into C.
type signature struct {
	key    string
	typ    object.FuncType
	module string // wazero module that holds the trampolines
	suffix string // of their names there
	enter  api.Module
	params int
	result ValType // 0 if there is none
	narrow bool    // the result has 32 bits
	spare  *handle
	free   []*handle
}

// handle is a trampoline with its own wazero call engine. It is in use by one
// call at a time and never re-entered.
type handle struct {
	fn    api.Function
	stack []uint64
}

func typeOfKey(key string) object.FuncType {
	var t object.FuncType
	at := &t.Params
	for _, c := range key {
		switch c {
		case '_':
			at = &t.Results
		case 'i':
			*at = append(*at, I32)
		case 'l':
			*at = append(*at, I64)
		case 'f':
			*at = append(*at, F32)
		case 'd':
			*at = append(*at, F64)
		}
	}
	return t
}

// coreWasm is the module "kernel": the memory, the table, the globals, and
// what object.Image imports.
func coreWasm(cfg Config) []byte {
	b := object.NewBuilder("kernel")
	void := b.Type(nil, nil)
	i32 := b.Type([]ValType{I32}, nil)
	setT := b.Type([]ValType{I32, object.Funcref}, nil)
	i32i32 := b.Type([]ValType{I32, I32}, nil)
	faultT := b.Type([]ValType{I64, I32}, nil)
	i64 := b.Type([]ValType{I64}, nil)
	growT := b.Type([]ValType{I32}, []ValType{I32})
	b.Export("resched", b.ImportFunc("host", "resched", void))
	b.Export("trap", b.ImportFunc("host", "trap", i32))
	overflow := b.ImportFunc("host", "stack", void)
	b.Export("stack", overflow)
	b.Export("fault", b.ImportFunc("host", "fault", faultT))
	span := b.ImportFunc("host", "span", b.Type([]ValType{I64, I64, I32}, nil))
	badCall := b.ImportFunc("host", "badcall", i64)
	b.Export("badcall", badCall)
	b.Table(coreSlots, maxSlots, "table")
	b.Memory(cfg.MemoryLimit/wasmPage, cfg.MemoryLimit/wasmPage, "memory")
	g := [3]uint32{b.Global(I64, 0, "sp"), b.Global(I64, 0, "limit"), b.Global(I32, 0, "calls")}
	b.Global(I32, quantum, "budget")
	b.Func(b.Type([]ValType{I64, I64, I64, I32}, nil), "copy", copyBody(cfg.MemoryLimit, span))
	b.Func(b.Type([]ValType{I64, I32, I64, I32}, nil), "fill", fillBody(cfg.MemoryLimit, span))

	b.Func(setT, "slot", object.TableSet(object.LocalGet(object.LocalGet(nil, 0), 1)))
	b.Func(i32i32, "clear", object.TableFill(object.LocalGet(object.RefNull(object.LocalGet(nil, 0)), 1)))
	b.Func(growT, "grow", object.TableGrow(object.LocalGet(object.RefNull(nil), 0)))
	for _, k := range common {
		trampolines(b, typeOfKey(k), "."+k, g, overflow, badCall)
	}
	return b.Bytes()
}

// trampolines adds the two functions of a signature:
//
//	enter(args…, slot, sp, limit, calls)   the way in from Go
//	icall(args…, address)                  call_indirect for the modules
//
// icall keeps a list of the slots that are being called, at the bottom of the
// thread's C stack: so a trap can name the function, and Unload knows who is
// inside of a module.
func trampolines(b *object.Builder, t object.FuncType, suffix string, g [3]uint32, overflow, badCall uint32) {
	typ := b.Type(t.Params, t.Results)
	n := uint32(len(t.Params))
	args := func(body []byte) []byte {
		for i := uint32(0); i < n; i++ {
			body = object.LocalGet(body, i)
		}
		return body
	}
	in := b.Type(append(append([]ValType(nil), t.Params...), I32, I64, I64, I32), t.Results)
	var body []byte
	for i, global := range g {
		body = object.GlobalSet(object.LocalGet(body, n+1+uint32(i)), global)
	}
	b.Func(in, "enter"+suffix, object.CallIndirect(object.LocalGet(args(body), n), typ))

	ic := b.Type(append(append([]ValType(nil), t.Params...), I64), t.Results)
	limit, calls := g[1], g[2]
	body = object.SlotOf(nil, n, badCall)
	// if (calls > limit - stackSpare) stack_overflow();
	body = object.GlobalGet(object.I32Add(object.I32Const(object.GlobalGet(body, calls), stackSpare)), limit)
	body = object.IfCall(object.I32GtU(object.I32Wrap(body)), overflow)
	body = object.I32Store(object.I32Wrap(object.LocalGet(object.GlobalGet(body, calls), n)))
	body = object.GlobalSet(object.I32Add(object.I32Const(object.GlobalGet(body, calls), 4)), calls)
	body = object.CallIndirect(object.I32Wrap(object.LocalGet(args(body), n)), typ)
	body = object.GlobalSet(object.I32Add(object.I32Const(object.GlobalGet(body, calls), -4)), calls)
	b.Func(ic, "icall"+suffix, body)
}

// signature finds or makes the trampolines of a function type. The caller
// holds loadMu (or is alone) and the big lock.
//
// Checklocks does not see loadMu: it is held around a function that is called back.
// +checklocksignore
func (m *Machine) signature(t object.FuncType) (*signature, error) {
	key := t.Key()
	if s := m.sigs[key]; s != nil {
		return s, nil
	}
	s := &signature{key: key, typ: t, params: len(t.Params)}
	if len(t.Results) > 0 {
		s.result = t.Results[0]
		s.narrow = s.result == I32 || s.result == F32
	}
	for _, k := range common {
		if k == key {
			s.module, s.suffix, s.enter = "kernel", "."+key, m.core
		}
	}
	if s.enter == nil {
		s.module = "sig:" + key
		b := object.NewBuilder(s.module)
		b.ImportTable("kernel", "table")
		b.ImportMemory("kernel", "memory")
		g := [3]uint32{b.ImportGlobal("kernel", "sp", I64), b.ImportGlobal("kernel", "limit", I64), b.ImportGlobal("kernel", "calls", I32)}
		trampolines(b, t, "", g, b.ImportFunc("kernel", "stack", b.Type(nil, nil)),
			b.ImportFunc("kernel", "badcall", b.Type([]ValType{I64}, nil)))
		c, err := m.compile(b.Bytes())
		if err != nil {
			return nil, fmt.Errorf("machine: trampolines for %v: %w", t, err)
		}
		s.enter, err = m.rt.InstantiateModule(m.ctx, c.compiled, m.modConfig)
		if err != nil {
			m.drop(c)
			return nil, fmt.Errorf("machine: trampolines for %v: %w", t, err)
		}
	}
	m.sigs[key] = s
	return s, nil
}

// handle takes a free handle or makes one.
func (s *signature) handle() *handle {
	if n := len(s.free); n > 0 {
		h := s.free[n-1]
		s.free = s.free[:n-1]
		return h
	}
	return &handle{fn: s.enter.ExportedFunction("enter" + s.suffix), stack: make([]uint64, s.params+4)}
}

// allocSlots reserves n consecutive table entries, the lowest that are free.
func (m *Machine) allocSlots(n uint32) (uint32, error) {
	if n == 0 {
		return 0, nil
	}
	run := uint32(0)
	for i := uint32(1); i < maxSlots; i++ {
		if i%64 == 0 && i/64 < uint32(len(m.slotUsed)) && m.slotUsed[i/64] == ^uint64(0) {
			run, i = 0, i+63
			continue
		}
		if i/64 < uint32(len(m.slotUsed)) && m.slotUsed[i/64]>>(i%64)&1 != 0 {
			run = 0
			continue
		}
		if run++; run < n {
			continue
		}
		first := i - n + 1
		for len(m.slotUsed)*64 <= int(i) {
			m.slotUsed = append(m.slotUsed, 0)
		}
		for j := first; j <= i; j++ {
			m.slotUsed[j/64] |= 1 << (j % 64)
		}
		if int(i) >= len(m.slots) {
			if size := max(cap(m.slots), coreSlots); int(i) >= size {
				by := max(int(i)+1-size, size)
				by = min(by, maxSlots-size)
				if _, err := m.core.ExportedFunction("grow").Call(m.ctx, uint64(by)); err != nil {
					return 0, err
				}
				grown := make([]slot, len(m.slots), size+by)
				copy(grown, m.slots)
				m.slots = grown
			}
			m.slots = m.slots[:i+1]
		}
		return first, nil
	}
	return 0, fmt.Errorf("machine: the function table is full (%d entries)", maxSlots)
}

func (m *Machine) freeSlots(first, n uint32) error {
	if n == 0 {
		return nil
	}
	for i := first; i < first+n; i++ {
		m.slots[i] = slot{}
		m.slotUsed[i/64] &^= 1 << (i % 64)
	}
	return m.clearSlots(first, n)
}

func (m *Machine) clearSlots(first, n uint32) error {
	m.clearArgs[0], m.clearArgs[1] = uint64(first), uint64(n)
	return m.clear.CallWithStack(m.ctx, m.clearArgs[:])
}
