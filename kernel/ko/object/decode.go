package object

// ins is one instruction of a body, with its relocations applied: indices are those of the emitted
// module, addresses those that C sees.
type ins struct {
	op   byte
	site uint32 // where it stands in the object's code section
	a    uint64 // its operand: constant, local, label, offset, function, block type …
	b    uint32 // a second one: alignment, number of targets, sub-opcode
	sym  bool   // a is an address, by relocation
	lo   int32  // of a replaced address: where the expression begins, see match
	conv int32  // of what makes an address: the access that uses it, -1
	done bool   // of an access: its address is converted where it is made
	live uint32 // of a load: the function that is called in its place, plus 1 (see live.go)
	form form   // of the value that local.set and local.tee take, or of the address
}

// body reads a function's instructions.
func (w *rewriter) body() {
	w.code, w.targets = w.code[:0], w.targets[:0]
	depth := 1
	for w.r.err == nil && depth > 0 {
		at := w.r.p
		in := ins{op: w.r.byte(), site: uint32(at), lo: -1, conv: -1}
		if w.r.err != nil {
			return
		}
		switch op := in.op; {
		case op == opBlock, op == opIf, op == opLoop:
			in.a, in.b = w.blockType()
			depth++
		case op == opEnd:
			depth--
		case op == opBr, op == opBrIf:
			in.a = uint64(w.label(depth))
		case op == opBrTable:
			in.a = uint64(len(w.targets))
			in.b = w.r.count("branch targets", 1)
			for i := uint32(0); i <= in.b && w.r.err == nil; i++ {
				w.targets = append(w.targets, w.label(depth))
			}
		case op == opCall:
			in.a, in.b = w.call()
		case op == opCallIndirect:
			in.a, in.b = w.callIndirect()
		case op == opSelectT:
			if n := w.r.count("types", 1); n != 1 && w.r.err == nil {
				w.r.fail(ErrCode, "select of %d types", n)
			}
			in.b = uint32(w.r.valType())
		case op >= opLocalGet && op <= opLocalTee:
			if in.a = uint64(w.r.u32()); in.a >= uint64(w.nlocals) {
				w.r.fail(ErrCode, "local %d of %d", in.a, w.nlocals)
			}
		case op == opGlobalGet, op == opGlobalSet:
			w.global()
		case op >= opLoadFirst && op <= opStoreLast:
			in.a, in.b, in.sym, in.live = w.memArg(op)
		case op == opMemorySize:
			w.r.bytes(1, "an operand")
		case op == opI32Const:
			in.a = uint64(uint32(w.r.s32()))
		case op == opI64Const:
			in.a, in.sym = w.i64Const()
		case op == opF32Const, op == opF64Const:
			in.a = uint64(w.r.p)
			w.r.bytes(4<<(op-opF32Const), "a constant")
		case op == opPrefixFC:
			in.b = w.prefixFC(at)
		case op == opUnreachable, op == opNop, op == opElse, op == opReturn, op == opDrop, op == opSelect,
			op >= opI32Eqz && op <= opNumericLast:
		case op == opMemoryGrow:
			w.r.failAt(w.l.o.codeOff+at, ErrUnsupported, "memory.grow: a module gets memory from kmalloc")
		default:
			w.r.failAt(w.l.o.codeOff+at, ErrUnsupported,
				"opcode %#x (build for baseline wasm64 with at most bulk-memory, sign-ext and nontrapping-fptoint)", op)
		}
		w.code = append(w.code, in)
	}
}

func (w *rewriter) label(depth int) uint32 {
	n := w.r.u32()
	if uint64(n) >= uint64(depth) && w.r.err == nil {
		w.r.fail(ErrCode, "branch to label %d of %d", n, depth)
	}
	return n
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

// operand reads a padded operand that a relocation will replace.
func (w *rewriter) operand(x *Reloc, want ...RelocType) bool {
	at := w.r.pos()
	for _, t := range want {
		if x.Type == t {
			n := int(t.width())
			for i := 0; i < n; i++ {
				c := w.r.byte()
				if more := i < n-1; w.r.err == nil && (c&0x80 != 0) != more {
					w.r.failAt(at, ErrReloc, "%v stands on a number that is not padded to %d bytes", x.Type, n)
				}
			}
			return w.r.err == nil
		}
	}
	w.r.failAt(at, ErrReloc, "%v stands on an operand of another kind", x.Type)
	return false
}

// blockType gives the type as it is emitted, and its parameters and results in two half-words.
func (w *rewriter) blockType() (typ uint64, arity uint32) {
	if x, ok := w.reloc(); ok {
		if !w.operand(x, TypeIndexLEB) {
			return 0, 0
		}
		return w.funcBlock(w.l.o.Types[x.Index])
	}
	at := w.r.pos()
	v := w.r.s64()
	switch {
	case v >= int64(len(w.l.o.Types)) || v < -64:
		w.r.failAt(at, ErrIndex, "block type %d of %d", v, len(w.l.o.Types))
	case v >= 0:
		return w.funcBlock(w.l.o.Types[v])
	case v != -64:
		return uint64(v), 1
	}
	return uint64(v), 0
}

func (w *rewriter) funcBlock(t FuncType) (typ uint64, arity uint32) {
	return uint64(w.l.typeIndex(t)), uint32(len(t.Params))<<16 | uint32(len(t.Results))
}

func (w *rewriter) call() (fn uint64, typ uint32) {
	x, ok := w.reloc()
	if !ok {
		at := w.r.pos()
		w.r.failAt(at, ErrReloc, "call of function %d has no relocation", w.r.u32())
		return 0, 0
	}
	if !w.operand(x, FunctionIndexLEB) {
		return 0, 0
	}
	return uint64(w.l.funcOf[x.Index]), w.l.o.typeOf(w.l.o.Symbols[x.Index].Index)
}

func (w *rewriter) callIndirect() (fn uint64, typ uint32) {
	at := w.r.pos()
	x, ok := w.reloc()
	if !ok {
		w.r.failAt(at, ErrReloc, "call_indirect has no relocation for its type")
		return 0, 0
	}
	if !w.operand(x, TypeIndexLEB) {
		return 0, 0
	}
	if y, ok := w.reloc(); ok {
		w.operand(y, TableNumberLEB)
	} else if t := w.r.u32(); t != 0 && w.r.err == nil {
		w.r.failAt(at, ErrUnsupported, "call_indirect through table %d", t)
	}
	if w.r.err != nil {
		return 0, 0
	}
	return uint64(w.l.indirect[w.l.o.Types[x.Index].Key()]), x.Index
}

// global accepts the stack pointer, the only global that C has.
func (w *rewriter) global() {
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
	}
}

func (w *rewriter) memArg(op byte) (off uint64, align uint32, sym bool, live uint32) {
	at := w.r.pos()
	if align = w.r.u32(); align > 4 && w.r.err == nil {
		w.r.failAt(at, ErrUnsupported, "memory access with alignment field %#x", align)
		return 0, 0, false, 0
	}
	if x, ok := w.reloc(); ok {
		if w.operand(x, MemoryAddrLEB64) {
			return w.l.addr(x), align, true, w.l.liveLoad(op, x)
		}
		return 0, 0, false, 0
	}
	return w.r.u64(), align, false, 0
}

func (w *rewriter) i64Const() (v uint64, sym bool) {
	x, ok := w.reloc()
	switch {
	case !ok:
		return uint64(w.r.s64()), false
	case !w.operand(x, MemoryAddrSLEB64, TableIndexSLEB64):
		return 0, false
	case x.Type == TableIndexSLEB64:
		return FuncAddr(w.l.slotOf[x.Index]), true
	}
	return w.l.addr(x), true
}

// prefixFC reads a saturating conversion, memory.copy or memory.fill.
func (w *rewriter) prefixFC(at int) (sub uint32) {
	sub = w.r.u32()
	switch {
	case sub <= 7:
	case sub == subCopy:
		w.r.bytes(2, "an operand")
	case sub == subFill:
		w.r.bytes(1, "an operand")
	default:
		w.r.failAt(w.l.o.codeOff+at, ErrUnsupported, "opcode 0xfc %d (tables and passive segments)", sub)
	}
	return sub
}

const (
	subCopy = 10
	subFill = 11
)
