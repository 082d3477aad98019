package object

import "slices"

// facts is what is known of the locals at one place of a function: a straight line of checks, kept
// over branches as far as all paths agree.
type facts struct {
	dead    bool
	known   bits    // holds an address of kernel memory, or one that the stack check has seen
	shadow  bits    // and its i32 local holds the place in the engine's memory
	aliases []int32 // index in rewriter.alias of what the local is a copy of, -1
}

// alias says that a local was another one plus an offset when it was set.
type alias struct {
	base uint32
	off  int64
}

// maxTracked is how many locals of a function facts are kept of.
const maxTracked = 1024

type bits []uint64

func (b bits) has(i uint32) bool { return int(i/64) < len(b) && b[i/64]>>(i%64)&1 != 0 }
func (b bits) set(i uint32)      { b[i/64] |= 1 << (i % 64) }
func (b bits) clear(i uint32)    { b[i/64] &^= 1 << (i % 64) }

func (b bits) and(c bits) {
	for i := range b {
		b[i] &= c[i]
	}
}

func newFacts(locals uint32) *facts {
	n := min(locals, maxTracked)
	w := (n + 63) / 64
	all := make(bits, 2*w)
	f := &facts{known: all[:w:w], shadow: all[w:], aliases: make([]int32, n)}
	for i := range f.aliases {
		f.aliases[i] = -1
	}
	return f
}

func (f *facts) clone() *facts {
	return &facts{f.dead, slices.Clone(f.known), slices.Clone(f.shadow), slices.Clone(f.aliases)}
}

// meet keeps what g knows as well.
func (f *facts) meet(g *facts) {
	f.known.and(g.known)
	f.shadow.and(g.shadow)
	for i, a := range f.aliases {
		if a != g.aliases[i] {
			f.aliases[i] = -1
		}
	}
}

// label is an open block during emission.
type label struct {
	op     byte
	merged *facts // of the branches to its end
	before *facts // of an if without else
}

// flow follows control through the instruction, before it is emitted.
func (w *rewriter) flow(i int32, in *ins) {
	switch in.op {
	case opBlock:
		w.labels = append(w.labels, label{op: in.op})
	case opIf:
		w.labels = append(w.labels, label{op: in.op, before: w.now.clone()})
	case opLoop:
		w.labels = append(w.labels, label{op: in.op})
		for j := i + 1; j < in.lo; j++ {
			if op := w.code[j].op; op == opLocalSet || op == opLocalTee {
				w.forget(uint32(w.code[j].a))
			}
		}
	case opElse:
		l := &w.labels[len(w.labels)-1]
		w.branch(l)
		w.now, l.before = l.before, nil
	case opEnd:
		l := &w.labels[len(w.labels)-1]
		w.branch(l)
		if l.before != nil {
			w.now = l.before
			w.branch(l)
		}
		if l.merged != nil {
			w.now = l.merged
		}
		w.labels = w.labels[:len(w.labels)-1]
	case opBr, opBrIf:
		w.branch(&w.labels[len(w.labels)-1-int(in.a)])
	case opBrTable:
		for _, t := range w.targets[in.a : in.a+uint64(in.b)+1] {
			w.branch(&w.labels[len(w.labels)-1-int(t)])
		}
	}
	switch in.op {
	case opBr, opBrTable, opReturn, opUnreachable:
		w.now.dead = true
	}
}

// branch notes that control may go from here to the end of l. At the head of a loop only that is
// known which nothing in it changes, so a branch back brings nothing new.
func (w *rewriter) branch(l *label) {
	switch {
	case w.now.dead || l.op == opLoop:
	case l.merged == nil:
		l.merged = w.now.clone()
	default:
		l.merged.meet(w.now)
	}
}

// forget: local x gets another value.
func (w *rewriter) forget(x uint32) {
	f := w.now
	if int(x) >= len(f.aliases) {
		return
	}
	f.known.clear(x)
	f.shadow.clear(x)
	f.aliases[x] = -1
	if !w.bases.has(x) {
		return
	}
	for y, a := range f.aliases {
		if a >= 0 && w.alias[a].base == x {
			f.aliases[y] = -1
		}
	}
}

// assign: local x gets a value of form v.
func (w *rewriter) assign(x uint32, v form) {
	if v.kind == formLocal {
		v = w.root(v)
	}
	w.forget(x)
	f := w.now
	if int(x) >= len(f.aliases) {
		return
	}
	switch {
	case v.kind == formStack && v.off > -maxFrame && v.off < maxFrame:
		f.known.set(x)
	case v.kind == formConst && w.inMemory(uint64(v.off)):
		f.known.set(x)
	case v.kind == formLocal && v.base != x && v.off >= 0 && v.off < maxOffset && int(v.base) < len(f.aliases):
		f.aliases[x] = int32(len(w.alias))
		w.alias = append(w.alias, alias{v.base, v.off})
		w.bases.set(v.base)
	}
}

// root follows an alias: what a value is, in terms of the local whose check counts.
func (w *rewriter) root(v form) form {
	if f := w.now; int(v.base) < len(f.aliases) {
		if a := f.aliases[v.base]; a >= 0 {
			if off := w.alias[a].off + v.off; off >= 0 {
				return form{formLocal, w.alias[a].base, off}
			}
		}
	}
	return v
}

const (
	// maxOffset bounds what an access may add to an address that was checked: no further than the
	// gap that the engine's own check of the end of memory covers.
	maxOffset = 1 << 16
	// maxFrame bounds what C adds to its stack pointer without looking.
	maxFrame = 1 << 20
)
