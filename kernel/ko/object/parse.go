package object

import (
	"bytes"
	"fmt"
)

// Limits of what Parse accepts. They bound the memory that a hostile file can
// make the loader spend.
const (
	MaxFileSize = 64 << 20 // bytes of one object
	MaxDataSize = 32 << 20 // bytes of its data, bss included
	MaxFuncs    = 1 << 16
	MaxSymbols  = 1 << 18
	MaxParams   = 64 // of one function
	maxName     = 1 << 12
	maxAlign    = 16 // log2 of a segment's alignment
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "datacount", "tag"}

// order is where a section may stand ([core] 5.5.2), by its id.
var order = [...]int{0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6}

// IsWasm reports whether b begins as a WebAssembly module does.
func IsWasm(b []byte) bool { return bytes.HasPrefix(b, []byte("\x00asm")) }

type parser struct {
	o       *Object
	funcs   []uint32 // type of each defined function
	linking bool
}

// Parse reads a relocatable object. The result refers to b, which must not
// change afterwards.
//
// Errors: *Error with kind
//   - ErrFormat: not a wasm module, not relocatable, sections out of order;
//   - ErrTruncated: a length runs past the end of its section;
//   - ErrIndex: an index names nothing;
//   - ErrReloc: a relocation of an unknown type, place or symbol;
//   - ErrLimit: larger than the limits of this package;
//   - ErrUnsupported: valid, but not something the loader can link
//     (threads, own memories or globals, a linking version that is not 2);
//   - ErrOldABI: built for the 32-bit kernel of an earlier kobench.
func Parse(b []byte) (*Object, error) {
	o := &Object{dataCount: -1, size: len(b)}
	p := &parser{o: o}
	if len(b) > MaxFileSize {
		return nil, &Error{Kind: ErrLimit, Offset: -1, Msg: fmt.Sprintf("%d bytes, the limit is %d", len(b), MaxFileSize)}
	}
	if !IsWasm(b) {
		return nil, &Error{Kind: ErrFormat, Offset: 0, Msg: fmt.Sprintf("begins with % x, want 00 61 73 6d", b[:min(4, len(b))])}
	}
	if len(b) < 8 || !bytes.Equal(b[4:8], []byte{1, 0, 0, 0}) {
		return nil, &Error{Kind: ErrFormat, Offset: 4, Msg: fmt.Sprintf("version % x, want 01 00 00 00", b[4:min(8, len(b))])}
	}
	top := &reader{b: b, p: 8, section: "header"}
	last := 0
	for top.more() {
		at := top.pos()
		id := top.byte()
		n := top.u32()
		body := top.bytes(n, "a section")
		if top.err != nil {
			return nil, top.err
		}
		if int(id) >= len(sectionNames) {
			return nil, &Error{Kind: ErrFormat, Section: "header", Offset: at, Msg: fmt.Sprintf("section id %d is unknown", id)}
		}
		if id != 0 {
			if order[id] <= last {
				return nil, &Error{Kind: ErrFormat, Section: sectionNames[id], Offset: at, Msg: "section out of order or twice"}
			}
			last = order[id]
		}
		r := &reader{b: body, base: top.pos() - len(body), section: sectionNames[id]}
		o.sections = append(o.sections, sectionNames[id])
		if err := p.section(id, r); err != nil {
			return nil, err
		}
	}
	if top.err != nil {
		return nil, top.err
	}
	return p.finish()
}

func (p *parser) section(id byte, r *reader) error {
	switch id {
	case 0:
		p.custom(r)
	case 1:
		p.types(r)
	case 2:
		p.imports(r)
	case 3:
		p.functions(r)
	case 5:
		p.memory(r)
	case 9:
		r.p = len(r.b) // taken addresses; the relocations say the same
	case 10:
		p.code(r)
	case 11:
		p.dataSection(r)
	case 12:
		p.o.dataCount = int64(r.u32())
	default:
		r.fail(ErrUnsupported, "a relocatable C object has no %s section", sectionNames[id])
	}
	if r.err == nil && r.p < len(r.b) {
		r.fail(ErrFormat, "%d bytes left over at the end of the section", len(r.b)-r.p)
	}
	if r.err != nil {
		return r.err
	}
	return nil
}

func (p *parser) types(r *reader) {
	n := r.count("types", 3)
	p.o.Types = make([]FuncType, 0, n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		if form := r.byte(); form != 0x60 && r.err == nil {
			r.failAt(at, ErrUnsupported, "type %d has form %#x, want a function (0x60)", i, form)
			return
		}
		t := FuncType{Params: r.valTypes("parameters"), Results: r.valTypes("results")}
		if len(t.Params) > MaxParams || len(t.Results) > 1 {
			r.failAt(at, ErrLimit, "type %d has %d parameters and %d results, the limits are %d and 1",
				i, len(t.Params), len(t.Results), MaxParams)
			return
		}
		p.o.Types = append(p.o.Types, t)
	}
}

func (r *reader) valTypes(what string) []ValType {
	n := r.count(what, 1)
	v := make([]ValType, 0, min(n, MaxParams))
	for i := uint32(0); i < n && r.err == nil; i++ {
		v = append(v, r.valType())
	}
	return v
}

func (p *parser) imports(r *reader) {
	n := r.count("imports", 4)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		m := Import{Module: r.name(), Name: r.name(), Kind: ImportKind(r.byte())}
		switch m.Kind {
		case ImportFunc:
			m.Type = r.u32()
			if r.err == nil && int(m.Type) >= len(p.o.Types) {
				r.failAt(at, ErrIndex, "import %q has type %d of %d", m.Name, m.Type, len(p.o.Types))
			}
			p.o.impFunc = append(p.o.impFunc, uint32(len(p.o.Imports)))
			p.o.numImpFuncs++
			if p.o.numImpFuncs > MaxFuncs {
				r.failAt(at, ErrLimit, "more than %d imported functions", MaxFuncs)
			}
		case ImportTable:
			if t := r.byte(); t != 0x70 && r.err == nil {
				r.failAt(at, ErrUnsupported, "import %q is a table of type %#x, want funcref (0x70)", m.Name, t)
			}
			r.limits(at, 0)
			p.o.numImpTable++
		case ImportMemory:
			r.limits(at, memory64)
		case ImportGlobal:
			t := r.valType()
			mut := r.byte()
			if m.Name == "__stack_pointer" && t == I32 && r.err == nil {
				r.failAt(at, ErrOldABI, rebuild)
			}
			if r.err == nil && (m.Name != "__stack_pointer" || t != I64 || mut != 1) {
				r.failAt(at, ErrUnsupported, "import of the global %q (only __stack_pointer, a mutable i64, can be; build without -fPIC)", m.Name)
			}
			p.o.numImpGlob++
		default:
			r.failAt(at, ErrUnsupported, "import %q has kind %d", m.Name, m.Kind)
		}
		p.o.Imports = append(p.o.Imports, m)
	}
}

const (
	hasMaximum = 1
	memory64   = 4
)

// rebuild is what the author of a module for wasm32 is told.
const rebuild = "the module was built for the 32-bit kernel of an earlier kobench; " +
	"build it again (make -C BUILD_DIRECTORY M=$PWD clean modules)"

// limits reads the limits of a table or a memory ([core] 5.3.7); index says whether they must
// have 64 bits.
func (r *reader) limits(at int, index byte) {
	flags := r.byte()
	switch {
	case r.err != nil:
		return
	case index == memory64 && flags&^hasMaximum == 0:
		r.failAt(at, ErrOldABI, rebuild)
		return
	case flags&^hasMaximum != index:
		r.failAt(at, ErrUnsupported, "limits with flags %#x, want %#x (shared memory?)", flags, index)
		return
	}
	r.u64()
	if flags&hasMaximum != 0 {
		r.u64()
	}
}

func (p *parser) functions(r *reader) {
	n := r.count("functions", 1)
	if n > MaxFuncs {
		r.fail(ErrLimit, "%d functions, the limit is %d", n, MaxFuncs)
		return
	}
	p.funcs = make([]uint32, 0, n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		t := r.u32()
		if r.err == nil && int(t) >= len(p.o.Types) {
			r.failAt(at, ErrIndex, "function %d has type %d of %d", i, t, len(p.o.Types))
		}
		p.funcs = append(p.funcs, t)
	}
}

// memory accepts the memory that wasm-ld -r adds; the loader supplies its own.
func (p *parser) memory(r *reader) {
	at := r.pos()
	if n := r.count("memories", 2); n > 1 {
		r.failAt(at, ErrUnsupported, "%d memories", n)
	} else if n == 1 {
		r.limits(at, memory64)
	}
}

func (p *parser) code(r *reader) {
	p.o.code, p.o.codeOff = r.b, r.base
	at := r.pos()
	n := r.count("function bodies", 2)
	if r.err == nil && int(n) != len(p.funcs) {
		r.failAt(at, ErrFormat, "%d bodies for %d functions", n, len(p.funcs))
	}
	p.o.Funcs = make([]Func, 0, n)
	for i := uint32(0); i < n && r.err == nil; i++ {
		size := r.u32()
		start := uint32(r.p)
		r.bytes(size, "a function body")
		p.o.Funcs = append(p.o.Funcs, Func{Type: p.funcs[i], Start: start, End: uint32(r.p)})
	}
}

func (p *parser) dataSection(r *reader) {
	p.o.data, p.o.dataOff = r.b, r.base
	n := r.count("data segments", 2)
	if r.err == nil && p.o.dataCount >= 0 && p.o.dataCount != int64(n) {
		r.fail(ErrFormat, "%d data segments, the datacount section says %d", n, p.o.dataCount)
	}
	total := uint64(0)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		mode := r.u32()
		if mode > 1 && r.err == nil {
			r.failAt(at, ErrUnsupported, "data segment %d has mode %d", i, mode)
		}
		if mode == 0 {
			if op := r.byte(); op != opI64Const && r.err == nil {
				r.failAt(at, ErrUnsupported, "data segment %d starts with opcode %#x, want i64.const", i, op)
			}
			r.s64()
			if op := r.byte(); op != 0x0b && r.err == nil {
				r.failAt(at, ErrUnsupported, "data segment %d: its offset is no constant", i)
			}
		}
		size := r.u32()
		off := uint32(r.p)
		d := r.bytes(size, "a data segment")
		p.o.Segments = append(p.o.Segments, Segment{Name: ".data", Align: 1, Data: d, offset: off})
		if total += uint64(size); total > MaxDataSize {
			r.failAt(at, ErrLimit, "more than %d bytes of data", MaxDataSize)
		}
	}
}

func (p *parser) finish() (*Object, error) {
	o := p.o
	if len(o.Funcs) != len(p.funcs) {
		return nil, &Error{Kind: ErrFormat, Section: "code", Offset: -1, Msg: fmt.Sprintf("missing: %d functions are declared", len(p.funcs))}
	}
	if !p.linking {
		return nil, &Error{Kind: ErrFormat, Offset: -1,
			Msg: "no linking section; a module is linked with wasm-ld -r, not with a plain wasm-ld"}
	}
	for i := range o.Funcs {
		if n, ok := o.names[o.numImpFuncs+uint32(i)]; ok {
			o.Funcs[i].Name = n
		}
	}
	// The name of a defined function is that of its first symbol, which for an
	// alias such as init_module may not be the one that the source gave it.
	seen := make([]bool, len(o.Funcs))
	for i := range o.Symbols {
		s := &o.Symbols[i]
		if s.Kind != SymFunc || !s.Defined() || s.Name == "" {
			continue
		}
		if f := s.Index - o.numImpFuncs; !seen[f] && o.Funcs[f].Name == "" {
			o.Funcs[f].Name = s.Name
			seen[f] = true
		}
	}
	return o, nil
}
