package machine

import (
	"errors"
	"time"

	"github.com/kobench/kobench/kernel/ko/object"
)

// ValType is a WebAssembly value type.
type ValType = object.ValType

const (
	I32 = object.I32
	I64 = object.I64
	F32 = object.F32
	F64 = object.F64
)

// The address space.
const (
	GuardSize = 4096       // bytes from address 0 that nobody may touch
	UserBase  = 0x80000000 // the first user address
)

// HostFunc is a kernel function written in Go that C code can call. Fn finds
// its arguments in stack[0…] as wazero lays them out (an i32 in the low half)
// and leaves its result in stack[0]. It runs with the big lock held and may
// call t.Call, t.Release, and panic with a *Trap to kill the thread.
type HostFunc struct {
	Name            string
	Params, Results []ValType
	Fn              func(t *Thread, stack []uint64)
}

// Config is what a Machine is made of; the zero value works.
type Config struct {
	Cache       *Cache                             // compiled code shared between machines; nil: none
	MemoryLimit uint32                             // bytes of kernel memory, default 64 MiB, at most 1 GiB
	StackSize   uint32                             // bytes of a thread's C stack, default 16 KiB
	Watchdog    time.Duration                      // running time of one call without a sleep, default 10 s
	Host        func(name string) (HostFunc, bool) // kernel functions, looked up when first needed
	RedZones    bool                               // guard every allocation and poison freed memory
}

// Cache keeps compiled code for all machines that are given it.
type Cache struct{}

// NewCache makes a Cache. Close it when no machine uses it any more.
func NewCache() *Cache { return &Cache{} }

func (c *Cache) Close() error { return nil }

// Machine is one simulated processor with its memory.
type Machine struct{}

// Thread is a flow of C control: a kernel thread, or a task inside a system call.
type Thread struct {
	Data any // the owner's
}

// Module is a loaded module.
type Module struct{}

var errDraft = errors.New("machine: not implemented yet")

func New(cfg Config) (*Machine, error) { return nil, errDraft }
func (m *Machine) Close() error        { return errDraft }

// Do runs f with the big lock held, outside any C code.
func (m *Machine) Do(f func()) {}

// Target resolves an undefined symbol: make one with HostTarget, Module.Target or DataTarget.
type Target = object.Target

// LoadOptions says how to load an object.
type LoadOptions struct {
	Name string // the module's name, also in back-traces
	// Resolve finds an undefined symbol. Its error becomes part of Load's. A nil
	// Resolve looks into the host functions and vmlinux only.
	Resolve func(s *object.Symbol) (Target, error)
}

// Load links and instantiates an object. It runs no code of the module. It must not be called with
// the big lock held: from a host function, call it inside Thread.Release.
func (m *Machine) Load(o *object.Object, opt LoadOptions) (*Module, error) { return nil, errDraft }

// HostTarget resolves a symbol to the host function of that name; ok is false if there is none.
func (m *Machine) HostTarget(name string) (Target, bool) { return Target{}, false }

// DataTarget resolves a data symbol to an address.
func DataTarget(addr uint32) Target { return Target{Addr: addr} }

// HostSlot is the table slot of a host function, made on first use: the value of &name in C.
func (m *Machine) HostSlot(name string) (uint32, error) { return 0, errDraft }

// Builtin is the module "vmlinux", loaded from kernel/lib when the machine was made.
func (m *Machine) Builtin() *Module { return nil }

// Symbol is a defined global symbol of a loaded module.
type Symbol struct {
	Name string
	Addr uint32 // of data; of a function its table slot
	Size uint32
	Func bool
	Type object.FuncType
}

// Section is a data section of a loaded module.
type Section struct {
	Name string
	Addr uint32
	Size uint32
	Init bool
}

func (mod *Module) Name() string                        { return "" }
func (mod *Module) Symbol(name string) (Symbol, bool)   { return Symbol{}, false }
func (mod *Module) Symbols() []Symbol                   { return nil }
func (mod *Module) Sections() []Section                 { return nil }
func (mod *Module) Section(name string) (Section, bool) { return Section{}, false }
func (mod *Module) Target(name string) (Target, bool)   { return Target{}, false }
func (mod *Module) Ctors() []uint32                     { return nil }
func (mod *Module) Size() (core, init uint32)           { return 0, 0 }
func (mod *Module) FreeInit()                           {}
func (mod *Module) Unload() ([]Leak, error)             { return nil, errDraft }

// Leak is memory that a module allocated and did not free.
type Leak struct {
	Addr, Size uint32
}

func (m *Machine) NewThread(name string) (*Thread, error) { return nil, errDraft }
func (t *Thread) Close()                                  {}
func (t *Thread) Machine() *Machine                       { return nil }
func (t *Thread) Name() string                            { return "" }

// Call runs the function in a table slot. At depth 0 it takes the big lock.
// Errors: *Trap.
func (t *Thread) Call(slot uint32, args ...uint64) (uint64, error) { return 0, errDraft }

// Release gives up the big lock while f runs. It is the only scheduling point.
func (t *Thread) Release(f func()) {}

// Caller is the module whose code called the running host function.
func (t *Thread) Caller() *Module { return nil }

// PreemptDisable and PreemptEnable nest; in between, no loop gives other threads the lock.
func (t *Thread) PreemptDisable()   {}
func (t *Thread) PreemptEnable()    {}
func (t *Thread) PreemptCount() int { return 0 }

// SetUser maps p at the i-th user window for the next Call at depth 0 and
// returns its address. p is unmapped when that Call returns.
func (t *Thread) SetUser(i int, p []byte) uint32   { return 0 }
func (t *Thread) SetUserRO(i int, p []byte) uint32 { return 0 }

// User finds n bytes at a user address for reading, UserW for writing.
func (t *Thread) User(addr, n uint32) ([]byte, bool)  { return nil, false }
func (t *Thread) UserW(addr, n uint32) ([]byte, bool) { return nil, false }

// Memory; all need the big lock.
func (m *Machine) Bytes(addr, n uint32) ([]byte, bool)                     { return nil, false }
func (m *Machine) U8(addr uint32) (uint8, bool)                            { return 0, false }
func (m *Machine) U16(addr uint32) (uint16, bool)                          { return 0, false }
func (m *Machine) U32(addr uint32) (uint32, bool)                          { return 0, false }
func (m *Machine) U64(addr uint32) (uint64, bool)                          { return 0, false }
func (m *Machine) PutU8(addr uint32, v uint8) bool                         { return false }
func (m *Machine) PutU16(addr uint32, v uint16) bool                       { return false }
func (m *Machine) PutU32(addr uint32, v uint32) bool                       { return false }
func (m *Machine) PutU64(addr uint32, v uint64) bool                       { return false }
func (m *Machine) CString(addr uint32, max int) (string, bool)             { return "", false }
func (m *Machine) Alloc(size, align uint32, owner *Module) (uint32, error) { return 0, errDraft }
func (m *Machine) Free(addr uint32) error                                  { return errDraft }
func (m *Machine) AllocSize(addr uint32) (uint32, bool)                    { return 0, false }

// TrapKind says what went wrong in C.
type TrapKind int

const (
	TrapNull        TrapKind = iota + 1 // dereference of a null pointer
	TrapBounds                          // access outside kernel memory: a wild or user pointer
	TrapUnreachable                     // BUG() or __builtin_trap
	TrapDivide                          // division by zero or INT_MIN / -1
	TrapConvert                         // float to integer out of range
	TrapCall                            // indirect call: bad slot or another signature
	TrapStack                           // stack overflow
	TrapWatchdog                        // soft lockup
	TrapHost                            // a host function panicked
	TrapKilled                          // a host function ended the thread on purpose
)

// Frame is one line of a back-trace, innermost first.
type Frame struct {
	Module, Func string
	Type         string
}

// Trap is an oops: why the C code on a thread was stopped, and where.
type Trap struct {
	Kind         TrapKind
	Thread       string
	Module, Func string // of the innermost frame in C
	Offset       uint32 // in the function's object code when known, else 0
	Msg          string
	Addr         uint32 // bad address or slot, when known
	SP           uint32
	Stack        []Frame
	Err          error // the cause of TrapHost and TrapKilled
}

func (t *Trap) Error() string { return t.Msg }
func (t *Trap) Unwrap() error { return t.Err }
