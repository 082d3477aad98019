package kernel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Class is a kind of device: a directory of /sys/class (struct class).
type Class struct {
	Name  string
	Owner *Module
	// Devnode chooses the node's name and permission bits for a device; nil: the device's
	// name, 0600.
	Devnode func(d *Device) (node string, mode uint32)

	dir *Inode
}

// DeviceInfo describes a device to be made.
type DeviceInfo struct {
	Name   string
	Node   string  // in /dev, may hold directories; "" is Name
	Dev    Dev     // 0: no node
	Mode   uint32  // permission bits of the node; 0 is 0600
	Parent *Device // nil: a virtual device
	// of a device without a class: what it sits on, a directory of /sys/bus
	Bus   string
	Env   map[string]string // more variables of its uevents
	Attrs map[string]*Attr  // files of its directory in /sys; nil Store: mode 0444, else 0644
	// Private is the driver's.
	Private any
}

// Device is one device of the kernel's tree: its directory in /sys, its node in /dev, its uevents
// (struct device).
type Device struct {
	DeviceInfo
	Class *Class

	path   string // below /sys, "devices/virtual/misc/psaux"
	dir    *Inode
	node   *Inode
	driver atomic.Pointer[string]
}

// Path is the device's place below /sys, with a leading slash: the DEVPATH of its uevents.
func (d *Device) Path() string { return "/" + d.path }

// devices guards the classes.
type devices struct {
	mu      sync.Mutex
	classes map[string]*Class // +checklocks:mu
}

// sysInit makes the directories of /sys that every kernel has (drivers/base/init.c driver_init).
func (k *Kernel) sysInit() {
	for _, name := range []string{"bus/platform/devices", "bus/platform/drivers", "class", "dev/char", "devices/virtual", "kernel", "module"} {
		k.SysDir(name)
	}
	k.Class("misc", nil)
}

// Class finds or makes the class of that name. One without an owner is the kernel's own and stays,
// as "tty" is built in on Linux.
func (k *Kernel) Class(name string, owner *Module) *Class {
	c, made := k.class(name, owner)
	if made {
		c.dir.made = owner == nil
	}
	return c
}

// class finds the class of that name, or makes it and says so.
func (k *Kernel) class(name string, owner *Module) (c *Class, made bool) {
	k.devices.mu.Lock()
	defer k.devices.mu.Unlock()
	if c, ok := k.devices.classes[name]; ok {
		return c, false
	}
	return k.classLocked(name, owner), true
}

// +checklocks:k.devices.mu
func (k *Kernel) classLocked(name string, owner *Module) *Class {
	c := &Class{Name: name, Owner: owner, dir: k.SysDir("class/" + name)}
	if k.devices.classes == nil {
		k.devices.classes = make(map[string]*Class)
	}
	k.devices.classes[name] = c
	return c
}

// ClassCreate makes a class.
//
// Errors: EEXIST when there is one of that name, with Linux's complaint in the log; EINVAL without
// a name.
func (k *Kernel) ClassCreate(name string, owner *Module) (*Class, error) {
	if name == "" || strings.Contains(name, "/") {
		return nil, EINVAL
	}
	k.devices.mu.Lock()
	defer k.devices.mu.Unlock()
	if _, taken := k.devices.classes[name]; taken {
		k.sysTaken("class/" + name)
		k.Log.Printf(LevelErr, "kobject_add_internal failed for %s with -EEXIST, don't try to register things with the same name in the same directory.", name)
		return nil, EEXIST
	}
	return k.classLocked(name, owner), nil
}

// ClassDestroy removes a class that has no devices left.
func (k *Kernel) ClassDestroy(c *Class) {
	k.devices.mu.Lock()
	defer k.devices.mu.Unlock()
	if k.devices.classes[c.Name] == c {
		delete(k.devices.classes, c.Name)
		k.SysRemove("class/" + c.Name)
	}
}

// DeviceCreate makes a device with its directory in /sys and, where it has a device number, its
// node in /dev, owned by root, and announces it with a uevent (device_create,
// devtmpfs_create_node). A node's name that is taken already keeps its first owner.
//
// Errors: EEXIST, with Linux's complaint in the log, for a name that the class or the parent has
// already.
func (k *Kernel) DeviceCreate(c *Class, info DeviceInfo) (*Device, error) {
	d := &Device{DeviceInfo: info, Class: c}
	node, mode := d.Node, d.Mode
	if node == "" {
		node = d.Name
	}
	if c != nil && c.Devnode != nil {
		if n, m := c.Devnode(d); n != "" {
			node, mode = n, m
		} else if m != 0 {
			mode = m
		}
	}
	node = strings.ReplaceAll(node, "!", "/")
	d.Node, d.Mode = node, mode
	if err := k.sysDevice(d); err != nil {
		k.Log.Printf(LevelErr, "kobject_add_internal failed for %s with -EEXIST, don't try to register things with the same name in the same directory.", d.Name)
		return nil, err
	}
	if d.Dev != 0 {
		k.devNode(d)
	}
	k.uevent("add", d)
	return d, nil
}

// sysDevice makes a device's directory of /sys and the links to it.
func (k *Kernel) sysDevice(d *Device) error {
	name := strings.ReplaceAll(d.Name, "/", "!")
	switch {
	case d.Parent != nil:
		d.path = d.Parent.path
		if d.Class != nil {
			d.path += "/" + d.Class.Name
		}
		d.path += "/" + name
	case d.Class != nil:
		d.path = "devices/virtual/" + d.Class.Name + "/" + name
	default:
		d.path = "devices/" + name
	}
	var err error
	if d.dir, err = k.sysMkdir(d.path); err != nil {
		return err
	}
	if d.Class != nil {
		_ = k.SysLink(d.dir, "subsystem", "/sys/class/"+d.Class.Name)
		if err := k.SysLink(d.Class.dir, name, "/sys/"+d.path); err != nil {
			k.SysRemove(d.path)
			return err
		}
	} else if d.Bus != "" {
		k.SysDir("bus/" + d.Bus + "/drivers")
		_ = k.SysLink(d.dir, "subsystem", "/sys/bus/"+d.Bus)
		_ = k.SysLink(k.SysDir("bus/"+d.Bus+"/devices"), name, "/sys/"+d.path)
	}
	if d.Dev != 0 {
		text := fmt.Sprintf("%d:%d\n", d.Dev.Major(), d.Dev.Minor())
		_ = k.SysAttr(d.dir, "dev", 0o444, &Attr{Show: func(*Task) (string, error) { return text, nil }})
	}
	_ = k.SysAttr(d.dir, "uevent", 0o644, &Attr{
		Show:  func(*Task) (string, error) { return ueventText(d.vars()), nil },
		Store: func(_ *Task, s string) error { k.uevent(strings.TrimSpace(s), d); return nil },
	})
	for name, a := range d.Attrs {
		perm := uint32(0o444)
		if a.Store != nil {
			perm = 0o644
		}
		_ = k.SysAttr(d.dir, name, perm, a)
	}
	return nil
}

// DeviceBind says that the driver of that name has taken the device, and announces it
// (driver_bound); "" that it has let go (device_unbind_cleanup). nil is left alone.
func (k *Kernel) DeviceBind(d *Device, driver string) {
	if d == nil {
		return
	}
	name := strings.ReplaceAll(d.Name, "/", "!")
	if old := d.driver.Load(); old != nil {
		k.ns.detach(d.dir, "driver")
		k.ns.detach(k.SysDir("bus/"+d.Bus+"/drivers/"+*old), name)
		d.driver.Store(nil)
		k.uevent("unbind", d)
	}
	if driver == "" {
		return
	}
	d.driver.Store(&driver)
	_ = k.SysLink(d.dir, "driver", "/sys/bus/"+d.Bus+"/drivers/"+driver)
	_ = k.SysLink(k.SysDir("bus/"+d.Bus+"/drivers/"+driver), name, "/sys/"+d.path)
	k.uevent("bind", d)
}

func (k *Kernel) devNode(d *Device) {
	mode := d.Mode & modeMask
	if mode == 0 {
		mode = 0o600
	}
	dir, base := k.splitDir(k.dev, d.Node)
	i := k.ns.inode(S_IFCHR|mode, d)
	i.rdev = d.Dev
	if k.ns.attach(dir, base, i) == nil {
		d.node = i
	}
}

// DeviceDestroy undoes DeviceCreate; nil is left alone.
func (k *Kernel) DeviceDestroy(d *Device) {
	if d == nil {
		return
	}
	if d.driver.Load() != nil {
		k.DeviceBind(d, "")
	}
	k.uevent("remove", d)
	if d.node != nil {
		dir, base := k.splitDir(k.dev, d.Node)
		k.ns.mu.Lock()
		if dir.children[base] == d.node {
			k.ns.detachLocked(dir, base)
		}
		// devtmpfs removes directories that it has made
		for dir != k.dev && len(dir.children) == 0 {
			parent := dir.parent
			for n, c := range parent.children {
				if c == dir {
					k.ns.detachLocked(parent, n)
				}
			}
			dir = parent
		}
		k.ns.mu.Unlock()
		d.node = nil
	}
	if d.Class != nil {
		k.ns.detach(d.Class.dir, strings.ReplaceAll(d.Name, "/", "!"))
	} else if d.Bus != "" {
		k.ns.detach(k.SysDir("bus/"+d.Bus+"/devices"), strings.ReplaceAll(d.Name, "/", "!"))
	}
	if dir := k.remove(k.sys, d.path); dir != nil && d.Class != nil {
		k.ns.prune(dir)
	}
}

// vars are the variables of a device's uevent, beside ACTION, DEVPATH, SUBSYSTEM and SEQNUM.
func (d *Device) vars() []string {
	var v []string
	if d.Dev != 0 {
		v = append(v, fmt.Sprintf("MAJOR=%d", d.Dev.Major()), fmt.Sprintf("MINOR=%d", d.Dev.Minor()), "DEVNAME="+d.Node)
		if d.Mode != 0 {
			v = append(v, fmt.Sprintf("DEVMODE=%#o", d.Mode))
		}
	}
	if driver := d.driver.Load(); driver != nil {
		v = append(v, "DRIVER="+*driver)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Env)) {
		v = append(v, name+"="+d.Env[name])
	}
	return v
}

func ueventText(vars []string) string {
	if len(vars) == 0 {
		return ""
	}
	return strings.Join(vars, "\n") + "\n"
}

// Uevent is what the kernel tells user space about a device (lib/kobject_uevent.c).
type Uevent struct {
	Action    string // add, remove, change, bind, unbind, move, online, offline
	Devpath   string
	Subsystem string
	Seqnum    uint64
	Vars      []string // KEY=value, MODALIAS among them
}

// Var finds a variable, "" when there is none.
func (u Uevent) Var(key string) string {
	for _, v := range u.Vars {
		if rest, ok := strings.CutPrefix(v, key+"="); ok {
			return rest
		}
	}
	return ""
}

func (k *Kernel) uevent(action string, d *Device) {
	u := Uevent{Action: action, Devpath: d.Path(), Seqnum: k.ueventSeq.Add(1), Vars: d.vars()}
	if d.Class != nil {
		u.Subsystem = d.Class.Name
	} else {
		u.Subsystem = d.Bus
	}
	if list := k.ueventSubs.Load(); list != nil {
		for _, s := range *list {
			s.fn(u)
		}
	}
}

// Announce sends a uevent for d.
func (k *Kernel) Announce(action string, d *Device) { k.uevent(action, d) }

type ueventSub struct{ fn func(Uevent) }

// OnUevent calls fn for every uevent, in order, from the goroutine that causes it; fn must not
// block. stop ends it.
func (k *Kernel) OnUevent(fn func(Uevent)) (stop func()) {
	s := &ueventSub{fn}
	for {
		old := k.ueventSubs.Load()
		var list []*ueventSub
		if old != nil {
			list = append(list, *old...)
		}
		list = append(list, s)
		if k.ueventSubs.CompareAndSwap(old, &list) {
			break
		}
	}
	return func() {
		for {
			old := k.ueventSubs.Load()
			list := slices.DeleteFunc(slices.Clone(*old), func(o *ueventSub) bool { return o == s })
			if k.ueventSubs.CompareAndSwap(old, &list) {
				return
			}
		}
	}
}
