package object

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
			if x := &rel[i]; x.Type == TableIndexSLEB64 || x.Type == TableIndexI64 {
				if s := &o.Symbols[x.Index]; s.Defined() {
					need[s.Index-o.numImpFuncs] = true
				}
			}
		}
	}
	return need
}
