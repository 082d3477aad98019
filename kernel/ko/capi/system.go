package capi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kobench/kobench/kernel"
	"github.com/kobench/kobench/kernel/ko/machine"
	"github.com/kobench/kobench/kernel/ko/object"
	"github.com/kobench/kobench/kernel/uapi"
)

// System is the C side of one kernel: its machine and what C modules have registered. Fields
// without a lock of their own belong to the holder of the machine's big lock.
type System struct {
	K *kernel.Kernel
	M *machine.Machine

	// What the areas keep; each is described in its area's file.
	moduleState
	schedState
	fsState
	chrdevState
	miscState
	deviceState
	procState
	kobjectState
	slabState
	debugfsState
	interruptState
	ioState
	soft softirq

	data  map[string]ptr // variables that C sees, by name
	slots hostSlots
	dog   time.Duration
	salt  uint32 // of the hashes that %p shows

	helpMu  sync.Mutex
	helpers []*Ctx         // +checklocks:helpMu
	wg      sync.WaitGroup // goroutines of kthreads, timers and tasklets
}

// hostSlots are kernel functions that C calls through pointers.
type hostSlots struct{ pollwait, pollwake, softirq ptr }

// Config is what a System is made of.
type Config struct {
	Machine machine.Config // Host is set by New
	Fail    FailHook       // nil: nothing fails but what must
}

// New starts the C side of a kernel.
func New(k *kernel.Kernel, cfg Config) (*System, error) {
	s := &System{
		K: k, data: map[string]ptr{},
		moduleState: newModuleState(), schedState: newSchedState(), fsState: newFsState(), chrdevState: newChrdevState(),
		miscState: newMiscState(), deviceState: newDeviceState(), procState: newProcState(), kobjectState: newKobjectState(),
		slabState: newSlabState(), debugfsState: newDebugfsState(), interruptState: newInterruptState(), ioState: newIoState(),
	}
	funcs := Funcs()
	byName := make(map[string]int, len(funcs))
	for i := range funcs {
		byName[funcs[i].Name] = i
	}
	mc := cfg.Machine
	if s.dog = mc.Watchdog; s.dog == 0 {
		s.dog = machine.DefaultWatchdog
	}
	mc.Host = func(name string) (machine.HostFunc, bool) {
		i, ok := byName[name]
		if !ok {
			return machine.HostFunc{}, false
		}
		return mayFail(funcs[i].HostFunc, cfg.Fail), true
	}
	mc.Imbalance = func(t *machine.Thread, preempt, irqs uint32) { ctxOf(t).imbalance(preempt, irqs) }
	var err error
	if s.M, err = machine.New(mc); err != nil {
		return nil, err
	}
	s.soft.init(s)
	for name, at := range map[string]*ptr{"__kb_pollwait": &s.slots.pollwait, "__kb_pollwake": &s.slots.pollwake, "__kb_softirq": &s.slots.softirq} {
		if *at, err = s.M.HostFunc(name); err != nil {
			_ = s.M.Close()
			return nil, err
		}
	}
	return s, nil
}

// Close ends timers and kernel threads that are left and gives the machine back.
//
// Errors: something is still in C code after all that time; it is left there.
func (s *System) Close() error {
	var rest []*resource
	s.M.Do(func() {
		for r := range s.anyone {
			rest = append(rest, r)
		}
	})
	for _, r := range rest {
		r.release()
	}
	s.soft.close()
	over := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(over)
	}()
	limit := time.NewTimer(s.watchdog() + endGrace)
	defer limit.Stop()
	select {
	case <-over:
		return s.M.Close()
	case <-limit.C:
		return errors.New("kernel threads are still running: " + strings.Join(s.running(), ", "))
	}
}

// running names the kernel threads that have not ended.
func (s *System) running() (names []string) {
	s.M.Do(func() {
		for _, c := range s.tasks {
			if c.kt != nil {
				names = append(names, fmt.Sprintf("%s (%d)", c.comm, c.pid))
			}
		}
	})
	slices.Sort(names)
	return names
}

// Funcs are all functions that the package binds, area by area.
func Funcs() []Func {
	var all []Func
	for _, area := range Areas() {
		all = append(all, area.Funcs...)
	}
	return all
}

// Area is a part of the API: one file of this package.
type Area struct {
	Name  string
	Funcs []Func
}

// Areas are the parts of the API.
func Areas() []Area {
	return []Area{
		{"printk", printkFuncs()}, {"sprintf", sprintfFuncs()}, {"slab", slabFuncs()}, {"sched", schedFuncs()}, {"kthread", kthreadFuncs()},
		{"time", timeFuncs()}, {"timer", timerFuncs()}, {"module", moduleFuncs()}, {"fs", fsFuncs()}, {"chrdev", chrdevFuncs()},
		{"misc", miscFuncs()}, {"kobject", kobjectFuncs()}, {"sysfs", sysfsFuncs()}, {"device", deviceFuncs()}, {"proc", procFuncs()},
		{"debugfs", debugfsFuncs()}, {"random", randomFuncs()}, {"interrupt", irqFuncs()}, {"io", ioFuncs()},
	}
}

// Resolve finds a symbol of the base kernel for the linker: C, Go, then data made on demand.
func (s *System) Resolve(sym *object.Symbol) (machine.Target, error) {
	if sym.Kind == object.SymData {
		if t, ok := s.M.Builtin().Target(sym.Name); ok {
			return t, nil
		}
		addr, err := s.dataSymbol(sym.Name)
		if err != nil {
			return machine.Target{}, err
		}
		return machine.DataTarget(addr), nil
	}
	return s.M.Resolve(sym)
}

// dataSymbols are variables of the kernel that live in Go's part, with their sizes.
func dataSymbols() map[string]uint64 {
	return map[string]uint64{
		"init_task": sizeofTaskStruct, "ioport_resource": sizeofResource, "iomem_resource": sizeofResource, "init_user_ns": 4, "init_uts_ns": sizeofNewUtsname, "kernel_kobj": sizeofPtr + sizeofKobject,
		"kobj_sysfs_ops": sizeofSysfsOps, "sys_tz": 8, "console_loglevel": 4,
	}
}

func (s *System) dataSymbol(name string) (addr ptr, err error) {
	size, ok := dataSymbols()[name]
	if !ok {
		return 0, fmt.Errorf("the kernel has no data of this name")
	}
	s.M.Do(func() {
		if addr, ok = s.data[name]; ok {
			return
		}
		if addr, err = s.M.Alloc(size, 0, nil); err != nil {
			return
		}
		m := s.mem()
		clear(m.bytes(addr, size))
		s.data[name] = addr
		switch name {
		case "init_task":
			m.putPtr(addr+offTaskStructRealParent, addr)
			m.put(addr+offTaskStructUsage, 2)
			copy(m.bytes(addr+offTaskStructComm, taskCommLen), "swapper/0")
		case "init_uts_ns":
			for off, text := range map[ptr]string{offNewUtsnameSysname: uapi.Sysname, offNewUtsnameNodename: uapi.Nodename,
				offNewUtsnameRelease: uapi.Release, offNewUtsnameVersion: uapi.Version, offNewUtsnameMachine: uapi.Machine,
				offNewUtsnameDomainname: "(none)"} {
				copy(m.bytes(addr+off, 64), text)
			}
		case "ioport_resource":
			m.put64(addr+offResourceEnd, 0xffff)
		case "iomem_resource":
			m.put64(addr+offResourceEnd, 1<<46-1)
		case "console_loglevel":
			m.put(addr, uint32(s.K.Log.ConsoleLevel()))
		case "kernel_kobj":
			obj := addr + sizeofPtr
			m.putPtr(addr, obj)
			m.put(obj+offKobjectKref, 1)
			s.kobjs[obj] = &kobj{addr: obj, path: "kernel", shown: true}
		}
	})
	return addr, err
}

// Symbols are the names that the kernel exports to C modules.
func Symbols(lib *object.Object) []kernel.Symbol {
	var list []kernel.Symbol
	addr := uint64(0xffffffff82000000)
	seen := map[string]bool{}
	add := func(name string, gpl bool, typ byte) {
		if !seen[name] {
			seen[name] = true
			addr += 16
			list = append(list, kernel.Symbol{Name: name, GPL: gpl, Type: typ, Addr: addr})
		}
	}
	for i := range lib.Symbols {
		s := &lib.Symbols[i]
		if s.Defined() && !s.Local() && (s.Kind == object.SymFunc || s.Kind == object.SymData) {
			typ := byte('T')
			if s.Kind == object.SymData {
				typ = 'D'
			}
			add(s.Name, false, typ)
		}
	}
	for _, f := range Funcs() {
		add(f.Name, f.GPL, 'T')
	}
	for _, name := range slices.Sorted(maps.Keys(dataSymbols())) {
		add(name, false, 'D')
	}
	// The stubs that the machine supplies to kernel/lib are not for modules.
	return list
}
