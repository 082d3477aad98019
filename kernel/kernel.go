package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Kernel is one simulated kernel. Any number of them live in a process, and they share nothing.
type Kernel struct {
	Log Log

	clock   Clock
	boot    time.Duration // the clock's time at boot
	cfg     Config
	ns      nameSpace
	root    *Inode
	dev     *Inode
	proc    *Inode
	sys     *Inode
	tasks   taskList
	asleep  sleepers
	init    *Task
	chrdevs chrdevs
	misc    miscs
	devices devices
	modules modules
	irqs    irqs
	formats []Format
	catalog map[string]func() *Module
	builtin []*Module // set up at boot, never changed
	trouble troubles
	taint   atomic.Uint32
	oopses  atomic.Uint32

	ueventSeq  atomic.Uint64
	ueventSubs atomic.Pointer[[]*ueventSub]
	modprobe   atomic.Pointer[modprobe]
	dying      chan struct{}
	down       sync.Once
	ctx        context.Context
	stop       context.CancelFunc
}

// Config says how a kernel is booted. The zero value is a kernel that knows no module files and no
// catalog.
type Config struct {
	// Formats build the readers of module files that the kernel knows.
	Formats []func(*Kernel) Format
	// Catalog holds the drivers that are linked into the program, by module name.
	Catalog map[string]func() *Module
	// Builtin are drivers that belong to the kernel itself (obj-y): they are set up at boot, in
	// this order, and have no module's life: not in /proc/modules, not to be removed. They export
	// nothing.
	Builtin []*Module
	// Cmdline is /proc/cmdline.
	Cmdline string
	// Clock is the machine's, or nil.
	Clock Clock
	// Console gets the log as it is written; nil: nothing does.
	Console io.Writer
	// ConsoleLevel is the level below which records reach the console; 0 is 7, all but debug.
	ConsoleLevel Level
}

// Boot starts a kernel. Shutdown ends it.
func Boot(cfg Config) *Kernel {
	k := &Kernel{cfg: cfg, clock: cfg.Clock, dying: make(chan struct{}), catalog: cfg.Catalog}
	if k.clock == nil {
		k.clock = hostClock{time.Now()}
	}
	k.boot = k.clock.Now()
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.ns.boot = k.clock.Wall()
	k.Log.now = k.Uptime
	if cfg.Console != nil {
		level := cfg.ConsoleLevel
		if level == 0 {
			level = LevelDebug
		}
		k.Log.setConsole(cfg.Console, level)
	}
	k.root = k.ns.inode(S_IFDIR|0o755, nil)
	k.dev = k.ns.mkdirAll(k.root, "dev")
	k.proc = k.ns.mkdirAll(k.root, "proc")
	k.sys = k.ns.mkdirAll(k.root, "sys")
	k.proc.mode |= procDir
	k.sys.mode |= sysDir
	k.ns.mkdirAll(k.root, "root").mode = S_IFDIR | 0o700
	k.ns.mkdirAll(k.root, "tmp").mode = S_IFDIR | S_ISVTX | 0o777
	k.Log.Printf(LevelNotice, "%s", k.version())
	for _, f := range cfg.Formats {
		k.formats = append(k.formats, f(k))
	}
	k.procInit()
	k.init = k.NewTask(WithComm("init"))
	if _, err := k.RegisterChrdev(MiscMajor, "misc", k.miscOps()); err != nil {
		panic("kernel: misc: " + err.Error())
	}
	k.sysInit()
	k.initcalls(cfg.Builtin)
	return k
}

// initcalls sets up the built-in drivers. One that fails is logged and left out, as in Linux
// (do_one_initcall).
func (k *Kernel) initcalls(drivers []*Module) {
	for _, m := range drivers {
		m.k = k
		m.env = &Env{m: m, Task: k.init}
		m.refs.Store(1)
		m.state.Store(int32(ModuleLive))
		if err := m.env.call(k.init, m.Init); err != nil {
			k.Log.Printf(LevelErr, "%s: the built-in driver failed: %v", m.Name, err)
			m.env.unwind()
			continue
		}
		k.builtin = append(k.builtin, m)
	}
}

func (k *Kernel) version() string {
	return fmt.Sprintf("Linux version %s (kobench) #1 SMP PREEMPT", Release)
}

// Init is the kernel's first task, root's, for callers that need no task of their own.
func (k *Kernel) Init() *Task { return k.init }

// Uptime is the time since boot.
func (k *Kernel) Uptime() time.Duration { return k.clock.Now() - k.boot }

// Clock is the machine's time.
func (k *Kernel) Clock() Clock { return k.clock }

// Context ends when the kernel shuts down.
func (k *Kernel) Context() context.Context { return k.ctx }

// Shutdown ends every task, removes every module, newest first, and gives everything back. The
// error lists what could not be released: modules that were stuck, and what modules left behind. It
// comes to its end even if a driver does not, and names what is in the way. A second call does
// nothing.
//
// Errors: one that joins a line for each thing that was stuck; what the module formats could not
// give back.
func (k *Kernel) Shutdown() (err error) {
	k.down.Do(func() {
		over := make(chan error, 1)
		go func() { over <- k.shutdown() }()
		limit := time.NewTimer(shutdownLimit)
		defer limit.Stop()
		select {
		case err = <-over:
		case <-limit.C:
			err = fmt.Errorf("the shutdown is stuck after %v: %s", shutdownLimit, strings.Join(k.inTheWay(), "; "))
		}
	})
	return err
}

// inTheWay names what a shutdown may be waiting for: tasks and modules that are still there.
func (k *Kernel) inTheWay() (list []string) {
	for _, line := range k.Holdings() {
		if strings.HasPrefix(line, "task ") && !strings.HasPrefix(line, "task shutdown,") || strings.HasPrefix(line, "module ") ||
			strings.HasPrefix(line, "open file ") {
			list = append(list, line)
		}
	}
	if list == nil {
		return []string{"a driver does not come back from its exit, or hardware from its end"}
	}
	return list
}

func (k *Kernel) shutdown() error {
	k.stop()
	reaper := k.NewTask(WithComm("shutdown"))
	for _, t := range k.Tasks() {
		if t != reaper {
			t.Kill(SIGKILL)
		}
	}
	close(k.dying)
	var errs []error
	if !k.asleep.wait(shutdownGrace) {
		errs = append(errs, fmt.Errorf("a task is still inside a driver %v after SIGKILL", shutdownGrace))
	}
	for _, t := range k.Tasks() {
		if t != reaper {
			t.Exit()
		}
	}
	for {
		progress := false
		for _, m := range k.Modules() {
			if m.State() == ModuleLive && reaper.DeleteModule(m.Name, DeleteForce) == nil {
				progress = true
			}
		}
		if !progress {
			break
		}
	}
	for _, m := range slices.Backward(k.builtin) {
		if m.Exit != nil {
			_ = m.env.call(reaper, func(env *Env) error { m.Exit(env); return nil })
		}
		m.env.unwind()
	}
	for _, m := range k.Modules() {
		errs = append(errs, fmt.Errorf("module %s is stuck: %s, in use by %d", m.Name, m.State(), m.Refcount()))
		if m.Free != nil {
			m.Free()
		}
	}
	k.irqs.close()
	reaper.Exit()
	for _, f := range k.formats {
		if err := f.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

const (
	shutdownGrace = 5 * time.Second  // that killed tasks get to come out of their drivers
	shutdownLimit = 40 * time.Second // of the whole, C's watchdog included
)

type modprobe struct {
	run func(ctx context.Context, name string) error
}

// SetModprobe installs what answers the kernel's requests for modules: kerneld, or a modprobe in
// the program. It is called in the goroutine of the task that needs the module and returns when the
// module is there or cannot be had; ctx ends at shutdown. A modprobe is a process: what it loads it
// loads in a task of its own ([Kernel.NewTask]). nil refuses all requests.
func (k *Kernel) SetModprobe(run func(ctx context.Context, name string) error) {
	if run == nil {
		k.modprobe.Store(nil)
		return
	}
	k.modprobe.Store(&modprobe{run})
}

// RequestModule asks user space to load what name stands for: a module's name or an alias such as
// "char-major-240-5" (request_module). It blocks until the answer.
//
// Errors: ENOENT when nobody answers requests; otherwise what the answer was.
func (k *Kernel) RequestModule(_ *Task, name string) error {
	m := k.modprobe.Load()
	if m == nil {
		return ENOENT
	}
	return m.run(k.ctx, name)
}
