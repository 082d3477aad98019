package tty

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kobench/kobench/kernel"
)

// Driver is a family of terminals under one name and one range of device numbers (struct
// tty_driver).
type Driver struct {
	Name  string // of the lines, before the number: "ttyS"
	Major uint32
	Minor uint32 // of line 0
	Lines int    // how many there can be
	// Init is the termios of a line that has never been open.
	Init Termios

	env  *kernel.Env
	cdev *kernel.Cdev

	reserved *TTY // stands where a number is, see Reserve

	mu sync.Mutex
	// by line
	ttys []*TTY // +checklocks:mu
}

// Register claims the driver's device numbers for as long as env's module lives.
//
// Errors: EBUSY, EINVAL as kernel.RegisterChrdevRegion.
func (d *Driver) Register(env *kernel.Env) error {
	k := env.Kernel()
	first := kernel.MkDev(d.Major, d.Minor)
	if err := k.RegisterChrdevRegion(first, uint32(d.Lines), d.Name); err != nil {
		return err
	}
	env.Defer(func() { k.UnregisterChrdevRegion(first, uint32(d.Lines)) })
	d.env, d.reserved = env, &TTY{}
	d.mu.Lock()
	d.ttys = make([]*TTY, d.Lines)
	d.mu.Unlock()
	d.cdev = &kernel.Cdev{Ops: d.ops(env.Module()), Owner: env.Module()}
	if err := k.CdevAdd(d.cdev, first, uint32(d.Lines)); err != nil {
		return err
	}
	env.Defer(func() { k.CdevDel(d.cdev) })
	return nil
}

// Add makes line number index of the driver, with its node in /dev, on top of port; index -1 takes
// the first free one. parent is the device that it belongs to, or nil.
//
// Errors: EBUSY the line exists, or none is free; EINVAL no such line.
func (d *Driver) Add(index int, port Port, parent *kernel.Device) (*TTY, error) {
	t := newTTY(d, port)
	d.mu.Lock()
	if index < 0 {
		index = slices.Index(d.ttys, nil)
		if index < 0 {
			d.mu.Unlock()
			return nil, kernel.EBUSY
		}
	}
	switch {
	case index >= len(d.ttys):
		d.mu.Unlock()
		return nil, kernel.EINVAL
	case d.ttys[index] != nil && d.ttys[index] != d.reserved:
		d.mu.Unlock()
		return nil, kernel.EBUSY
	}
	d.ttys[index], t.index = t, index
	d.mu.Unlock()
	k := d.env.Kernel()
	var attrs map[string]*kernel.Attr
	if a, ok := port.(Attributed); ok {
		attrs = a.Attrs(t)
	}
	var err error
	t.device, err = k.DeviceCreate(k.Class("tty", nil), kernel.DeviceInfo{
		Name: fmt.Sprintf("%s%d", d.Name, index), Dev: kernel.MkDev(d.Major, d.Minor+uint32(index)), Mode: 0o660, Parent: parent, Attrs: attrs, Private: t,
	})
	if err != nil {
		d.mu.Lock()
		d.ttys[index] = nil
		d.mu.Unlock()
		return nil, err
	}
	return t, nil
}

// Reserve takes the first free number, for a driver that has to know it before Add. Release gives
// it back if there is no Add.
//
// Errors: EBUSY none is free.
func (d *Driver) Reserve() (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	index := slices.Index(d.ttys, nil)
	if index < 0 {
		return 0, kernel.EBUSY
	}
	d.ttys[index] = d.reserved
	return index, nil
}

// Release gives a reserved number back.
func (d *Driver) Release(index int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ttys[index] == d.reserved {
		d.ttys[index] = nil
	}
}

// Remove hangs the line up and takes it away with its node; files that are open stay, dead. It
// waits for the port to be shut down.
func (d *Driver) Remove(t *TTY) {
	t.Hangup()
	d.mu.Lock()
	if d.ttys[t.index] == t {
		d.ttys[t.index] = nil
	}
	d.mu.Unlock()
	d.env.Kernel().DeviceDestroy(t.device)
}

func (d *Driver) find(minor uint32) *TTY {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := int(minor) - int(d.Minor); i >= 0 && i < len(d.ttys) && d.ttys[i] != d.reserved {
		return d.ttys[i]
	}
	return nil
}

func (d *Driver) ops(owner *kernel.Module) *kernel.FileOperations {
	return &kernel.FileOperations{
		Owner: owner,
		Open: func(task *kernel.Task, f *kernel.File) error {
			t := d.find(f.Minor())
			if t == nil {
				return kernel.ENXIO
			}
			o, owned := t.port.(Owned)
			if !owned {
				return t.open(task, f, nil)
			}
			owner := o.Owner()
			if !owner.Get() {
				return kernel.ENODEV
			}
			err := t.open(task, f, owner)
			if err != nil {
				owner.Put()
			}
			return err
		},
		Release: release, Read: read, Write: write, Poll: poll, Ioctl: ioctl, Fasync: fasync,
	}
}
