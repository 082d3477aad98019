package object

// findOpen finds the functions that may be part of a recursion: those that call
// through a pointer, call an open one or call each other. All others are
// marked as closed.
func (l *linker) findOpen() {
	o := l.o
	l.open = make([]bool, len(o.Funcs))
	calls := make([][]uint32, len(o.Funcs))
	f := 0
	for i := range o.CodeRelocs {
		x := &o.CodeRelocs[i]
		for f < len(o.Funcs) && x.Offset >= o.Funcs[f].End {
			f++
		}
		if f == len(o.Funcs) {
			break
		}
		switch x.Type {
		case TypeIndexLEB:
			l.open[f] = true
		case FunctionIndexLEB:
			if s := &o.Symbols[x.Index]; s.Defined() {
				calls[f] = append(calls[f], s.Index-o.numImpFuncs)
			} else if !l.target[x.Index].Closed && l.opt.Part == nil { // the kernel's own
				l.open[f] = true
			}
		}
	}
	// Depth first, without recursion of our own: 0 new, 1 on the path, 2 done.
	state := make([]byte, len(o.Funcs))
	next := make([]int, len(o.Funcs))
	var path []uint32
	for root := range o.Funcs {
		if state[root] != 0 {
			continue
		}
		path = append(path[:0], uint32(root))
		state[root] = 1
		for len(path) > 0 {
			f := path[len(path)-1]
			if next[f] == len(calls[f]) {
				state[f] = 2
				path = path[:len(path)-1]
				if len(path) > 0 && l.open[f] {
					l.open[path[len(path)-1]] = true
				}
				continue
			}
			g := calls[f][next[f]]
			next[f]++
			switch state[g] {
			case 0:
				state[g] = 1
				path = append(path, g)
			case 1: // a cycle: g and what leads from it to f
				l.open[f], l.open[g] = true, true
			case 2:
				l.open[f] = l.open[f] || l.open[g]
			}
		}
	}
	for i := range l.open {
		l.img.Funcs[i].Closed = !l.open[i]
	}
}

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
		if x := &o.CodeRelocs[i]; x.Type == TableIndexSLEB64 {
			add(x)
		}
	}
	seg := 0
	for i := range o.DataRelocs {
		x := &o.DataRelocs[i]
		for seg < len(o.Segments)-1 && x.Offset >= o.Segments[seg].offset+uint32(len(o.Segments[seg].Data)) {
			seg++
		}
		if x.Type == TableIndexI64 && o.Segments[seg].Name != ".gnu.linkonce.this_module" {
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

// Closure marks in done all functions that those named by roots need: what they
// call, whose address they take, and what the data that they use points to. It
// returns the functions that were not marked before.
func (o *Object) Closure(roots []*Symbol, done []bool) []bool {
	o.graphOnce.Do(o.buildGraph)
	fresh := make([]bool, len(o.Funcs))
	seg := make([]bool, len(o.Segments))
	var todo []*Symbol
	todo = append(todo, roots...)
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		var next []uint32
		switch {
		case !s.Defined():
		case s.Kind == SymFunc:
			if f := s.Index - o.numImpFuncs; !done[f] {
				done[f], fresh[f] = true, true
				next = o.funcRefs[f]
			}
		case s.Kind == SymData && s.Flags&Absolute == 0 && !seg[s.Segment]:
			seg[s.Segment] = true
			next = o.segRefs[s.Segment]
		}
		for _, i := range next {
			todo = append(todo, &o.Symbols[i])
		}
	}
	return fresh
}

// buildGraph lists the symbols that each function and each segment refers to.
func (o *Object) buildGraph() {
	o.funcRefs = make([][]uint32, len(o.Funcs))
	o.segRefs = make([][]uint32, len(o.Segments))
	f := 0
	for i := range o.CodeRelocs {
		x := &o.CodeRelocs[i]
		for f < len(o.Funcs) && x.Offset >= o.Funcs[f].End {
			f++
		}
		if f < len(o.Funcs) && x.Type != TypeIndexLEB {
			o.funcRefs[f] = append(o.funcRefs[f], x.Index)
		}
	}
	g := 0
	for i := range o.DataRelocs {
		x := &o.DataRelocs[i]
		for g < len(o.Segments) && x.Offset >= o.Segments[g].offset+uint32(len(o.Segments[g].Data)) {
			g++
		}
		if g < len(o.Segments) && x.Type != TypeIndexLEB {
			o.segRefs[g] = append(o.segRefs[g], x.Index)
		}
	}
}
