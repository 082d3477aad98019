package kernel

import "fmt"

// Env is what a module's Init gets: the kernel, the task that loads it, and a list of things to
// undo. What is registered through it goes away in reverse order when Init fails or the module is
// removed.
type Env struct {
	Task *Task // who loads or removes the module

	m     *Module
	undo  []func()
	found map[string]*Symbol
	fault error
}

// Kernel is the kernel that the module is loaded into, Module the module itself.
func (e *Env) Kernel() *Kernel { return e.m.k }

// Module is the module that is being set up.
func (e *Env) Module() *Module { return e.m }

// Defer runs fn when the module goes, after what was registered later.
func (e *Env) Defer(fn func()) { e.undo = append(e.undo, fn) }

// Printf logs a line with the module's name before it, as pr_fmt usually does.
func (e *Env) Printf(level Level, format string, args ...any) {
	e.m.k.Log.Printf(level, "%s: %s", e.m.Name, fmt.Sprintf(format, args...))
}

// Symbol is the value of a symbol that Module.Needs names.
func (e *Env) Symbol(name string) any {
	if s := e.found[name]; s != nil {
		return s.Value
	}
	return nil
}

// RegisterChrdev is Kernel.RegisterChrdev with the module as owner and an undo. It returns the
// major in both cases.
//
// Errors: as Kernel.RegisterChrdev.
func (e *Env) RegisterChrdev(major uint32, name string, ops *FileOperations) (uint32, error) {
	ops.Owner = e.m
	got, err := e.m.k.RegisterChrdev(major, name, ops)
	if err != nil {
		return 0, err
	}
	if major == 0 {
		major = got
	}
	e.Defer(func() { e.m.k.UnregisterChrdev(major, name) })
	return major, nil
}

// MiscRegister is Kernel.MiscRegister with the module as owner and an undo.
//
// Errors: as Kernel.MiscRegister.
func (e *Env) MiscRegister(d *Miscdevice) error {
	d.Ops.Owner = e.m
	if err := e.m.k.MiscRegister(d); err != nil {
		return err
	}
	e.Defer(func() { e.m.k.MiscDeregister(d) })
	return nil
}

// Class is a class that lives as long as the module, if it is not shared with the kernel's own.
func (e *Env) Class(name string) *Class {
	c, made := e.m.k.class(name, e.m)
	if made {
		e.Defer(func() { e.m.k.ClassDestroy(c) })
	}
	return c
}

// DeviceCreate is Kernel.DeviceCreate with an undo.
//
// Errors: as Kernel.DeviceCreate.
func (e *Env) DeviceCreate(c *Class, info DeviceInfo) (*Device, error) {
	d, err := e.m.k.DeviceCreate(c, info)
	if err == nil {
		e.Defer(func() { e.m.k.DeviceDestroy(d) })
	}
	return d, err
}

// ProcFile is Kernel.ProcFile with an undo.
//
// Errors: as Kernel.ProcFile.
func (e *Env) ProcFile(name string, perm uint32, a *Attr) error {
	remove, err := e.m.k.ProcFile(name, perm, a)
	if err == nil {
		e.Defer(remove)
	}
	return err
}

// call runs Init or Exit with a net under it.
func (e *Env) call(t *Task, fn func(*Env) error) (err error) {
	e.Task = t
	t.depth++
	defer func() {
		t.leave()
		if r := recover(); r != nil {
			err = t.recovered(e.m, r)
		}
	}()
	if err = fn(e); err != nil {
		if _, positive := err.(InitValue); positive {
			return err
		}
		err = t.sysError(err)
	}
	return err
}

// Fail makes DeleteModule treat the exit function as one that made an oops; err holds the *Fault.
func (e *Env) Fail(err error) { e.fault = err }

func (e *Env) unwind() {
	for len(e.undo) > 0 {
		fn := e.undo[len(e.undo)-1]
		e.undo = e.undo[:len(e.undo)-1]
		fn()
	}
}
