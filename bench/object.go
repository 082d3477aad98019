package bench

import (
	"encoding/binary"
	"fmt"

	"github.com/kobench/kobench/kernel"
)

// module describes a module file that is made to be measured: no compiler is needed, and a name and
// a size can be had that no fixture has. What it writes is what clang and wasm-ld write of such a
// source: a relocatable WebAssembly object with a symbol table and relocations.
type module struct {
	name string
	// exports is a function that gives back value, for other modules.
	exports string
	value   int
	// uses is a function of another module; init fails unless it gives back want.
	uses string
	want int
	// functions is how many more of some 500 bytes each there are, data how many bytes of .data.
	functions, data int
}

// Numbers of [core] chapter 5 and [linking].
const (
	secCustom, secType, secImport, secFunction, secCode, secData = 0, 1, 2, 3, 10, 11
	valI32, valI64, typeFunc, importFunc, importMemory, memory64 = 0x7f, 0x7e, 0x60, 0, 2, 4
	symFunc, symData, symLocal, symUndefined, symExported        = 0, 1, 2, 0x10, 0x20
	subSegments, subSymbols, relocFunctionIndex                  = 5, 8, 0

	opLoop, opEnd, opBrIf, opCall, opDrop                      = 0x03, 0x0b, 0x0d, 0x10, 0x1a
	opLocalGet, opLocalSet, opLocalTee, opI32Load, opI32Store  = 0x20, 0x21, 0x22, 0x28, 0x36
	opI32Const, opI32Add, opI32Sub, opI32Mul, opI32Xor, opRotl = 0x41, 0x6a, 0x6b, 0x6c, 0x73, 0x77
	opI64Const                                                 = 0x42
	emptyBlock                                                 = 0x40
)

// vector counts what is put into it, as WebAssembly's vectors do.
type vector struct {
	n int
	b []byte
}

func (v *vector) add(parts ...[]byte) int {
	for _, p := range parts {
		v.b = append(v.b, p...)
	}
	v.n++
	return v.n - 1
}

func (v *vector) bytes() []byte { return append(unsigned(v.n), v.b...) }

func unsigned(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// signed is a signed LEB128 of a number that is not negative.
func signed(n int) []byte {
	var b []byte
	for ; n > 0x3f; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func text(s string) []byte { return append(unsigned(len(s)), s...) }

func sized(b []byte) []byte { return append(unsigned(len(b)), b...) }

// file writes the module.
//
// References: [core] WebAssembly Core Specification 2.0, chapter 5; [linking] WebAssembly
// tool-conventions, Linking.md
func (m module) file() []byte {
	var imports, functions, code, data, segments, symbols, relocs vector
	memory := append([]byte{importMemory, memory64}, unsigned(m.data/65536+1)...)
	imports.add(text("env"), text("__linear_memory"), memory)
	// of init: no locals, return 0
	imported, entry := 0, append([]byte{0, opI32Const}, signed(0)...)
	if m.uses != "" {
		imports.add(text("env"), text(m.uses), []byte{importFunc, 0})
		imported = 1
		symbol := symbols.add([]byte{symFunc, symUndefined}, unsigned(0))
		entry = append(append([]byte{0, opI32Const}, signed(m.want)...), opCall)
		// The operand stands behind the number of functions, the size of the body and what is
		// written of it.
		count := 2 + m.functions
		if m.exports != "" {
			count++
		}
		at := len(unsigned(count)) + 1 + len(entry)
		relocs.add([]byte{relocFunctionIndex}, unsigned(at), unsigned(symbol))
		entry = append(entry, 0x80, 0x80, 0x80, 0x80, 0, opI32Sub)
	}
	function := func(name string, flags byte, typ int, body []byte) {
		i := functions.add(unsigned(typ))
		code.add(sized(append(body, opEnd)))
		symbols.add([]byte{symFunc, flags}, unsigned(imported+i), text(name))
	}
	function("init_module", symExported, 0, entry)
	function("cleanup_module", symExported, 1, []byte{0})
	if m.exports != "" {
		function(m.exports, symExported, 0, append([]byte{0, opI32Const}, signed(m.value)...))
	}
	for i := range m.functions {
		function(fmt.Sprintf("work%d", i), symLocal, 2, work(i))
	}

	offset := 0
	segment := func(name string, content []byte) {
		i := data.add([]byte{0, opI64Const}, signed(offset), []byte{opEnd}, sized(content))
		segments.add(text(name), []byte{2, 0}) // aligned to 4 bytes
		symbols.add([]byte{symData, symLocal}, text(name), unsigned(i), []byte{0}, unsigned(len(content)))
		offset = (offset + len(content) + 3) &^ 3
	}
	segment(".modinfo", []byte("license=GPL\x00depends=\x00name="+m.name+"\x00vermagic="+kernel.Vermagic+"\x00"))
	if m.exports != "" {
		segment("___ksymtab+"+m.exports, make([]byte, 24))
	}
	if m.data > 0 {
		content := make([]byte, m.data)
		for i := range content {
			content[i] = byte(i * 7)
		}
		segment(".data", content)
	}

	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, body []byte) { out = append(append(out, id), sized(body)...) }
	section(secType, []byte{3, typeFunc, 0, 1, valI32, typeFunc, 0, 0, typeFunc, 2, valI64, valI32, 1, valI32})
	section(secImport, imports.bytes())
	section(secFunction, functions.bytes())
	const codeIndex = 3 // of the next section
	section(secCode, code.bytes())
	section(secData, data.bytes())
	link := append(text("linking"), 2)
	link = append(append(link, subSegments), sized(segments.bytes())...)
	section(secCustom, append(append(link, subSymbols), sized(symbols.bytes())...))
	if relocs.n > 0 {
		section(secCustom, append(append(text("reloc.CODE"), codeIndex), relocs.bytes()...))
	}
	return out
}

// work is the body of a function (i64 p, i32 n) → i32 that is code of an ordinary kind: arithmetic,
// loads and stores at p, and a loop.
func work(seed int) []byte {
	b := []byte{1, 1, valI32} // a local, number 2
	for part := range 8 {
		b = append(b, opLoop, emptyBlock)
		for step := range 3 {
			b = append(b, opLocalGet, 0, opLocalGet, 2, opLocalGet, 0, opI32Load, 2)
			b = append(b, unsigned(4*(part+step))...)
			b = append(append(b, opI32Const), signed(seed*31+part*7+step)...)
			b = append(b, opI32Xor, opI32Add, opLocalTee, 2, opI32Store, 2)
			b = append(b, unsigned(4*step)...)
		}
		b = append(b, opLocalGet, 1, opI32Const, 1, opI32Sub, opLocalTee, 1, opBrIf, 0, opEnd)
	}
	return append(b, opLocalGet, 2)
}
