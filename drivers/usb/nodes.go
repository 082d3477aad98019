package usb

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	hw "github.com/kobench/kobench/hw/usb"
	"github.com/kobench/kobench/kernel"
)

// The ioctls of a usbfs node that are answered (include/uapi/linux/usbdevice_fs.h). Where Linux's
// argument holds a pointer to data, the data follows in the same buffer instead.
const (
	// struct usbdevfs_ctrltransfer: requestType, request, value, index, length, timeout; 8 bytes
	// for the pointer, then data
	USBDEVFS_CONTROL = 0xc0185500
	// struct usbdevfs_bulktransfer: ep, len, timeout in ms as three 32-bit numbers, 12 bytes of
	// padding and pointer, then data
	USBDEVFS_BULK = 0xc0185502
	// struct usbdevfs_getdriver: interface number, 256 bytes for the name
	USBDEVFS_GETDRIVER = 0x41045508
	// struct usbdevfs_ioctl: interface number, code, 8 bytes for the pointer, then data
	USBDEVFS_IOCTL       = 0xc0105512
	USBDEVFS_RESET       = 0x5514
	USBDEVFS_CLEAR_HALT  = 0x80045515
	USBDEVFS_CONNECTINFO = 0x40085511 // devnum, 1 for a slow device
)

// startNodes claims the major of usbfs and the one that drivers' own nodes share.
func (c *Core) startNodes(env *kernel.Env) error {
	k := env.Kernel()
	first := kernel.MkDev(nodeMajor, 0)
	if err := k.RegisterChrdevRegion(first, 8192, "usb_device"); err != nil {
		return err
	}
	env.Defer(func() { k.UnregisterChrdevRegion(first, 8192) })
	cdev := &kernel.Cdev{Ops: c.nodeOps(), Owner: env.Module()}
	if err := k.CdevAdd(cdev, first, 8192); err != nil {
		return err
	}
	env.Defer(func() { k.CdevDel(cdev) })
	_, err := env.RegisterChrdev(Major, "usb", c.minor.ops())
	return err
}

// nodeFile is one open of a device's node. A root hub has no device, only descriptors.
type nodeFile struct {
	d     *Device
	bytes []byte
}

func (c *Core) nodeOps() *kernel.FileOperations {
	return &kernel.FileOperations{
		Open: func(_ *kernel.Task, f *kernel.File) error {
			bus, num := int(f.Minor())/128+1, int(f.Minor())%128+1
			for _, r := range c.roots {
				if r.bus.Number() == bus && num == 1 {
					f.Private = &nodeFile{bytes: raw(rootDescriptors(bus))}
					return nil
				}
			}
			for _, d := range c.Devices() {
				if d.root.bus.Number() == bus && d.slot.Address() == num {
					f.Private = &nodeFile{d, raw(d.desc)}
					return nil
				}
			}
			return kernel.ENODEV
		},
		Read: func(_ *kernel.Task, f *kernel.File, p []byte) (int, error) {
			n := f.Private.(*nodeFile)
			if n.d != nil && n.d.gone.Load() {
				return 0, kernel.ENODEV
			}
			pos := f.Pos()
			if pos >= int64(len(n.bytes)) {
				return 0, nil
			}
			k := copy(p, n.bytes[pos:])
			f.SetPos(pos + int64(k))
			return k, nil
		},
		Llseek: func(_ *kernel.Task, f *kernel.File, off int64, whence int) (int64, error) {
			return f.SeekSize(off, whence, int64(len(f.Private.(*nodeFile).bytes)))
		},
		Ioctl: func(t *kernel.Task, f *kernel.File, cmd uint32, arg kernel.Arg) (int, error) {
			n := f.Private.(*nodeFile)
			if n.d == nil {
				return 0, kernel.ENOIOCTLCMD
			}
			if n.d.gone.Load() {
				return 0, kernel.ENODEV
			}
			return n.d.ioctl(t, cmd, arg)
		},
	}
}

func raw(d *hw.Descriptors) []byte {
	b := d.Device.Append(nil)
	for i := range d.Configs {
		b = d.Configs[i].Append(b)
	}
	return b
}

// ioctl is usbdev_do_ioctl, as far as it goes.
func (d *Device) ioctl(t *kernel.Task, cmd uint32, arg kernel.Arg) (int, error) {
	b, le := arg.Buf, binary.LittleEndian
	need := map[uint32]int{
		USBDEVFS_CONTROL: 24, USBDEVFS_BULK: 24, USBDEVFS_GETDRIVER: 260, USBDEVFS_IOCTL: 16, USBDEVFS_CLEAR_HALT: 4, USBDEVFS_CONNECTINFO: 8, USBDEVFS_RESET: 0,
	}
	size, known := need[cmd]
	switch {
	case !known:
		return 0, kernel.ENOIOCTLCMD
	case len(b) < size:
		return 0, kernel.EFAULT
	}
	switch cmd {
	case USBDEVFS_CONTROL:
		n := int(le.Uint16(b[6:]))
		if n > len(b)-24 {
			return 0, kernel.EFAULT
		}
		return d.Control(b[0], b[1], le.Uint16(b[2:]), le.Uint16(b[4:]), b[24:24+n], time.Duration(le.Uint32(b[8:]))*time.Millisecond)
	case USBDEVFS_BULK:
		n := int(le.Uint32(b[4:]))
		if n < 0 || n > len(b)-24 {
			return 0, kernel.EFAULT
		}
		_, e := d.endpoint(b[0])
		if e == nil {
			return 0, kernel.ENOENT
		}
		return d.Bulk(e, b[24:24+n], time.Duration(le.Uint32(b[8:]))*time.Millisecond)
	case USBDEVFS_CLEAR_HALT:
		_, e := d.endpoint(b[0])
		if e == nil {
			return 0, kernel.ENOENT
		}
		return 0, d.ClearHalt(e)
	case USBDEVFS_CONNECTINFO:
		le.PutUint32(b, uint32(d.slot.Address()))
		le.PutUint32(b[4:], 0)
		if d.Speed() == hw.LowSpeed {
			b[4] = 1
		}
		return 0, nil
	case USBDEVFS_RESET:
		return 0, d.Reset()
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	i := d.Interface(b[0])
	if i == nil {
		return 0, kernel.EINVAL
	}
	if cmd == USBDEVFS_GETDRIVER {
		if i.driver.Load() == nil {
			return 0, kernel.ENODATA
		}
		clear(b[4:260])
		copy(b[4:259], i.driver.Load().Name)
		return 0, nil
	}
	switch {
	case i.driver.Load() == nil:
		return 0, kernel.ENODATA
	case i.driver.Load().Ioctl == nil:
		return 0, kernel.ENOSYS
	}
	return i.driver.Load().Ioctl(t, i, le.Uint32(b[4:]), b[16:])
}

// endpoint finds an endpoint of the current settings.
func (d *Device) endpoint(address uint8) (*Interface, *hw.Endpoint) {
	d.lock.Lock()
	defer d.lock.Unlock()
	for _, i := range d.ifaces {
		s := i.Setting()
		for n := range s.Endpoints {
			if s.Endpoints[n].Address == address {
				return i, &s.Endpoints[n]
			}
		}
	}
	return nil, nil
}

// Reset resets the device's port and sets its configuration again; drivers are unbound before and
// probed after (usb_reset_device of drivers without pre_reset).
//
// Errors: those of the transfers.
func (d *Device) Reset() error {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.lent {
		return kernel.EBUSY
	}
	conf := d.config
	d.dropInterfaces()
	if err := d.slot.Reset(); err != nil {
		return errnoOf(err)
	}
	d.printf(kernel.LevelInfo, "reset %s-speed USB device number %d using kobench-hcd", d.Speed(), d.slot.Address())
	return d.configure(conf)
}

// Major is the number that the nodes of drivers share (USB_MAJOR).
const Major = 180

// Node is a driver's node below /dev, with a minor of the shared major (usb_register_dev).
type Node struct {
	Name  string // with %d for the number: "usbtmc%d"
	Class string // in /sys/class; "" is usbmisc
	Base  uint32 // first minor
	Ops   *kernel.FileOperations

	minor  uint32
	device *kernel.Device
}

// minors are the nodes by their minor.
type minors struct {
	mu    sync.RWMutex
	nodes map[uint32]*Node
}

func (m *minors) ops() *kernel.FileOperations {
	return &kernel.FileOperations{Open: func(t *kernel.Task, f *kernel.File) error {
		m.mu.RLock()
		n := m.nodes[f.Minor()]
		m.mu.RUnlock()
		if n == nil {
			return kernel.ENODEV
		}
		if err := f.ReplaceOps(n.Ops); err != nil {
			return err
		}
		if n.Ops.Open != nil {
			return n.Ops.Open(t, f)
		}
		return nil
	}}
}

// AddNode gives an interface a node below /dev (usb_register_dev). Its driver's module is held
// while the node is open.
//
// Errors: EXFULL all 16 minors from n.Base are taken.
func (i *Interface) AddNode(n *Node) error {
	c := i.dev.core
	m := &c.minor
	m.mu.Lock()
	at := n.Base
	for m.nodes[at] != nil {
		at++
	}
	if at >= n.Base+16 {
		m.mu.Unlock()
		return kernel.EXFULL
	}
	if m.nodes == nil {
		m.nodes = make(map[uint32]*Node)
	}
	n.minor = at
	n.Ops.Owner = i.driver.Load().module
	m.nodes[at] = n
	m.mu.Unlock()
	class := n.Class
	if class == "" {
		class = "usbmisc"
	}
	name := fmt.Sprintf(n.Name, at-n.Base)
	d, err := c.k.DeviceCreate(c.k.Class(class, nil), kernel.DeviceInfo{Name: name, Dev: kernel.MkDev(Major, at), Parent: i.device, Mode: 0o660})
	if err != nil {
		m.mu.Lock()
		delete(m.nodes, at)
		m.mu.Unlock()
		return err
	}
	n.device = d
	return nil
}

// RemoveNode takes it away; files that are open stay (usb_deregister_dev).
func (i *Interface) RemoveNode(n *Node) {
	c := i.dev.core
	c.minor.mu.Lock()
	delete(c.minor.nodes, n.minor)
	c.minor.mu.Unlock()
	c.k.DeviceDestroy(n.device)
}

// DevName is the node's name below /dev.
func (n *Node) DevName() string { return n.device.Name }
