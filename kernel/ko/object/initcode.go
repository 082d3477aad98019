package object

// classify marks init and exit code, see the package comment.
func (o *Object) classify(funcs []FuncInfo) {
	calls := make([][]uint32, len(o.Funcs))
	f := 0
	for i := range o.CodeRelocs {
		x := &o.CodeRelocs[i]
		if x.Type != FunctionIndexLEB || !o.Symbols[x.Index].Defined() {
			continue
		}
		for f < len(o.Funcs) && x.Offset >= o.Funcs[f].End {
			f++
		}
		if f == len(o.Funcs) {
			break
		}
		calls[f] = append(calls[f], o.Symbols[x.Index].Index-o.numImpFuncs)
	}
	live := o.reach(calls, o.taken()...)
	init := o.reach(calls, o.entry("init_module")...)
	exit := o.reach(calls, o.entry("cleanup_module")...)
	for i := range funcs {
		funcs[i].Init = init[i] && !live[i] && !exit[i]
		funcs[i].Exit = exit[i] && !live[i] && !init[i]
	}
}

// taken lists the defined functions whose address is taken. That struct module
// points to init_module and cleanup_module does not count.
func (o *Object) taken() []uint32 {
	var list []uint32
	add := func(x *Reloc) {
		if s := &o.Symbols[x.Index]; s.Defined() {
			list = append(list, s.Index-o.numImpFuncs)
		}
	}
	for i := range o.CodeRelocs {
		if x := &o.CodeRelocs[i]; x.Type == TableIndexSLEB {
			add(x)
		}
	}
	seg := 0
	for i := range o.DataRelocs {
		x := &o.DataRelocs[i]
		for seg < len(o.Segments)-1 && x.Offset >= o.Segments[seg].offset+uint32(len(o.Segments[seg].Data)) {
			seg++
		}
		if x.Type == TableIndexI32 && o.Segments[seg].Name != ".gnu.linkonce.this_module" {
			add(x)
		}
	}
	return list
}

func (o *Object) entry(name string) []uint32 {
	if s, ok := o.Lookup(name); ok && s.Kind == SymFunc && s.Defined() {
		return []uint32{s.Index - o.numImpFuncs}
	}
	return nil
}

func (o *Object) reach(calls [][]uint32, roots ...uint32) []bool {
	seen := make([]bool, len(o.Funcs))
	for len(roots) > 0 {
		f := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		if !seen[f] {
			seen[f] = true
			roots = append(roots, calls[f]...)
		}
	}
	return seen
}
