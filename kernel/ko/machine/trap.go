package machine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kobench/kobench/kernel/ko/object"
)

// TrapKind says what went wrong in C.
type TrapKind int

const (
	TrapNull   TrapKind = iota + 1 // a null pointer was dereferenced
	TrapBounds                     // access outside of kernel memory: a wild or user pointer
	// __builtin_trap, __builtin_unreachable or a missing weak function
	TrapUnreachable
	TrapDivide  // division by zero, or of the smallest number by -1
	TrapConvert // a float that no integer can hold
	// call through a bad function pointer, or of another signature
	TrapCall
	TrapStack    // stack overflow
	TrapWatchdog // soft lockup
	TrapHost     // a host function panicked
	TrapKilled   // a host function ended the thread on purpose
)

var trapText = map[TrapKind]string{
	TrapNull:        "NULL pointer dereference",
	TrapBounds:      "bad memory access",
	TrapUnreachable: "invalid opcode",
	TrapDivide:      "divide error",
	TrapConvert:     "invalid conversion to integer",
	TrapCall:        "bad function pointer",
	TrapStack:       "stack overflow",
	TrapWatchdog:    "soft lockup",
	TrapHost:        "kernel function panicked",
	TrapKilled:      "killed",
}

func (k TrapKind) String() string {
	if s, ok := trapText[k]; ok {
		return s
	}
	return fmt.Sprintf("trap %d", int(k))
}

// Frame is one line of a back-trace.
type Frame struct {
	Module string // "" for a kernel function in Go
	Func   string
	Type   string // signature as wazero prints it
}

func (f Frame) String() string {
	if f.Module == "" {
		return f.Func
	}
	return f.Func + " [" + f.Module + "]"
}

// Trap is an oops: why the C code of a thread was stopped, and where. The
// thread is unwound, its stack given back and the lock released when Call
// returns it.
type Trap struct {
	Kind   TrapKind
	Thread string
	Module string // the module to blame: the innermost that is not vmlinux
	Func   string // the innermost C function
	Offset uint32 // where in the code of Func, in bytes of the object; 0 if unknown
	Msg    string // what exactly, for a person; "" if Kind says it all
	Addr   uint64 // the bad address, if known
	Exec   bool   // it was called
	Write  bool   // it was written to
	SP     uint64 // the C stack pointer
	Stack  []Frame
	Err    error // the cause, for TrapHost and TrapKilled
}

func (t *Trap) Error() string {
	s := t.Kind.String()
	if t.Msg != "" {
		s += ": " + t.Msg
	}
	if t.Func != "" {
		s += " in " + t.Func
		if t.Offset != 0 {
			s += fmt.Sprintf("+%#x", t.Offset)
		}
	}
	if t.Module != "" {
		s += " [" + t.Module + "]"
	}
	return s
}

func (t *Trap) Unwrap() error { return t.Err }

// siteTrap is what the unreachable instruction became, or an access to an address that is no
// kernel memory.
type siteTrap struct {
	site  uint32 // in the object's code section
	fault bool
	addr  uint64
}

func (s *siteTrap) Error() string { return "unreachable" }

func (s *siteTrap) trap() *Trap {
	if !s.fault {
		return &Trap{Kind: TrapUnreachable}
	}
	return badAccess(s.addr)
}

// fail records that the thread is to be unwound.
func (t *Thread) fail(tr *Trap) *Trap {
	if tr.Thread == "" {
		tr.Thread = t.name
	}
	t.dying = tr
	return tr
}

func (t *Thread) stackTop() uint32 { return t.stack + t.m.cfg.StackSize }

func (m *Machine) stackTrap(t *Thread) *Trap {
	sp := m.sp.Get()
	tr := &Trap{Kind: TrapStack, SP: sp, Addr: sp}
	if t != nil {
		tr.Msg = fmt.Sprintf("stack pointer %#x outside of %#x to %#x", sp, KernelBase+uint64(t.stack), KernelBase+uint64(t.stackTop()))
	}
	return tr
}

// badAccess is the trap of an access to an address that is no kernel memory.
func badAccess(addr uint64) *Trap {
	if addr < NullLimit {
		return &Trap{Kind: TrapNull, Addr: addr}
	}
	return &Trap{Kind: TrapBounds, Addr: addr}
}

// BadAddress is what a host function panics with if C gave it n bytes at an
// address that is no kernel memory.
func (m *Machine) BadAddress(addr uint64) *Trap { return badAccess(m.firstBad(addr)) }

// badCall is the trap of a call to where no function is.
func badCall(addr uint64) *Trap {
	if addr == 0 {
		return &Trap{Kind: TrapNull, Msg: "call of a null function pointer", Exec: true}
	}
	return &Trap{Kind: TrapCall, Addr: addr, Msg: fmt.Sprintf("no function at %#x", addr), Exec: true}
}

func (t *Thread) badArgs(slot uint32, n int) *Trap {
	e := &t.m.slots[slot]
	tr := &Trap{Kind: TrapCall, Addr: object.FuncAddr(slot), Msg: fmt.Sprintf("called with %d arguments, but it is %s%v", n, e.name, e.sig.typ)}
	if e.mod != nil {
		tr.Module, tr.Func = e.mod.name, e.name
	}
	return t.fail(tr)
}

// trapped turns wazero's error into a Trap, or adds the frames of an outer
// call to the one that is under way. slot is what was called.
func (t *Thread) trapped(err error, slot uint32) *Trap {
	m := t.m
	text := err.Error()
	frames, dispatch := parseFrames(text)
	tr, site := &Trap{}, (*siteTrap)(nil)
	switch {
	case errors.As(err, &tr):
	case errors.As(err, &site):
		tr = site.trap()
	default:
		tr = &Trap{}
		m.explain(tr, text, dispatch, err)
	}
	if tr.SP == 0 {
		tr.SP = m.sp.Get()
	}
	// wazero says nothing about an overflow
	if e := &m.slots[slot]; len(frames) == 0 && e.mod != nil {
		frames = []Frame{{e.mod.name, e.name, e.sig.typ.String()}}
	}
	tr.Stack = append(tr.Stack, frames...)
	for _, f := range frames {
		if f.Module == "" {
			continue
		}
		if tr.Func == "" {
			tr.Func = f.Func
			if mod := m.modules[f.Module]; mod != nil && site != nil {
				tr.Func, tr.Offset = mod.site(site.site, f.Func)
				tr.Write = site.fault && mod.o.Stores(site.site)
			}
		}
		if tr.Module == "" && f.Module != m.builtin.name {
			tr.Module = f.Module
		}
	}
	return t.fail(tr)
}

// explain finds the kind of a trap in wazero's message.
func (m *Machine) explain(tr *Trap, text, dispatch string, err error) {
	line, _, _ := strings.Cut(text, "\n")
	if i := strings.Index(text, "\nwasm stack trace:"); i >= 0 {
		line = text[:i]
	}
	cause, wasm := strings.CutPrefix(line, "wasm error: ")
	if !wasm && strings.HasPrefix(line, "stack overflow") {
		wasm, cause = true, "stack overflow"
	}
	switch {
	case !wasm:
		tr.Kind, tr.Err = TrapHost, err
		tr.Msg = strings.TrimSuffix(line, " (recovered by wazero)")
	case cause == "out of bounds memory access":
		tr.Kind = TrapBounds
	case cause == "integer divide by zero", cause == "integer overflow":
		tr.Kind = TrapDivide
		tr.Msg = cause
	case cause == "invalid conversion to integer":
		tr.Kind = TrapConvert
	case cause == "stack overflow":
		tr.Kind, tr.Msg = TrapStack, "calls too deep"
	case cause == "invalid table access", cause == "indirect call type mismatch":
		tr.Kind = TrapCall
		s, _ := m.U32(KernelBase + m.icalls.Get() - 4)
		tr.Addr = object.FuncAddr(s)
		want := typeOfKey(dispatch)
		switch {
		case uint64(s) >= uint64(len(m.slots)) || m.slots[s].sig == nil:
			tr.Msg = fmt.Sprintf("no function at %#x, called as %v", tr.Addr, want)
		default:
			tr.Msg = fmt.Sprintf("%s%v called as %v", m.slots[s].name, m.slots[s].sig.typ, want)
		}
	default:
		tr.Kind, tr.Msg = TrapUnreachable, cause
	}
}

// parseFrames reads the back-trace in the text of wazero's error. It leaves
// out the trampolines; dispatch is the signature key of the innermost icall, if
// the trap happened in one.
func parseFrames(text string) (frames []Frame, dispatch string) {
	_, trace, ok := strings.Cut(text, "wasm stack trace:\n")
	if !ok {
		return nil, ""
	}
	for i, line := range strings.Split(trace, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		name, sig, ok := strings.Cut(line, "(")
		if !ok {
			continue // "... maybe followed by omitted frames"
		}
		mod, fn, ok := strings.Cut(name, ".")
		if !ok {
			continue
		}
		if mod == "kernel" || mod == "host" || strings.HasPrefix(mod, "sig:") {
			if i == 0 && strings.HasPrefix(fn, "icall") {
				if dispatch, ok = strings.CutPrefix(mod, "sig:"); !ok {
					dispatch = strings.TrimPrefix(fn, "icall.")
				}
			}
			continue
		}
		if strings.HasPrefix(mod, "host:") {
			mod = ""
		}
		frames = append(frames, Frame{Module: mod, Func: fn, Type: "(" + sig})
	}
	return frames, dispatch
}
