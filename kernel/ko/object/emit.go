package object

import "sort"

// emit writes the final module around the rewritten bodies.
func (l *linker) emit(code []byte) {
	o := l.o
	slotType := uint32(len(l.types)) // (i32, funcref), which FuncType cannot say
	void := l.typeIndex(FuncType{})

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
	for _, g := range []string{"sp", "limit", "budget"} {
		b = append(appendName(appendName(b, "kernel"), g), 3, byte(I32), 1)
	}
	for _, f := range l.imports {
		b = append(appendName(appendName(b, f.module), f.name), 0)
		if f.typ == ^uint32(0) {
			f.typ = slotType
		}
		b = appendU32(b, f.typ)
	}
	out = appendSection(out, 2, b)

	b = appendU32(b[:0], uint32(len(l.emitted)+len(l.stubs))+1)
	for _, i := range l.emitted {
		b = appendU32(b, o.Funcs[i].Type)
	}
	for _, t := range l.stubs {
		b = appendU32(b, t)
	}
	b = appendU32(b, void)
	out = appendSection(out, 3, b)

	out = appendSection(out, 7, l.exports())

	start := l.firstFunc + uint32(len(l.emitted)+len(l.stubs))
	out = appendSection(out, 8, appendU32(nil, start))

	// ref.func needs its function to be declared: one declarative segment.
	n := uint32(0)
	var el []byte
	for _, i := range l.emitted {
		if l.slots[i] != 0 {
			n++
			el = appendU32(el, l.newIndex[i])
		}
	}
	if n > 0 {
		b = append(appendU32(append(b[:0], 1, 3, 0), n), el...)
		out = appendSection(out, 9, b)
	}

	b = appendU32(b[:0], uint32(len(l.emitted)+len(l.stubs))+1)
	b = append(b, code...)
	for range l.stubs { // a weak function that nobody defines
		b = append(b, 8, 0, opI32Const, 0, opCall, funcTrap, opUnreachable, opUnreachable, opEnd)
	}
	var body []byte
	body = append(body, 0)
	for _, i := range l.emitted {
		if s := l.slots[i]; s != 0 {
			body = appendS32(append(body, opI32Const), int32(s))
			body = appendU32(append(body, opRefFunc), l.newIndex[i])
			body = append(body, opCall, funcSlot)
		}
	}
	body = append(body, opEnd)
	b = append(appendU32(b, uint32(len(body))), body...)
	out = appendSection(out, 10, b)

	l.img.Wasm = l.nameSection(out)
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
