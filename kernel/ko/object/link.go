package object

import (
	"fmt"
	"sort"
)

// Target is what an undefined symbol resolves to.
type Target struct {
	// A function: the module and name that the emitted module imports it
	// from, and its signature, which must be that of the symbol.
	Module, Name string
	Type         FuncType
	Closed       bool // it never calls back into C of other modules, see FuncInfo
	// Slot gives the function's place in the kernel's function table. It is
	// called only if the object takes the function's address.
	Slot func() (uint32, error)

	// Data: the address that C sees.
	Addr uint64
}

// Plan says what a link of an object needs.
type Plan struct {
	CoreSize, CoreAlign uint32 // data that lives as long as the module
	InitSize, InitAlign uint32 // .init.data and .modinfo, needed until init_module returns
	Slots               uint32 // consecutive entries of the function table
	Indirect            []FuncType
}

// Placement is where the loader put what Plan asked for.
type Placement struct {
	Core, Init uint32 // offsets in the engine's memory, see KernelBase
	Slot       uint32 // the first slot
}

// LinkOptions says how to link.
type LinkOptions struct {
	Name      string // of the module, for back-traces
	StackSize uint32 // between the stack limit and the top of a thread's C stack
	Memory    uint32 // bytes that the engine's memory has
	Resolve   func(s *Symbol) (Target, error)
	// Indirect names the import that stands in for call_indirect of a signature:
	// a function with one more parameter, the slot. nil means "kernel", "icall.KEY".
	Indirect func(t FuncType) (module, name string)
	// Part links some functions of the object only. nil links them all.
	Part *Part
}

// Part says which functions of a large object to emit now. The kernel's own
// library is linked in parts: its data at once, a function when somebody needs
// it. A part has no init code and exports its functions by number.
type Part struct {
	Funcs []bool // by number; none places the data only
	// Other names the import for a function that another part has emitted.
	Other func(f int) (module, name string)
}

// PartName is the name under which a Part exports its f-th function.
func PartName(f int) string { return fmt.Sprintf("f%d", f) }

// FuncInfo describes one function of an Image.
type FuncInfo struct {
	Name  string
	Type  FuncType
	Slot  uint32 // 0: the function has none
	Start uint32 // of its body in the object's code section, as llvm-objdump counts
	Size  uint32 // of its body, in bytes
	Init  bool   // init code, see the package comment
	Exit  bool
	// Closed: it and all that it calls are known, make no indirect calls and
	// do not recurse, so it needs no check of the budget at its entry.
	Closed bool
}

// PlacedSegment is one data segment at its address, relocated.
type PlacedSegment struct {
	Name string
	Addr uint32 // an offset in the engine's memory
	Data []byte
	Init bool
}

// Image is a linked object. Wasm imports from module "kernel":
//
//	memory; sp, limit (mutable i64), budget (mutable i32)
//	resched()               budget is used up: set it anew, look at the clock, give way
//	trap(i32)               unreachable; the operand is the offset in the code section
//	fault(i64, i32)         an access to that address, which is no kernel memory; the same offset
//	copy(i64, i64, i64, i32), fill(i64, i32, i64, i32)   memory.copy and memory.fill with checks
//	stack()                 sp left the thread's stack
//	slot(i32, funcref)      put a function into the table
//	icall.KEY(args…, i64)   call_indirect by the address of a function, for the signature with
//	                        that FuncType.Key, if
//	                        LinkOptions.Indirect does not name another
//
// and what Resolve named. It exports its functions that are not local under
// their names. Its start function fills the slots and runs nothing else.
type Image struct {
	Wasm     []byte
	Segments []PlacedSegment
	Funcs    []FuncInfo
	Globals  map[string]Def // every defined symbol that is not local
	Ctors    []uint32       // slots of the init functions in calling order
	Adapted  []Adapted
}

// Adapted is a function that the object calls with another prototype than it has. Machines let
// such calls pass: arguments that are missing are 0, others are cut or extended.
type Adapted struct {
	Symbol   string
	Used, Is FuncType
}

// Def is a defined symbol of an Image.
type Def struct {
	Symbol int    // index in Object.Symbols
	Func   int    // index in Image.Funcs, -1 for data
	Addr   uint64 // of data, as C sees it
	Size   uint64
}

// The first imports of an Image, in this order.
const (
	globalSP     = 0
	globalLimit  = 1
	globalBudget = 2

	funcResched = 0
	funcTrap    = 1
	funcStack   = 2
	funcSlot    = 3
	funcFault   = 4
	funcCopy    = 5
	funcFill    = 6
)

type importFunc struct {
	module, name string
	typ          uint32
}

type linker struct {
	o   *Object
	pl  Placement
	opt LinkOptions
	img *Image

	segAddr []uint32
	slots   []uint32 // of defined functions
	target  []Target // by symbol, of undefined ones
	funcOf  []uint32 // by symbol: index in the emitted module
	slotOf  []uint32 // by symbol

	types     []FuncType
	typeIdx   map[string]uint32
	imports   []importFunc
	indirect  map[string]uint32
	firstFunc uint32   // index of the first defined function
	open      []bool   // defined functions that may be part of a recursion
	emitted   []int    // numbers of the defined functions that are emitted
	newIndex  []uint32 // of each defined function in the emitted module
	stubs     []uint32
	adapters  []adapter
	live      map[string]uint32
}

// Link lays the object out at pl and emits the final module. It allocates no
// more than a small multiple of the object's size.
//
// Errors: *Error, several joined for undefined symbols, with kind
//   - ErrUndefined: Resolve does not know a symbol (its error is in the text and chain);
//   - ErrSignature: a function has another signature than the object expects;
//   - ErrReloc, ErrCode, ErrUnsupported, ErrLimit, ErrTruncated: a body or relocation that
//     cannot be linked; the offset is in the object file.
func (o *Object) Link(pl Placement, opt LinkOptions) (*Image, error) {
	l := &linker{o: o, pl: pl, opt: opt, img: &Image{Globals: map[string]Def{}}}
	l.layout()
	if err := l.resolve(); err != nil {
		return nil, err
	}
	if err := l.globals(); err != nil {
		return nil, err
	}
	l.findOpen()
	code, err := l.code()
	if err != nil {
		return nil, err
	}
	if l.withData() {
		if err := l.dataRelocs(); err != nil {
			return nil, err
		}
	}
	l.emit(code)
	return l.img, nil
}

func (l *linker) layout() {
	core, init := uint32(0), uint32(0)
	l.segAddr = make([]uint32, len(l.o.Segments))
	l.img.Segments = make([]PlacedSegment, len(l.o.Segments))
	for i := range l.o.Segments {
		s := &l.o.Segments[i]
		at, base := &core, l.pl.Core
		in := isInitSegment(s.Name)
		if in {
			at, base = &init, l.pl.Init
		}
		*at = align(*at, s.Align)
		l.segAddr[i] = base + *at
		*at += uint32(len(s.Data))
		l.img.Segments[i] = PlacedSegment{Name: s.Name, Addr: l.segAddr[i], Data: s.Data, Init: in}
	}
	l.slots = make([]uint32, len(l.o.Funcs))
	next := l.pl.Slot
	l.img.Funcs = make([]FuncInfo, len(l.o.Funcs))
	need := l.o.needSlot()
	for i := range l.o.Funcs {
		f := &l.o.Funcs[i]
		if need[i] {
			l.slots[i] = next
			next++
		}
		l.img.Funcs[i] = FuncInfo{Name: f.Name, Type: l.o.Types[f.Type], Slot: l.slots[i], Start: f.Start, Size: f.End - f.Start}
	}
	for i := range l.o.Funcs {
		if l.opt.Part == nil || l.opt.Part.Funcs[i] {
			l.emitted = append(l.emitted, i)
		}
	}
	if l.opt.Part == nil {
		l.o.classify(l.img.Funcs)
	}
}

func (l *linker) globals() error {
	for i := range l.o.Symbols {
		s := &l.o.Symbols[i]
		if !s.Defined() || s.Local() || s.Name == "" {
			continue
		}
		d := Def{Symbol: i, Func: -1}
		switch s.Kind {
		case SymFunc:
			d.Func = int(s.Index - l.o.numImpFuncs)
		case SymData:
			d.Size = s.Size
			d.Addr = l.addr(&Reloc{Index: uint32(i)})
		default:
			continue
		}
		if _, dup := l.img.Globals[s.Name]; dup {
			return &Error{Kind: ErrFormat, Section: "linking", Offset: -1, Symbol: s.Name, Msg: "defined twice"}
		}
		l.img.Globals[s.Name] = d
	}
	ctors := append([]InitFunc(nil), l.o.InitFuncs...)
	sort.SliceStable(ctors, func(i, j int) bool { return ctors[i].Priority < ctors[j].Priority })
	for _, c := range ctors {
		if slot := l.slotOf[c.Symbol]; slot != 0 {
			l.img.Ctors = append(l.img.Ctors, slot)
		}
	}
	return nil
}

func (l *linker) code() ([]byte, error) {
	w := &rewriter{l: l}
	out := make([]byte, 0, len(l.o.code)*3/2+64)
	for _, i := range l.emitted {
		if l.opt.Part != nil {
			w.skip(l.o.Funcs[i].Start)
		}
		out = w.function(i, out)
		if w.r.err != nil {
			return nil, w.r.err
		}
	}
	if w.next < len(l.o.CodeRelocs) && l.opt.Part == nil {
		x := &l.o.CodeRelocs[w.next]
		return nil, &Error{Kind: ErrReloc, Section: "code", Offset: l.o.codeOff + int(x.Offset), Msg: fmt.Sprintf("%v stands outside the functions", x.Type)}
	}
	return out, nil
}
