package object

import "fmt"

// RelocType is a relocation's type; the names are those of [linking].
type RelocType byte

const (
	FunctionIndexLEB  RelocType = 0
	TypeIndexLEB      RelocType = 6
	GlobalIndexLEB    RelocType = 7
	FunctionOffsetI32 RelocType = 8
	SectionOffsetI32  RelocType = 9
	TagIndexLEB       RelocType = 10
	GlobalIndexI32    RelocType = 13
	MemoryAddrLEB64   RelocType = 14
	MemoryAddrSLEB64  RelocType = 15
	MemoryAddrI64     RelocType = 16
	TableIndexSLEB64  RelocType = 18
	TableIndexI64     RelocType = 19
	TableNumberLEB    RelocType = 20
	FunctionOffsetI64 RelocType = 22
	MemoryLocrelI32   RelocType = 23
	FunctionIndexI32  RelocType = 26
)

var relocNames = map[RelocType]string{
	0: "R_WASM_FUNCTION_INDEX_LEB", 1: "R_WASM_TABLE_INDEX_SLEB", 2: "R_WASM_TABLE_INDEX_I32",
	3: "R_WASM_MEMORY_ADDR_LEB", 4: "R_WASM_MEMORY_ADDR_SLEB", 5: "R_WASM_MEMORY_ADDR_I32",
	6: "R_WASM_TYPE_INDEX_LEB", 7: "R_WASM_GLOBAL_INDEX_LEB", 8: "R_WASM_FUNCTION_OFFSET_I32",
	9: "R_WASM_SECTION_OFFSET_I32", 10: "R_WASM_TAG_INDEX_LEB", 11: "R_WASM_MEMORY_ADDR_REL_SLEB",
	12: "R_WASM_TABLE_INDEX_REL_SLEB", 13: "R_WASM_GLOBAL_INDEX_I32", 14: "R_WASM_MEMORY_ADDR_LEB64",
	15: "R_WASM_MEMORY_ADDR_SLEB64", 16: "R_WASM_MEMORY_ADDR_I64", 17: "R_WASM_MEMORY_ADDR_REL_SLEB64",
	18: "R_WASM_TABLE_INDEX_SLEB64", 19: "R_WASM_TABLE_INDEX_I64", 20: "R_WASM_TABLE_NUMBER_LEB",
	21: "R_WASM_MEMORY_ADDR_TLS_SLEB", 22: "R_WASM_FUNCTION_OFFSET_I64", 23: "R_WASM_MEMORY_ADDR_LOCREL_I32",
	24: "R_WASM_TABLE_INDEX_REL_SLEB64", 25: "R_WASM_MEMORY_ADDR_TLS_SLEB64", 26: "R_WASM_FUNCTION_INDEX_I32",
}

func (t RelocType) String() string {
	if n, ok := relocNames[t]; ok {
		return n
	}
	return fmt.Sprintf("relocation type %d", byte(t))
}

// Reloc is one relocation. Index is in the symbol table, or in the type section
// for TypeIndexLEB.
type Reloc struct {
	Type   RelocType
	Offset uint32 // in the payload of the section it applies to
	Index  uint32
	Addend int64
}

// SectionRelocs are the relocations of a custom section.
type SectionRelocs struct {
	Section string
	Relocs  []Reloc
}

func (t RelocType) hasAddend() bool {
	switch t {
	case 3, 4, 5, 8, 9, 11, 14, 15, 16, 17, 21, 22, 23, 25:
		return true
	}
	return false
}

// width is the number of bytes that a relocation overwrites.
func (t RelocType) width() uint32 {
	switch t {
	case 2, 5, 8, 9, 13, 23, 26:
		return 4
	case 14, 15, 17, 18, 24, 25:
		return 10
	case 16, 19, 22:
		return 8
	default:
		return 5
	}
}

// wantKind is the kind of symbol that a relocation may name.
func (t RelocType) wantKind() (SymbolKind, bool) {
	switch t {
	case FunctionIndexLEB, TableIndexSLEB64, TableIndexI64, FunctionOffsetI32, FunctionOffsetI64, FunctionIndexI32:
		return SymFunc, true
	case MemoryAddrLEB64, MemoryAddrSLEB64, MemoryAddrI64, MemoryLocrelI32:
		return SymData, true
	case GlobalIndexLEB, GlobalIndexI32:
		return SymGlobal, true
	case SectionOffsetI32:
		return SymSection, true
	case TableNumberLEB:
		return SymTable, true
	}
	return 0, false
}

// relocs reads the body of a reloc section that applies to size bytes.
func (p *parser) relocs(r *reader, target string, size uint32) []Reloc {
	n := r.count("relocations", 3)
	out := make([]Reloc, 0, n)
	last := int64(-1)
	for i := uint32(0); i < n && r.err == nil; i++ {
		at := r.pos()
		x := Reloc{Type: RelocType(r.byte())}
		x.Offset = r.u32()
		x.Index = r.u32()
		if x.Type.hasAddend() {
			x.Addend = r.s64()
		}
		if r.err != nil {
			break
		}
		p.checkReloc(r, at, &x, target, size, &last)
		out = append(out, x)
	}
	return out
}

func (p *parser) checkReloc(r *reader, at int, x *Reloc, target string, size uint32, last *int64) {
	if _, known := relocNames[x.Type]; !known {
		r.failAt(at, ErrReloc, "%v is unknown", x.Type)
		return
	}
	if uint64(x.Offset)+uint64(x.Type.width()) > uint64(size) {
		r.failAt(at, ErrReloc, "%v at offset %#x overwrites %d bytes, the %s section has %#x",
			x.Type, x.Offset, x.Type.width(), target, size)
		return
	}
	if int64(x.Offset) <= *last {
		r.failAt(at, ErrReloc, "%v at offset %#x does not come after the one before it at %#x", x.Type, x.Offset, *last)
		return
	}
	*last = int64(x.Offset) + int64(x.Type.width()) - 1
	if x.Type == TypeIndexLEB {
		if int(x.Index) >= len(p.o.Types) {
			r.failAt(at, ErrIndex, "%v names type %d of %d", x.Type, x.Index, len(p.o.Types))
		}
		return
	}
	if int(x.Index) >= len(p.o.Symbols) {
		r.failAt(at, ErrIndex, "%v names symbol %d of %d", x.Type, x.Index, len(p.o.Symbols))
		return
	}
	want, ok := x.Type.wantKind()
	if !ok {
		return // refused by Link, if it ever gets there
	}
	if s := &p.o.Symbols[x.Index]; s.Kind != want {
		r.failAt(at, ErrReloc, "%v needs a %v symbol, %q is a %v", x.Type, want, s.Name, s.Kind)
	}
	if x.Addend < -1<<31 || x.Addend > 1<<31-1 {
		r.failAt(at, ErrReloc, "%v has addend %d, more than 32 bits", x.Type, x.Addend)
	}
}
