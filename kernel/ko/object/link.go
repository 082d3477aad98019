package object

// Target is what an undefined symbol resolves to.
type Target struct {
	// A function: the module and name that the emitted module imports it
	// from, and its signature, which must be that of the symbol.
	Module, Name string
	Type         FuncType
	// Slot gives the function's place in the kernel's function table. It is called
	// only if the object takes the function's address.
	Slot func() (uint32, error)

	// Data: the address in kernel memory.
	Addr uint32
}

// Plan says what a link of an object needs.
type Plan struct {
	CoreSize, CoreAlign uint32 // data that lives as long as the module
	InitSize, InitAlign uint32 // .init.data, needed until init_module returns
	Slots               uint32 // consecutive entries of the function table
	Indirect            []FuncType
}

// Placement is where the loader put what Plan asked for.
type Placement struct {
	Core, Init uint32 // addresses
	Slot       uint32 // the first slot
}

// FuncInfo describes one function of an Image.
type FuncInfo struct {
	Name  string
	Type  FuncType
	Slot  uint32 // 0: the function has none
	Size  uint32 // of its body in the object, in bytes
	Start uint32 // of its body in the object file, as llvm-objdump counts
	Init  bool   // init code, see the package comment
	Exit  bool
	Index uint32 // in the object's function index space
}

// PlacedSegment is one data segment at its address, relocated.
type PlacedSegment struct {
	Name string
	Addr uint32
	Data []byte
	Init bool
}

// Image is a linked object.
type Image struct {
	Wasm     []byte // a complete module, to be instantiated under the module's name
	Segments []PlacedSegment
	Funcs    []FuncInfo
	Globals  map[string]Def // every symbol that is not local
	Ctors    []uint32       // slots of the init functions in calling order
}

// Def is a defined symbol of an Image.
type Def struct {
	Func int    // index in Image.Funcs, -1 for data
	Addr uint32 // of data
	Size uint32
}
