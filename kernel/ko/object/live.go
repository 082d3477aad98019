package object

// A live variable changes by itself: jiffies. Nobody writes it 250 times a second for the case that
// somebody looks; a load of it becomes a call of the function that knows its value. A program that
// takes its address sees what it was at boot.
//
// liveLoad is the function, plus 1, that stands in for a load of what x names, 0 if none does.
func (l *linker) liveLoad(op byte, x *Reloc) uint32 {
	const i64Load = 0x29
	if op != i64Load || x.Addend != 0 {
		return 0
	}
	return l.live[l.o.Symbols[x.Index].Name]
}

// liveVariables says which function knows a variable's value.
var liveVariables = [...]struct{ name, function string }{
	{"jiffies", "__jiffies_now"}, {"jiffies_64", "get_jiffies_64"},
}

// resolveLive finds the functions of the live variables that the object names.
func (l *linker) resolveLive() {
	l.live = map[string]uint32{}
	for _, v := range liveVariables {
		for i := range l.o.Symbols {
			if s := &l.o.Symbols[i]; s.Kind != SymData || s.Name != v.name {
				continue
			}
			t, err := l.opt.Resolve(&Symbol{Name: v.function, Kind: SymFunc, Flags: Undefined})
			if err != nil || t.Type.Key() != "_l" {
				break
			}
			l.imports = append(l.imports, importFunc{t.Module, t.Name, l.typeIndex(t.Type)})
			l.live[v.name] = uint32(len(l.imports))
			break
		}
	}
}
