package object

// Builder writes small modules by hand: the trampolines that the machine
// needs beside the linked ones. It knows no more of the format than they use.
type Builder struct {
	types   []byte
	ntypes  uint32
	imports []byte
	nimp    uint32
	nfimp   uint32
	funcs   []uint32
	bodies  [][]byte
	names   []string
	exports []byte
	nexp    uint32
	tables  []byte
	memory  []byte
	globals []byte
	nglob   uint32
	start   int64
	elems   []byte
	nelem   uint32
	name    string
}

// Funcref is the type of a function reference, which C code never sees.
const Funcref ValType = 0x70

// NewBuilder starts a module; name appears in back-traces.
func NewBuilder(name string) *Builder { return &Builder{name: name, start: -1} }

// Type adds a signature and returns its index.
func (b *Builder) Type(params, results []ValType) uint32 {
	b.types = appendType(b.types, FuncType{params, results})
	b.ntypes++
	return b.ntypes - 1
}

// ImportFunc adds an imported function and returns its index. All imports
// come before the first Func.
func (b *Builder) ImportFunc(module, name string, typ uint32) uint32 {
	b.imports = append(appendName(appendName(b.imports, module), name), 0)
	b.imports = appendU32(b.imports, typ)
	b.nimp++
	b.nfimp++
	return b.nfimp - 1
}

// ImportTable imports a table of functions.
func (b *Builder) ImportTable(module, name string) {
	b.imports = append(appendName(appendName(b.imports, module), name), 1, 0x70, 0, 0)
	b.nimp++
}

// ImportMemory imports memory 0.
func (b *Builder) ImportMemory(module, name string) {
	b.imports = append(appendName(appendName(b.imports, module), name), 2, 0, 0)
	b.nimp++
}

// ImportGlobal imports a mutable global and returns its index.
func (b *Builder) ImportGlobal(module, name string, t ValType) uint32 {
	b.imports = append(appendName(appendName(b.imports, module), name), 3, byte(t), 1)
	b.nimp++
	b.nglob++
	return b.nglob - 1
}

// Table defines table 0 with n empty entries and exports it.
func (b *Builder) Table(n, limit uint32, export string) {
	b.tables = appendU32(appendU32(append(b.tables, 1, 0x70, 1), n), limit)
	b.export(export, 1, 0)
}

// Memory defines memory 0, in pages of 64 KiB, and exports it.
func (b *Builder) Memory(pages, limit uint32, export string) {
	b.memory = appendU32(appendU32(append(b.memory, 1, 1), pages), limit)
	b.export(export, 2, 0)
}

// Global defines a mutable i32 or i64 and exports it.
func (b *Builder) Global(t ValType, v int32, export string) uint32 {
	op := byte(opI32Const)
	if t == I64 {
		op = opI64Const
	}
	b.globals = append(b.globals, byte(t), 1, op)
	b.globals = append(appendS32(b.globals, v), opEnd)
	b.export(export, 3, b.nglob)
	b.nglob++
	return b.nglob - 1
}

// Func adds a function and returns its index; the body ends without opEnd. An
// empty export keeps it private.
func (b *Builder) Func(typ uint32, export string, body []byte) uint32 {
	i := b.nfimp + uint32(len(b.funcs))
	b.funcs = append(b.funcs, typ)
	b.bodies = append(b.bodies, body)
	b.names = append(b.names, export)
	if export != "" {
		b.export(export, 0, i)
	}
	return i
}

// Export exports a function that has an index, such as an imported one.
func (b *Builder) Export(name string, f uint32) { b.export(name, 0, f) }

func (b *Builder) export(name string, kind byte, i uint32) {
	b.exports = appendU32(append(appendName(b.exports, name), kind), i)
	b.nexp++
}

// Start makes f the start function; Declare allows ref.func of f.
func (b *Builder) Start(f uint32) { b.start = int64(f) }

// Declare allows ref.func of f.
func (b *Builder) Declare(f uint32) {
	b.elems = appendU32(append(b.elems, 3, 0, 1), f)
	b.nelem++
}

// Bytes writes the module.
func (b *Builder) Bytes() []byte {
	vec := func(n uint32, items []byte) []byte { return append(appendU32(nil, n), items...) }
	out := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	add := func(id byte, n uint32, items []byte) {
		if n > 0 {
			out = appendSection(out, id, vec(n, items))
		}
	}
	add(1, b.ntypes, b.types)
	add(2, b.nimp, b.imports)
	var f, c, names []byte
	for i, t := range b.funcs {
		f = appendU32(f, t)
		body := append(append([]byte{0}, b.bodies[i]...), opEnd)
		c = append(appendU32(c, uint32(len(body))), body...)
		names = appendName(appendU32(names, b.nfimp+uint32(i)), b.names[i])
	}
	add(3, uint32(len(b.funcs)), f)
	if b.tables != nil {
		out = appendSection(out, 4, b.tables)
	}
	if b.memory != nil {
		out = appendSection(out, 5, b.memory)
	}
	if b.globals != nil {
		own := uint32(0)
		for p := 0; p < len(b.globals); own++ { // each is type, mutability, i32.const, number, end
			p += 3
			for b.globals[p]&0x80 != 0 {
				p++
			}
			p += 2
		}
		add(6, own, b.globals)
	}
	add(7, b.nexp, b.exports)
	if b.start >= 0 {
		out = appendSection(out, 8, appendU32(nil, uint32(b.start)))
	}
	add(9, b.nelem, b.elems)
	add(10, uint32(len(b.funcs)), c)
	n := appendName(nil, "name")
	n = appendSection(n, 0, appendName(nil, b.name))
	n = appendSection(n, 1, vec(uint32(len(b.funcs)), names))
	return appendSection(out, 0, n)
}

// Instruction encoders for Builder.Func.

func LocalGet(b []byte, i uint32) []byte  { return appendU32(append(b, opLocalGet), i) }
func GlobalGet(b []byte, i uint32) []byte { return appendU32(append(b, opGlobalGet), i) }
func GlobalSet(b []byte, i uint32) []byte { return appendU32(append(b, opGlobalSet), i) }
func I32Const(b []byte, v int32) []byte   { return appendS32(append(b, opI32Const), v) }
func Call(b []byte, f uint32) []byte      { return appendU32(append(b, opCall), f) }
func I32Add(b []byte) []byte              { return append(b, opI32Add) }
func I32GtU(b []byte) []byte              { return append(b, opI32GtU) }
func I32Store(b []byte) []byte            { return append(b, 0x36, 2, 0) }
func I32Wrap(b []byte) []byte             { return append(b, opI32WrapI64) }
func MemoryCopy(b []byte) []byte          { return append(b, opPrefixFC, subCopy, 0, 0) }
func MemoryFill(b []byte) []byte          { return append(b, opPrefixFC, subFill, 0) }

// ReturnIfZero returns if local n, an i64, is 0.
func ReturnIfZero(b []byte, n uint32) []byte {
	return append(LocalGet(b, n), 0x50, opIf, emptyBlock, opReturn, opEnd)
}

// InMemory calls span(addr, n, site), which does not return, unless the n bytes at addr are kernel
// memory; all are locals, and n is not 0.
func InMemory(b []byte, addr, n, site, memory, span uint32) []byte {
	size := func() { b = appendS64(append(b, opI64Const), int64(memory)) }
	place := func() {
		b = append(appendS64(append(LocalGet(b, addr), opI64Const), 1<<64-KernelBase), opI64Add)
	}
	place()
	size()
	b = append(b, opI64GeU)
	b = LocalGet(b, n)
	size()
	place()
	b = append(b, opI64Sub, opI64GtU, 0x72, opIf, emptyBlock) // i32.or
	b = LocalGet(LocalGet(LocalGet(b, addr), n), site)
	return append(Call(b, span), opUnreachable, opEnd)
}

// SlotOf turns the address of a function in local x, an i64, into its slot. One that is none goes
// to bad, which does not return.
func SlotOf(b []byte, x, bad uint32) []byte {
	const text = TextBase - 1<<64
	b = append(appendS64(append(LocalGet(b, x), opI64Const), text), opI64Sub, opI64Const, textShift, 0x8a, opLocalTee)
	b = appendS64(append(appendU32(b, x), opI64Const), MaxFuncs)
	b = append(LocalGet(append(b, opI64GeU, opIf, emptyBlock), x), opI64Const, textShift, 0x89)
	b = append(appendS64(append(b, opI64Const), text), opI64Add)
	return append(Call(b, bad), opUnreachable, opEnd)
}

// IfCall calls f if the i32 on the stack is not 0.
func IfCall(b []byte, f uint32) []byte {
	return append(Call(append(b, opIf, emptyBlock), f), opEnd)
}
func RefFunc(b []byte, f uint32) []byte { return appendU32(append(b, opRefFunc), f) }
func RefNull(b []byte) []byte           { return append(b, 0xd0, 0x70) }
func TableSet(b []byte) []byte          { return append(b, 0x26, 0) }
func TableGrow(b []byte) []byte         { return append(b, opPrefixFC, 15, 0) }
func TableFill(b []byte) []byte         { return append(b, opPrefixFC, 17, 0) }
func CallIndirect(b []byte, typ uint32) []byte {
	return append(appendU32(append(b, opCallIndirect), typ), 0)
}
