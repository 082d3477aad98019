// Package ko loads Linux-style module files, .ko, whose code is a relocatable WebAssembly object:
// it is the kernel.Format for them. object reads and links the file, machine runs it, capi is the
// kernel that its C code calls; this package puts the three behind the kernel's module life:
// parameters, exports, init and exit, unload.
//
//	format := ko.New(ko.Config{Cache: cache})
//	k := kernel.Boot(kernel.Config{Formats: []func(*kernel.Kernel) kernel.Format{format}})
//	err := k.Init().InitModule(bytesOfHelloKo, "whom=me", 0)
//
// References: Linux 6.1 kernel/module/main.c, kernel/params.c; WebAssembly tool-conventions
// Linking.md.
package ko

import (
	"sync"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/capi"
	"github.com/kobench/kobench/kernel/ko/machine"
	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/kobench/kobench/kernel/lib"
)

// Cache keeps compiled code for all kernels that are booted with it. Close it after the last of
// them.
type Cache = machine.Cache

// NewCache makes an empty cache.
func NewCache() *Cache { return machine.NewCache() }

// Config says what the machine of a kernel is like; the zero value works.
type Config struct {
	// Cache is shared with other kernels of the program; nil: each kernel compiles for itself.
	Cache *Cache
	// Machine sets limits: memory, stack, watchdog. Its Host, Cache and Builtin are ignored.
	Machine machine.Config
	// Fail is asked at each call from C that may fail, by the function's name, whether it does;
	// nil: none fails without a reason. It must not block.
	Fail func(name string) bool
}

// New gives what kernel.Config.Formats wants. The machine, which costs a millisecond, is made when
// the first module is linked.
func New(cfg Config) func(*kernel.Kernel) kernel.Format {
	return func(k *kernel.Kernel) kernel.Format { return &format{k: k, cfg: cfg} }
}

// format is the .ko format of one kernel.
type format struct {
	k   *kernel.Kernel
	cfg Config

	mu sync.Mutex
	// nil until a module is linked
	sys  *capi.System    // +checklocks:mu
	syms []kernel.Symbol // +checklocks:mu
}

// Parse checks a file. Errors: ENOEXEC.
func (f *format) Parse(file []byte) (kernel.Image, error) {
	body, signed := cutSignature(file)
	o, err := object.Parse(body)
	if err != nil {
		f.k.Log.Printf(kernel.LevelErr, "module: not a loadable WebAssembly object: %v", err)
		return nil, kernel.ENOEXEC
	}
	return &image{f: f, o: o, signed: signed}, nil
}

// Symbols are the kernel's exports to C.
func (f *format) Symbols() []kernel.Symbol {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.syms == nil {
		o, err := object.Parse(lib.Object())
		if err != nil {
			f.k.Log.Printf(kernel.LevelErr, "the kernel's own C library: %v", err)
			o = &object.Object{}
		}
		f.syms = capi.Symbols(o)
	}
	return f.syms
}

// system is the C side of the kernel, made at the first call.
func (f *format) system() (*capi.System, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sys == nil {
		mc := f.cfg.Machine
		mc.Cache = f.cfg.Cache
		sys, err := capi.New(f.k, capi.Config{Machine: mc, Fail: f.cfg.Fail})
		if err != nil {
			return nil, err
		}
		f.sys = sys
	}
	return f.sys, nil
}

// Close gives the machine back.
func (f *format) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sys == nil {
		return nil
	}
	err := f.sys.Close()
	f.sys = nil
	return err
}

// System is the C side of a kernel that was booted with New's format, for tests and measurements;
// nil before the first module.
func System(f kernel.Format) *capi.System {
	own, ok := f.(*format)
	if !ok {
		return nil
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	return own.sys
}
