package object

// form is what is known of a value where it is made: a constant, the stack pointer or a local, plus
// an offset.
type form struct {
	kind formKind
	base uint32 // the local
	off  int64
}

type formKind byte

const (
	formNone formKind = iota
	formConst
	formStack
	formLocal
)

// add is the form of the sum of two values.
func (f form) add(g form) form {
	switch {
	case g.kind == formConst && f.kind != formNone:
		f.off += g.off
		return f
	case f.kind == formConst && g.kind != formNone:
		g.off += f.off
		return g
	}
	return form{}
}

// entry is a value on the operand stack. Instructions lo to at made it; they do nothing else if lo
// is not negative, and may be left out. at is -1 where several paths did.
type entry struct {
	at, lo int32
	form   form
	calls  int // that came before it
}

// block is an open block of the operand stack.
type block struct {
	height int
	ins    int32
	arity  uint32
	dead   bool // what follows is not reached
}

// match finds the instruction that makes the address of each access, so that the check can stand
// where the address is made. It runs a body on a stack of what its values look like.
func (w *rewriter) match(results int) {
	s := &w.stack
	s.list, s.blocks, s.calls = s.list[:0], append(s.blocks[:0], block{arity: uint32(results)}), 0
	for i := range w.code {
		if !w.step(int32(i), &w.code[i]) {
			w.r.failAt(w.l.o.codeOff+int(w.code[i].site), ErrCode, "a value is missing on the stack")
			return
		}
	}
}

type operands struct {
	list   []entry
	blocks []block
	calls  int
	short  bool
}

func (s *operands) pop() entry {
	b := &s.blocks[len(s.blocks)-1]
	if len(s.list) <= b.height {
		s.short = s.short || !b.dead
		return entry{at: -1, lo: -1}
	}
	e := s.list[len(s.list)-1]
	s.list = s.list[:len(s.list)-1]
	return e
}

func (s *operands) drop(n int) {
	for ; n > 0; n-- {
		s.pop()
	}
}

func (s *operands) push(at, lo int32, f form) { s.list = append(s.list, entry{at, lo, f, s.calls}) }

func (s *operands) unknown(n int) {
	for ; n > 0; n-- {
		s.push(-1, -1, form{})
	}
}

// stop: what follows in this block is not reached.
func (s *operands) stop() {
	b := &s.blocks[len(s.blocks)-1]
	s.list, b.dead = s.list[:min(b.height, len(s.list))], true
}

func (w *rewriter) step(i int32, in *ins) bool {
	s := &w.stack
	switch op := in.op; {
	case op == opBlock, op == opLoop, op == opIf:
		if op == opIf {
			s.pop()
		}
		n := int(in.b >> 16)
		s.drop(n)
		s.blocks = append(s.blocks, block{height: len(s.list), ins: i, arity: in.b})
		s.unknown(n)
	case op == opElse:
		b := &s.blocks[len(s.blocks)-1]
		if w.code[b.ins].op != opIf || len(s.blocks) == 1 {
			return false
		}
		s.list, b.dead = s.list[:min(b.height, len(s.list))], false
		s.unknown(int(b.arity >> 16))
	case op == opEnd:
		b := s.blocks[len(s.blocks)-1]
		s.blocks = s.blocks[:len(s.blocks)-1]
		if len(s.list) < b.height {
			return false
		}
		if w.code[b.ins].op == opLoop && len(s.blocks) > 0 {
			w.code[b.ins].lo = i // where the loop ends
		}
		s.list = s.list[:b.height]
		if len(s.blocks) > 0 {
			s.unknown(int(b.arity & 0xffff))
		}
	case op == opBrIf:
		s.pop()
	case op == opBr, op == opBrTable, op == opReturn, op == opUnreachable:
		s.stop()
	case op == opCall, op == opCallIndirect:
		if op == opCallIndirect {
			s.pop()
		}
		t := &w.l.o.Types[in.b]
		s.drop(len(t.Params))
		s.calls++
		for range t.Results {
			s.push(i, -1, form{})
		}
	case op >= opLoadFirst && op <= opLoadLast:
		w.use(i, s.pop())
		s.push(i, -1, form{})
	case op > opLoadLast && op <= opStoreLast:
		s.pop()
		w.use(i, s.pop())
	case op == opPrefixFC && in.b >= subCopy:
		s.drop(3)
		s.calls++
	case op == opDrop:
		s.pop()
	case op == opSelect, op == opSelectT:
		s.drop(3)
		s.push(i, -1, form{})
	case op == opNop:
	default:
		w.value(i, in)
	}
	return !s.short
}

// value is match for the instructions that make an address out of others.
func (w *rewriter) value(i int32, in *ins) {
	s := &w.stack
	switch op := in.op; {
	case op == opI64Const:
		s.push(i, i, form{kind: formConst, off: int64(in.a)})
	case op == opLocalGet:
		s.push(i, i, form{kind: formLocal, base: uint32(in.a)})
	case op == opGlobalGet:
		s.push(i, i, form{kind: formStack})
	case op == opLocalSet, op == opLocalTee:
		if e := s.pop(); e.lo >= 0 && e.at == i-1 {
			in.form = e.form
		}
		if op == opLocalTee {
			s.push(i, -1, form{kind: formLocal, base: uint32(in.a)})
		}
	case op == opGlobalSet:
		if e := s.pop(); e.at == i-1 && e.form.kind != formConst {
			in.form = e.form
		}
	case op == opI64Add, op == opI64Sub:
		y, x := s.pop(), s.pop()
		f := y.form
		if op == opI64Sub {
			if f.off = -f.off; f.kind != formConst {
				f = form{}
			}
		}
		f = x.form.add(f)
		if f.kind == formNone || x.lo < 0 || y.lo < 0 || y.at != i-1 || x.at != y.lo-1 {
			s.push(i, -1, form{})
			return
		}
		s.push(i, x.lo, f)
	case op == opMemorySize, op == opI32Const, op == opF32Const, op == opF64Const:
		s.push(i, -1, form{})
	default:
		s.drop(operandsOf(op))
		s.push(i, -1, form{})
	}
}

// use notes who makes the address of access i. It is checked there, unless a call comes between:
// what the call does must be seen to have happened.
func (w *rewriter) use(i int32, e entry) {
	if e.at < 0 || e.calls != w.stack.calls {
		return
	}
	p := &w.code[e.at]
	if p.conv = i; p.op != opLocalTee {
		p.form = e.form
	}
	w.code[i].done = true
	if e.lo >= 0 {
		w.code[e.lo].lo = e.at
	}
}

// operandsOf is how many values a numeric instruction takes ([core] 5.4.6).
func operandsOf(op byte) int {
	switch {
	case op == opI32Eqz, op == 0x50, op >= 0x67 && op <= 0x69, op >= 0x79 && op <= 0x7b,
		op >= 0x8b && op <= 0x91, op >= 0x99 && op <= 0x9f, op >= opI32WrapI64, op == opPrefixFC:
		return 1
	}
	return 2
}
