package object

import (
	"encoding/binary"
	"errors"
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

	// Data: the address in kernel memory.
	Addr uint32
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
	Core, Init uint32 // addresses
	Slot       uint32 // the first slot
}

// LinkOptions says how to link.
type LinkOptions struct {
	Name      string // of the module, for back-traces
	StackSize uint32 // between the stack limit and the top of a thread's C stack
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
	Addr uint32
	Data []byte
	Init bool
}

// Image is a linked object. Wasm imports from module "kernel":
//
//	memory; sp, limit, budget (mutable i32)
//	resched()               budget is used up: set it anew, look at the clock, give way
//	trap(i32)               unreachable; the operand is the offset in the code section,
//	                        with TrapNullFlag if a test for a null pointer led there
//	stack()                 sp left the thread's stack
//	slot(i32, funcref)      put a function into the table
//	icall.KEY(args…, i32)   call_indirect for the signature with that FuncType.Key, if
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
}

// Def is a defined symbol of an Image.
type Def struct {
	Func int    // index in Image.Funcs, -1 for data
	Addr uint32 // of data
	Size uint32
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
	fixedFuncs  = 4

	trapNullFlag = TrapNullFlag
)

// TrapNullFlag marks the operand of the import "trap".
const TrapNullFlag = 1 << 31

func isInitSegment(name string) bool {
	switch name {
	case ".init.data", ".init.rodata", ".modinfo", "__versions":
		return true
	}
	return false
}

// Plan computes what Link will need.
func (o *Object) Plan() Plan {
	p := Plan{CoreAlign: 1, InitAlign: 1}
	for i := range o.Segments {
		s := &o.Segments[i]
		size, al := &p.CoreSize, &p.CoreAlign
		if isInitSegment(s.Name) {
			size, al = &p.InitSize, &p.InitAlign
		}
		*size = align(*size, s.Align) + uint32(len(s.Data))
		*al = max(*al, s.Align)
	}
	for _, need := range o.needSlot() {
		if need {
			p.Slots++
		}
	}
	p.Indirect = o.Indirect(nil)
	return p
}

// Indirect lists the signatures of the calls through pointers that the
// functions make for which funcs is true, or all if funcs is nil.
func (o *Object) Indirect(funcs []bool) []FuncType {
	var list []FuncType
	seen := map[string]bool{}
	f := 0
	for i := range o.CodeRelocs {
		x := &o.CodeRelocs[i]
		for f < len(o.Funcs) && x.Offset >= o.Funcs[f].End {
			f++
		}
		if x.Type != TypeIndexLEB || funcs != nil && (f == len(o.Funcs) || !funcs[f]) {
			continue
		}
		if t := o.Types[x.Index]; !seen[t.Key()] {
			seen[t.Key()] = true
			list = append(list, t)
		}
	}
	return list
}

func align(v, a uint32) uint32 { return (v + a - 1) &^ (a - 1) }

// needSlot tells for each defined function whether it gets a slot: those that
// others can name, and those whose address is taken.
func (o *Object) needSlot() []bool {
	need := make([]bool, len(o.Funcs))
	for i := range o.Symbols {
		if s := &o.Symbols[i]; s.Kind == SymFunc && s.Defined() && !s.Local() {
			need[s.Index-o.numImpFuncs] = true
		}
	}
	for _, f := range o.InitFuncs {
		if s := &o.Symbols[f.Symbol]; s.Defined() {
			need[s.Index-o.numImpFuncs] = true
		}
	}
	for _, rel := range [][]Reloc{o.CodeRelocs, o.DataRelocs} {
		for i := range rel {
			if x := &rel[i]; x.Type == TableIndexSLEB || x.Type == TableIndexI32 {
				if s := &o.Symbols[x.Index]; s.Defined() {
					need[s.Index-o.numImpFuncs] = true
				}
			}
		}
	}
	return need
}

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

func (l *linker) typeIndex(t FuncType) uint32 {
	k := t.Key()
	if i, ok := l.typeIdx[k]; ok {
		return i
	}
	l.typeIdx[k] = uint32(len(l.types))
	l.types = append(l.types, t)
	return l.typeIdx[k]
}

// resolve finds a target for every undefined symbol and numbers the functions.
func (l *linker) resolve() error {
	o := l.o
	l.types = append([]FuncType(nil), o.Types...)
	l.typeIdx = make(map[string]uint32, len(o.Types)+8)
	for i, t := range o.Types {
		if _, ok := l.typeIdx[t.Key()]; !ok {
			l.typeIdx[t.Key()] = uint32(i)
		}
	}
	void := l.typeIndex(FuncType{})
	i32 := l.typeIndex(FuncType{Params: []ValType{I32}})
	l.imports = append(l.imports, importFunc{"kernel", "resched", void}, importFunc{"kernel", "trap", i32},
		importFunc{"kernel", "stack", void}, importFunc{"kernel", "slot", ^uint32(0)})
	l.indirect = map[string]uint32{}
	var part []bool
	if l.opt.Part != nil {
		part = l.opt.Part.Funcs
	}
	for _, t := range o.Indirect(part) {
		u := FuncType{Params: append(append([]ValType(nil), t.Params...), I32), Results: t.Results}
		l.indirect[t.Key()] = uint32(len(l.imports))
		module, name := "kernel", "icall."+t.Key()
		if l.opt.Indirect != nil {
			module, name = l.opt.Indirect(t)
		}
		l.imports = append(l.imports, importFunc{module, name, l.typeIndex(u)})
	}

	called, taken, used := l.uses()
	l.target = make([]Target, len(o.Symbols))
	l.funcOf = make([]uint32, len(o.Symbols))
	l.slotOf = make([]uint32, len(o.Symbols))
	type key struct{ module, name string }
	index := map[key]uint32{}
	stub := map[uint32]bool{}
	var errs []error
	for i := range o.Symbols {
		s := &o.Symbols[i]
		if s.Defined() || s.Kind != SymFunc && s.Kind != SymData || l.opt.Part != nil && !used[i] {
			continue
		}
		t, err := Target{}, error(nil)
		if l.opt.Resolve == nil {
			err = errors.New("nothing to resolve it with")
		} else {
			t, err = l.opt.Resolve(s)
		}
		switch {
		case err != nil && s.Weak():
			if s.Kind == SymFunc && called[i] {
				stub[uint32(i)] = true
			}
			continue
		case err != nil:
			errs = append(errs, &Error{Kind: joinKind(ErrUndefined, err), Offset: -1, Symbol: s.Name, Msg: err.Error()})
			continue
		}
		l.target[i] = t
		if s.Kind == SymData {
			if t.Name != "" {
				errs = append(errs, &Error{Kind: ErrSignature, Offset: -1, Symbol: s.Name, Msg: "used as data, but is a function"})
			}
			continue
		}
		want := o.SymbolType(s)
		if t.Name == "" {
			errs = append(errs, &Error{Kind: ErrSignature, Offset: -1, Symbol: s.Name, Msg: "used as a function, but is data"})
			continue
		}
		if !t.Type.Equal(want) {
			errs = append(errs, &Error{Kind: ErrSignature, Offset: -1, Symbol: s.Name,
				Msg: fmt.Sprintf("used as %v, but is %v (wrong prototype or header?)", want, t.Type)})
			continue
		}
		if taken[i] {
			if t.Slot == nil {
				err = errors.New("its address cannot be taken")
			} else {
				l.slotOf[i], err = t.Slot()
			}
			if err != nil {
				errs = append(errs, &Error{Kind: ErrUndefined, Offset: -1, Symbol: s.Name, Msg: err.Error()})
			}
		}
		if called[i] {
			k := key{t.Module, t.Name}
			if _, ok := index[k]; !ok {
				index[k] = uint32(len(l.imports))
				l.imports = append(l.imports, importFunc{t.Module, t.Name, l.typeIndex(want)})
			}
			l.funcOf[i] = index[k]
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	l.newIndex = make([]uint32, len(o.Funcs))
	if l.opt.Part != nil {
		for i := range o.Symbols {
			s := &o.Symbols[i]
			if !called[i] || !s.Defined() || l.opt.Part.Funcs[s.Index-o.numImpFuncs] {
				continue
			}
			module, name := l.opt.Part.Other(int(s.Index - o.numImpFuncs))
			k := key{module, name}
			if _, ok := index[k]; !ok {
				index[k] = uint32(len(l.imports))
				l.imports = append(l.imports, importFunc{module, name, l.typeIndex(o.SymbolType(s))})
			}
			l.newIndex[s.Index-o.numImpFuncs] = index[k]
		}
	}
	l.firstFunc = uint32(len(l.imports))
	for n, f := range l.emitted {
		l.newIndex[f] = l.firstFunc + uint32(n)
	}
	for i := range o.Symbols {
		s := &o.Symbols[i]
		switch {
		case s.Kind != SymFunc:
		case s.Defined():
			l.funcOf[i] = l.newIndex[s.Index-o.numImpFuncs]
			l.slotOf[i] = l.slots[s.Index-o.numImpFuncs]
		case stub[uint32(i)]:
			l.funcOf[i] = l.firstFunc + uint32(len(l.emitted)+len(l.stubs))
			l.stubs = append(l.stubs, o.Imports[o.impFunc[s.Index]].Type)
		}
	}
	return nil
}

func joinKind(kind, err error) error { return &kindError{kind, err} }

type kindError struct{ kind, err error }

func (e *kindError) Error() string   { return e.kind.Error() }
func (e *kindError) Unwrap() []error { return []error{e.kind, e.err} }

// uses tells which symbols the emitted code calls, of which the address is
// taken, and which it or the data uses at all.
func (l *linker) uses() (called, taken, used []bool) {
	n := len(l.o.Symbols)
	called, taken, used = make([]bool, n), make([]bool, n), make([]bool, n)
	add := func(x *Reloc) {
		switch x.Type {
		case TypeIndexLEB:
			return
		case FunctionIndexLEB:
			called[x.Index] = true
		case TableIndexSLEB, TableIndexI32:
			taken[x.Index] = true
		}
		used[x.Index] = true
	}
	f := 0
	for i := range l.o.CodeRelocs {
		x := &l.o.CodeRelocs[i]
		for f < len(l.emitted) && x.Offset >= l.o.Funcs[l.emitted[f]].End {
			f++
		}
		if f < len(l.emitted) && x.Offset >= l.o.Funcs[l.emitted[f]].Start {
			add(x)
		}
	}
	if l.withData() {
		for i := range l.o.DataRelocs {
			add(&l.o.DataRelocs[i])
		}
	}
	return called, taken, used
}

// withData: all parts but the one without functions leave the data alone.
func (l *linker) withData() bool { return l.opt.Part == nil || len(l.emitted) == 0 }

// addr is the value of a relocation that names data.
func (l *linker) addr(x *Reloc) uint32 {
	s := &l.o.Symbols[x.Index]
	switch {
	case !s.Defined():
		return l.target[x.Index].Addr + uint32(x.Addend)
	case s.Flags&Absolute != 0:
		return s.Offset + uint32(x.Addend)
	}
	return l.segAddr[s.Segment] + s.Offset + uint32(x.Addend)
}

func (l *linker) globals() error {
	for i := range l.o.Symbols {
		s := &l.o.Symbols[i]
		if !s.Defined() || s.Local() || s.Name == "" {
			continue
		}
		d := Def{Func: -1}
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

// dataRelocs patches copies of the segments that have relocations.
func (l *linker) dataRelocs() error {
	seg, copied := 0, false
	for i := range l.o.DataRelocs {
		x := &l.o.DataRelocs[i]
		for seg < len(l.o.Segments) && x.Offset >= l.o.Segments[seg].offset+uint32(len(l.o.Segments[seg].Data)) {
			seg++
			copied = false
		}
		bad := func(format string, args ...any) error {
			return &Error{Kind: ErrReloc, Section: "data", Offset: l.o.dataOff + int(x.Offset), Msg: fmt.Sprintf(format, args...)}
		}
		if seg == len(l.o.Segments) || x.Offset < l.o.Segments[seg].offset {
			return bad("%v stands outside the data segments", x.Type)
		}
		s := &l.o.Segments[seg]
		off := x.Offset - s.offset
		if uint64(off)+uint64(x.Type.width()) > uint64(len(s.Data)) {
			return bad("%v runs past the end of segment %s", x.Type, s.Name)
		}
		var v uint32
		switch x.Type {
		case TableIndexI32:
			v = l.slotOf[x.Index]
		case MemoryAddrI32:
			v = l.addr(x)
		case MemoryLocrelI32:
			v = l.addr(x) - (l.segAddr[seg] + off)
		default:
			return bad("%v in data", x.Type)
		}
		p := &l.img.Segments[seg]
		if !copied {
			p.Data = append([]byte(nil), s.Data...)
			copied = true
		}
		binary.LittleEndian.PutUint32(p.Data[off:], v)
	}
	return nil
}
