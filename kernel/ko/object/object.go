package object

import (
	"fmt"
	"strings"
	"sync"
)

// ValType is a WebAssembly value type ([core] 5.3.1).
type ValType byte

const (
	I32 ValType = 0x7f
	I64 ValType = 0x7e
	F32 ValType = 0x7d
	F64 ValType = 0x7c
)

func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	}
	return fmt.Sprintf("type(%#x)", byte(t))
}

// FuncType is a function's signature.
type FuncType struct {
	Params, Results []ValType
}

// String reads like "(i32, i64) -> i32".
func (t FuncType) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, p := range t.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	b.WriteByte(')')
	for i, r := range t.Results {
		if i == 0 {
			b.WriteString(" -> ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(r.String())
	}
	return b.String()
}

// Key is a short string that is equal for equal signatures: one letter (i l f
// d) for each parameter, "_", one letter for each result.
func (t FuncType) Key() string {
	b := make([]byte, 0, len(t.Params)+len(t.Results)+1)
	for _, p := range t.Params {
		b = append(b, letter(p))
	}
	b = append(b, '_')
	for _, r := range t.Results {
		b = append(b, letter(r))
	}
	return string(b)
}

func letter(t ValType) byte {
	switch t {
	case I32:
		return 'i'
	case I64:
		return 'l'
	case F32:
		return 'f'
	default:
		return 'd'
	}
}

// Equal reports whether two signatures are the same.
func (t FuncType) Equal(u FuncType) bool {
	return string(asBytes(t.Params)) == string(asBytes(u.Params)) &&
		string(asBytes(t.Results)) == string(asBytes(u.Results))
}

func asBytes(v []ValType) []byte {
	b := make([]byte, len(v))
	for i, t := range v {
		b[i] = byte(t)
	}
	return b
}

// SymbolKind says what a symbol names ([linking] symbol table).
type SymbolKind byte

const (
	SymFunc SymbolKind = iota
	SymData
	SymGlobal
	SymSection
	SymTag
	SymTable
)

func (k SymbolKind) String() string {
	switch k {
	case SymFunc:
		return "function"
	case SymData:
		return "data"
	case SymGlobal:
		return "global"
	case SymSection:
		return "section"
	case SymTag:
		return "tag"
	case SymTable:
		return "table"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// SymbolFlags are the flags of a symbol, named as in [linking].
type SymbolFlags uint32

const (
	BindingWeak                 SymbolFlags = 0x01
	BindingLocal                SymbolFlags = 0x02
	VisibilityHiddenSymbolFlags             = 0x04
	Undefined                   SymbolFlags = 0x10
	Exported                    SymbolFlags = 0x20
	ExplicitName                SymbolFlags = 0x40
	NoStrip                     SymbolFlags = 0x80
	TLS                         SymbolFlags = 0x100
	Absolute                    SymbolFlags = 0x200
)

// Symbol is one entry of the symbol table.
type Symbol struct {
	Name  string
	Kind  SymbolKind
	Flags SymbolFlags

	// Index is in the function, global or table index space, imports first;
	// for SymSection it is the section's number.
	Index uint32

	// A defined data symbol's place. For an absolute one Offset is the address.
	Segment      uint32
	Offset, Size uint64
}

// Defined reports whether the object itself holds what s names.
func (s *Symbol) Defined() bool { return s.Flags&Undefined == 0 }

// Weak reports whether an unresolved s becomes zero instead of an error.
func (s *Symbol) Weak() bool { return s.Flags&BindingWeak != 0 }

// Local reports whether other objects cannot see s.
func (s *Symbol) Local() bool { return s.Flags&BindingLocal != 0 }

// ImportKind is the kind of an import ([core] 5.5.5).
type ImportKind byte

const (
	ImportFunc ImportKind = iota
	ImportTable
	ImportMemory
	ImportGlobal
)

// Import is one entry of the import section.
type Import struct {
	Module, Name string
	Kind         ImportKind
	Type         uint32 // of a function, an index in Object.Types
}

// Func is one defined function.
type Func struct {
	Name  string // from the symbol table, else from the name section, else ""
	Type  uint32 // index in Object.Types
	Start uint32 // its body (locals and code) in the payload of the code section
	End   uint32
}

// Segment is one data segment. Its name is what C's section attribute said,
// or ".data.x", ".rodata.x", ".bss.x".
type Segment struct {
	Name   string
	Align  uint32 // in bytes, a power of two
	Flags  uint32 // [linking] segment flags: 1 strings, 2 TLS
	Data   []byte // before relocation; shares memory with the parsed bytes
	offset uint32 // of Data in the payload of the data section
}

// InitFunc is a constructor, called in rising priority.
type InitFunc struct {
	Priority uint32
	Symbol   uint32 // index in Object.Symbols
}

// Comdat is a group of which the linker keeps one copy. clang's C code has
// none; they are parsed so that a C++ or later object is refused for the right
// reason only.
type Comdat struct {
	Name    string
	Entries []ComdatEntry
}

// ComdatEntry is one member of a Comdat.
type ComdatEntry struct {
	Kind  uint32 // 0 data segment, 1 function, 5 section
	Index uint32
}

// CustomSection is a custom section that Parse did not take apart.
type CustomSection struct {
	Name string
	Data []byte
}

// Feature is an entry of target_features: Prefix is '+', '-' or '='.
type Feature struct {
	Prefix byte
	Name   string
}

// Object is a parsed relocatable object. It keeps a reference to the bytes that
// it was parsed from and never changes after Parse, so that several machines
// may link it at the same time.
type Object struct {
	Types      []FuncType
	Imports    []Import
	Funcs      []Func
	Segments   []Segment
	Symbols    []Symbol
	InitFuncs  []InitFunc
	Comdats    []Comdat
	Custom     []CustomSection
	Features   []Feature
	ModuleName string // from the name section, usually ""

	CodeRelocs   []Reloc
	DataRelocs   []Reloc
	CustomRelocs []SectionRelocs

	code        []byte // payload of the code section
	codeOff     int    // its offset in the file
	data        []byte // payload of the data section
	dataOff     int
	numImpFuncs uint32
	impFunc     []uint32 // function index of an import to index in Imports
	numImpGlob  uint32
	numImpTable uint32
	dataCount   int64 // from the data count section, -1 if absent
	names       map[uint32]string
	sections    []string // by section number

	graphOnce sync.Once // for Closure
	funcRefs  [][]uint32
	segRefs   [][]uint32
	size      int
}

// Size is the length in bytes of the parsed file.
func (o *Object) Size() int { return o.size }

// CodeSize is the number of bytes of all function bodies.
func (o *Object) CodeSize() int {
	n := 0
	for i := range o.Funcs {
		n += int(o.Funcs[i].End - o.Funcs[i].Start)
	}
	return n
}

// FuncType is the signature of the function with index i in the function
// index space, imports first.
func (o *Object) FuncType(i uint32) FuncType { return o.Types[o.typeOf(i)] }

func (o *Object) typeOf(i uint32) uint32 {
	if i < o.numImpFuncs {
		return o.Imports[o.impFunc[i]].Type
	}
	return o.Funcs[i-o.numImpFuncs].Type
}

// Stores reports whether the instruction at an offset in the code section writes to memory.
func (o *Object) Stores(site uint32) bool {
	if int(site)+1 >= len(o.code) {
		return false
	}
	op := o.code[site]
	return op > opLoadLast && op <= opStoreLast || op == opPrefixFC && o.code[site+1] == subFill
}

// SymbolType is the signature of a function symbol.
func (o *Object) SymbolType(s *Symbol) FuncType { return o.FuncType(s.Index) }

// Lookup finds a symbol by name; a defined one goes before an undefined one.
// Local symbols are found only when no other has that name.
func (o *Object) Lookup(name string) (*Symbol, bool) {
	var best *Symbol
	for i := range o.Symbols {
		s := &o.Symbols[i]
		if s.Name != name || s.Kind == SymSection {
			continue
		}
		if !s.Local() && s.Defined() {
			return s, true
		}
		if best == nil {
			best = s
		}
	}
	return best, best != nil
}

// Undefined lists the symbols that Link will ask for, in the symbol table's
// order: functions and data, not the stack pointer or the table.
func (o *Object) Undefined() []*Symbol {
	var u []*Symbol
	for i := range o.Symbols {
		s := &o.Symbols[i]
		if !s.Defined() && (s.Kind == SymFunc || s.Kind == SymData) {
			u = append(u, s)
		}
	}
	return u
}

// Section returns the contents of all data segments of that name, joined, as
// they stand in the file (not relocated). ok is false if there is none.
func (o *Object) Section(name string) (data []byte, ok bool) {
	n := 0
	for i := range o.Segments {
		if o.Segments[i].Name == name {
			n++
			if n == 1 {
				data = o.Segments[i].Data
			} else {
				data = append(data[:len(data):len(data)], o.Segments[i].Data...)
			}
		}
	}
	return data, n > 0
}

// Modinfo lists the entries of .modinfo in their order, each split at its
// first "=". Empty strings between entries are padding and are skipped, as
// the kernel's next_string does (kernel/module/main.c).
func Modinfo(o *Object) []KeyValue {
	data, _ := o.Section(".modinfo")
	var list []KeyValue
	for len(data) > 0 {
		i := 0
		for i < len(data) && data[i] != 0 {
			i++
		}
		if i > 0 {
			k, v, _ := strings.Cut(string(data[:i]), "=")
			list = append(list, KeyValue{k, v})
		}
		if i == len(data) {
			break
		}
		data = data[i+1:]
	}
	return list
}

// KeyValue is one entry of .modinfo.
type KeyValue struct{ Key, Value string }
