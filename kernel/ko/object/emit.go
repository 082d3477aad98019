package object

import "sort"

var globalNames = [...]string{globalSP: "sp", globalLimit: "limit", globalBudget: "budget"}

// emit writes the final module around the rewritten bodies.
func (l *linker) emit(code []byte) {
	o := l.o
	own := uint32(len(l.emitted) + len(l.stubs) + len(l.adapters))
	funcs := appendU32(nil, own+1)
	for _, i := range l.emitted {
		funcs = appendU32(funcs, l.typeIndex(o.Types[o.Funcs[i].Type]))
	}
	for _, t := range l.stubs {
		funcs = appendU32(funcs, l.typeIndex(o.Types[t]))
	}
	for _, a := range l.adapters {
		funcs = appendU32(funcs, l.typeIndex(a.used))
	}
	funcs = appendU32(funcs, l.typeIndex(FuncType{}))
	slotType := uint32(len(l.types)) // (i32, funcref), which FuncType cannot say

	var b []byte
	b = appendU32(b, uint32(len(l.types))+1)
	for _, t := range l.types {
		b = appendType(b, t)
	}
	b = append(b, 0x60, 2, byte(I32), 0x70, 0)
	out := make([]byte, 0, len(code)+len(b)+4096)
	out = append(out, 0, 'a', 's', 'm', 1, 0, 0, 0)
	out = appendSection(out, 1, b)

	b = appendU32(b[:0], uint32(len(l.imports))+4)
	b = append(appendName(appendName(b, "kernel"), "memory"), 2, 0, 0)
	for g, t := range [...]ValType{globalSP: I64, globalLimit: I64, globalBudget: I32} {
		b = append(appendName(appendName(b, "kernel"), globalNames[g]), 3, byte(t), 1)
	}
	for _, f := range l.imports {
		b = append(appendName(appendName(b, f.module), f.name), 0)
		if f.typ == ^uint32(0) {
			f.typ = slotType
		}
		b = appendU32(b, f.typ)
	}
	out = appendSection(out, 2, b)

	// The functions that get a slot, in a table of the module's own. Its start
	// function copies them to the kernel's.
	n := uint32(0)
	var el []byte
	var at []uint32
	for _, i := range l.emitted {
		if l.slots[i] != 0 {
			n++
			at = append(at, l.slots[i])
			el = appendU32(el, l.newIndex[i])
		}
	}

	out = appendSection(out, 3, funcs)

	if n > 0 {
		out = appendSection(out, 4, appendU32(appendU32([]byte{1, 0x70, 1}, n), n))
	}
	out = appendSection(out, 7, l.exports())

	start := l.firstFunc + own
	out = appendSection(out, 8, appendU32(nil, start))
	if n > 0 {
		b = appendU32(append(b[:0], 1, 0, opI32Const, 0, opEnd), n)
		out = appendSection(out, 9, append(b, el...))
	}

	b = appendU32(b[:0], own+1)
	b = append(b, code...)
	for range l.stubs { // a weak function that nobody defines
		b = append(b, 8, 0, opI32Const, 0, opCall, funcTrap, opUnreachable, opUnreachable, opEnd)
	}
	for _, a := range l.adapters {
		body := a.body()
		b = append(appendU32(b, uint32(len(body))), body...)
	}
	body := fillSlots(at)
	b = append(appendU32(b, uint32(len(body))), body...)
	out = appendSection(out, 10, b)

	l.img.Wasm = l.nameSection(out)
}

// fillSlots is the body of the start function: for each run of consecutive slots a
// loop that takes the functions from the module's table. It needs no ref.func,
// each of which would be a call out of WebAssembly.
func fillSlots(at []uint32) []byte {
	b := []byte{1, 1, byte(I32)} // one local, i
	for first := 0; first < len(at); {
		end := first + 1
		for end < len(at) && at[end] == at[end-1]+1 {
			end++
		}
		b = append(appendS32(append(b, opI32Const), int32(first)), opLocalSet, 0)
		b = append(b, opLoop, emptyBlock)
		b = appendS32(append(b, opLocalGet, 0, opI32Const), int32(at[first])-int32(first))
		b = append(b, opI32Add, opLocalGet, 0, opTableGet, 0, opCall, funcSlot)
		b = append(b, opLocalGet, 0, opI32Const, 1, opI32Add, opLocalTee, 0)
		b = append(appendS32(append(b, opI32Const), int32(end)), opI32LtU, opBrIf, 0, opEnd)
		first = end
	}
	return append(b, opEnd)
}

// exports lists the functions that are not local, or all of a part.
func (l *linker) exports() []byte {
	var b []byte
	if l.opt.Part != nil {
		b = appendU32(b, uint32(len(l.emitted)))
		for _, i := range l.emitted {
			b = appendU32(append(appendName(b, PartName(i)), 0), l.newIndex[i])
		}
		return b
	}
	names := make([]string, 0, len(l.img.Globals))
	for n, d := range l.img.Globals {
		if d.Func >= 0 {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	b = appendU32(b, uint32(len(names)))
	for _, n := range names {
		b = appendU32(append(appendName(b, n), 0), l.newIndex[l.img.Globals[n].Func])
	}
	return b
}

// nameSection names the module and its functions for back-traces.
func (l *linker) nameSection(out []byte) []byte {
	b := appendName(nil, "name")
	b = appendSection(b, 0, appendName(nil, l.opt.Name))
	n := uint32(0)
	var names []byte
	for _, i := range l.emitted {
		if name := l.o.Funcs[i].Name; name != "" {
			n++
			names = appendName(appendU32(names, l.newIndex[i]), name)
		}
	}
	b = appendSection(b, 1, append(appendU32(nil, n), names...))
	return appendSection(out, 0, b)
}
