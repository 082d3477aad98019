package object

// Lowering of memory accesses. C has addresses of 64 bits, the engine a memory with offsets of 32.
// The kernel's addresses begin at KernelBase, whose lower half is zero: so the offset is the
// address without its upper half, once it is known to be of kernel memory. One comparison finds
// everything else, NULL, small numbers, user and wild pointers:
//
//	if ((u64)(addr - KernelBase) >= memory) fault(addr + offset)
//
// It is left out where it must hold: for constants (symbols), for the C stack, and for a local that
// was compared before and not set since (facts.go). Then the local's offset is at hand in a local
// of its own, its shadow, and the engine leaves its own check out for the same reason.

// access emits the address of access a as an i32, made of what in.form says, without the
// instructions that made it. It returns the operand that is left for the access.
func (w *rewriter) access(a *ins, f form) {
	switch {
	case f.kind == formConst:
		w.constant(a, uint64(f.off)+a.a)
		return
	case a.sym:
		w.make(f)
		w.checked(a)
		return
	case f.kind == formStack:
		if off := f.off + int64(a.a); off >= 0 && off < maxOffset {
			w.out = append(w.out, opGlobalGet, globalSP, opI32WrapI64)
			a.a = uint64(off)
			return
		}
	case f.kind == formLocal:
		f = w.root(f)
		if off := f.off + int64(a.a); off >= 0 && off < maxOffset {
			w.viaLocal(f.base, uint64(off), a.site)
			a.a = uint64(off)
			return
		}
	}
	w.make(f)
	w.checked(a)
}

// make emits a value from its form.
func (w *rewriter) make(f form) {
	if f.kind == formStack {
		w.out = append(w.out, opGlobalGet, globalSP)
	} else {
		w.out = appendU32(append(w.out, opLocalGet), f.base)
	}
	if f.off != 0 {
		w.out = append(appendS64(append(w.out, opI64Const), f.off), opI64Add)
	}
}

// constant is an access to an address that is known now.
func (w *rewriter) constant(a *ins, addr uint64) {
	if w.inMemory(addr) {
		w.out = appendS32(append(w.out, opI32Const), int32(uint32(addr)))
	} else {
		w.out = appendS64(append(w.out, opI64Const), int64(addr))
		w.fault(a.site)
	}
	a.a = 0
}

func (w *rewriter) inMemory(addr uint64) bool { return addr-KernelBase < uint64(w.l.opt.Memory) }

// fault emits fault(address on the stack, site). It does not return.
func (w *rewriter) fault(site uint32) {
	w.out = appendS32(append(w.out, opI32Const), int32(site))
	w.out = append(w.out, opCall, funcFault, opUnreachable)
}

// outside emits the comparison for the address on the stack.
func (w *rewriter) outside() {
	w.out = appendS64(append(w.out, opI64Const), 1<<64-KernelBase)
	w.out = appendS64(append(w.out, opI64Add, opI64Const), int64(w.l.opt.Memory))
	w.out = append(w.out, opI64GeU)
}

// checked turns the address on the stack into an offset.
func (w *rewriter) checked(a *ins) {
	if a.a >= maxOffset || a.sym {
		w.out = append(appendS64(append(w.out, opI64Const), int64(a.a)), opI64Add)
		a.a = 0
	}
	t := w.temp(tempAddr)
	w.out = appendU32(append(w.out, opLocalTee), t)
	w.outside()
	w.out = appendU32(append(w.out, opIf, emptyBlock, opLocalGet), t)
	if a.a != 0 {
		w.out = append(appendS64(append(w.out, opI64Const), int64(a.a)), opI64Add)
	}
	w.fault(a.site)
	w.out = append(appendU32(append(w.out, opEnd, opLocalGet), t), opI32WrapI64)
}

// viaLocal emits the offset that local x holds the address of, with the check if it is needed.
func (w *rewriter) viaLocal(x uint32, off uint64, site uint32) {
	f := w.now
	tracked := int(x) < len(f.aliases)
	if tracked && f.shadow.has(x) {
		w.out = appendU32(append(w.out, opLocalGet), w.shadowOf(x))
		return
	}
	if !tracked || !f.known.has(x) {
		w.out = appendU32(append(w.out, opLocalGet), x)
		w.outside()
		w.out = appendU32(append(w.out, opIf, emptyBlock, opLocalGet), x)
		if off != 0 {
			w.out = append(appendS64(append(w.out, opI64Const), int64(off)), opI64Add)
		}
		w.fault(site)
		w.out = append(w.out, opEnd)
	}
	w.out = append(appendU32(append(w.out, opLocalGet), x), opI32WrapI64)
	if tracked {
		w.out = appendU32(append(w.out, opLocalTee), w.shadowOf(x))
		f.known.set(x)
		f.shadow.set(x)
	}
}

func (w *rewriter) shadowOf(x uint32) uint32 {
	if w.shadows[x] == 0 {
		w.shadows[x] = w.local(I32)
	}
	return w.shadows[x]
}

// late converts an address that was made before a call: it lies below the value of a store.
func (w *rewriter) late(a *ins) {
	if a.op <= opLoadLast {
		w.checked(a)
		return
	}
	t := w.temp(storeTemp(a.op))
	w.out = appendU32(append(w.out, opLocalSet), t)
	w.checked(a)
	w.out = appendU32(append(w.out, opLocalGet), t)
}

// storeTemp is the temporary for the value of a store.
func storeTemp(op byte) int {
	switch {
	case op == 0x37 || op >= 0x3c:
		return tempI64
	case op == 0x38:
		return tempF32
	case op == 0x39:
		return tempF64
	}
	return tempI32
}
