package object

// maxLocals bounds the locals of one function, as engines do.
const maxLocals = 50000

// rewriter copies one function body into the image: it applies the
// relocations to the operands they stand on and adds the checks.
type rewriter struct {
	l    *linker
	r    *reader // of the object's code section
	out  []byte
	next int // index in CodeRelocs of the next relocation

	tmp     uint32 // index of the added i32 local
	usesTmp bool

	ctl  []bool // open blocks: a null check branches to this one's end
	prev [2]instr
	last instr
	null bool // the last instruction leads here only with a null pointer
}

type instr struct {
	op  byte
	imm int32
}

// reloc returns the relocation of the operand at the cursor, if there is one.
func (w *rewriter) reloc() (*Reloc, bool) {
	rel := w.l.o.CodeRelocs
	if w.next < len(rel) && rel[w.next].Offset == uint32(w.r.p) {
		w.next++
		return &rel[w.next-1], true
	}
	return nil, false
}

// operand reads a 5-byte operand that a relocation will replace.
func (w *rewriter) operand(x *Reloc, want ...RelocType) bool {
	at := w.r.pos()
	for _, t := range want {
		if x.Type == t {
			for i := 0; i < 5; i++ {
				c := w.r.byte()
				if more := i < 4; w.r.err == nil && (c&0x80 != 0) != more {
					w.r.failAt(at, ErrReloc, "%v stands on a number that is not padded to 5 bytes", x.Type)
				}
			}
			return w.r.err == nil
		}
	}
	w.r.failAt(at, ErrReloc, "%v stands on an operand of another kind", x.Type)
	return false
}

// skip passes over the relocations of functions that are not emitted.
func (w *rewriter) skip(start uint32) {
	for w.next < len(w.l.o.CodeRelocs) && w.l.o.CodeRelocs[w.next].Offset < start {
		w.next++
	}
}

// plain copies n bytes.
func (w *rewriter) plain(n uint32) { w.out = append(w.out, w.r.bytes(n, "an operand")...) }

func (w *rewriter) u32() uint32 {
	v := w.r.u32()
	w.out = appendU32(w.out, v)
	return v
}

// function rewrites the body of the i-th defined function and returns it with
// its size in front.
func (w *rewriter) function(i int, dst []byte) []byte {
	f := &w.l.o.Funcs[i]
	w.r = &reader{b: w.l.o.code[:f.End], p: int(f.Start), base: w.l.o.codeOff, section: "code"}
	w.out, w.ctl = w.out[:0], w.ctl[:0]
	w.usesTmp, w.null = false, false
	w.prev, w.last = [2]instr{}, instr{}
	if rel := w.l.o.CodeRelocs; w.next < len(rel) && rel[w.next].Offset < f.Start {
		w.r.failAt(w.l.o.codeOff+int(rel[w.next].Offset), ErrReloc, "%v stands between two functions", rel[w.next].Type)
		return dst
	}

	groups := w.r.count("groups of locals", 2)
	var locals []byte
	total := uint64(0)
	for g := uint32(0); g < groups && w.r.err == nil; g++ {
		n := w.r.u32()
		t := w.r.valType()
		total += uint64(n)
		locals = append(appendU32(locals, n), byte(t))
	}
	if total > maxLocals {
		w.r.fail(ErrLimit, "function %q has %d locals, the limit is %d", f.Name, total, maxLocals)
	}
	w.tmp = uint32(len(w.l.o.Types[f.Type].Params)) + uint32(total)

	w.ctl = append(w.ctl, false)
	for w.r.err == nil && len(w.ctl) > 0 {
		w.instruction()
	}
	if w.r.err == nil && w.r.p != len(w.r.b) {
		w.r.fail(ErrCode, "function %q goes on after its end", f.Name)
	}
	if rel := w.l.o.CodeRelocs; w.r.err == nil && w.next < len(rel) && rel[w.next].Offset < f.End {
		w.r.failAt(w.l.o.codeOff+int(rel[w.next].Offset), ErrReloc, "%v stands on no operand", rel[w.next].Type)
	}
	if w.r.err != nil {
		w.r.err.Symbol = f.Name
		return dst
	}

	var head []byte
	if w.l.open[i] {
		body := w.out
		w.out = nil
		w.budget()
		head, w.out = w.out, body
	}
	if w.usesTmp {
		groups++
		locals = append(locals, 1, byte(I32))
	}
	var n []byte
	n = appendU32(n, groups)
	dst = appendU32(dst, uint32(len(n)+len(locals)+len(head)+len(w.out)))
	dst = append(append(append(append(dst, n...), locals...), head...), w.out...)
	return dst
}

// budget emits: if (--budget < 0) resched().
func (w *rewriter) budget() {
	w.usesTmp = true
	w.out = append(w.out, opGlobalGet, globalBudget, opI32Const, 0x7f, opI32Add, opLocalTee)
	w.out = appendU32(w.out, w.tmp)
	w.out = append(w.out, opGlobalSet, globalBudget, opLocalGet)
	w.out = appendU32(w.out, w.tmp)
	w.out = append(w.out, opI32Const, 0, opI32LtS, opIf, emptyBlock, opCall, funcResched, opEnd)
}

// stackCheck emits: if ((u32)(sp - limit) > size) stack_overflow().
func (w *rewriter) stackCheck() {
	w.out = append(w.out, opGlobalGet, globalSP, opGlobalGet, globalLimit, opI32Sub, opI32Const)
	w.out = appendS32(w.out, int32(w.l.opt.StackSize))
	w.out = append(w.out, opI32GtU, opIf, emptyBlock, opCall, funcStack, opEnd)
}

// branch looks at a conditional branch for the check that -fsanitize=null
// makes. clang 14 writes it in two ways, and the unreachable is all that it
// leaves of a trap:
//
//	(br_if L (i32.eqz p)) … end L: unreachable
//	(br_if L p) unreachable
//
// The result tells whether an unreachable that comes next is of the second kind.
func (w *rewriter) branch(depth uint32) bool {
	if uint64(depth) >= uint64(len(w.ctl)) {
		w.r.fail(ErrCode, "branch to label %d of %d", depth, len(w.ctl))
		return false
	}
	switch w.prev[1].op {
	case opI32Eqz:
		w.ctl[len(w.ctl)-1-int(depth)] = true
	case opLocalGet, opLocalTee:
		return true
	}
	return false
}

func (w *rewriter) instruction() {
	at := w.r.p
	op := w.r.byte()
	if w.r.err != nil {
		return
	}
	w.last = instr{op: op}
	null := false
	switch {
	case op == opUnreachable:
		code := uint32(at)
		if w.null || w.prev[1].op == opUnreachable && w.prev[1].imm < 0 {
			code |= trapNullFlag
			w.last.imm = -1
		}
		w.out = appendS32(append(w.out, opI32Const), int32(code))
		w.out = append(w.out, opCall, funcTrap, opUnreachable)
	case op == opBlock, op == opIf, op == opLoop:
		w.out = append(w.out, op)
		w.blockType()
		w.ctl = append(w.ctl, false)
		if op == opLoop {
			w.budget()
		}
	case op == opElse:
		w.out = append(w.out, op)
	case op == opEnd:
		w.out = append(w.out, op)
		null = w.ctl[len(w.ctl)-1]
		w.ctl = w.ctl[:len(w.ctl)-1]
	case op == opBr:
		w.out = append(w.out, op)
		w.u32()
	case op == opBrIf:
		w.out = append(w.out, op)
		null = w.branch(w.u32())
	case op == opBrTable:
		w.out = append(w.out, op)
		n := w.r.count("branch targets", 1)
		w.out = appendU32(w.out, n)
		for i := uint32(0); i <= n && w.r.err == nil; i++ {
			w.u32()
		}
	case op == opCall:
		w.call()
	case op == opCallIndirect:
		w.callIndirect()
	case op == opSelectT:
		w.out = append(w.out, op)
		n := w.r.count("types", 1)
		w.out = appendU32(w.out, n)
		w.plain(n)
	case op >= opLocalGet && op <= opLocalTee:
		w.out = append(w.out, op)
		if v := w.u32(); v >= w.tmp {
			w.r.fail(ErrCode, "local %d of %d", v, w.tmp)
		}
	case op == opGlobalGet, op == opGlobalSet:
		w.global(op)
	case op >= opLoadFirst && op <= opStoreLast:
		w.out = append(w.out, op)
		w.memArg()
	case op == opMemorySize:
		w.out = append(w.out, op)
		w.plain(1)
	case op == opI32Const:
		w.i32Const()
	case op == opI64Const:
		start := w.r.p
		w.r.s64()
		w.out = append(append(w.out, op), w.r.b[min(start, w.r.p):w.r.p]...)
	case op == opF32Const:
		w.out = append(w.out, op)
		w.plain(4)
	case op == opF64Const:
		w.out = append(w.out, op)
		w.plain(8)
	case op == opPrefixFC:
		w.prefixFC(at)
	case op == 0x01, op == 0x0f, op == 0x1a, op == 0x1b, op >= opI32Eqz && op <= opNumericLast:
		w.out = append(w.out, op)
	case op == opMemoryGrow:
		w.r.failAt(w.l.o.codeOff+at, ErrUnsupported, "memory.grow: a module gets memory from kmalloc")
	default:
		w.r.failAt(w.l.o.codeOff+at, ErrUnsupported,
			"opcode %#x (build for baseline wasm32 with at most bulk-memory, sign-ext and nontrapping-fptoint)", op)
	}
	w.null = null
	w.prev[0], w.prev[1] = w.prev[1], w.last
}

func (w *rewriter) blockType() {
	if x, ok := w.reloc(); ok {
		if w.operand(x, TypeIndexLEB) {
			w.out = appendS32(w.out, int32(w.l.typeIndex(w.l.o.Types[x.Index])))
		}
		return
	}
	at := w.r.pos()
	v := w.r.s64()
	if v >= int64(len(w.l.o.Types)) || v < -64 {
		w.r.failAt(at, ErrIndex, "block type %d of %d", v, len(w.l.o.Types))
		return
	}
	if v >= 0 {
		v = int64(w.l.typeIndex(w.l.o.Types[v]))
	}
	w.out = appendS32(w.out, int32(v))
}

func (w *rewriter) call() {
	x, ok := w.reloc()
	if !ok {
		at := w.r.pos()
		w.r.failAt(at, ErrReloc, "call of function %d has no relocation", w.r.u32())
		return
	}
	if w.operand(x, FunctionIndexLEB) {
		w.out = appendU32(append(w.out, opCall), w.l.funcOf[x.Index])
	}
}

func (w *rewriter) callIndirect() {
	at := w.r.pos()
	x, ok := w.reloc()
	if !ok {
		w.r.failAt(at, ErrReloc, "call_indirect has no relocation for its type")
		return
	}
	if !w.operand(x, TypeIndexLEB) {
		return
	}
	if y, ok := w.reloc(); ok {
		w.operand(y, TableNumberLEB)
	} else if t := w.r.u32(); t != 0 && w.r.err == nil {
		w.r.failAt(at, ErrUnsupported, "call_indirect through table %d", t)
	}
	if w.r.err != nil {
		return
	}
	w.out = appendU32(append(w.out, opCall), w.l.indirect[w.l.o.Types[x.Index].Key()])
}

func (w *rewriter) global(op byte) {
	at := w.r.pos()
	x, ok := w.reloc()
	if !ok {
		w.r.failAt(at, ErrReloc, "global access has no relocation")
		return
	}
	if !w.operand(x, GlobalIndexLEB) {
		return
	}
	if s := &w.l.o.Symbols[x.Index]; s.Name != "__stack_pointer" {
		w.r.failAt(at, ErrUnsupported, "global %q", s.Name)
		return
	}
	w.out = append(w.out, op, globalSP)
	up := w.prev[1].op == opI32Add && w.prev[0].op == opI32Const && w.prev[0].imm > 0
	if op == opGlobalSet && !up {
		w.stackCheck()
	}
}

func (w *rewriter) memArg() {
	at := w.r.pos()
	if a := w.u32(); a > 4 && w.r.err == nil {
		w.r.failAt(at, ErrUnsupported, "memory access with alignment field %#x", a)
		return
	}
	if x, ok := w.reloc(); ok {
		if w.operand(x, MemoryAddrLEB) {
			w.out = appendU32(w.out, w.l.addr(x))
		}
		return
	}
	w.u32()
}

func (w *rewriter) i32Const() {
	var v int32
	if x, ok := w.reloc(); ok {
		if !w.operand(x, MemoryAddrSLEB, TableIndexSLEB) {
			return
		}
		if x.Type == TableIndexSLEB {
			v = int32(w.l.slotOf[x.Index])
		} else {
			v = int32(w.l.addr(x))
		}
	} else {
		v = w.r.s32()
	}
	w.last.imm = v
	w.out = appendS32(append(w.out, opI32Const), v)
}

// prefixFC copies a saturating conversion, memory.copy or memory.fill.
func (w *rewriter) prefixFC(at int) {
	sub := w.r.u32()
	w.out = appendU32(append(w.out, opPrefixFC), sub)
	switch {
	case sub <= 7:
	case sub == 10:
		w.plain(2)
	case sub == 11:
		w.plain(1)
	default:
		w.r.failAt(w.l.o.codeOff+at, ErrUnsupported, "opcode 0xfc %d (tables and passive segments)", sub)
	}
}
