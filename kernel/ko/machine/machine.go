package machine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/kobench/kobench/kernel/ko/object"
)

// ValType is a WebAssembly value type.
type ValType = object.ValType

// The value types of C: I32 is int, I64 is long and pointers.
const (
	I32 = object.I32
	I64 = object.I64
	F32 = object.F32
	F64 = object.F64
)

// The address space.
const (
	KernelBase = object.KernelBase // of kernel memory; its first page is nobody's
	NullLimit  = 4096              // below it lies what is reached through NULL
	UserBase   = 0x200000000000    // of the buffers of a call whose own address is not known
	UserEnd    = 1<<47 - 4096      // [Linux] TASK_SIZE_MAX

	DefaultMemoryLimit = 64 << 20
	DefaultStackSize   = 16 << 10
	DefaultWatchdog    = 10 * time.Second

	maxMemoryLimit = 1 << 30
	maxSlots       = 1 << 16
)

// The lower end of a C stack, below the limit of its pointer:
//
//	0             callList                     stackReserve
//	| slots that  | room for functions that do | frames
//	| are called  | not move the pointer       |
const (
	callList     = 1024
	stackSpare   = 256
	stackReserve = callList + stackSpare
)

// HostFunc is a kernel function written in Go that C code can call. Fn finds
// its arguments in stack[0…] (an i32 in the low half, the rest undefined) and
// leaves its result in stack[0]. It runs with the big lock held. It may use
// t.Call and t.Release; to end the thread it panics with a *Trap.
type HostFunc struct {
	Name            string
	Params, Results []ValType
	Fn              func(t *Thread, stack []uint64)
}

// Config is what a Machine is made of; the zero value works.
type Config struct {
	// compiled code shared between machines; nil: the machine has its own
	Cache *Cache
	// bytes of kernel memory, default 64 MiB, at most 1 GiB
	MemoryLimit uint32
	StackSize   uint32 // bytes of a thread's C stack, default 16 KiB
	// running time that one call may take without a sleep, default 10 s
	Watchdog time.Duration
	Host     func(name string) (HostFunc, bool) // kernel functions, looked up when first needed
	// Imbalance is told, with the big lock held, that a call from outside has ended with preemption
	// disabled or interrupts off: a lock that is still held. The counts are 0 again after it. nil:
	// nobody asks.
	Imbalance func(t *Thread, preempt, irqs uint32)
	RedZones  bool // guard every allocation, poison free memory
	// do not compile (the default on processors other than amd64 and arm64)
	Interpreter bool
	Builtin     *object.Object // the kernel's C library, default kernel/lib
}

// Machine is one simulated processor with its memory. See the package
// comment for who may call what.
//
// Lock order: loadMu, then mu (the big lock).
type Machine struct {
	cfg     Config
	cache   *Cache
	own     bool // cache is ours to close
	rt      wazero.Runtime
	ctx     context.Context
	loadCtx context.Context // for instances that import host functions
	// modConfig is for all instances: the name is in the module, and no
	// source of random numbers is seeded for nobody (8 µs).
	modConfig wazero.ModuleConfig
	linear    *linearMemory
	core      api.Module
	memory    api.Memory
	sp        api.MutableGlobal
	limit     api.MutableGlobal
	budget    api.MutableGlobal
	gate      *host             // for the functions that the loader inserts calls of
	icalls    api.MutableGlobal // end of the running thread\'s list of slots
	clear     api.Function
	builtin   *Module
	lib       *builtin // +checklocks:loadMu

	clearArgs [2]uint64

	loadMu sync.Mutex // one Load, Unload or host function binding at a time
	// compiled modules
	code     map[[32]byte]*image     // +checklocks:loadMu
	codeSeq  uint64                  // +checklocks:loadMu
	hosts    map[string]*host        // +checklocks:loadMu
	hostCode []wazero.CompiledModule // +checklocks:loadMu
	// names in hosts that flushHosts has to make
	pending []string // +checklocks:loadMu

	mu      sync.Mutex // the big kernel lock
	waiters atomic.Int32
	closed  atomic.Bool

	// Everything below belongs to whoever holds mu.
	cur      *Thread
	mem      []byte
	heap     heap
	sigs     map[string]*signature
	slots    []slot
	slotUsed []uint64
	modules  map[string]*Module
	spare    uint32   // a free C stack, 0 if there is none
	stacks   []uint32 // more of them
	graves   []grave
	sleepers *Thread // in Release, a list
	callID   uint64
	window   uint32 // address of struct kb_window, 0 if there is none
	bounce   uint32
	preempt  uint32 // address of __preempt_count, 0 if there is none
	irqs     uint32 // address of __irqs_off
	calls    uint64
	inside   int // threads that are in a call
	switches uint64
}

type slot struct {
	sig  *signature // nil if there is no function
	mod  *Module
	name string
	lazy *object.Symbol // a library function that is not linked yet
}

// New makes a machine and loads its built-in module.
//
// Errors: of the configuration, or of wazero.
func New(cfg Config) (*Machine, error) {
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = DefaultMemoryLimit
	}
	if cfg.StackSize == 0 {
		cfg.StackSize = DefaultStackSize
	}
	if cfg.Watchdog == 0 {
		cfg.Watchdog = DefaultWatchdog
	}
	if cfg.MemoryLimit > maxMemoryLimit || cfg.MemoryLimit < 1<<20 {
		return nil, fmt.Errorf("machine: memory limit %d bytes, want 1 MiB to 1 GiB", cfg.MemoryLimit)
	}
	if cfg.StackSize%pageSize != 0 || cfg.StackSize > 1<<20 {
		return nil, fmt.Errorf("machine: stack size %d bytes, want a multiple of %d up to 1 MiB", cfg.StackSize, pageSize)
	}
	cfg.MemoryLimit &^= wasmPage - 1
	m := &Machine{
		cfg:     cfg,
		cache:   cfg.Cache,
		code:    map[[32]byte]*image{},
		sigs:    map[string]*signature{},
		hosts:   map[string]*host{},
		modules: map[string]*Module{},
	}
	if m.cache == nil {
		m.cache, m.own = NewCache(), true
	}
	m.heap.m = m
	if err := m.boot(); err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// Unlocked: nobody else has the machine yet.
// +checklocksignore
func (m *Machine) boot() error {
	m.ctx = context.Background()
	m.loadCtx = experimental.WithImportResolver(m.ctx, func(name string) api.Module {
		if mod := m.importHost(name); mod != nil {
			return mod
		}
		return m.importLib(name)
	})
	m.modConfig = wazero.NewModuleConfig().WithStartFunctions().WithRandSource(zeros{})
	rc := wazero.NewRuntimeConfig()
	if m.cfg.Interpreter {
		rc = wazero.NewRuntimeConfigInterpreter()
	}
	rc = rc.WithCompilationCache(m.cache.code).WithMemoryLimitPages(m.cfg.MemoryLimit / wasmPage).WithDebugInfoEnabled(false)
	m.rt = wazero.NewRuntimeWithConfig(m.ctx, rc)
	m.cache.use(rc)

	if err := m.bootHost(); err != nil {
		return err
	}
	ctx, err := m.withMemory(m.ctx)
	if err != nil {
		return err
	}
	core, err := m.compile(coreWasm(m.cfg))
	if err != nil {
		return err
	}
	if m.core, err = m.rt.InstantiateModule(ctx, core.compiled, m.modConfig); err != nil {
		return err
	}
	m.memory = m.core.ExportedMemory("memory")
	for name, g := range map[string]*api.MutableGlobal{"sp": &m.sp, "limit": &m.limit, "budget": &m.budget, "calls": &m.icalls} {
		*g = m.core.ExportedGlobal(name).(api.MutableGlobal)
	}
	m.clear = m.core.ExportedFunction("clear")
	m.mem, _ = m.memory.Read(0, m.memory.Size())
	m.heap.grow(bootMemory)
	m.heap.free[0] &^= 1
	m.slots = make([]slot, 1, coreSlots)
	m.slotUsed = []uint64{1}

	o := m.cfg.Builtin
	if o == nil {
		if o, err = m.cache.library(); err != nil {
			return fmt.Errorf("machine: built-in library: %w", err)
		}
	}
	if err = m.loadBuiltin(o); err != nil {
		return fmt.Errorf("machine: built-in library: %w", err)
	}
	w, ok := m.builtin.Symbol("__kb_window")
	b, ok2 := m.builtin.Symbol("__kb_bounce")
	if ok && ok2 && w.Size == windowSize && b.Size == bounceSize {
		m.window, m.bounce = offset(w.Addr), offset(b.Addr)
	}
	p, ok := m.builtin.Symbol("__preempt_count")
	i, ok2 := m.builtin.Symbol("__irqs_off")
	if ok && ok2 {
		m.preempt, m.irqs = offset(p.Addr), offset(i.Addr)
	}
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// ErrBusy: threads are inside C code that would vanish.
var ErrBusy = errors.New("machine: busy")

// Close frees the machine's memory and code. No thread may be in a call.
//
// Errors: ErrBusy, and the machine stays as it is.
func (m *Machine) Close() error {
	m.loadMu.Lock()
	defer m.loadMu.Unlock()
	m.lock()
	defer m.mu.Unlock()
	if m.closed.Load() {
		return nil
	}
	if m.inside > 0 {
		return fmt.Errorf("%w: %d threads are in a call", ErrBusy, m.inside)
	}
	m.closed.Store(true)
	m.mem, m.cur, m.slots = nil, nil, nil
	m.spare, m.stacks = 0, nil
	m.heap = heap{m: m}
	var err error
	if m.rt != nil {
		err = m.rt.Close(m.ctx)
	}
	for k, c := range m.code {
		_ = c.compiled.Close(m.ctx)
		delete(m.code, k)
	}
	for _, c := range m.hostCode {
		_ = c.Close(m.ctx)
	}
	for _, h := range m.hosts {
		*h = host{}
	}
	if m.gate != nil {
		*m.gate = host{}
	}
	m.hostCode, m.hosts, m.sigs, m.lib = nil, nil, nil, nil
	err = errors.Join(err, m.linear.unmap())
	if m.own {
		err = errors.Join(err, m.cache.Close())
	}
	return err
}

// lock takes the big lock and counts those who wait for it.
//
// Checklocks does not know TryLock.
// +checklocksignore
// +checklocksacquire:m.mu
func (m *Machine) lock() {
	if m.mu.TryLock() {
		return
	}
	m.waiters.Add(1)
	m.mu.Lock()
	m.waiters.Add(-1)
}

// Do runs f with the big lock held, outside any C code. It must not be called
// by who holds the lock already, such as a host function.
func (m *Machine) Do(f func()) {
	m.lock()
	defer m.mu.Unlock()
	f()
}

// Builtin is the module "vmlinux", loaded from kernel/lib when the machine was made.
func (m *Machine) Builtin() *Module { return m.builtin }

// Stats are figures about a machine. Needs the big lock.
type Stats struct {
	Memory   uint32 // bytes of kernel memory that exist
	Used     uint32 // bytes allocated in it
	Slots    int    // function table entries that modules and host functions use
	Modules  int    // loaded, with vmlinux
	Inside   int    // threads in a call, asleep or not
	Calls    uint64
	Switches uint64 // times that a thread gave up the lock in a call
}

// Stats needs the big lock.
func (m *Machine) Stats() Stats {
	n := 0
	for i := range m.slots {
		if s := &m.slots[i]; s.sig != nil && s.mod != m.builtin {
			n++
		}
	}
	return Stats{uint32(len(m.heap.spans)) * pageSize, m.heap.used, n, len(m.modules), m.inside, m.calls, m.switches}
}
