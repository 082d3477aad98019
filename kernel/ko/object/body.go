package object

// maxLocals bounds the locals of one function, as engines do.
const maxLocals = 50000

// rewriter copies one function body into the image: it applies the relocations to the operands
// they stand on, lowers accesses to memory and adds the checks. Three passes: read the
// instructions (decode.go), find who makes the addresses (match.go), emit.
type rewriter struct {
	l    *linker
	r    *reader // of the object's code section
	out  []byte
	next int // index in CodeRelocs of the next relocation

	code    []ins
	targets []uint32 // of br_table
	stack   operands
	nlocals uint32 // with the parameters

	added   []ValType        // locals that are added
	temps   [numTemps]uint32 // plus 1: 0 if there is none yet
	shadows []uint32         // by local: the i32 with its place in memory, 0 if there is none
	now     *facts
	alias   []alias
	bases   bits
	labels  []label
	wrapped bool // the last instruction cut a 64-bit number
}

// skip passes over the relocations of functions that are not emitted.
func (w *rewriter) skip(start uint32) {
	for w.next < len(w.l.o.CodeRelocs) && w.l.o.CodeRelocs[w.next].Offset < start {
		w.next++
	}
}

// The temporaries: one for a value of each type, one for an address beside it.
const (
	tempI32 = iota
	tempI64
	tempF32
	tempF64
	tempAddr
	numTemps
)

// local adds a local; temp is one for a moment's use.
func (w *rewriter) local(t ValType) uint32 {
	w.added = append(w.added, t)
	return w.nlocals + uint32(len(w.added)) - 1
}

func (w *rewriter) temp(i int) uint32 {
	if w.temps[i] == 0 {
		t := [numTemps]ValType{I32, I64, F32, F64, I64}[i]
		w.temps[i] = w.local(t) + 1
	}
	return w.temps[i] - 1
}

// function rewrites the body of the i-th defined function and returns it with
// its size in front.
func (w *rewriter) function(i int, dst []byte) []byte {
	f := &w.l.o.Funcs[i]
	w.r = &reader{b: w.l.o.code[:f.End], p: int(f.Start), base: w.l.o.codeOff, section: "code"}
	if rel := w.l.o.CodeRelocs; w.next < len(rel) && rel[w.next].Offset < f.Start {
		w.r.failAt(w.l.o.codeOff+int(rel[w.next].Offset), ErrReloc, "%v stands between two functions", rel[w.next].Type)
		return dst
	}
	groups, locals := w.locals(f)
	w.body()
	if w.r.err == nil && w.r.p != len(w.r.b) {
		w.r.fail(ErrCode, "function %q goes on after its end", f.Name)
	}
	if rel := w.l.o.CodeRelocs; w.r.err == nil && w.next < len(rel) && rel[w.next].Offset < f.End {
		w.r.failAt(w.l.o.codeOff+int(rel[w.next].Offset), ErrReloc, "%v stands on no operand", rel[w.next].Type)
	}
	if w.r.err == nil {
		w.match(len(w.l.o.Types[f.Type].Results))
	}
	if w.r.err != nil {
		w.r.err.Symbol = f.Name
		return dst
	}
	w.emit(w.l.open[i])

	for k := 0; k < len(w.added); {
		n := k + 1
		for n < len(w.added) && w.added[n] == w.added[k] {
			n++
		}
		groups++
		locals = append(appendU32(locals, uint32(n-k)), byte(w.added[k]))
		k = n
	}
	n := appendU32(nil, groups)
	dst = appendU32(dst, uint32(len(n)+len(locals)+len(w.out)))
	return append(append(append(dst, n...), locals...), w.out...)
}

func (w *rewriter) locals(f *Func) (groups uint32, locals []byte) {
	groups = w.r.count("groups of locals", 2)
	total := uint64(len(w.l.o.Types[f.Type].Params))
	for g := uint32(0); g < groups && w.r.err == nil; g++ {
		n := w.r.u32()
		t := w.r.valType()
		total += uint64(n)
		locals = append(appendU32(locals, n), byte(t))
	}
	if total > maxLocals {
		w.r.fail(ErrLimit, "function %q has %d locals, the limit is %d", f.Name, total, maxLocals)
	}
	w.nlocals = uint32(total)
	return groups, locals
}

// emit writes the instructions. open: the function may be part of a recursion.
func (w *rewriter) emit(open bool) {
	w.out, w.added, w.temps = w.out[:0], w.added[:0], [numTemps]uint32{}
	n := min(w.nlocals, maxTracked)
	w.shadows = append(w.shadows[:0], make([]uint32, n)...)
	w.bases = append(w.bases[:0], make(bits, (n+63)/64)...)
	w.alias = w.alias[:0]
	w.now = newFacts(n)
	w.labels = append(w.labels[:0], label{op: opBlock})
	if open {
		w.budget()
	}
	for i := 0; i < len(w.code); i++ {
		in := &w.code[i]
		if in.op != opLoop && in.lo >= 0 {
			// An address that can be made anew in the engine's terms.
			i = int(in.lo)
			in = &w.code[i]
			w.access(&w.code[in.conv], in.form)
			w.wrapped = false
			continue
		}
		w.flow(int32(i), in)
		w.instruction(in)
		w.wrapped = in.op == opI32WrapI64
	}
}

func (w *rewriter) instruction(in *ins) {
	switch op := in.op; {
	case op == opUnreachable:
		w.out = appendS32(append(w.out, opI32Const), int32(in.site))
		w.out = append(w.out, opCall, funcTrap, opUnreachable)
	case op == opBlock, op == opIf, op == opLoop:
		w.out = appendS64(append(w.out, op), int64(in.a))
		if op == opLoop {
			w.budget()
		}
	case op == opBr, op == opBrIf, op == opCall:
		w.out = appendU32(append(w.out, op), uint32(in.a))
	case op == opBrTable:
		w.out = appendU32(append(w.out, op), in.b)
		for _, t := range w.targets[in.a : in.a+uint64(in.b)+1] {
			w.out = appendU32(w.out, t)
		}
	case op == opCallIndirect:
		w.callAddress(in)
	case op == opSelectT:
		w.out = append(w.out, op, 1, byte(in.b))
	case op >= opLocalGet && op <= opLocalTee:
		w.setLocal(in)
	case op == opGlobalGet:
		w.out = append(w.out, op, globalSP)
	case op == opGlobalSet:
		w.out = append(w.out, op, globalSP)
		if in.form.off <= 0 { // one that raises it needs none
			w.stackCheck()
		}
	case op >= opLoadFirst && op <= opStoreLast:
		if !in.done {
			w.late(in)
		}
		if in.live != 0 {
			w.out = appendU32(append(w.out, opDrop, opCall), in.live-1)
			break
		}
		w.out = appendU32(appendU32(append(w.out, op), in.b), uint32(in.a))
	case op == opMemorySize:
		w.out = append(w.out, op, 0, opI64ExtendU)
	case op == opI32Const:
		w.out = appendS32(append(w.out, op), int32(in.a))
	case op == opI64Const:
		w.out = appendS64(append(w.out, op), int64(in.a))
	case op == opF32Const, op == opF64Const:
		w.out = append(append(w.out, op), w.r.b[in.a:in.a+4<<(op-opF32Const)]...)
	case op == opPrefixFC && in.b >= subCopy:
		w.out = appendS32(append(w.out, opI32Const), int32(in.site))
		w.out = append(w.out, opCall, byte(funcCopy+in.b-subCopy))
	case op == opPrefixFC:
		w.out = appendU32(append(w.out, op), in.b)
	default:
		w.out = append(w.out, op)
	}
	if in.conv >= 0 && in.op != opLocalTee {
		w.checked(&w.code[in.conv])
	}
}

// setLocal is an instruction on a local. One that is also an address is set, and then seen as the
// local's.
func (w *rewriter) setLocal(in *ins) {
	op, x := in.op, uint32(in.a)
	if op == opLocalTee && in.conv >= 0 {
		op = opLocalSet
	}
	w.out = appendU32(append(w.out, op), x)
	if in.op == opLocalGet {
		return
	}
	w.assign(x, in.form)
	if op != in.op {
		w.access(&w.code[in.conv], form{kind: formLocal, base: x})
	}
}

// callAddress calls through a pointer: the address goes to the dispatcher of the signature whole,
// so that its upper half counts too.
func (w *rewriter) callAddress(in *ins) {
	if n := len(w.out) - 1; w.wrapped {
		w.out = w.out[:n]
	} else {
		w.out = append(w.out, opI64ExtendS)
	}
	w.out = appendU32(append(w.out, opCall), uint32(in.a))
}

// budget emits: if (--budget < 0) resched().
func (w *rewriter) budget() {
	t := w.temp(tempI32)
	w.out = append(w.out, opGlobalGet, globalBudget, opI32Const, 0x7f, opI32Add, opLocalTee)
	w.out = appendU32(w.out, t)
	w.out = append(w.out, opGlobalSet, globalBudget, opLocalGet)
	w.out = appendU32(w.out, t)
	w.out = append(w.out, opI32Const, 0, opI32LtS, opIf, emptyBlock, opCall, funcResched, opEnd)
}

// stackCheck emits: if ((u64)(sp - limit) > size) stack_overflow().
func (w *rewriter) stackCheck() {
	w.out = append(w.out, opGlobalGet, globalSP, opGlobalGet, globalLimit, opI64Sub, opI64Const)
	w.out = appendS32(w.out, int32(w.l.opt.StackSize))
	w.out = append(w.out, opI64GtU, opIf, emptyBlock, opCall, funcStack, opEnd)
}
